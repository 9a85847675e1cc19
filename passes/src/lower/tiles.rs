//! Transposes that move the minor axis: a group walks square tiles, so that what one row of the
//! result brings into the cache is used by the rows after it.

use super::Elements;
use crate::fuse::space;
use craneflow_ir::graph::Value;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Mem};
use craneflow_ir::ops::Op;

/// Edge of a tile: a cache line of `f32`.
const TILE: usize = 16;
/// Elements of the smallest group that is walked in tiles.
const SMALL: usize = 1 << 12;

impl Elements<'_, '_> {
    /// Writes the kernel of a group with a transpose of its own shape that moves the minor axis; false
    /// when there is none.
    pub(super) fn tiles(&self, k: &mut KernelBuilder, roots: &[Value], outs: &[Mem]) -> bool {
        let shape = space(self.graph(), roots[0]).clone();
        let Some(axis) = self.moved_axis(roots) else {
            return false;
        };
        let minor = shape.rank() - 1;
        let (height, width) = (shape[axis], shape[minor]);
        let edge = |extent: usize| (8..=2 * TILE).rev().find(|&t| extent.is_multiple_of(t));
        let (Some(rows), false) = (edge(height), shape.count() < SMALL || width < TILE) else {
            return false;
        };
        // The grid: blocks of rows, and all other axes.
        let mut outer = shape.0.clone();
        outer[axis] = height / rows;
        outer.truncate(minor);
        k.set_grid(outer.iter().product());
        let outer = k.grid().unravel(&outer);
        let tile = |k: &mut KernelBuilder, start: &Index, columns: usize| {
            k.each(rows, LoopKind::Serial, |k, i| {
                k.each(columns, LoopKind::Lanes, |k, j| {
                    let mut at = outer.clone();
                    at[axis] = at[axis].mul(rows as i64).add(&i);
                    at.push(start.add(&j));
                    self.store_roots(k, roots, outs, &at);
                });
            });
        };
        k.each(width / TILE, LoopKind::Serial, |k, block| {
            tile(k, &block.mul(TILE as i64), TILE);
        });
        tile(k, &Index::from(width - width % TILE), width % TILE);
        true
    }

    /// The axis of the roots that is the minor one of what a transpose among the pointwise ops of the
    /// group reads; `None` when there is no such transpose, or the group has other work.
    fn moved_axis(&self, roots: &[Value]) -> Option<usize> {
        let g = self.graph();
        let shape = space(g, roots[0]);
        let mut moved = None;
        let mut stack = roots.to_vec();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(v) = stack.pop() {
            if !seen.insert(v) || self.lowering.buf[v.0 as usize].is_some() {
                continue;
            }
            let node = g.def(v);
            match &node.op {
                Op::Transpose(t) if g.ty(v).shape == *shape && shape.rank() > 1 => {
                    let minor = shape.rank() - 1;
                    let axis = t.permutation.iter().position(|&p| p == minor)?;
                    moved = moved.or((axis != minor).then_some(axis));
                }
                Op::Pointwise(_)
                | Op::Constant(_)
                | Op::BroadcastInDim(_)
                | Op::Reshape(_)
                | Op::Iota(_)
                | Op::Concatenate(_) => stack.extend(&node.operands),
                _ => return None,
            }
        }
        moved
    }
}
