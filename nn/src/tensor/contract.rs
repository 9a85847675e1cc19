//! Matrix products.

use super::Tensor;
use crate::error::{DTypes, NnError};
use craneflow_ir::ops::DotGeneral;

impl Tensor {
    /// Matrix product: `[.., m, k]` and `[k, n]` give `[.., m, n]`; `[b.., m, k]` and `[b.., k, n]`
    /// give `[b.., m, n]`.
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let (left, right) = (self.rank(), other.rank());
        if left < 1 || right < 2 {
            let short = if left < 1 { self } else { other };
            short.must_have_rank("dot_general", usize::MAX, "a matrix");
            return self.poisoned(self.ty.clone());
        }
        if right == 2 {
            return self.dot(other, &[], &[], left - 1, 0);
        }
        let batch: Vec<usize> = (0..right - 2).collect();
        if left != right {
            let error = NnError::Rank {
                layer: self.tracer.current(),
                op: "dot_general",
                expected: "batches of equal rank",
                shape: self.shape().clone(),
            };
            return self.fail(self.ty.clone(), error);
        }
        self.dot(other, &batch, &batch, left - 1, right - 2)
    }

    /// `dot_general` over one axis of each: the result has the batch axes, the free axes of `self`,
    /// then those of `other`.
    pub fn dot(
        &self,
        other: &Tensor,
        left_batch: &[usize],
        right_batch: &[usize],
        left: usize,
        right: usize,
    ) -> Tensor {
        let op = "dot_general";
        let axes = |x: &Tensor, batch: &[usize], axis: usize| {
            let mut axes = batch.iter().chain([&axis]);
            axes.all(|&a| x.axis(op, a as isize).is_some())
        };
        if !axes(self, left_batch, left) || !axes(other, right_batch, right) {
            return self.poisoned(self.ty.clone());
        }
        let free = |x: &Tensor, batch: &[usize], axis: usize| -> Vec<usize> {
            let axes = (0..x.rank()).filter(|a| *a != axis && !batch.contains(a));
            axes.map(|a| x.shape()[a]).collect()
        };
        let mut shape: Vec<usize> = left_batch.iter().map(|&a| self.shape()[a]).collect();
        shape.extend(free(self, left_batch, left));
        shape.extend(free(other, right_batch, right));
        let guess = self.ty.with_shape(shape);
        let batch = left_batch.iter().copied().zip(right_batch.iter().copied());
        let mut pairs = batch.chain([(left, right)]);
        if let Some((a, b)) = pairs.find(|&(a, b)| self.shape()[a] != other.shape()[b]) {
            let error = NnError::Extents {
                layer: self.tracer.current(),
                op,
                left: self.shape().clone(),
                right: other.shape().clone(),
                left_axis: a,
                right_axis: b,
            };
            return self.fail(guess, error);
        }
        if self.dtype() != other.dtype() {
            let error = NnError::DType {
                layer: self.tracer.current(),
                op,
                expected: DTypes::One(self.dtype()),
                found: other.dtype(),
            };
            return self.fail(guess, error);
        }
        let op = DotGeneral {
            lhs_batch: left_batch.to_vec(),
            rhs_batch: right_batch.to_vec(),
            lhs_contract: vec![left],
            rhs_contract: vec![right],
        };
        self.tracer.push(op.into(), &[self, other], guess)
    }
}
