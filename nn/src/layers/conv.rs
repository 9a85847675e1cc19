//! Convolution over one, two or three spatial axes.

use super::activation::penalise;
use super::{
    Activation, Cx, Meta, Regularizer, WeightSpec, by_rank, layer, options, weight_options,
};
use crate::describe::{Keys, described};
use crate::functional::{Conv, Padding, axes_of, conv, conv_transpose, depthwise_conv};
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;

/// What follows a convolution: bias, activation, penalty.
fn finished(
    cx: &mut Cx,
    y: Tensor,
    filters: usize,
    bias: Option<&WeightSpec>,
    activation: Activation,
    activity: Option<Regularizer>,
) -> Tensor {
    let y = match bias {
        Some(bias) => y + cx.weight("bias", &[filters], bias.clone()),
        None => y,
    };
    let y = activation.apply(&y);
    penalise(cx, activity, &y);
    y
}

macro_rules! convolution {
    ($(#[doc = $about:literal])* $Layer:ident { $($(#[doc = $note:literal])* $field:ident: $Type:ty),* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $Layer<const N: usize> {
            meta: Meta,
            size: [usize; N],
            options: Conv<N>,
            activation: Activation,
            use_bias: bool,
            bias: WeightSpec,
            activity_regularizer: Option<Regularizer>,
            $($(#[doc = $note])* $field: $Type,)*
        }

        impl<const N: usize> $Layer<N> {
            /// Sets the steps between windows.
            pub fn strides(mut self, strides: [usize; N]) -> Self {
                self.options.strides = strides;
                self
            }

            /// Sets what is put around.
            pub fn padding(mut self, padding: Padding<N>) -> Self {
                self.options.padding = padding;
                self
            }

            /// Sets the distance of the elements of a window.
            pub fn dilation(mut self, dilation: [usize; N]) -> Self {
                self.options.dilation = dilation;
                self
            }

            /// Leaves the bias out.
            pub fn no_bias(mut self) -> Self {
                self.use_bias = false;
                self
            }

            /// Adds a penalty on the output to the loss, divided by the size of the batch.
            pub fn activity_regularizer(mut self, regularizer: Regularizer) -> Self {
                self.activity_regularizer = Some(regularizer);
                self
            }

            fn bias(&self) -> Option<&WeightSpec> {
                self.use_bias.then_some(&self.bias)
            }

            fn common_keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
                k.need("kernel_size", &mut self.size)?;
                k.key("strides", &mut self.options.strides)?;
                k.key("padding", &mut self.options.padding)?;
                k.key("dilation_rate", &mut self.options.dilation)?;
                k.key("activation", &mut self.activation)?;
                k.key("use_bias", &mut self.use_bias)?;
                k.weight("bias", &mut self.bias)?;
                k.may("activity_regularizer", &mut self.activity_regularizer)
            }
        }

        options!([const N: usize] $Layer[N] {
            /// Sets the activation.
            activation: Activation,
        });

        weight_options!([const N: usize] $Layer[N] {
            bias: "the bias" bias_init bias_regularizer bias_constraint,
        });
    };
}

convolution! {
    /// `activation(convolution(x, kernel) + bias)` of `[batch, space.., channels]`.
    ConvNd { filters: usize, kernel: WeightSpec }
}

/// Convolution of series `[batch, time, channels]`.
pub type Conv1D = ConvNd<1>;
/// Convolution of images `[batch, height, width, channels]`.
pub type Conv2D = ConvNd<2>;
/// Convolution of volumes `[batch, depth, height, width, channels]`.
pub type Conv3D = ConvNd<3>;

impl<const N: usize> ConvNd<N> {
    /// `filters` outputs from windows of `size`; stride 1, no padding, linear, with bias,
    /// `GlorotUniform`.
    pub fn new(filters: usize, size: [usize; N]) -> Self {
        ConvNd {
            meta: Meta::new(by_rank(["conv1d", "conv2d", "conv3d"], N)),
            filters,
            size,
            options: Conv::default(),
            activation: Activation::Linear,
            use_bias: true,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
            activity_regularizer: None,
        }
    }

    /// Convolves `groups` parts of the channels apart.
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        self
    }
}

weight_options!([const N: usize] ConvNd[N] {
    kernel: "the kernel `[window.., channels / groups, filters]`"
        kernel_init kernel_regularizer kernel_constraint,
});

layer!([const N: usize] ConvNd[N], |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("convolution", N + 2, axes_of(N)) {
        return x.clone();
    }
    let mut shape = self.size.to_vec();
    shape.extend([x.dim(-1) / self.options.groups.max(1), self.filters]);
    let kernel = cx.weight("kernel", &shape, self.kernel.clone());
    let y = conv(x, &kernel, &self.options);
    finished(cx, y, self.filters, self.bias(), self.activation, self.activity_regularizer)
});

convolution! {
    /// The transpose of a convolution: it makes tensors larger where the convolution makes them
    /// smaller. Padding is `Valid` or `Same`.
    ConvTransposeNd { filters: usize, kernel: WeightSpec, output_padding: Option<[usize; N]> }
}

/// Transposed convolution of series.
pub type Conv1DTranspose = ConvTransposeNd<1>;
/// Transposed convolution of images.
pub type Conv2DTranspose = ConvTransposeNd<2>;
/// Transposed convolution of volumes.
pub type Conv3DTranspose = ConvTransposeNd<3>;

impl<const N: usize> ConvTransposeNd<N> {
    /// `filters` outputs from windows of `size`; stride 1, no padding, linear, with bias,
    /// `GlorotUniform`.
    pub fn new(filters: usize, size: [usize; N]) -> Self {
        let kinds = ["conv1d_transpose", "conv2d_transpose", "conv3d_transpose"];
        ConvTransposeNd {
            meta: Meta::new(by_rank(kinds, N)),
            filters,
            size,
            options: Conv::default(),
            activation: Activation::Linear,
            use_bias: true,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
            activity_regularizer: None,
            output_padding: None,
        }
    }

    /// Chooses the extent of the output where several have the same convolution.
    pub fn output_padding(mut self, padding: [usize; N]) -> Self {
        self.output_padding = Some(padding);
        self
    }
}

weight_options!([const N: usize] ConvTransposeNd[N] {
    kernel: "the kernel `[window.., filters, channels]`"
        kernel_init kernel_regularizer kernel_constraint,
});

layer!([const N: usize] ConvTransposeNd[N], |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("transposed convolution", N + 2, axes_of(N)) {
        return x.clone();
    }
    let mut shape = self.size.to_vec();
    shape.extend([self.filters, x.dim(-1)]);
    let kernel = cx.weight("kernel", &shape, self.kernel.clone());
    let y = conv_transpose(x, &kernel, &self.options, self.output_padding);
    finished(cx, y, self.filters, self.bias(), self.activation, self.activity_regularizer)
});

convolution! {
    /// Convolution of every channel by itself: `[.., c]` gives `[.., c * multiplier]`.
    DepthwiseConvNd { multiplier: usize, kernel: WeightSpec }
}

/// Depthwise convolution of series.
pub type DepthwiseConv1D = DepthwiseConvNd<1>;
/// Depthwise convolution of images.
pub type DepthwiseConv2D = DepthwiseConvNd<2>;

impl<const N: usize> DepthwiseConvNd<N> {
    /// One output for every channel from windows of `size`; stride 1, no padding, linear, with bias,
    /// `GlorotUniform`.
    pub fn new(size: [usize; N]) -> Self {
        let kinds = ["depthwise_conv1d", "depthwise_conv2d", "depthwise_conv3d"];
        DepthwiseConvNd {
            meta: Meta::new(by_rank(kinds, N)),
            size,
            options: Conv::default(),
            activation: Activation::Linear,
            use_bias: true,
            multiplier: 1,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
            activity_regularizer: None,
        }
    }

    /// Sets the number of outputs of a channel.
    pub fn depth_multiplier(mut self, multiplier: usize) -> Self {
        self.multiplier = multiplier;
        self
    }
}

weight_options!([const N: usize] DepthwiseConvNd[N] {
    kernel: "the kernel `[window.., channels, multiplier]`"
        depthwise_init depthwise_regularizer depthwise_constraint,
});

layer!([const N: usize] DepthwiseConvNd[N], |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("depthwise convolution", N + 2, axes_of(N)) {
        return x.clone();
    }
    let channels = x.dim(-1);
    let mut shape = self.size.to_vec();
    shape.extend([channels, self.multiplier]);
    let kernel = cx.weight("kernel", &shape, self.kernel.clone());
    let y = depthwise_conv(x, &kernel, &self.options);
    let filters = channels * self.multiplier;
    finished(cx, y, filters, self.bias(), self.activation, self.activity_regularizer)
});

convolution! {
    /// A convolution of every channel by itself, then one of windows of a single element that mixes
    /// the channels.
    SeparableConvNd { filters: usize, multiplier: usize, depthwise: WeightSpec, pointwise: WeightSpec }
}

/// Separable convolution of series.
pub type SeparableConv1D = SeparableConvNd<1>;
/// Separable convolution of images.
pub type SeparableConv2D = SeparableConvNd<2>;

impl<const N: usize> SeparableConvNd<N> {
    /// `filters` outputs from windows of `size`; stride 1, no padding, linear, with bias,
    /// `GlorotUniform`.
    pub fn new(filters: usize, size: [usize; N]) -> Self {
        let kinds = ["separable_conv1d", "separable_conv2d", "separable_conv3d"];
        SeparableConvNd {
            meta: Meta::new(by_rank(kinds, N)),
            filters,
            size,
            options: Conv::default(),
            activation: Activation::Linear,
            use_bias: true,
            multiplier: 1,
            depthwise: Init::GlorotUniform.into(),
            pointwise: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
            activity_regularizer: None,
        }
    }

    /// Sets the number of outputs of a channel in between.
    pub fn depth_multiplier(mut self, multiplier: usize) -> Self {
        self.multiplier = multiplier;
        self
    }
}

weight_options!([const N: usize] SeparableConvNd[N] {
    depthwise: "the kernel `[window.., channels, multiplier]`"
        depthwise_init depthwise_regularizer depthwise_constraint,
    pointwise: "the kernel `[1.., channels * multiplier, filters]`"
        pointwise_init pointwise_regularizer pointwise_constraint,
});

layer!([const N: usize] SeparableConvNd[N], |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("separable convolution", N + 2, axes_of(N)) {
        return x.clone();
    }
    let channels = x.dim(-1);
    let mut shape = self.size.to_vec();
    shape.extend([channels, self.multiplier]);
    let depthwise = cx.weight("depthwise_kernel", &shape, self.depthwise.clone());
    let mut shape = vec![1; N];
    shape.extend([channels * self.multiplier, self.filters]);
    let pointwise = cx.weight("pointwise_kernel", &shape, self.pointwise.clone());
    let y = depthwise_conv(x, &depthwise, &self.options);
    let y = conv(&y, &pointwise, &Conv::<N>::default());
    finished(cx, y, self.filters, self.bias(), self.activation, self.activity_regularizer)
});

described!([const N: usize] ConvNd[N] by_rank(["Conv1D", "Conv2D", "Conv3D"], N), ConvNd::new(1, [1; N]), |self, k| {
    k.count("filters", &mut self.filters)?;
    self.common_keys(k)?;
    k.key("groups", &mut self.options.groups)?;
    k.weight("kernel", &mut self.kernel)?;
});

described!([const N: usize] ConvTransposeNd[N]
    by_rank(["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"], N), ConvTransposeNd::new(1, [1; N]), |self, k| {
    k.count("filters", &mut self.filters)?;
    self.common_keys(k)?;
    k.may("output_padding", &mut self.output_padding)?;
    k.weight("kernel", &mut self.kernel)?;
});

described!([const N: usize] DepthwiseConvNd[N]
    by_rank(["DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D"], N), DepthwiseConvNd::new([1; N]), |self, k| {
    self.common_keys(k)?;
    k.key("depth_multiplier", &mut self.multiplier)?;
    k.weight("depthwise", &mut self.kernel)?;
});

described!([const N: usize] SeparableConvNd[N]
    by_rank(["SeparableConv1D", "SeparableConv2D", "SeparableConv3D"], N), SeparableConvNd::new(1, [1; N]), |self, k| {
    k.count("filters", &mut self.filters)?;
    self.common_keys(k)?;
    k.key("depth_multiplier", &mut self.multiplier)?;
    k.weight("depthwise", &mut self.depthwise)?;
    k.weight("pointwise", &mut self.pointwise)?;
});
