//! Metrics of classes.

use super::{binary, ratio};
use crate::loss::Loss;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType};
use ndarray::Array2;

/// How numbers of classes are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Average {
    /// Hits and misses of all classes are added up first.
    Micro,
    /// The mean of the numbers.
    Macro,
    /// The mean of the numbers, weighted by how many samples are of the class.
    Weighted,
}

/// Which answers are right.
pub(super) fn right(loss: &Loss, labels: &Tensor, output: &Tensor) -> Tensor {
    match loss {
        Loss::Smoothed { loss, .. } => right(loss, labels, output),
        Loss::BinaryCrossentropy { from_logits }
        | Loss::BinaryFocalCrossentropy { from_logits, .. } => {
            let threshold = if *from_logits { 0.0 } else { 0.5 };
            binary::right(labels, output, threshold)
        }
        Loss::Hinge | Loss::SquaredHinge => binary::right(labels, output, 0.0),
        _ if loss.takes_classes() => output.argmax(-1).compare(Cmp::Eq, labels),
        Loss::MeanSquaredError if output.rank() < 2 || output.dim(-1) == 1 => {
            binary::right(labels, output, 0.5)
        }
        _ => right_class(labels, output),
    }
}

/// The classes of labels, which are numbers or rows.
fn class(labels: &Tensor) -> Tensor {
    match labels.dtype().is_float() {
        true => labels.argmax(-1),
        false => labels.clone(),
    }
}

/// Where the greatest output is that of the right class.
pub(super) fn right_class(labels: &Tensor, output: &Tensor) -> Tensor {
    output.argmax(-1).compare(Cmp::Eq, class(labels))
}

/// Where fewer than `k` outputs are greater than that of the right class.
pub(super) fn among(labels: &Tensor, output: &Tensor, k: usize) -> Tensor {
    let of_label = crate::loss::chosen(&class(labels), output);
    let greater = output.compare(Cmp::Gt, of_label.expand_dims(-1));
    let count = greater.convert(DType::F32).sum(&[-1]);
    count.compare(Cmp::Lt, k as f64)
}

/// Hits, false alarms and misses of every class: `[3 * classes]`.
pub(super) fn hits(labels: &Tensor, output: &Tensor, threshold: Option<f64>) -> Tensor {
    let classes = output.dim(-1);
    let rows = output.shape().count() / classes.max(1);
    let said = match threshold {
        Some(threshold) => output.compare(Cmp::Gt, threshold),
        None => output.argmax(-1).is_class(classes),
    };
    let said = said.convert(DType::F32).reshape(&[rows, classes]);
    let is = labels.convert(DType::F32).reshape(&[rows, classes]);
    let parts = [
        (&said * &is).sum(&[0]),
        (&said * (1.0 - &is)).sum(&[0]),
        ((1.0 - &said) * &is).sum(&[0]),
    ];
    Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
}

pub(super) fn fbeta(sums: &[f64], beta: f64, average: Average) -> f64 {
    let classes = sums.len() / 3;
    let score = |hits: f64, alarms: f64, missed: f64| {
        let b = beta * beta;
        ratio((1.0 + b) * hits, (1.0 + b) * hits + b * missed + alarms)
    };
    let of_class = |c: usize| score(sums[c], sums[classes + c], sums[2 * classes + c]);
    let support = |c: usize| sums[c] + sums[2 * classes + c];
    let all = 0..classes;
    match average {
        Average::Micro => {
            let sum = |part: usize| sums[part * classes..(part + 1) * classes].iter().sum();
            score(sum(0), sum(1), sum(2))
        }
        Average::Macro => all.map(of_class).sum::<f64>() / classes.max(1) as f64,
        Average::Weighted => {
            let total: f64 = all.clone().map(support).sum();
            ratio(all.map(|c| support(c) * of_class(c)).sum(), total)
        }
    }
}

/// How often each class (row) was taken for each (column): `[classes * classes]`. An output of one
/// column answers 0 or 1.
pub(super) fn confusion(labels: &Tensor, output: &Tensor) -> Tensor {
    let single = output.rank() < 2 || output.dim(-1) == 1;
    let (said, is) = match single {
        true => {
            let above = |x: &Tensor| x.compare(Cmp::Gt, 0.5).convert(DType::I32);
            (above(output), above(&labels.convert(DType::F32)))
        }
        false => (output.argmax(-1), class(labels)),
    };
    let classes = if single { 2 } else { output.dim(-1) };
    let n = said.shape().count();
    let rows = |x: &Tensor| x.reshape(&[n]).one_hot(classes, DType::F32);
    let matrix = rows(&is).t().matmul(&rows(&said));
    matrix.reshape(&[classes * classes])
}

/// Intersection over union, the mean over classes that are or are said to be anywhere.
pub(super) fn iou(sums: &[f64], of: Option<&[usize]>) -> f64 {
    let n = (1..=sums.len()).find(|n| n * n == sums.len()).unwrap_or(1);
    let at = |row: usize, column: usize| sums[row * n + column];
    let mut found = vec![];
    for c in (0..n).filter(|c| of.is_none_or(|of| of.contains(c))) {
        let row: f64 = (0..n).map(|k| at(c, k)).sum();
        let column: f64 = (0..n).map(|k| at(k, c)).sum();
        let union = row + column - at(c, c);
        if union > 0.0 {
            found.push(at(c, c) / union);
        }
    }
    ratio(found.iter().sum(), found.len() as f64)
}

/// How often each class (row) was taken for each (column). Classes from `classes` on are left out.
///
/// ```
/// let matrix = craneflow_nn::metrics::confusion_matrix(&[0, 1, 1], &[0, 1, 0], 2);
/// assert_eq!(matrix, ndarray::array![[1, 0], [1, 1]]);
/// ```
pub fn confusion_matrix(labels: &[usize], predictions: &[usize], classes: usize) -> Array2<u64> {
    let mut matrix = Array2::zeros([classes, classes]);
    for (&is, &said) in labels.iter().zip(predictions) {
        if let Some(count) = matrix.get_mut([is, said]) {
            *count += 1;
        }
    }
    matrix
}
