//! Fully connected layers and tables of vectors.

use super::{Activation, Meta, layer};
use crate::init::Init;
use craneflow_ir::DType;

/// `activation(x . kernel + bias)` over the last axis: `[.., in]` gives `[.., units]`.
#[derive(Clone, Debug)]
pub struct Dense {
    meta: Meta,
    units: usize,
    activation: Activation,
    bias: bool,
    kernel_init: Init,
    bias_init: Init,
}

impl Dense {
    /// A layer of `units` outputs, linear, with bias, `GlorotUniform`.
    pub fn new(units: usize) -> Dense {
        Dense {
            meta: Meta::new("dense"),
            units,
            activation: Activation::Linear,
            bias: true,
            kernel_init: Init::GlorotUniform,
            bias_init: Init::Zeros,
        }
    }

    /// Sets the activation.
    pub fn activation(mut self, activation: Activation) -> Dense {
        self.activation = activation;
        self
    }

    /// Leaves the bias out.
    pub fn no_bias(mut self) -> Dense {
        self.bias = false;
        self
    }

    /// Sets how the kernel `[in, units]` starts.
    pub fn kernel_init(mut self, init: Init) -> Dense {
        self.kernel_init = init;
        self
    }

    /// Sets how the bias `[units]` starts.
    pub fn bias_init(mut self, init: Init) -> Dense {
        self.bias_init = init;
        self
    }
}

layer!(Dense, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("dense", 2, "(batch, .., features)");
        return x.clone();
    }
    let width = x.dim(-1);
    let kernel = cx.weight("kernel", &[width, self.units], self.kernel_init);
    let mut y = x.matmul(&kernel);
    if self.bias {
        y = y + cx.weight("bias", &[self.units], self.bias_init);
    }
    self.activation.apply(&y)
});

/// Vectors by number: `i32[batch, ..]` gives `f32[batch, .., width]`. Numbers out of range are
/// clamped.
#[derive(Clone, Debug)]
pub struct Embedding {
    meta: Meta,
    rows: usize,
    width: usize,
    init: Init,
}

impl Embedding {
    /// A table of `rows` vectors of `width` numbers, uniform within 0.05 of 0.
    pub fn new(rows: usize, width: usize) -> Embedding {
        let (low, high) = (-0.05, 0.05);
        Embedding {
            meta: Meta::new("embedding"),
            rows,
            width,
            init: Init::Uniform { low, high },
        }
    }

    /// Sets how the table starts.
    pub fn init(mut self, init: Init) -> Embedding {
        self.init = init;
        self
    }
}

layer!(Embedding, |self, cx, x| {
    let table = cx.weight("embeddings", &[self.rows, self.width], self.init);
    match x[0].dtype().is_float() {
        // Data sets hold numbers as floats; whole ones below 2^24 are exact.
        true => table.take(&x[0].convert(DType::I32)),
        false => table.take(&x[0]),
    }
});
