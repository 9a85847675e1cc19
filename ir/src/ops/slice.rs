//! `slice`.
//!
//! - (C1) `start`, `limit` and `stride` have an entry per axis of `x`.
//! - (C2) `start <= limit <= extent` on every axis.
//! - (C3) `stride` is at least 1 on every axis.

use super::prelude::*;
use super::{Pad, walk};

const OP: &str = "slice";

/// `y[i] = x[start + i * stride]`, up to `limit` exclusive.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slice {
    /// First index per axis.
    pub start: Vec<usize>,
    /// End (exclusive) per axis.
    pub limit: Vec<usize>,
    /// Step per axis, at least 1.
    pub stride: Vec<usize>,
}

impl Slice {
    fn extents(&self) -> Vec<usize> {
        (0..self.start.len())
            .map(|a| (self.limit[a] - self.start[a]).div_ceil(self.stride[a]))
            .collect()
    }
}

impl Rules for Slice {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .ints("start", &self.start)
            .ints("limit", &self.limit)
            .ints("stride", &self.stride)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Slice {
            start: attrs.usizes("start")?,
            limit: attrs.usizes("limit")?,
            stride: attrs.usizes("stride")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        check::per_axis(OP, "C1", "start", self.start.len(), &x[0])?;
        check::per_axis(OP, "C1", "limit", self.limit.len(), &x[0])?;
        check::per_axis(OP, "C1", "stride", self.stride.len(), &x[0])?;
        for (axis, &extent) in x[0].shape.iter().enumerate() {
            let (start, limit) = (self.start[axis], self.limit[axis]);
            check::rule(OP, "C2", start <= limit && limit <= extent, || {
                format!(
                    "{start}..{limit} is not a range within axis {axis} of {}",
                    x[0]
                )
            })?;
            check::rule(OP, "C3", self.stride[axis] > 0, || {
                format!("the stride of axis {axis} must be at least 1")
            })?;
        }
        Ok(vec![x[0].with_shape(self.extents())])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let from = walk::strides(&x[0].ty.shape);
        let axes = 0..from.len();
        let offset = axes.map(|a| self.start[a] as i64 * from[a]).sum();
        // An extent of 1 is not stepped over, however long the step.
        let steps = self.stride.iter().zip(self.extents());
        let strides: Vec<i64> = steps
            .zip(&from)
            .map(|((&s, n), f)| if n > 1 { s as i64 * f } else { 0 })
            .collect();
        vec![walk::view(&x[0], self.extents().into(), offset, &strides)]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None]);
        };
        let shape = b.shape(x[0]);
        let mut pad = Pad {
            low: self.start.iter().map(|&s| s as i64).collect(),
            high: vec![],
            interior: vec![],
        };
        for (axis, n) in self.extents().into_iter().enumerate() {
            let step = if n > 1 { self.stride[axis] } else { 1 };
            let covered = if n == 0 { 0 } else { (n - 1) * step + 1 };
            pad.interior.push(step - 1);
            pad.high.push((shape[axis] - self.start[axis] - covered) as i64);
        }
        let zero = b.constant(zero(b.ty(dy).dtype));
        Ok(vec![Some(b.op(pad, &[dy, zero]))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let along = |(axis, i): (usize, &Index)| match i.as_constant() {
                Some(0) => Index::from(self.start[axis]),
                _ => i.mul(self.stride[axis] as i64).plus(self.start[axis] as i64),
            };
            let from: Vec<Index> = at.iter().enumerate().map(along).collect();
            x[0].at(k, &from)
        }))
    }
}
