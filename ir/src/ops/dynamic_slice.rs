//! `dynamic_slice`.
//!
//! - (C1) There is a start index per axis of `x`.
//! - (C2) Start indices are integers of rank 0 and of one type.
//! - (C3) `sizes` has an entry per axis of `x`.
//! - (C4) `sizes` are at most the extents of `x`.

use super::prelude::*;
use super::{DynamicUpdateSlice, walk};

const OP: &str = "dynamic_slice";

/// `dynamic_slice(x, start_0, .., start_{r-1})`: the window of `sizes` at the clamped start indices (rank-0 integers).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DynamicSlice {
    /// Extents of the window.
    pub sizes: Vec<usize>,
}

/// Checks the operands of `dynamic_slice` and `dynamic_update_slice`: a window of `sizes` in `x`.
pub(super) fn check_window(
    op: &'static str,
    x: &Type,
    starts: &[Type],
    sizes: &[usize],
) -> Result<(), TypeError> {
    for (i, start) in starts.iter().enumerate() {
        check::scalar(op, start)?; // C2
        check::dtype(op, start.dtype.is_int(), "integer start indices", start.dtype)?; // C2
        check::same_dtype(op, &starts[0], &starts[i])?; // C2
    }
    check::per_axis(op, "C3", "the window", sizes.len(), x)?;
    for (axis, (&size, &extent)) in sizes.iter().zip(x.shape.iter()).enumerate() {
        check::rule(op, "C4", size <= extent, || {
            format!("a window of {size} does not fit into axis {axis} of {x}")
        })?;
    }
    Ok(())
}

/// The clamped start of the window on every axis.
pub(super) fn starts(
    k: &mut KernelBuilder,
    shape: &[usize],
    sizes: &[usize],
    starts: &[Operand],
) -> Vec<Index> {
    let axes = shape.iter().zip(sizes).zip(starts);
    axes.map(|((&extent, &size), start)| {
        let last = extent - size;
        if last == 0 {
            return Index::default();
        }
        let start = start.at(k, &[]);
        let start = k.clamped_start(start, 0, last as i64);
        k.as_index(start, last + 1)
    })
    .collect()
}

impl Rules for DynamicSlice {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).ints("sizes", &self.sizes)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let sizes = attrs.usizes("sizes")?;
        Ok(DynamicSlice { sizes })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1 + x.first().map_or(0, Type::rank))?; // C1
        check_window(OP, &x[0], &x[1..], &self.sizes)?;
        Ok(vec![x[0].with_shape(self.sizes.clone())])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let shape = &x[0].ty.shape;
        let strides = walk::strides(shape);
        let start = |axis: usize| {
            let last = shape[axis] - self.sizes[axis];
            walk::clamped(x[1 + axis].get(0), last) as i64 * strides[axis]
        };
        let offset = (0..shape.rank()).map(start).sum();
        vec![walk::view(&x[0], self.sizes.clone().into(), offset, &strides)]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let mut grads = vec![None; x.len()];
        if let Some(dy) = dy[0] {
            let zeros = b.like(x[0], 0.0);
            let operands = [&[zeros, dy], &x[1..]].concat();
            grads[0] = Some(b.op(DynamicUpdateSlice, &operands));
        }
        Ok(grads)
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let starts = starts(k, &x[0].ty.shape, &self.sizes, &x[1..]);
            let from: Vec<Index> = starts.iter().zip(at).map(|(s, i)| s.add(i)).collect();
            x[0].at(k, &from)
        }))
    }
}
