//! Convolutions of each channel by itself (depthwise) with long sums, as gradients of kernels are: a tile has a few rows of
//! the result for vectors of channels, so that an element is read for several sums at once. Along the last axis of a sum a
//! register tile has one vector after the other, whose neighbours come from memory in one line or the next.

use super::view::View;
use crate::Options;
use crate::fuse::Group;
use crate::lower::GraphLowering;
use craneflow_ir::graph::NodeId;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, Buf, Kernel, LoopKind, Mem, Val, Var};
use craneflow_ir::ops::Convolution;
use craneflow_ir::{Emit, Native, Scalar, Type};

/// Elements of a sum from which on it is long.
const LONG: usize = 128;
/// Most accumulators of a register tile.
const ACCUMULATORS: usize = 12;
/// Most register tiles of a block, side by side.
const TILES: usize = 4;

/// `C[b, m] = sum over k of A[b, m, k] * B[b, k]`, with b along vectors.
pub struct Channels {
    view: View,
    /// Lanes of a vector.
    lanes: usize,
    /// Vectors of a register tile.
    vectors: usize,
    /// Rows of a register tile.
    rows: usize,
    /// Register tiles of a block, along channels.
    tiles: usize,
}

impl Channels {
    /// Such a convolution, if its channels fill vectors.
    pub fn of(
        c: &Convolution,
        types: &[Type],
        result: &Type,
        options: &Options,
    ) -> Option<Channels> {
        let view = View::of_channels(c, types, result)?;
        let (channels, m) = (view.batch.count(), view.m.count());
        // Of wide vectors, the widest that the channels fill.
        let lanes = [1, 2, 4].map(|part| options.lanes(view.dtype) / part);
        let mut lanes = lanes.into_iter().filter(|&l| l > 1);
        let lanes = lanes.find(|&l| channels.is_multiple_of(l))?;
        if view.k.count() < LONG || m == 0 {
            return None;
        }
        let divisor = |n: usize, most: usize| (1..=most).rev().find(|&d| n.is_multiple_of(d));
        let rows = divisor(m, ACCUMULATORS)?;
        let vectors = divisor(channels / lanes, ACCUMULATORS / rows)?;
        let (wide, high) = (channels / lanes / vectors, m / rows);
        let enough =
            |tiles: &usize| wide.is_multiple_of(*tiles) && wide / tiles * high >= options.sharing;
        let tiles = (1..=TILES.min(wide)).rev().find(enough).unwrap_or(1);
        Some(Channels {
            view,
            lanes,
            vectors,
            rows,
            tiles,
        })
    }

    /// The kernel, and the buffers of its parameters but the roots'.
    pub fn kernel(
        &self,
        l: &GraphLowering,
        group: &Group,
        id: NodeId,
        bufs: [Buf; 2],
    ) -> (Kernel, Vec<Buf>) {
        let (g, view, lanes) = (l.g, &self.view, self.lanes);
        let elements = l.elements();
        let product = g.node(id).results[0];
        let width = lanes * self.vectors * self.tiles;
        let (columns, tiles) = (view.batch.count() / width, view.m.count() / self.rows);
        let mut k = KernelBuilder::new(&l.name(group), columns * tiles);
        k.set_lanes(lanes, view.dtype.bits());
        let operands = bufs.map(|buf| elements.param_of(&mut k, buf, view));
        elements.declare_epilogue(&mut k, group, product);
        let outs: Vec<Mem> = (group.roots.iter())
            .map(|&v| k.param(g.ty(v).dtype, g.ty(v).count(), Access::Write))
            .collect();
        let item = k.grid().unravel(&[columns, tiles]);
        let (channel, row) = (item[0].mul(width as i64), item[1].mul(self.rows as i64));
        let acc = k.scratch(view.dtype, self.rows * width);
        self.sums(&mut k, operands, acc, &channel, &row);
        for r in 0..self.rows {
            k.each(width, LoopKind::Lanes, |k, j| {
                let at = view.out_at(&channel.add(&j), &row.plus(r as i64), &Index::default());
                let sum = k.load(acc, &j.plus((r * width) as i64));
                k.remember(product.0, &at, sum);
                elements.store_roots(k, &group.roots, &outs, &at);
            });
        }
        (k.finish(), elements.params.into_inner().bufs)
    }

    /// The sums of a block, in scratch memory.
    fn sums(
        &self,
        k: &mut KernelBuilder,
        operands: [Mem; 2],
        acc: Mem,
        channel: &Index,
        row: &Index,
    ) {
        let view = &self.view;
        let zero = k.constant(Scalar {
            ty: view.dtype,
            bits: 0,
        });
        let zero = k.splat(zero);
        let own = self.lanes * self.vectors;
        let width = own * self.tiles;
        k.each(self.rows * width / self.lanes, LoopKind::Serial, |k, i| {
            k.store(acc, &i.mul(self.lanes as i64), zero)
        });
        let (&last, outer) = view.k.extents.split_last().expect("sums are long");
        k.nest(outer, LoopKind::Serial, &mut |k, at| {
            let start = Index::linear(at, outer).mul(last as i64);
            k.each(self.tiles, LoopKind::Serial, |k, tile| {
                let tile = tile.mul(own as i64);
                let lane = |v: usize| tile.plus((v * self.lanes) as i64);
                let place = |i: usize| {
                    let (r, v) = (i / self.vectors, i % self.vectors);
                    lane(v).plus((r * width) as i64)
                };
                let registers: Vec<Var> = (0..self.rows * self.vectors)
                    .map(|i| {
                        let sum = k.load_vector(acc, &place(i));
                        k.var(sum)
                    })
                    .collect();
                k.each(last, LoopKind::Serial, |k, i| {
                    let depth = start.add(&i);
                    let bs: Vec<Val> = (0..self.vectors)
                        .map(|v| {
                            let at = view.b_at(&channel.add(&lane(v)), &Index::default(), &depth);
                            k.load_vector(operands[1], &at)
                        })
                        .collect();
                    for (i, &register) in registers.iter().enumerate() {
                        let (r, v) = (i / self.vectors, i % self.vectors);
                        let at = view.a_at(&channel.add(&lane(v)), &row.plus(r as i64), &depth);
                        let a = k.load_vector(operands[0], &at);
                        let sum = k.get(register);
                        let sum = k.native(Native::Fma, &[a, bs[v], sum]);
                        k.set(register, sum);
                    }
                });
                for (i, &register) in registers.iter().enumerate() {
                    let sum = k.get(register);
                    k.store(acc, &place(i), sum);
                }
            });
        });
    }
}
