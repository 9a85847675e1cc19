//! Functions of tensors: activations, softmax, normalisation, convolution, attention, loops.
//!
//! Each is a plain composition of graph operations, so gradient and fusion come for free.

mod conv;
mod scan;

pub use conv::{Conv, Padding, Pool, avg_pool2d, conv2d, global_avg_pool2d, max_pool2d};
pub use scan::{Direction, lstm_cell, scan};

use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::ops::RngBitGenerator;
use craneflow_ir::ops::common::Algorithm;
use craneflow_ir::{Cmp, DType, Type};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `max(x, 0)`.
pub fn relu(x: &Tensor) -> Tensor {
    x.relu()
}

/// `1 / (1 + exp(-x))`.
pub fn sigmoid(x: &Tensor) -> Tensor {
    x.sigmoid()
}

/// `x * sigmoid(x)`.
pub fn silu(x: &Tensor) -> Tensor {
    x * x.sigmoid()
}

/// `x` where positive, else `slope * x`.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Tensor {
    x.compare(Cmp::Gt, 0.0).select(x, &(x * slope))
}

/// `x` where positive, else `alpha * (exp(x) - 1)`.
pub fn elu(x: &Tensor, alpha: f64) -> Tensor {
    let negative = x.minimum(0.0).expm1() * alpha;
    x.compare(Cmp::Gt, 0.0).select(x, &negative)
}

/// `log(1 + exp(x))` without overflow.
pub fn softplus(x: &Tensor) -> Tensor {
    // `(x + |x|) / 2` is `max(x, 0)`, exactly, but its slope at 0 is the one half that is right here.
    let size = x.abs();
    (-&size).exp().log1p() + (x + size) * 0.5
}

/// `x * P(N(0, 1) <= x)`, by the error function.
pub fn gelu(x: &Tensor) -> Tensor {
    (x * 0.5) * ((x * FRAC_1_SQRT_2).erf() + 1.0)
}

/// `gelu` with the usual approximation by tanh.
pub fn gelu_tanh(x: &Tensor) -> Tensor {
    let cubic = x + x * x * x * 0.044715;
    (x * 0.5) * ((cubic * (2.0 / PI).sqrt()).tanh() + 1.0)
}

/// `exp(x) / sum(exp(x))` along `axis`.
pub fn softmax(x: &Tensor, axis: isize) -> Tensor {
    let e = shifted(x, axis).exp();
    let sum = e.sum(&[axis]).keep(x, &[axis]);
    e / sum
}

/// `log(softmax(x))` along `axis`.
pub fn log_softmax(x: &Tensor, axis: isize) -> Tensor {
    let shifted = shifted(x, axis);
    let sum = shifted.exp().sum(&[axis]).keep(x, &[axis]);
    shifted - sum.log()
}

/// `x` less its maximum along `axis`. The maximum cancels, so no gradient needs to flow through it.
fn shifted(x: &Tensor, axis: isize) -> Tensor {
    x - x.stop_gradient().max(&[axis]).keep(x, &[axis])
}

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

/// Scaled dot-product attention of `[batch, heads, time, width]` tensors; with `causal`, a position
/// sees itself and what is before it.
pub fn attention(query: &Tensor, key: &Tensor, value: &Tensor, causal: bool) -> Tensor {
    let ok = [query, key, value]
        .iter()
        .all(|x| x.must_have_rank("attention", 4, "(batch, heads, time, width)"));
    if !ok {
        return query.poisoned(query.ty().clone());
    }
    let width = query.shape()[3] as f64;
    let mut scores = query.dot(key, &[0, 1], &[0, 1], 3, 3) / width.sqrt();
    if causal {
        let index = Type::new(DType::I32, scores.shape().clone());
        let row = scores.tracer().iota(&index, 2);
        let column = scores.tracer().iota(&index, 3);
        let hidden = scores.tracer().full(scores.ty(), -1e30);
        scores = column.compare(Cmp::Le, &row).select(&scores, &hidden);
    }
    softmax(&scores, -1).dot(value, &[0, 1], &[0, 1], 3, 2)
}
