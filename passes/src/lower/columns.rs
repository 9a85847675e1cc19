//! Reductions that keep the minor axis: sums over rows. A tile of accumulators along the minor axis
//! stays in scratch while the rows go by in memory order; each accumulator sees its elements in the
//! order that the reference defines.

use super::Elements;
use crate::fuse::space;
use craneflow_ir::graph::Value;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Mem};
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::{Op, Reduce};
use craneflow_ir::{Emit, Native};

/// Most accumulators of one tile.
const TILE: usize = 512;
/// Fewest accumulators of a tile that is made narrower for threads to share the columns: four lines of `f32`.
const NARROW: usize = 64;
/// Tiles that are enough for threads to share.
const SHARED: usize = 8;
/// Elements reduced, of all columns, from which on it is worth while.
const LONG: usize = 1 << 16;

/// A column reduction found in a group.
struct Column<'g> {
    value: Value,
    x: Value,
    reduce: &'g Reduce,
    acc: Mem,
}

impl Elements<'_, '_> {
    /// Writes the kernel of a group whose reductions all keep the minor axis; false when there is
    /// none, or one that does not.
    pub(super) fn columns(&self, k: &mut KernelBuilder, roots: &[Value], outs: &[Mem]) -> bool {
        let g = self.graph();
        let shape = space(g, roots[0]).clone();
        let Some(found) = self.reductions(roots) else {
            return false;
        };
        let (Some(&width), false) = (shape.last(), found.is_empty()) else {
            return false;
        };
        let most = found
            .iter()
            .map(|&(v, _)| g.ty(g.def(v).operands[0]).count())
            .max();
        let tile = tile(width, shape.count() / width.max(1), most.unwrap_or(0));
        let tiles = width / tile;
        k.set_grid(shape.count() / tile);
        let grid = k.grid();
        let start = grid.rem(tiles as i64).mul(tile as i64);
        let outer = grid.div(tiles as i64).unravel(&shape[..shape.rank() - 1]);
        let at =
            |j: &Index| -> Vec<Index> { outer.iter().cloned().chain([start.add(j)]).collect() };
        let columns: Vec<Column> = (found.into_iter())
            .map(|(value, reduce)| {
                let dtype = g.ty(value).dtype.compute();
                Column {
                    value,
                    x: g.def(value).operands[0],
                    reduce,
                    acc: k.scratch(dtype, tile),
                }
            })
            .collect();
        for c in &columns {
            let dtype = g.ty(c.value).dtype.compute();
            let identity = k.constant(c.reduce.kind.identity(dtype).expect("named reducer"));
            k.each(tile, LoopKind::Lanes, |k, j| k.store(c.acc, &j, identity));
        }
        let alike = |a: &Column, b: &Column| {
            g.ty(a.x).shape == g.ty(b.x).shape && a.reduce.axes == b.reduce.axes
        };
        for (i, c) in columns.iter().enumerate() {
            if !columns[..i].iter().any(|d| alike(c, d)) {
                let batch: Vec<&Column> = columns.iter().filter(|d| alike(c, d)).collect();
                self.accumulate(k, &batch, tile, &at);
            }
        }
        k.each(tile, LoopKind::Lanes, |k, j| {
            let here = at(&j);
            for c in &columns {
                let acc = k.load(c.acc, &j);
                let value = k.native(Native::Convert(g.ty(c.value).dtype), &[acc]);
                k.remember(c.value.0, &here, value);
            }
            self.store_roots(k, roots, outs, &here);
        });
        true
    }

    /// One walk over the reduced rows for reductions with the same operand shape and axes.
    fn accumulate(
        &self,
        k: &mut KernelBuilder,
        batch: &[&Column],
        tile: usize,
        at: &dyn Fn(&Index) -> Vec<Index>,
    ) {
        let g = self.graph();
        let axes = &batch[0].reduce.axes;
        let x_shape = &g.ty(batch[0].x).shape;
        let extents: Vec<usize> = axes.iter().map(|&a| x_shape[a]).collect();
        k.nest(&extents, LoopKind::Serial, &mut |k, rows| {
            k.each(tile, LoopKind::Lanes, |k, j| {
                let full = interleave(&at(&j), rows, axes);
                for c in batch {
                    let dtype = g.ty(c.value).dtype;
                    let x = self.element(k, c.x, &full);
                    let x = k.native(Native::Convert(dtype.compute()), &[x]);
                    let acc = k.load(c.acc, &j);
                    let op = c.reduce.kind.pointwise(dtype).expect("named reducer");
                    let acc = op.emit(k, &[acc, x]);
                    k.store(c.acc, &j, acc);
                }
            });
        });
    }

    /// The reductions a group computes at its own index, if each keeps the minor axis and has a named
    /// reducer; `None` when one does not.
    fn reductions(&self, roots: &[Value]) -> Option<Vec<(Value, &Reduce)>> {
        let g = self.graph();
        let (mut found, mut all) = (vec![], true);
        self.lowering.visit(roots, &mut |v, computed| {
            let Some(node) = computed else {
                return false;
            };
            match &node.op {
                Op::Reduce(r) if g.ty(v).shape == *space(g, roots[0]) => {
                    let minor = g.ty(node.operands[0]).rank() - 1;
                    all &= !r.axes.contains(&minor) && !matches!(r.kind, Reducer::Body(_));
                    found.push((v, r));
                    false
                }
                Op::Reduce(_) | Op::ReduceWindow(_) | Op::DotGeneral(_) | Op::Convolution(_) => {
                    all = false;
                    false
                }
                _ => all,
            }
        });
        found.sort_by_key(|f| f.0);
        all.then_some(found)
    }
}

/// Accumulators per tile, for `outer` times `width` sums of `elements` in all: the whole width when it fits, else its greatest
/// divisor that does. Tiles are narrower where long sums would be too few for threads; a sum's order is the same in all.
fn tile(width: usize, outer: usize, elements: usize) -> usize {
    let most = match elements < LONG {
        true => TILE,
        false => (outer * width / SHARED).clamp(NARROW, TILE),
    };
    if width <= most {
        return width.max(1);
    }
    let divisor = (1..=most)
        .rev()
        .find(|t| width.is_multiple_of(*t) && t % 16 == 0);
    divisor.unwrap_or(width)
}

/// The multi-index of a reduction's operand from that of its result and the reduced part.
fn interleave(kept: &[Index], reduced: &[Index], axes: &[usize]) -> Vec<Index> {
    let (rank, mut kept, mut reduced) = (kept.len() + reduced.len(), kept.iter(), reduced.iter());
    let pick = |axis| {
        if axes.contains(&axis) {
            reduced.next()
        } else {
            kept.next()
        }
    };
    (0..rank)
        .map(pick)
        .map(|i| i.expect("as many indices as axes").clone())
        .collect()
}
