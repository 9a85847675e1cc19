//! The merge sort as loops: a grid item sorts one line, between two tiles per operand.

use super::Sort;
use crate::loops::build::{KernelBuilder, Operand, Out};
use crate::loops::index::Index;
use crate::loops::region::inline_region;
use crate::loops::{LoopKind, Mem, Val};
use crate::native::{Cmp, Emit, Native, Scalar};
use crate::types::{DType, Type};

pub(super) fn stores(
    op: &Sort,
    types: &[Type],
    k: &mut KernelBuilder,
    x: &[Operand],
    outs: &[Out],
) {
    let n = types[0].shape[op.axis];
    let lines = types[0].without_axes(&[op.axis]).shape;
    k.set_grid(if n == 0 { 0 } else { lines.count() });
    if n == 0 || lines.count() == 0 {
        return;
    }
    let line = k.grid().unravel(&lines);
    let at = |i: &Index| {
        let mut at = line.clone();
        at.insert(op.axis, i.clone());
        at
    };
    let tiles = |k: &mut KernelBuilder| -> Vec<Mem> {
        types.iter().map(|t| k.scratch(t.dtype, n)).collect()
    };
    let (mut from, mut to) = (tiles(k), tiles(k));
    k.each(n, LoopKind::Serial, |k, i| {
        for (x, tile) in x.iter().zip(&from) {
            let v = x.at(k, &at(&i));
            k.store(*tile, &i, v);
        }
    });
    let mut width = 1;
    while width < n {
        let run = Runs {
            op,
            n,
            from: &from,
            to: &to,
        };
        let (pairs, rest) = (n / (2 * width), n % (2 * width));
        k.each(pairs, LoopKind::Serial, |k, b| {
            run.merge(k, &b.mul(2 * width as i64), width, 2 * width);
        });
        let start = Index::from(n - rest);
        match rest > width {
            true => run.merge(k, &start, width, rest),
            false => run.copy(k, &start, rest),
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    k.each(n, LoopKind::Serial, |k, i| {
        for (out, tile) in outs.iter().zip(&from) {
            let v = k.load(*tile, &i);
            k.store_at(out, &at(&i), v);
        }
    });
}

/// One pass over the tiles.
struct Runs<'a> {
    op: &'a Sort,
    n: usize,
    from: &'a [Mem],
    to: &'a [Mem],
}

impl Runs<'_> {
    /// Merges the runs `start..start + width` and `start + width..start + end`. Without a branch: a
    /// run that is used up is read at its last place, and what was read there is not taken.
    fn merge(&self, k: &mut KernelBuilder, start: &Index, width: usize, end: usize) {
        let first = |k: &mut KernelBuilder, at: usize| {
            let value = k.index_value(&start.plus(at as i64));
            k.var(value)
        };
        let (left, right) = (first(k, 0), first(k, width));
        let middle = k.index_value(&start.plus(width as i64));
        let end_of_right = k.index_value(&start.plus(end as i64));
        k.each(end, LoopKind::Serial, |k, i| {
            let (l, r) = (k.get(left), k.get(right));
            let in_left = k.native(Native::Cmp(Cmp::Lt), &[l, middle]);
            let in_right = k.native(Native::Cmp(Cmp::Lt), &[r, end_of_right]);
            let (a, b) = (self.load(k, l), self.load(k, r));
            let pair: Vec<Val> = b.iter().zip(&a).flat_map(|(&b, &a)| [b, a]).collect();
            let before = inline_region(k, &self.op.comparator, &pair)[0];
            let left_done = k.native(Native::Not, &[in_left]);
            let wanted = k.native(Native::Or, &[left_done, before]);
            let take_right = k.native(Native::And, &[in_right, wanted]);
            for ((&a, &b), &tile) in a.iter().zip(&b).zip(self.to) {
                let v = k.native(Native::Select, &[take_right, b, a]);
                k.store(tile, &start.add(&i), v);
            }
            let one = k.native(Native::Convert(DType::I64), &[take_right]);
            let step = k.constant(Scalar::int(DType::I64, 1));
            let other = k.native(Native::Sub, &[step, one]);
            let (l, r) = (
                k.native(Native::Add, &[l, other]),
                k.native(Native::Add, &[r, one]),
            );
            k.set(left, l);
            k.set(right, r);
        });
    }

    fn load(&self, k: &mut KernelBuilder, at: Val) -> Vec<Val> {
        let last = k.constant(Scalar::int(DType::I64, self.n as i64 - 1));
        let at = k.native(Native::Min, &[at, last]);
        let at = k.as_index(at, self.n);
        self.from.iter().map(|&tile| k.load(tile, &at)).collect()
    }

    fn copy(&self, k: &mut KernelBuilder, start: &Index, count: usize) {
        k.each(count, LoopKind::Serial, |k, i| {
            for (&from, &to) in self.from.iter().zip(self.to) {
                let v = k.load(from, &start.add(&i));
                k.store(to, &start.add(&i), v);
            }
        });
    }
}
