//! Functions of tensors: activations, softmax, normalisation, convolution, attention, loops.
//!
//! Each is a plain composition of graph operations, so gradient and fusion come for free.

mod activation;
mod attention;
mod conv;
mod einsum;
mod linear;
mod pool;
mod resize;
mod scan;
mod window;

pub use activation::*;
pub use attention::{Attention, attend, attention, rotary, sinusoids};
pub use conv::{Conv, Padding, conv, conv_transpose, conv2d, depthwise_conv};
pub use einsum::einsum;
pub use linear::along;
pub use pool::{
    Pool, adaptive_avg_pool, adaptive_max_pool, avg_pool, avg_pool2d, global_avg_pool2d, max_pool,
    max_pool2d,
};

pub use resize::{Interpolation, repeat, resize};
pub use scan::{Direction, lstm_cell, scan};

pub(crate) use conv::axes_of;

use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::ops::RngBitGenerator;
use craneflow_ir::ops::common::Algorithm;
use craneflow_ir::{Cmp, DType, Type};

/// Normalises over the last axis to mean 0 and variance 1, then scales and shifts.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> Tensor {
    let (mean, variance) = x.moments(&[-1]);
    (x - mean) * (variance + epsilon).rsqrt() * gamma + beta
}

/// Normalises every channel (last axis) by given moments, then scales and shifts.
pub fn batch_norm(
    x: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f64,
) -> Tensor {
    (x - mean) * (variance + epsilon).rsqrt() * gamma + beta
}

/// Random bits (`u32`) and the next state; `state` is `u64[3]`: key and counter of Philox.
pub fn random_bits(state: &Tensor, shape: &[usize]) -> (Tensor, Tensor) {
    let ty = Type::new(DType::U32, shape);
    let op = RngBitGenerator {
        algorithm: Algorithm::Philox,
        ty: ty.clone(),
    };
    let guess = vec![state.ty().clone(), ty];
    let mut results = state.tracer().push_all(op.into(), &[state], guess);
    let bits = results.remove(1);
    (results.remove(0), bits)
}

/// Uniform numbers in `[0, 1)` from random bits.
pub fn uniform(bits: &Tensor, dtype: DType) -> Tensor {
    let steps = bits.shift_right(8).convert(DType::F32) * (1.0 / f64::from(1 << 24));
    steps.convert(dtype)
}

/// Standard normal numbers from two sets of random bits, by Box and Muller's transform.
pub fn normal(radius: &Tensor, angle: &Tensor, dtype: DType) -> Tensor {
    let radius = (1.0 - uniform(radius, DType::F32)).log() * -2.0;
    let angle = uniform(angle, DType::F32) * (2.0 * std::f64::consts::PI);
    (radius.sqrt() * angle.cos()).convert(dtype)
}

/// `x` divided by the root of the sum of its squares over `axes`, which is taken to be at least
/// `epsilon`.
pub fn unit_norm(x: &Tensor, axes: &[isize], epsilon: f64) -> Tensor {
    let squares = x.square().sum(axes).keep(x, axes);
    x * squares.maximum(epsilon * epsilon).rsqrt()
}

/// Zeroes a share `rate` of the elements, chosen by `bits` (uniform `u32` of the shape of `x`), and
/// scales the others so that the expectation stays.
pub fn dropout(x: &Tensor, rate: f64, bits: &Tensor) -> Tensor {
    if !(0.0..1.0).contains(&rate) {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op: "dropout",
            what: "the rate",
            expected: "at least 0 and below 1".to_string(),
            found: rate.to_string(),
        };
        return x.fail(x.ty().clone(), error);
    }
    let threshold = (rate * 4_294_967_296.0).floor();
    let kept = bits.compare(Cmp::Ge, threshold);
    let zero = x.tracer().full(x.ty(), 0.0);
    kept.select(&(x * (1.0 / (1.0 - rate))), &zero)
}
