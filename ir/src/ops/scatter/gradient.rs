//! Gradients of `scatter`.

use super::Scatter;
use crate::build::Builder;
use crate::graph::Value;
use crate::native::Cmp;
use crate::ops::{Gather, Iota, Pad};
use crate::scalar::Pointwise;
use crate::types::{DType, Type};
use crate::{Array, Scalar};

impl Scatter {
    /// For each update, the element of `from` (a tensor like `x`) where it goes; zero outside. `from`
    /// is padded by a window on both sides, so that every window, clamped, reads what it should.
    pub(super) fn pick(&self, b: &mut Builder, indices: Value, updates: Value, from: Value) -> Value {
        let ty = b.ty(from).clone();
        let rank = ty.rank();
        if ty.count() == 0 {
            let nothing = b.ty(updates).with_dtype(ty.dtype);
            return b.splat(&nothing, 0.0);
        }
        let window = self.window(rank, b.ty(updates));
        let mut margin = vec![0i64; rank];
        for &axis in &self.scatter_dims_to_operand_dims {
            margin[axis] = window[axis] as i64;
        }
        let pad = Pad {
            low: margin.clone(),
            high: margin,
            interior: vec![0; rank],
        };
        let zero = b.constant(Array::scalar(Scalar::from_f64(ty.dtype, 0.0)));
        let padded = b.op(pad, &[from, zero]);
        let starts = self.shifted(b, indices, &ty, &window);
        let gather = Gather {
            offset_dims: self.update_window_dims.clone(),
            collapsed_slice_dims: self.inserted_window_dims.clone(),
            operand_batching_dims: self.input_batching_dims.clone(),
            start_indices_batching_dims: self.scatter_indices_batching_dims.clone(),
            start_index_map: self.scatter_dims_to_operand_dims.clone(),
            index_vector_dim: self.index_vector_dim,
            slice_sizes: window,
        };
        b.op(gather, &[padded, starts])
    }

    /// Indices into the padded tensor, as `i64`: clamped to `-window..=extent`, plus `window`.
    fn shifted(&self, b: &mut Builder, indices: Value, x: &Type, window: &[usize]) -> Value {
        let mut starts = indices;
        if b.ty(indices).dtype == DType::U64 {
            let most = b.constant(Array::scalar(Scalar::int(DType::U64, 1 << 60)));
            let shape = b.shape(indices);
            let most = b.broadcast(most, &[], &shape);
            starts = b.min(starts, most);
        }
        let starts = b.convert(starts, DType::I64);
        let low = self.per_component(b, starts, |axis| -(window[axis] as i64));
        let high = self.per_component(b, starts, |axis| x.shape[axis] as i64);
        let shift = self.per_component(b, starts, |axis| window[axis] as i64);
        let clamped = b.op(Pointwise::Clamp, &[low, starts, high]);
        b.add(clamped, shift)
    }

    /// A constant for each component, by its axis of `x`, in the shape of the indices.
    fn per_component(&self, b: &mut Builder, indices: Value, f: impl Fn(usize) -> i64) -> Value {
        let ty = b.ty(indices).clone();
        let axes = &self.scatter_dims_to_operand_dims;
        let list = Type::new(ty.dtype, [axes.len()]);
        let list = b.constant(Array::from_fn(list, |c| Scalar::int(ty.dtype, f(axes[c]))));
        match self.index_vector_dim < ty.rank() {
            true => b.broadcast(list, &[self.index_vector_dim], &ty.shape),
            false => {
                let only = b.reshape(list, &[]);
                b.broadcast(only, &[], &ty.shape)
            }
        }
    }

    /// Gradients when updates replace: an element passes its gradient on to the update that stayed,
    /// the last one, found by scattering the numbers of the updates.
    pub(super) fn replace_gradient(
        &self,
        b: &mut Builder,
        x: &[Value],
        dy: Value,
    ) -> Vec<Option<Value>> {
        let updates = b.ty(x[2]).clone();
        let count = updates.count();
        let iota = Iota {
            ty: Type::new(DType::I64, [count]),
            axis: 0,
        };
        let numbers = b.op(iota, &[]);
        let one = b.like(numbers, 1.0);
        let numbers = b.add(numbers, one);
        let numbers = b.reshape(numbers, &updates.shape);
        let none = b.ty(x[0]).with_dtype(DType::I64);
        let none = b.splat(&none, 0.0);
        let writer = b.op(self.clone(), &[none, x[1], numbers]);
        let untouched = b.compare(Cmp::Eq, writer, none);
        let zero = b.like(dy, 0.0);
        let dx = b.select(untouched, dy, zero);
        let last = self.pick(b, x[1], x[2], writer);
        let stayed = b.compare(Cmp::Eq, last, numbers);
        let picked = self.pick(b, x[1], x[2], dy);
        let zero = b.like(picked, 0.0);
        vec![Some(dx), None, Some(b.select(stayed, picked, zero))]
    }
}
