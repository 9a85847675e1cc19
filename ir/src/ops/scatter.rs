//! `scatter`.
//!
//! - (C1) The indices are integers; `x` and the updates have one element type.
//! - (C2) `update_window_dims`, `inserted_window_dims` and `input_batching_dims` increase strictly.
//! - (C3) `inserted_window_dims` and `input_batching_dims` are different axes of `x`.
//! - (C4) The other axes of `x` are as many as `update_window_dims`.
//! - (C5) `index_vector_dim` is an axis of the indices, or their rank for indices of one component.
//! - (C6) `scatter_dims_to_operand_dims` has an entry per component.
//! - (C7) `scatter_dims_to_operand_dims` and `input_batching_dims` are different axes of `x`.
//! - (C8) `scatter_indices_batching_dims` are different axes of the indices, not `index_vector_dim`.
//! - (C9) Batch axes of `x` and of the indices are as many and agree in their extents.
//! - (C10) `update_window_dims` are axes of the updates.
//! - (C11) The other axes of the updates have the extents of the indices without `index_vector_dim`.
//! - (C12) Windows are at most as large as `x`.
//! - (C13) `and` and `or` take integers or `bool`; a body is `(a, b) -> (c)` over rank-0 values.

mod gradient;
mod store;

use super::common::Reducer;
use super::gather::{batch_place, check_index_vector, component_at, split};
use super::prelude::*;
use super::{reducer, walk};
use crate::loops::region::can_inline;
use crate::native::{Emit, Scalar};

const OP: &str = "scatter";

/// `scatter(x, indices, updates)`: `x` with updates combined in at computed places, in row-major order of the updates; out-of-range updates are dropped. StableHLO `scatter`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Scatter {
    /// How an update combines with what is there; `None` replaces it.
    pub update: Option<Reducer>,
    /// Axes of the updates that index within a window.
    pub update_window_dims: Vec<usize>,
    /// Axes of `x` of window size 1 that the updates lack.
    pub inserted_window_dims: Vec<usize>,
    /// Batch axes of `x`.
    pub input_batching_dims: Vec<usize>,
    /// Batch axes of the indices.
    pub scatter_indices_batching_dims: Vec<usize>,
    /// Axis of `x` that each index component addresses.
    pub scatter_dims_to_operand_dims: Vec<usize>,
    /// Axis of the indices that holds the components; may equal their rank.
    pub index_vector_dim: usize,
}

impl Scatter {
    /// Axes of `x` along which windows extend in the updates, in order.
    fn windowed(&self, rank: usize) -> Vec<usize> {
        (0..rank)
            .filter(|a| {
                !self.inserted_window_dims.contains(a) && !self.input_batching_dims.contains(a)
            })
            .collect()
    }

    /// Extent of a window along every axis of `x`.
    pub fn window(&self, rank: usize, updates: &Type) -> Vec<usize> {
        let mut window = vec![1; rank];
        let axes = self.windowed(rank).into_iter();
        for (axis, &u) in axes.zip(&self.update_window_dims) {
            window[axis] = updates.shape[u];
        }
        window
    }

    fn check_axes(&self, x: &Type, updates: &Type) -> Result<(), TypeError> {
        let lists = [
            ("update_window_dims", &self.update_window_dims),
            ("inserted_window_dims", &self.inserted_window_dims),
            ("input_batching_dims", &self.input_batching_dims),
        ];
        for (key, list) in lists {
            check::increasing(OP, "C2", key, list)?;
        }
        let inserted = self.inserted_window_dims.iter();
        let removed = inserted.chain(&self.input_batching_dims).copied();
        check::axes(OP, "C3", x, removed)?;
        let (named, windowed) = (
            self.update_window_dims.len(),
            self.windowed(x.rank()).len(),
        );
        check::rule(OP, "C4", named == windowed, || {
            format!("update_window_dims names {named} axes for the {windowed} window axes of {x}")
        })?;
        check::axes(OP, "C10", updates, self.update_window_dims.iter().copied())
    }

    fn check_updates(&self, x: &Type, indices: &Type, updates: &Type) -> Result<(), TypeError> {
        let mut batch = indices.shape.0.clone();
        if self.index_vector_dim < batch.len() {
            batch.remove(self.index_vector_dim);
        }
        let (found, _) = split(&updates.shape, &self.update_window_dims);
        check::rule(OP, "C11", found == batch, || {
            format!("{updates} has scatter extents {found:?}, the indices {indices} have {batch:?}")
        })?;
        let window = self.window(x.rank(), updates);
        let mut windowed = self.windowed(x.rank()).into_iter();
        let fits = windowed.all(|axis| window[axis] <= x.shape[axis]);
        check::rule(OP, "C12", fits, || {
            format!("windows {window:?} of {updates} are larger than {x}")
        })
    }

    /// What is stored when `update` meets `old`.
    fn combine<E: Emit>(&self, e: &mut E, old: E::V, update: E::V) -> E::V {
        match &self.update {
            None => update,
            Some(kind) => {
                let op = kind.pointwise(e.dtype(old)).expect("a named reducer");
                op.emit(e, &[old, update])
            }
        }
    }
}

impl Rules for Scatter {
    fn attrs(&self) -> Attrs {
        let attrs = Attrs::new(OP);
        let attrs = match &self.update {
            None => attrs.word("update", "replace"),
            Some(kind) => kind.attrs(attrs, "update"),
        };
        attrs
            .ints("update_window_dims", &self.update_window_dims)
            .ints("inserted_window_dims", &self.inserted_window_dims)
            .ints("input_batching_dims", &self.input_batching_dims)
            .ints(
                "scatter_indices_batching_dims",
                &self.scatter_indices_batching_dims,
            )
            .ints(
                "scatter_dims_to_operand_dims",
                &self.scatter_dims_to_operand_dims,
            )
            .int("index_vector_dim", self.index_vector_dim)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Scatter {
            update: Reducer::parse(attrs, "update", &[("replace", None)], Some)?,
            update_window_dims: attrs.usizes("update_window_dims")?,
            inserted_window_dims: attrs.usizes("inserted_window_dims")?,
            input_batching_dims: attrs.usizes("input_batching_dims")?,
            scatter_indices_batching_dims: attrs.usizes("scatter_indices_batching_dims")?,
            scatter_dims_to_operand_dims: attrs.usizes("scatter_dims_to_operand_dims")?,
            index_vector_dim: attrs.usize("index_vector_dim")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 3)?;
        let (x, indices, updates) = (&x[0], &x[1], &x[2]);
        check::dtype(OP, indices.dtype.is_int(), "integer indices", indices.dtype)?; // C1
        check::same_dtype(OP, x, updates)?; // C1
        self.check_axes(x, updates)?;
        check_index_vector(
            OP,
            ["C5", "C6", "C7", "C8", "C9"],
            (x, indices),
            self.index_vector_dim,
            (
                "scatter_dims_to_operand_dims",
                &self.scatter_dims_to_operand_dims,
            ),
            (
                &self.input_batching_dims,
                &self.scatter_indices_batching_dims,
            ),
        )?;
        self.check_updates(x, indices, updates)?;
        if let Some(kind) = &self.update {
            kind.check(OP, "C13", &[x.dtype])?;
        }
        Ok(vec![x.clone()])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let (x, indices, updates) = (&x[0], &x[1], &x[2]);
        let mut y: Vec<Scalar> = x.iter().collect();
        for (u, update) in walk::indices(&updates.ty.shape).zip(updates.iter()) {
            let at = self.place(&x.ty, indices, &u);
            if let Some(to) = walk::position(&at, &x.ty.shape) {
                y[to] = match &self.update {
                    Some(Reducer::Body(body)) => {
                        reducer::step_body(body, &[y[to]], &[update]).remove(0)
                    }
                    _ => self.combine(&mut crate::native::Evaluator, y[to], update),
                };
            }
        }
        vec![Array::from_fn(x.ty.clone(), |i| y[i])]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let float = b.ty(x[0]).dtype.is_float();
        let Some(dy) = dy[0].filter(|_| float) else {
            return Ok(vec![None; 3]);
        };
        match self.update {
            Some(Reducer::Sum) => {
                let picked = self.pick(b, x[1], x[2], dy);
                Ok(vec![Some(dy), None, Some(picked)])
            }
            None => Ok(self.replace_gradient(b, x, dy)),
            _ => Err(GradError::NotDifferentiable {
                op: OP,
                reason: "its updates neither add nor replace",
            }),
        }
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        match &self.update {
            Some(Reducer::Body(body)) if !can_inline(body) => Lowering::Interpret,
            _ => Lowering::Stores(Box::new(|k, x, out| self.store(k, x, &out[0]))),
        }
    }
}

impl Scatter {
    /// Where the update at `u` goes; may lie outside `x`.
    fn place(&self, x: &Type, indices: &Array, u: &[usize]) -> Vec<i64> {
        let (rank, vector) = (indices.ty.rank(), self.index_vector_dim);
        let (batch, offset) = split(u, &self.update_window_dims);
        let mut at = vec![0i64; x.rank()];
        for (axis, i) in self.windowed(x.rank()).into_iter().zip(offset) {
            at[axis] = i as i64;
        }
        for (c, &axis) in self.scatter_dims_to_operand_dims.iter().enumerate() {
            let start = indices.at(&component_at(&batch, c, rank, vector));
            // Far outside is outside, however far.
            let start = match start.ty.is_signed_int() {
                true => start.to_i64().clamp(-(1 << 60), 1 << 60),
                false => start.bits.min(1 << 60) as i64,
            };
            at[axis] += start;
        }
        let pairs = self.input_batching_dims.iter();
        for (&axis, &b) in pairs.zip(&self.scatter_indices_batching_dims) {
            at[axis] = batch[batch_place(b, vector)] as i64;
        }
        at
    }
}
