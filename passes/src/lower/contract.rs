//! `dot_general` and `convolution` with their epilogues, by register tiles.
//!
//! Both are one form: `C[b, m, n] = sum over k of A[b, m, k] * B[b, n, k]`, each of b, m, n, k a flat index
//! over some axes, with affine addresses. A kernel's grid item computes a block of rows times a block of
//! columns, one register tile after the other. Where k is short, a tile takes all of it and is stored, with
//! its epilogue, while it is in registers. Where k is long, a scratch tile holds the block's accumulators
//! while k goes by in blocks, so that a panel of B stays in L1. Every accumulator sees its products in the
//! order of k, whatever the blocking.

mod blocking;
mod channels;
mod edge;
mod flat;
mod tile;
mod view;
mod walk;

use super::{Elements, GraphLowering, Output};
use crate::fuse::Group;
use blocking::Blocking;
use channels::Channels;
use craneflow_ir::DType;
use craneflow_ir::graph::NodeId;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, Buf, LoopKind, Mem};
use craneflow_ir::ops::{Convolution, Op};
use craneflow_ir::{Emit, Native, Scalar, Type};
use tile::{Product, Sums};
use view::View;

/// Steps of k that are laid out at a time: a line of `f32`.
const STAGED: usize = 16;
/// Bytes between lines of which a panel has more than a cache keeps, at any multiple.
const APART: usize = 2048;

/// The name of a kernel that lays out an operand.
pub(crate) const PACK: &str = "pack";

/// Products below this many multiply-adds stay plain loops.
const TINY: usize = 256;

/// Whether a convolution is lowered without writing out the padding of its input.
pub(crate) fn leaves_out_padding(c: &Convolution, types: &[Type], result: &Type) -> bool {
    let float = matches!(result.dtype, DType::F32 | DType::F64);
    float && View::of_convolution(c, types, result).is_some_and(|v| v.work() >= TINY)
}

/// Lowers the group of a contraction.
pub(super) fn lower(
    l: &mut GraphLowering,
    group: &Group,
    id: NodeId,
    from: &str,
    out: &mut Output,
) {
    let node = l.g.node(id);
    let types = l.g.types(&node.operands);
    let result = l.g.ty(node.results[0]).clone();
    let view = match &node.op {
        Op::DotGeneral(d) => View::of_dot(d, &types, &result),
        Op::Convolution(c) => View::of_convolution(c, &types, &result),
        other => unreachable!("{} is no contraction", other.name()),
    };
    let float = matches!(result.dtype, DType::F32 | DType::F64);
    if let (Op::Convolution(c), true) = (&node.op, float && !out.options.plain)
        && let Some(channels) = Channels::of(c, &types, &result, &out.options)
    {
        let bufs = [0, 1].map(|i| l.stored(node.operands[i]));
        return l.launch(group, None, from, out, |l| {
            channels.kernel(l, group, id, bufs)
        });
    }
    let view = view.filter(|v| float && v.work() >= TINY && !out.options.plain);
    let Some(mut view) = view else {
        return l.plain(group, from, out);
    };
    let operands = [l.stored(node.operands[0]), l.stored(node.operands[1])];
    let mut bufs = if view.prefers_swap(l.turns(operands[1])) {
        view.swap();
        [operands[1], operands[0]]
    } else {
        operands
    };
    view.settle();
    let turns = l.turns(bufs[1]);
    let blocking = Blocking::choose(&view, &out.options, turns);
    view.interleave(blocking.rows);
    let mut packed = None;
    if view.needs_pack(&blocking, turns) {
        bufs[1] = pack(l, &view, &blocking, bufs[1], from, out);
        packed = Some(bufs[1]);
        view.packed(&blocking);
    }
    l.launch(group, packed, from, out, |l| {
        kernel(l, group, id, &view, &blocking, bufs)
    });
}

/// A launch that lays B out in panels: `[b][n / width][k][width]`, zeros beyond n.
fn pack(
    l: &mut GraphLowering,
    view: &View,
    blocking: &Blocking,
    from: Buf,
    layer: &str,
    out: &mut Output,
) -> Buf {
    let (dtype, width) = (view.dtype, blocking.width);
    let (batches, k_count) = (view.batch.count(), view.k.count());
    let panels = view.n.count().div_ceil(width);
    let ty = Type::new(dtype, [batches, panels, k_count, width]);
    let to = out.temp(
        &format!("{}.packed", out.program.buffer(from).name.clone()),
        ty.clone(),
    );
    let mut k = KernelBuilder::new(PACK, batches * panels);
    let source = k.param(dtype, out.program.buffer(from).ty.count(), Access::Read);
    let packed = k.param(dtype, ty.count(), Access::Write);
    let grid = k.grid();
    let (batch, panel) = (grid.div(panels as i64), grid.rem(panels as i64));
    let zero = k.constant(Scalar { ty: dtype, bits: 0 });
    let depth = staged(view);
    let stage = k.scratch(dtype, width * depth);
    let lay_out = |k: &mut KernelBuilder, ragged: bool| {
        let element = |k: &mut KernelBuilder, j: &Index, row: &Index| {
            let n = panel.mul(width as i64).add(j);
            let load = |k: &mut KernelBuilder| k.load(source, &view.b_at(&batch, &n, row));
            if !ragged {
                return load(k);
            }
            let inside = k.within(&n, 0, view.n.count() as i64);
            k.choose(inside, load, |_| zero)
        };
        k.each(k_count / depth, LoopKind::Serial, |k, block| {
            let row = |i: &Index| block.mul(depth as i64).add(i);
            if depth > 1 {
                k.each(width, LoopKind::Serial, |k, j| {
                    k.each(depth, LoopKind::Lanes, |k, i| {
                        let value = element(k, &j, &row(&i));
                        k.store(stage, &j.mul(depth as i64).add(&i), value);
                    });
                });
            }
            k.each(depth, LoopKind::Serial, |k, i| {
                k.each(width, LoopKind::Lanes, |k, j| {
                    let value = match depth {
                        1 => element(k, &j, &row(&i)),
                        _ => k.load(stage, &j.mul(depth as i64).add(&i)),
                    };
                    let at = [grid.clone(), row(&i), j];
                    let to = Index::linear(&at, &[batches * panels, k_count, width]);
                    k.store(packed, &to, value);
                });
            });
        });
    };
    let full = view.n.count() / width;
    if full == panels {
        lay_out(&mut k, false);
    } else {
        for (first, last, ragged) in [(0, full, false), (full, panels, true)] {
            if first < last {
                let here = k.within(&panel, first as i64, last as i64);
                k.when(here, |k| lay_out(k, ragged));
            }
        }
    }
    out.launch(&mut l.steps, k.finish(), vec![from, to], layer);
    to
}

/// Steps of k that a panel takes at a time where columns of B are dense along k, but displace each other in the cache: they are
/// read line by line, and laid out from there. 1 where nothing is gained.
fn staged(view: &View) -> usize {
    let dense = view
        .k
        .extents
        .len()
        .checked_sub(1)
        .and_then(|last| view.b_step(last))
        == Some(1);
    let apart = view
        .n_step()
        .is_some_and(|step| (step * view.dtype.size()).is_multiple_of(APART));
    let extent = view.k.extents.last().copied().unwrap_or(1);
    match dense && apart && extent.is_multiple_of(STAGED) {
        true => STAGED,
        false => 1,
    }
}

/// The kernel, and the buffers of its parameters but the roots'.
fn kernel(
    l: &GraphLowering,
    group: &Group,
    id: NodeId,
    view: &View,
    blocking: &Blocking,
    bufs: [Buf; 2],
) -> (craneflow_ir::loops::Kernel, Vec<Buf>) {
    let g = l.g;
    let elements = l.elements();
    let product = g.node(id).results[0];
    let mut k = KernelBuilder::new(&l.name(group), blocking.grid(view));
    k.set_lanes(blocking.lanes, view.dtype.bits());
    let operands = bufs.map(|buf| elements.param_of(&mut k, buf, view));
    elements.declare_epilogue(&mut k, group, product);
    let outs: Vec<Mem> = group
        .roots
        .iter()
        .map(|&v| k.param(g.ty(v).dtype, g.ty(v).count(), Access::Write))
        .collect();
    let item = blocking.item(&k.grid(), view);
    let multiply = Product {
        view,
        blocking,
        operands,
    };
    multiply.block(&mut k, &item, |k, sums| {
        let store = |k: &mut KernelBuilder, r: &Index, m: &Index| {
            k.each(sums.columns, LoopKind::Lanes, |k, j| {
                let at = view.out_at(&item.batch, m, &sums.column.add(&j));
                let of = r.mul(sums.stride as i64).add(&j).plus(sums.first as i64);
                let sum = k.load(sums.acc, &of);
                k.remember(product.0, &at, sum);
                elements.store_roots(k, &group.roots, &outs, &at);
            });
        };
        each_row(k, view, blocking, &sums, store);
    });
    (k.finish(), elements.params.into_inner().bufs)
}

/// Calls `store` with the row in the tile and the row in the result, for all rows that the result has.
fn each_row(
    k: &mut KernelBuilder,
    view: &View,
    blocking: &Blocking,
    sums: &Sums,
    store: impl Fn(&mut KernelBuilder, &Index, &Index),
) {
    let m_count = view.m.count();
    let kind = match blocking.whole {
        true => LoopKind::Unroll,
        false => LoopKind::Serial,
    };
    k.each(sums.rows, kind, |k, r| {
        let m = sums.row.add(&r);
        if m_count.is_multiple_of(blocking.block_rows()) {
            return store(k, &r, &m);
        }
        let inside = k.within(&m, 0, m_count as i64);
        // Where the block has rows beyond m, the index is known to be inside.
        let value = k.index_value(&m);
        k.when(inside, |k| {
            let last = k.constant(Scalar::int(DType::I64, m_count as i64 - 1));
            let value = k.native(Native::Min, &[value, last]);
            let m = k.as_index(value, m_count);
            store(k, &r, &m)
        });
    });
}

impl Elements<'_, '_> {
    /// The parameter of an operand of a contraction.
    fn param_of(&self, k: &mut KernelBuilder, buf: Buf, view: &View) -> Mem {
        let mut params = self.params.borrow_mut();
        if let Some(i) = params.bufs.iter().position(|&b| b == buf) {
            return params.mems[i];
        }
        let len = view.len_of(buf, params.bufs.len());
        let mem = k.param(view.dtype, len, Access::Read);
        params.bufs.push(buf);
        params.mems.push(mem);
        mem
    }

    /// Declares what the epilogue of a contraction reads.
    fn declare_epilogue(&self, k: &mut KernelBuilder, group: &Group, product: craneflow_ir::Value) {
        let g = self.graph();
        let mut seen = std::collections::BTreeSet::from([product]);
        let mut stack: Vec<_> = group.roots.iter().rev().copied().collect();
        while let Some(v) = stack.pop() {
            if !seen.insert(v) {
                continue;
            }
            match self.lowering.buf[v.0 as usize] {
                Some(_) => {
                    self.param(k, v);
                }
                None => stack.extend(g.def(v).operands.iter().rev()),
            }
        }
    }
}
