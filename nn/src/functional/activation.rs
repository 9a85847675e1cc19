//! Activation functions.

use crate::tensor::Tensor;
use craneflow_ir::Cmp;
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
    // One division for each sum.
    let scale = 1.0 / e.sum(&[axis]).keep(x, &[axis]);
    e * scale
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

/// `x` where above `threshold`, else `slope * (x - threshold)`; at most `limit`.
pub fn leaky_clipped_relu(x: &Tensor, slope: f64, limit: Option<f64>, threshold: f64) -> Tensor {
    let low = match slope == 0.0 {
        true => x.tracer().full(x.ty(), 0.0),
        false => (x - threshold) * slope,
    };
    let y = x.compare(Cmp::Gt, threshold).select(x, &low);
    match limit {
        Some(limit) => y.minimum(limit),
        None => y,
    }
}

/// `x` limited to `0..=6`.
pub fn relu6(x: &Tensor) -> Tensor {
    x.relu().minimum(6.0)
}

/// `x` where positive, else `alpha * (exp(x / alpha) - 1)`.
pub fn celu(x: &Tensor, alpha: f64) -> Tensor {
    let negative = (x.minimum(0.0) / alpha).expm1() * alpha;
    x.compare(Cmp::Gt, 0.0).select(x, &negative)
}

/// The exponential linear unit that keeps mean 0 and variance 1.
pub fn selu(x: &Tensor) -> Tensor {
    elu(x, SELU_ALPHA) * SELU_SCALE
}

/// Slope of the negative side of [`selu`] at minus infinity, before scaling.
pub const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// Scale of [`selu`].
pub const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// The first half of the channels (`axis`) times the sigmoid of the second.
pub fn glu(x: &Tensor, axis: isize) -> Tensor {
    match &x.split(axis, 2)[..] {
        [a, b] => a * b.sigmoid(),
        _ => x.poisoned(x.ty().clone()),
    }
}

/// `x` where `|x| > threshold`, else 0.
pub fn hard_shrink(x: &Tensor, threshold: f64) -> Tensor {
    let zero = x.tracer().full(x.ty(), 0.0);
    x.abs().compare(Cmp::Gt, threshold).select(x, &zero)
}

/// `x` moved by `threshold` towards 0, and 0 within it.
pub fn soft_shrink(x: &Tensor, threshold: f64) -> Tensor {
    let zero = x.tracer().full(x.ty(), 0.0);
    let moved = x - x.sign() * threshold;
    x.abs().compare(Cmp::Gt, threshold).select(&moved, &zero)
}

/// `x / 6 + 1 / 2` limited to `0..=1`.
pub fn hard_sigmoid(x: &Tensor) -> Tensor {
    relu6(&(x + 3.0)) * (1.0 / 6.0)
}

/// `x * hard_sigmoid(x)`.
pub fn hard_silu(x: &Tensor) -> Tensor {
    x * hard_sigmoid(x)
}

/// `x` limited to `-1..=1`.
pub fn hard_tanh(x: &Tensor) -> Tensor {
    x.clamp(-1.0, 1.0)
}

/// `log(sigmoid(x))`.
pub fn log_sigmoid(x: &Tensor) -> Tensor {
    -softplus(&-x)
}

/// `x * tanh(softplus(x))`.
pub fn mish(x: &Tensor) -> Tensor {
    x * softplus(x).tanh()
}

/// `x / (1 + |x|)`.
pub fn softsign(x: &Tensor) -> Tensor {
    x / (x.abs() + 1.0)
}

/// 0 below -1, `x` above 1, `(x + 1)^2 / 4` between.
pub fn sparse_plus(x: &Tensor) -> Tensor {
    let zero = x.tracer().full(x.ty(), 0.0);
    let middle = (x + 1.0).square() * 0.25;
    let upper = x.compare(Cmp::Ge, 1.0).select(x, &middle);
    x.compare(Cmp::Le, -1.0).select(&zero, &upper)
}

/// `(x + 1) / 2` limited to `0..=1`.
pub fn sparse_sigmoid(x: &Tensor) -> Tensor {
    (x * 0.5 + 0.5).clamp(0.0, 1.0)
}

/// `(x + sqrt(x^2 + b)) / 2`.
pub fn squareplus(x: &Tensor, b: f64) -> Tensor {
    (x + (x.square() + b).sqrt()) * 0.5
}

/// `x - tanh(x)`.
pub fn tanh_shrink(x: &Tensor) -> Tensor {
    x - x.tanh()
}

/// `x` where above `threshold`, else `value`.
pub fn threshold(x: &Tensor, threshold: f64, value: f64) -> Tensor {
    let value = x.tracer().full(x.ty(), value);
    x.compare(Cmp::Gt, threshold).select(x, &value)
}

/// The projection of `x` along its last axis onto the probabilities: like softmax, with exact zeros.
///
/// An element `i` is in the support when what lies above it is less than 1 in all:
/// `sum over j of max(x[j] - x[i], 0) < 1`. This needs no sorting, and `n^2` comparisons.
pub fn sparsemax(x: &Tensor) -> Tensor {
    let above = (x.expand_dims(-2) - x.expand_dims(-1))
        .maximum(0.0)
        .sum(&[-1]);
    let zero = x.tracer().full(x.ty(), 0.0);
    let one = x.tracer().full(x.ty(), 1.0);
    let support = above.compare(Cmp::Lt, 1.0);
    let size = support.select(&one, &zero).sum(&[-1]).keep(x, &[-1]);
    let sum = support.select(x, &zero).sum(&[-1]).keep(x, &[-1]);
    let level = (sum - 1.0) / size;
    (x - level).maximum(0.0)
}
