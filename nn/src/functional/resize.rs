//! Resampling along axes: every output is a weighted sum of the inputs near it.

use super::along;
use crate::tensor::Tensor;
use craneflow_ir::{Array, DType, Scalar, Type};

/// How what lies between elements is estimated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interpolation {
    /// By the element nearest to it.
    Nearest,
    /// By a line between two elements.
    #[default]
    Bilinear,
    /// By Keys's cubic of four elements.
    Bicubic,
}

impl Interpolation {
    /// The weight of an element at this distance.
    fn weight(self, distance: f64) -> f64 {
        let d = distance.abs();
        match self {
            Interpolation::Nearest | Interpolation::Bilinear => (1.0 - d).max(0.0),
            Interpolation::Bicubic if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
            Interpolation::Bicubic if d < 2.0 => ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0,
            Interpolation::Bicubic => 0.0,
        }
    }
}

/// Resamples `axis`, which must exist, to extent `to`: elements are the middles of equal intervals.
/// With `antialias`, a smaller result takes means over what it leaves out.
pub fn resize(x: &Tensor, axis: usize, to: usize, how: Interpolation, antialias: bool) -> Tensor {
    let from = x.shape()[axis];
    if from == to {
        return x.clone();
    }
    let step = from as f64 / to.max(1) as f64;
    if how == Interpolation::Nearest {
        let row = |o: usize| ((o as f64 + 0.5) * step).floor();
        let rows = Array::from_fn(Type::new(DType::I32, [to]), |o| {
            Scalar::from_f64(DType::I32, row(o))
        });
        return x.take_axis(axis as isize, &x.tracer().constant(rows));
    }
    let reach = if antialias { step.max(1.0) } else { 1.0 };
    let weight = |i: usize, o: usize| {
        let center = (o as f64 + 0.5) * step - 0.5;
        how.weight((center - i as f64) / reach)
    };
    let total = |o: usize| (0..from).map(|i| weight(i, o)).sum::<f64>();
    let totals: Vec<f64> = (0..to).map(total).collect();
    along(x, axis, to, |i, o| weight(i, o) / totals[o])
}

/// Repeats every element along `axis`, which must exist, `times` times.
pub fn repeat(x: &Tensor, axis: usize, times: usize) -> Tensor {
    let mut shape = x.shape().0.clone();
    shape.insert(axis + 1, times);
    let wide = x.expand_dims(axis as isize + 1).broadcast_to(&shape);
    shape.remove(axis + 1);
    shape[axis] *= times;
    wide.reshape(&shape)
}
