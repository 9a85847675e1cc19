//! Metrics of numbers.

use crate::tensor::Tensor;
use craneflow_ir::DType;

/// Deviations from the mean along the last axis, and their mean square.
fn deviations(x: &Tensor) -> (Tensor, Tensor, Tensor) {
    let (mean, variance) = x.moments(&[-1]);
    (x - &mean, mean, variance)
}

/// The correlation along the last axis.
pub(super) fn pearson(labels: &Tensor, output: &Tensor) -> Tensor {
    let ((a, _, va), (b, _, vb)) = (deviations(labels), deviations(output));
    let size = va.sqrt() * vb.sqrt();
    (a * b / size).mean(&[-1])
}

/// `2 cov / (var + var + (difference of means)^2)` along the last axis.
pub(super) fn concordance(labels: &Tensor, output: &Tensor) -> Tensor {
    let ((a, ma, va), (b, mb, vb)) = (deviations(labels), deviations(output));
    let covariance = (a * b).mean(&[-1]).keep(labels, &[-1]);
    covariance * 2.0 / (va + vb + (ma - mb).square() + 1e-7)
}

/// For every column, sums of the labels, of their squares and of the squared differences, then the
/// number of rows: `[3 * columns + 1]`.
pub(super) fn r2_sums(labels: &Tensor, output: &Tensor) -> Tensor {
    let columns = if output.rank() < 2 { 1 } else { output.dim(-1) };
    let rows = output.shape().count() / columns.max(1);
    let (y, p) = (
        labels.reshape(&[rows, columns]),
        output.reshape(&[rows, columns]),
    );
    let count = y.tracer().scalar(DType::F32, rows as f64).reshape(&[1]);
    let parts = [
        y.sum(&[0]),
        y.square().sum(&[0]),
        (&y - p).square().sum(&[0]),
        count,
    ];
    Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
}

/// The share of the variance that is explained, the mean over the columns.
pub(super) fn r2(sums: &[f64]) -> f64 {
    let columns = (sums.len() - 1) / 3;
    let count = sums[3 * columns];
    let score = |c: usize| {
        let (sum, squares, rest) = (sums[c], sums[columns + c], sums[2 * columns + c]);
        let total = squares - sum * sum / count;
        if total == 0.0 {
            0.0
        } else {
            1.0 - rest / total
        }
    };
    (0..columns).map(score).sum::<f64>() / columns.max(1) as f64
}
