//! Losses of vectors that compare every sample of a batch with every other.

use crate::functional::softplus;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Which pairs are different samples of one class, and which are of different classes: `bool[n, n]`.
fn pairs(labels: &Tensor) -> (Tensor, Tensor) {
    let n = labels.shape().count();
    let labels = labels.reshape(&[n]);
    let (row, column) = (labels.expand_dims(1), labels.expand_dims(0));
    let same = row.compare(Cmp::Eq, &column);
    let index = Type::new(DType::I32, [n, n]);
    let tracer = labels.tracer();
    let other = tracer
        .iota(&index, 0)
        .compare(Cmp::Ne, tracer.iota(&index, 1));
    (same.and(&other), same.not())
}

/// `log(sum(exp(x)))` over the chosen elements of every row.
fn log_sum_exp(x: &Tensor, chosen: &Tensor) -> Tensor {
    let lowest = x.tracer().full(x.ty(), -1e30);
    let zero = x.tracer().full(x.ty(), 0.0);
    let greatest = chosen.select(x, &lowest).stop_gradient().max(&[1]);
    let shifted = chosen.select(&(x - greatest.expand_dims(1)), &zero);
    let sum = chosen.select(&shifted.exp(), &zero).sum(&[1]);
    // A row without a chosen element has the logarithm of nearly 0.
    sum.maximum(1e-37).log() + greatest
}

pub(crate) fn circle(labels: &Tensor, output: &Tensor, gamma: f64, margin: f64) -> Tensor {
    if !output.must_have_rank("circle", 2, "(batch, features)") {
        return output.clone();
    }
    let distance = (1.0 - output.matmul(&output.t())).maximum(0.0);
    let (positive, negative) = pairs(labels);
    let p = (&distance + margin).maximum(0.0) * (margin - &distance) * -gamma;
    let n = ((1.0 + margin) - &distance).maximum(0.0) * ((1.0 - margin) - &distance) * gamma;
    softplus(&(log_sum_exp(&p, &positive) + log_sum_exp(&n, &negative)))
}

pub(crate) fn triplet(labels: &Tensor, output: &Tensor, margin: f64) -> Tensor {
    if !output.must_have_rank("triplet", 2, "(batch, features)") {
        return output.clone();
    }
    let difference = output.expand_dims(1) - output.expand_dims(0);
    // Kept off 0, where the root has no slope.
    let distance = difference.square().sum(&[2]).maximum(1e-12).sqrt();
    let (positive, negative) = pairs(labels);
    let zero = output.tracer().full(distance.ty(), 0.0);
    let far = output.tracer().full(distance.ty(), 1e30);
    let hardest = positive.select(&distance, &zero).max(&[1]);
    let nearest = negative.select(&distance, &far).min(&[1]);
    (hardest - nearest + margin).maximum(0.0)
}
