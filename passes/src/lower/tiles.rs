//! Transposes that move the minor axis: a group walks tiles. What is transposed goes to a scratch
//! tile first, along its own rows: its lines lie apart by a power of two, often, and would displace each
//! other in the cache before the rows of the result have used them.

use super::Elements;
use crate::fuse::space;
use craneflow_ir::graph::Value;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Mem};
use craneflow_ir::ops::Op;

/// Columns of the narrowest result that is walked in tiles: a cache line of `f32`.
const TILE: usize = 16;
/// Most rows and columns of a tile. Several lines follow each other in each row, of what is read and of what is
/// written, so that they come before they are asked for: 64 by 64 are half of L1.
const LONG: usize = 64;
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
        let edge = |extent: usize| (8..=LONG).rev().find(|&t| extent.is_multiple_of(t));
        let (Some(rows), false) = (edge(height), shape.count() < SMALL || width < TILE) else {
            return false;
        };
        // The grid: blocks of rows, and all other axes.
        let mut outer = shape.0.clone();
        outer[axis] = height / rows;
        outer.truncate(minor);
        k.set_grid(outer.iter().product());
        let outer = k.grid().unravel(&outer);
        let at = |start: &Index, i: &Index, j: &Index| -> Vec<Index> {
            let mut at = outer.clone();
            at[axis] = at[axis].mul(rows as i64).add(i);
            at.push(start.add(j));
            at
        };
        let staged: Vec<(Value, Mem)> = (self.transposed(roots, axis).into_iter())
            .map(|v| {
                (
                    v,
                    k.scratch(self.graph().ty(v).dtype, rows * LONG.min(width)),
                )
            })
            .collect();
        let tile = |k: &mut KernelBuilder, start: &Index, columns: usize| {
            let place = |i: &Index, j: &Index| j.mul(rows as i64).add(i);
            for &(v, mem) in &staged {
                k.each(columns, LoopKind::Serial, |k, j| {
                    k.each(rows, LoopKind::Lanes, |k, i| {
                        let value = self.element(k, v, &at(start, &i, &j));
                        k.store(mem, &place(&i, &j), value);
                    });
                });
            }
            k.each(rows, LoopKind::Serial, |k, i| {
                k.each(columns, LoopKind::Lanes, |k, j| {
                    let at = at(start, &i, &j);
                    for &(v, mem) in &staged {
                        let value = k.load(mem, &place(&i, &j));
                        k.remember(v.0, &at, value);
                    }
                    self.store_roots(k, roots, outs, &at);
                });
            });
        };
        k.each(width / LONG, LoopKind::Serial, |k, block| {
            tile(k, &block.mul(LONG as i64), LONG);
        });
        tile(k, &Index::from(width - width % LONG), width % LONG);
        true
    }

    /// The axis of the roots that is the minor one of what a transpose among the pointwise ops of the
    /// group reads; `None` when there is no such transpose, or the group has other work.
    fn moved_axis(&self, roots: &[Value]) -> Option<usize> {
        let g = self.graph();
        let shape = space(g, roots[0]);
        let (mut moved, mut all) = (None, true);
        self.lowering.visit(roots, &mut |v, computed| {
            let Some(node) = computed else {
                return false;
            };
            match &node.op {
                Op::Transpose(t) if g.ty(v).shape == *shape && shape.rank() > 1 => {
                    let minor = shape.rank() - 1;
                    let axis = t.permutation.iter().position(|&p| p == minor);
                    moved = moved.or(axis.filter(|&axis| axis != minor));
                    false
                }
                Op::Pointwise(_)
                | Op::Constant(_)
                | Op::BroadcastInDim(_)
                | Op::Reshape(_)
                | Op::Iota(_)
                | Op::Concatenate(_) => all,
                _ => {
                    all = false;
                    false
                }
            }
        });
        moved.filter(|_| all)
    }

    /// The transposes of the roots' shape that bring the minor axis of what they read to `axis`.
    fn transposed(&self, roots: &[Value], axis: usize) -> Vec<Value> {
        let g = self.graph();
        let shape = space(g, roots[0]);
        let mut found = vec![];
        self.lowering
            .visit(roots, &mut |v, computed| match computed {
                Some(node) => match &node.op {
                    Op::Transpose(t) if g.ty(v).shape == *shape => {
                        found.extend((t.permutation[axis] + 1 == shape.rank()).then_some(v));
                        false
                    }
                    _ => true,
                },
                None => false,
            });
        found.sort_unstable();
        found
    }
}
