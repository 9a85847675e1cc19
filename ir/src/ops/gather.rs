//! `gather`.
//!
//! - (C1) The indices are integers.
//! - (C2) `slice_sizes` has an entry per axis of `x`, at most its extent.
//! - (C3) `offset_dims`, `collapsed_slice_dims` and `operand_batching_dims` increase strictly.
//! - (C4) `collapsed_slice_dims` and `operand_batching_dims` are different axes of `x`, with slices of 1.
//! - (C5) The other axes of `x` are as many as `offset_dims`.
//! - (C6) `index_vector_dim` is an axis of the indices, or their rank for indices of one component.
//! - (C7) `start_index_map` has an entry per component.
//! - (C8) `start_index_map` and `operand_batching_dims` are different axes of `x`.
//! - (C9) `start_indices_batching_dims` are different axes of the indices, not `index_vector_dim`.
//! - (C10) Batch axes of `x` and of the indices are as many and agree in their extents.
//! - (C11) `offset_dims` are axes of the result.
//! - (C12) The result has at most `isize::MAX / 8` elements.

use super::common::Reducer;
use super::prelude::*;
use super::{Scatter, walk};
use crate::native::Scalar;
use crate::scalar::Pointwise;

const OP: &str = "gather";

/// `gather(x, start_indices)`: slices of `x` at computed (clamped) starts. StableHLO `gather`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gather {
    /// Result axes that index within a slice.
    pub offset_dims: Vec<usize>,
    /// Axes of `x` of slice size 1 that leave the result.
    pub collapsed_slice_dims: Vec<usize>,
    /// Batch axes of `x`.
    pub operand_batching_dims: Vec<usize>,
    /// Batch axes of the indices.
    pub start_indices_batching_dims: Vec<usize>,
    /// Axis of `x` that each index component addresses.
    pub start_index_map: Vec<usize>,
    /// Axis of the indices that holds the components; may equal their rank.
    pub index_vector_dim: usize,
    /// Slice extents per axis of `x`.
    pub slice_sizes: Vec<usize>,
}

/// Number of components of an index.
pub(super) fn components(indices: &Type, index_vector_dim: usize) -> usize {
    indices.shape.get(index_vector_dim).copied().unwrap_or(1)
}

/// The multi-index of component `component` in the indices, for a multi-index without that axis.
pub(super) fn component_at<T: Clone>(
    batch: &[T],
    component: T,
    rank: usize,
    index_vector_dim: usize,
) -> Vec<T> {
    let mut at = batch.to_vec();
    if index_vector_dim < rank {
        at.insert(index_vector_dim, component);
    }
    at
}

/// For batch axis `axis` of the indices, its place among the axes other than `index_vector_dim`.
pub(super) fn batch_place(axis: usize, index_vector_dim: usize) -> usize {
    axis - (axis > index_vector_dim) as usize
}

/// Splits a multi-index of the result (or the updates): what is not in `offset_dims`, and what is.
pub(super) fn split<T: Clone>(at: &[T], offset_dims: &[usize]) -> (Vec<T>, Vec<T>) {
    let rest = (0..at.len()).filter(|axis| !offset_dims.contains(axis));
    let rest = rest.map(|axis| at[axis].clone()).collect();
    (rest, offset_dims.iter().map(|&a| at[a].clone()).collect())
}

impl Gather {
    /// Axes of `x` along which slices extend in the result, in order.
    fn sliced(&self) -> Vec<usize> {
        (0..self.slice_sizes.len())
            .filter(|a| {
                !self.collapsed_slice_dims.contains(a) && !self.operand_batching_dims.contains(a)
            })
            .collect()
    }

    /// Greatest start per component.
    fn last_starts(&self, x: &Type) -> Vec<usize> {
        let map = self.start_index_map.iter();
        map.map(|&axis| x.shape[axis] - self.slice_sizes[axis])
            .collect()
    }

    fn check_operand(&self, x: &Type) -> Result<(), TypeError> {
        check::per_axis(OP, "C2", "slice_sizes", self.slice_sizes.len(), x)?;
        for (axis, (&size, &extent)) in self.slice_sizes.iter().zip(x.shape.iter()).enumerate() {
            check::rule(OP, "C2", size <= extent, || {
                format!("a slice of {size} does not fit into axis {axis} of {x}")
            })?;
        }
        let lists = [
            ("offset_dims", &self.offset_dims),
            ("collapsed_slice_dims", &self.collapsed_slice_dims),
            ("operand_batching_dims", &self.operand_batching_dims),
        ];
        for (key, list) in lists {
            check::increasing(OP, "C3", key, list)?;
        }
        let removed = [
            self.collapsed_slice_dims.as_slice(),
            &self.operand_batching_dims,
        ]
        .concat();
        check::axes(OP, "C4", x, removed.iter().copied())?;
        for &axis in &removed {
            let size = self.slice_sizes[axis];
            check::rule(OP, "C4", size == 1, || {
                format!("axis {axis} of {x} leaves the result, so its slices must be 1, found {size}")
            })?;
        }
        let (offsets, sliced) = (self.offset_dims.len(), self.sliced().len());
        check::rule(OP, "C5", offsets == sliced, || {
            format!("offset_dims names {offsets} axes for the {sliced} sliced axes of {x}")
        })
    }

    fn check_indices(&self, x: &Type, indices: &Type) -> Result<(), TypeError> {
        check_index_vector(
            OP,
            ["C6", "C7", "C8", "C9", "C10"],
            (x, indices),
            self.index_vector_dim,
            ("start_index_map", &self.start_index_map),
            (&self.operand_batching_dims, &self.start_indices_batching_dims),
        )
    }
}

/// The checks on indices that `gather` and `scatter` have in common.
pub(super) fn check_index_vector(
    op: &'static str,
    [vector, component, mapped, batch, extents]: [&'static str; 5],
    (x, indices): (&Type, &Type),
    index_vector_dim: usize,
    (key, map): (&str, &[usize]),
    (x_batch, indices_batch): (&[usize], &[usize]),
) -> Result<(), TypeError> {
    check::rule(op, vector, index_vector_dim <= indices.rank(), || {
        format!("index_vector_dim {index_vector_dim} is out of range for {indices}")
    })?;
    let n = components(indices, index_vector_dim);
    check::rule(op, component, map.len() == n, || {
        format!("{key} has {} entries for {n} index components", map.len())
    })?;
    check::axes(op, mapped, x, map.iter().chain(x_batch).copied())?;
    check::axes(op, batch, indices, indices_batch.iter().copied())?;
    let clear = !indices_batch.contains(&index_vector_dim);
    check::rule(op, batch, clear, || {
        format!("axis {index_vector_dim} of {indices} holds components, so it is no batch axis")
    })?;
    let agree = x_batch.len() == indices_batch.len()
        && (x_batch.iter().zip(indices_batch)).all(|(&a, &b)| x.shape[a] == indices.shape[b]);
    check::rule(op, extents, agree, || {
        format!("batch axes {x_batch:?} of {x} and {indices_batch:?} of {indices} do not agree")
    })
}

impl Rules for Gather {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .ints("offset_dims", &self.offset_dims)
            .ints("collapsed_slice_dims", &self.collapsed_slice_dims)
            .ints("operand_batching_dims", &self.operand_batching_dims)
            .ints(
                "start_indices_batching_dims",
                &self.start_indices_batching_dims,
            )
            .ints("start_index_map", &self.start_index_map)
            .int("index_vector_dim", self.index_vector_dim)
            .ints("slice_sizes", &self.slice_sizes)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Gather {
            offset_dims: attrs.usizes("offset_dims")?,
            collapsed_slice_dims: attrs.usizes("collapsed_slice_dims")?,
            operand_batching_dims: attrs.usizes("operand_batching_dims")?,
            start_indices_batching_dims: attrs.usizes("start_indices_batching_dims")?,
            start_index_map: attrs.usizes("start_index_map")?,
            index_vector_dim: attrs.usize("index_vector_dim")?,
            slice_sizes: attrs.usizes("slice_sizes")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 2)?;
        let (x, indices) = (&x[0], &x[1]);
        check::dtype(OP, indices.dtype.is_int(), "integer indices", indices.dtype)?; // C1
        self.check_operand(x)?;
        self.check_indices(x, indices)?;
        let mut batch = indices.shape.0.clone();
        if self.index_vector_dim < batch.len() {
            batch.remove(self.index_vector_dim);
        }
        let rank = batch.len() + self.offset_dims.len();
        let last = self.offset_dims.last().copied().unwrap_or(0);
        check::rule(OP, "C11", self.offset_dims.is_empty() || last < rank, || {
            format!("offset axis {last} is out of range for a result of rank {rank}")
        })?;
        let (mut batch, mut sliced) = (batch.into_iter(), self.sliced().into_iter());
        let extents: Vec<usize> = (0..rank)
            .map(|axis| match self.offset_dims.contains(&axis) {
                true => self.slice_sizes[sliced.next().expect("C5")],
                false => batch.next().expect("the rest"),
            })
            .collect();
        Ok(vec![check::sized(OP, x.with_shape(extents))?]) // C12
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let (x, indices) = (&x[0], &x[1]);
        let types = [x.ty.clone(), indices.ty.clone()];
        let ty = self.infer(&types).expect("verified").remove(0);
        let last = self.last_starts(&x.ty);
        let (rank, vector) = (indices.ty.rank(), self.index_vector_dim);
        vec![walk::from_index(ty, |at| {
            let (batch, offset) = split(at, &self.offset_dims);
            let mut from = vec![0; x.ty.rank()];
            for (axis, i) in self.sliced().into_iter().zip(offset) {
                from[axis] = i;
            }
            for (c, &axis) in self.start_index_map.iter().enumerate() {
                let start = indices.at(&component_at(&batch, c, rank, vector));
                from[axis] += walk::clamped(start, last[c]);
            }
            let pairs = self.operand_batching_dims.iter();
            for (&axis, &b) in pairs.zip(&self.start_indices_batching_dims) {
                from[axis] = batch[batch_place(b, vector)];
            }
            x.at(&from)
        })]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let ty = b.ty(x[0]).clone();
        let Some(dy) = dy[0].filter(|_| ty.dtype.is_float()) else {
            return Ok(vec![None, None]);
        };
        // A scatter drops what a gather clamps, so the starts are clamped first.
        let indices = b.ty(x[1]).clone();
        let last = self.last_starts(&ty);
        let vector = indices.with_shape([last.len()]);
        let bound = Array::from_fn(vector, |c| Scalar::from_f64(indices.dtype, last[c] as f64));
        let bound = b.constant(bound);
        let high = match self.index_vector_dim < indices.rank() {
            true => b.broadcast(bound, &[self.index_vector_dim], &indices.shape),
            false => {
                let only = b.reshape(bound, &[]);
                b.broadcast(only, &[], &indices.shape)
            }
        };
        let low = b.like(x[1], 0.0);
        let starts = b.op(Pointwise::Clamp, &[low, x[1], high]);
        let scatter = Scatter {
            update: Some(Reducer::Sum),
            update_window_dims: self.offset_dims.clone(),
            inserted_window_dims: self.collapsed_slice_dims.clone(),
            input_batching_dims: self.operand_batching_dims.clone(),
            scatter_indices_batching_dims: self.start_indices_batching_dims.clone(),
            scatter_dims_to_operand_dims: self.start_index_map.clone(),
            index_vector_dim: self.index_vector_dim,
        };
        let zeros = b.like(x[0], 0.0);
        Ok(vec![Some(b.op(scatter, &[zeros, starts, dy])), None])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let (x, indices) = (&x[0], &x[1]);
            let (rank, vector) = (indices.ty.rank(), self.index_vector_dim);
            let (batch, offset) = split(at, &self.offset_dims);
            let mut from = vec![Index::default(); x.ty.rank()];
            for (axis, i) in self.sliced().into_iter().zip(offset) {
                from[axis] = i;
            }
            let last = self.last_starts(&x.ty);
            for (c, &axis) in self.start_index_map.iter().enumerate() {
                if last[c] > 0 {
                    let at = component_at(&batch, Index::from(c), rank, vector);
                    let start = indices.at(k, &at);
                    let start = k.clamped_start(start, 0, last[c] as i64);
                    from[axis] = from[axis].add(&k.as_index(start, last[c] + 1));
                }
            }
            let pairs = self.operand_batching_dims.iter();
            for (&axis, &b) in pairs.zip(&self.start_indices_batching_dims) {
                from[axis] = batch[batch_place(b, vector)].clone();
            }
            x.at(k, &from)
        }))
    }
}
