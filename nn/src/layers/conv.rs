//! Convolution.

use super::{Activation, Meta, layer};
use crate::functional::{Conv, Padding, conv2d};
use crate::init::Init;

/// `activation(convolution(x, kernel) + bias)` of images `[batch, height, width, channels]`.
#[derive(Clone, Debug)]
pub struct Conv2D {
    meta: Meta,
    filters: usize,
    size: [usize; 2],
    options: Conv,
    activation: Activation,
    bias: bool,
    kernel_init: Init,
}

impl Conv2D {
    /// `filters` outputs from windows of `size` (height, width); stride 1, no padding, linear, with
    /// bias, `GlorotUniform`.
    pub fn new(filters: usize, size: [usize; 2]) -> Conv2D {
        Conv2D {
            meta: Meta::new("conv2d"),
            filters,
            size,
            options: Conv::default(),
            activation: Activation::Linear,
            bias: true,
            kernel_init: Init::GlorotUniform,
        }
    }

    /// Sets the steps between windows.
    pub fn strides(mut self, strides: [usize; 2]) -> Conv2D {
        self.options.strides = strides;
        self
    }

    /// Sets what is put around the image.
    pub fn padding(mut self, padding: Padding) -> Conv2D {
        self.options.padding = padding;
        self
    }

    /// Sets the distance of the elements of a window.
    pub fn dilation(mut self, dilation: [usize; 2]) -> Conv2D {
        self.options.dilation = dilation;
        self
    }

    /// Convolves `groups` parts of the channels apart.
    pub fn groups(mut self, groups: usize) -> Conv2D {
        self.options.groups = groups;
        self
    }

    /// Sets the activation.
    pub fn activation(mut self, activation: Activation) -> Conv2D {
        self.activation = activation;
        self
    }

    /// Leaves the bias out.
    pub fn no_bias(mut self) -> Conv2D {
        self.bias = false;
        self
    }

    /// Sets how the kernel `[height, width, channels / groups, filters]` starts.
    pub fn kernel_init(mut self, init: Init) -> Conv2D {
        self.kernel_init = init;
        self
    }
}

layer!(Conv2D, |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("convolution", 4, "(batch, height, width, channels)") {
        return x.clone();
    }
    let channels = x.dim(-1) / self.options.groups.max(1);
    let shape = [self.size[0], self.size[1], channels, self.filters];
    let kernel = cx.weight("kernel", &shape, self.kernel_init);
    let mut y = conv2d(x, &kernel, &self.options);
    if self.bias {
        y = y + cx.weight("bias", &[self.filters], Init::Zeros);
    }
    self.activation.apply(&y)
});
