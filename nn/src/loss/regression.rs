//! Differences of numbers, and margins.

use super::EPSILON;
use crate::functional::{softplus, unit_norm};
use crate::tensor::Tensor;
use craneflow_ir::Cmp;

/// The mean of the squared difference.
pub fn mean_squared_error(labels: &Tensor, output: &Tensor) -> Tensor {
    (output - labels).square().mean(&[])
}

pub(crate) fn percentage(labels: &Tensor, output: &Tensor) -> Tensor {
    ((labels - output) / labels.abs().maximum(EPSILON)).abs() * 100.0
}

pub(crate) fn logarithmic(labels: &Tensor, output: &Tensor) -> Tensor {
    let log = |x: &Tensor| (x.maximum(EPSILON) + 1.0).log();
    (log(output) - log(labels)).square()
}

pub(crate) fn huber(labels: &Tensor, output: &Tensor, delta: f64) -> Tensor {
    let error = output - labels;
    let size = error.abs();
    let parabola = error.square() * 0.5;
    let line = &size * delta - 0.5 * delta * delta;
    size.compare(Cmp::Le, delta).select(&parabola, &line)
}

/// `log(cosh(x)) = x + softplus(-2 x) - log(2)`, without overflow.
pub(crate) fn log_cosh(labels: &Tensor, output: &Tensor) -> Tensor {
    let error = output - labels;
    softplus(&(&error * -2.0)) + error - std::f64::consts::LN_2
}

/// Cosine of the angle along the last axis.
pub(crate) fn cosine(labels: &Tensor, output: &Tensor) -> Tensor {
    let unit = |x: &Tensor| unit_norm(x, &[-1], 1e-6);
    (unit(labels) * unit(output)).sum(&[-1])
}

/// `max(1 - label * output, 0)` for labels -1 and 1; labels that are all 0 or 1 are made so.
pub(crate) fn hinge(labels: &Tensor, output: &Tensor) -> Tensor {
    let is = |x: f64| labels.compare(Cmp::Eq, x);
    let binary = is(0.0).or(&is(1.0)).convert(labels.dtype()).min(&[]);
    let binary = binary.broadcast_to(labels.shape()).compare(Cmp::Gt, 0.5);
    let signs = binary.select(&(labels * 2.0 - 1.0), labels);
    (1.0 - signs * output).maximum(0.0)
}

pub(crate) fn categorical_hinge(labels: &Tensor, output: &Tensor) -> Tensor {
    let right = (labels * output).sum(&[-1]);
    let wrong = ((1.0 - labels) * output).max(&[-1]);
    (wrong - right + 1.0).maximum(0.0)
}

pub(crate) fn divergence(labels: &Tensor, output: &Tensor) -> Tensor {
    let (p, q) = (labels.clamp(EPSILON, 1.0), output.clamp(EPSILON, 1.0));
    (&p * (&p / q).log()).sum(&[-1])
}
