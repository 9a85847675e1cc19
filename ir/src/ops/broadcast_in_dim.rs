//! `broadcast_in_dim`.
//!
//! - (C1) `axes` has an entry per axis of `x`.
//! - (C2) `axes` are different axes of the result.
//! - (C3) Each extent of `x` is 1 or that of its axis in the result.
//! - (C4) The result has at most `isize::MAX / 8` elements.

use super::prelude::*;
use super::walk;
use crate::types::Shape;

const OP: &str = "broadcast_in_dim";

/// Repeats `x` to `shape`: axis `i` of `x` becomes axis `axes[i]` of the result; an extent of 1 is repeated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BroadcastInDim {
    /// Result shape.
    pub shape: Shape,
    /// For each axis of `x`, its axis in the result.
    pub axes: Vec<usize>,
}

impl BroadcastInDim {
    /// Whether the result of an operand of type `x` has its elements in the same order, none of them repeated.
    pub fn is_reshape(&self, x: &Type) -> bool {
        self.axes.is_sorted() && x.shape.iter().product::<usize>() == self.shape.iter().product()
    }

    /// Whether axis `axis` of an operand of type `x` is repeated rather than kept.
    fn repeats(&self, x: &Type, axis: usize) -> bool {
        x.shape[axis] == 1 && self.shape[self.axes[axis]] != 1
    }
}

impl Rules for BroadcastInDim {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .ints("shape", &self.shape)
            .ints("axes", &self.axes)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(BroadcastInDim {
            shape: attrs.shape("shape")?,
            axes: attrs.usizes("axes")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        check::per_axis(OP, "C1", "axes", self.axes.len(), &x[0])?;
        let ty = x[0].with_shape(self.shape.clone());
        check::axes(OP, "C2", &ty, self.axes.iter().copied())?;
        for (axis, (&extent, &to)) in x[0].shape.iter().zip(&self.axes).enumerate() {
            let fits = extent == 1 || extent == ty.shape[to];
            check::rule(OP, "C3", fits, || {
                let target = ty.shape[to];
                format!(
                    "axis {axis} of {} cannot become axis {to} of {ty}: {extent} is neither 1 nor {target}",
                    x[0]
                )
            })?;
        }
        Ok(vec![check::sized(OP, ty)?]) // C4
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let from = walk::strides(&x[0].ty.shape);
        let mut strides = vec![0; self.shape.rank()];
        for (axis, &to) in self.axes.iter().enumerate() {
            if !self.repeats(&x[0].ty, axis) {
                strides[to] = from[axis];
            }
        }
        vec![walk::view(&x[0], self.shape.clone(), 0, &strides)]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None]);
        };
        let ty = b.ty(x[0]).clone();
        // What was repeated is summed; what is left is in the order of the result's axes.
        let kept: Vec<usize> = (0..ty.rank()).filter(|&a| !self.repeats(&ty, a)).collect();
        let from = |axis: &usize| kept.iter().position(|&a| self.axes[a] == *axis);
        let summed: Vec<usize> = (0..self.shape.rank())
            .filter(|axis| from(axis).is_none())
            .collect();
        let sum = b.sum(dy, &summed);
        let mut order: Vec<usize> = (0..kept.len()).collect();
        order.sort_by_key(|&i| self.axes[kept[i]]);
        let permutation: Vec<usize> = (0..kept.len())
            .map(|i| order.iter().position(|&o| o == i).expect("a permutation"))
            .collect();
        let sum = b.transpose(sum, &permutation);
        Ok(vec![Some(b.reshape(sum, &ty.shape))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let along = |axis: usize| match self.repeats(&x[0].ty, axis) {
                true => Index::default(),
                false => at[self.axes[axis]].clone(),
            };
            let from: Vec<Index> = (0..x[0].ty.rank()).map(along).collect();
            x[0].at(k, &from)
        }))
    }
}
