//! Loops of `scatter`.

use super::super::gather::{batch_place, component_at, split};
use super::Scatter;
use crate::loops::build::{KernelBuilder, Operand, Out};
use crate::loops::index::Index;
use crate::loops::region::inline_region;
use crate::loops::{LoopKind, Val};
use crate::ops::common::Reducer;
use crate::types::Type;

/// Narrowest and greatest number of parts of the minor axis that make grid items.
const PART: usize = 16;
const PARTS: usize = 4;
/// Elements of `x` from which on parts of its leading axis may be grid items.
const LARGE: usize = 1 << 14;

impl Scatter {
    /// Copies `x`, then applies the updates in order. Where windows span the minor axis and no index
    /// moves them along it, elements along it are independent: they are lanes. Grid items are parts of them,
    /// or, where `x` is larger than the updates, of the leading axis: then an item leaves out the updates of other parts.
    pub(super) fn store(&self, k: &mut KernelBuilder, x: &[Operand], out: &Out) {
        let shape = &out.ty.shape;
        let lane = self.lane_axis(&x[0].ty.shape);
        let rows = lane.and_then(|_| leading(&x[0].ty, &x[2].ty));
        let columns = match (lane, rows) {
            (Some(u), None) => parts(x[2].ty.shape[u], shape[shape.rank() - 1]),
            _ => 1,
        };
        k.set_grid(rows.unwrap_or(columns));
        let mut extents = shape.0.clone();
        if let Some(minor) = extents.last_mut() {
            *minor /= columns;
        }
        if let Some(rows) = rows {
            extents[0] /= rows;
        }
        let first_row = k.grid().mul(rows.map_or(0, |_| extents[0] as i64));
        let part = |k: &KernelBuilder, j: &Index| {
            let width = shape.last().map_or(1, |d| d / columns);
            match columns {
                1 => j.clone(),
                _ => k.grid().mul(width as i64).add(j),
            }
        };
        k.nest(&extents, LoopKind::Lanes, &mut |k, at| {
            let mut at = at.to_vec();
            if let Some(minor) = at.pop() {
                at.push(part(k, &minor));
            }
            if let (Some(_), Some(row)) = (rows, at.first_mut()) {
                *row = row.add(&first_row);
            }
            let v = x[0].at(k, &at);
            k.store_at(out, &at, v);
        });
        let mut serial = x[2].ty.shape.0.clone();
        let lanes = lane.map(|u| std::mem::replace(&mut serial[u], 1) / columns);
        k.nest(&serial, LoopKind::Serial, &mut |k, u| {
            let (at, mut inside) = self.place_index(k, &x[0], &x[1], (u, &x[2]));
            if rows.is_some() {
                let row = at[0].add(&first_row.mul(-1));
                let here = k.within(&row, 0, extents[0] as i64);
                inside = Some(k.both(inside, here));
            }
            let apply = |k: &mut KernelBuilder| match (lane, lanes) {
                (Some(axis), Some(lanes)) => k.each(lanes, LoopKind::Lanes, |k, j| {
                    let j = part(k, &j);
                    let (mut u, mut at) = (u.to_vec(), at.clone());
                    u[axis] = j.clone();
                    *at.last_mut().expect("a minor axis") = j;
                    self.apply(k, &x[2], &u, out, &at);
                }),
                _ => self.apply(k, &x[2], u, out, &at),
            };
            match inside {
                None => apply(k),
                Some(inside) => k.when(inside, apply),
            }
        });
    }

    /// The axis of the updates that runs along the minor axis of `x` and that no index moves.
    fn lane_axis(&self, shape: &[usize]) -> Option<usize> {
        let minor = shape.len().checked_sub(1)?;
        let still = !self.scatter_dims_to_operand_dims.contains(&minor);
        let windowed = self.windowed(shape.len()).last() == Some(&minor);
        (still && windowed)
            .then(|| self.update_window_dims.last().copied())
            .flatten()
    }

    fn apply(&self, k: &mut KernelBuilder, updates: &Operand, u: &[Index], out: &Out, at: &[Index]) {
        let update = updates.at(k, u);
        let to = Index::linear(at, &out.ty.shape);
        let new = match &self.update {
            None => update,
            Some(Reducer::Body(body)) => {
                let old = k.load(out.mem, &to);
                inline_region(k, body, &[old, update])[0]
            }
            Some(_) => {
                let old = k.load(out.mem, &to);
                self.combine(k, old, update)
            }
        };
        k.store(out.mem, &to, new);
    }

    /// Where the update at `u` goes, and whether that is inside `x` (`None`: always).
    fn place_index(
        &self,
        k: &mut KernelBuilder,
        x: &Operand,
        indices: &Operand,
        (u, updates): (&[Index], &Operand),
    ) -> (Vec<Index>, Option<Val>) {
        let shape = &x.ty.shape;
        let window = self.window(shape.rank(), &updates.ty);
        let (rank, vector) = (indices.ty.rank(), self.index_vector_dim);
        let (batch, offset) = split(u, &self.update_window_dims);
        let mut at = vec![Index::default(); shape.rank()];
        for (axis, i) in self.windowed(shape.rank()).into_iter().zip(offset) {
            at[axis] = i;
        }
        let mut inside = None;
        for (c, &axis) in self.scatter_dims_to_operand_dims.iter().enumerate() {
            let start = indices.at(k, &component_at(&batch, Index::from(c), rank, vector));
            // Starts from which no element of the window is inside are as good as the nearest.
            let (before, extent) = (window[axis] as i64, shape[axis] as i64);
            let start = k.clamped_start(start, -before, extent);
            let shifted = k.plus(start, before);
            let start = k.as_index(shifted, (before + extent + 1) as usize).plus(-before);
            at[axis] = at[axis].add(&start);
            let test = k.within(&at[axis], 0, extent);
            inside = Some(k.both(inside, test));
        }
        let pairs = self.input_batching_dims.iter();
        for (&axis, &b) in pairs.zip(&self.scatter_indices_batching_dims) {
            at[axis] = batch[batch_place(b, vector)].clone();
        }
        (at, inside)
    }
}

/// How many parts the leading axis of `x` is divided into, where it is not the minor one and there is more to copy than to
/// update.
fn leading(x: &Type, updates: &Type) -> Option<usize> {
    let pays = x.rank() > 1 && x.count() >= LARGE && x.count() >= updates.count();
    (pays && x.shape[0].is_multiple_of(PARTS)).then_some(PARTS)
}

/// How many parts the minor axis, of `extent` elements, is divided into for windows of `window`.
fn parts(window: usize, extent: usize) -> usize {
    let fits = |&n: &usize| window == extent && extent.is_multiple_of(n * PART);
    [PARTS, PARTS / 2].into_iter().find(fits).unwrap_or(1)
}
