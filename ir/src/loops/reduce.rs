//! Reductions in plain loops, in the order that the interpreter uses.

use super::build::KernelBuilder;
use super::index::Index;
use super::{LoopKind, Val};
use crate::ops::common::Reducer;
use crate::ops::reducer::{PARTIALS, convert};
use crate::types::DType;

/// Windows of at most this many positions are written out instead of looped over.
const UNROLLED: usize = 32;

/// New state from a position within the window and the old state.
pub type WindowStep<'a> = &'a mut dyn FnMut(&mut KernelBuilder, &[Index], Vec<Val>) -> Vec<Val>;

impl KernelBuilder {
    /// The fold by a named reducer of the elements that `fetch` yields at the multi-indices of
    /// `extents`, of type `dtype` like the result. `minor` tells that the last of them is the minor
    /// axis of the operand: if it is long, it is spread over partial accumulators, so that lanes can
    /// work on them.
    pub fn reduce(
        &mut self,
        kind: &Reducer,
        dtype: DType,
        extents: &[usize],
        minor: bool,
        fetch: &mut dyn FnMut(&mut Self, &[Index]) -> Val,
    ) -> Val {
        let mut element = |k: &mut Self, at: &[Index]| {
            let x = fetch(k, at);
            convert(k, x, dtype.compute())
        };
        let folded = match extents.split_last() {
            Some((&c, outer)) if minor && c >= PARTIALS => {
                self.reduce_spread(kind, dtype, outer, c, &mut element)
            }
            _ => {
                let start = kind.start(self, dtype);
                let acc = self.var(start);
                self.nest(extents, LoopKind::Serial, &mut |k, at| {
                    let x = element(k, at);
                    let old = k.get(acc);
                    let new = kind.combine(k, old, x);
                    k.set(acc, new);
                });
                self.get(acc)
            }
        };
        convert(self, folded, dtype)
    }

    /// `PARTIALS` accumulators in a tile: element `c` of the minor axis goes to number `c % PARTIALS`.
    fn reduce_spread(
        &mut self,
        kind: &Reducer,
        dtype: DType,
        outer: &[usize],
        minor: usize,
        element: &mut dyn FnMut(&mut Self, &[Index]) -> Val,
    ) -> Val {
        let tile = self.scratch(dtype.compute(), PARTIALS);
        let start = kind.start(self, dtype);
        self.each(PARTIALS, LoopKind::Lanes, |k, j| k.store(tile, &j, start));
        let (blocks, tail) = (minor / PARTIALS, minor % PARTIALS);
        self.nest(outer, LoopKind::Serial, &mut |k, at| {
            let mut lanes = |k: &mut Self, extent: usize, from: &Index| {
                k.each(extent, LoopKind::Lanes, |k, j| {
                    let x = element(k, &[at, &[from.add(&j)]].concat());
                    let old = k.load(tile, &j);
                    let new = kind.combine(k, old, x);
                    k.store(tile, &j, new);
                });
            };
            k.each(blocks, LoopKind::Serial, |k, block| {
                lanes(k, PARTIALS, &block.mul(PARTIALS as i64));
            });
            lanes(k, tail, &Index::from(blocks * PARTIALS));
        });
        // Halve while lanes pay, then fold what is left as values.
        for half in [8, 4] {
            self.each(half, LoopKind::Lanes, |k, j| {
                let low = k.load(tile, &j);
                let high = k.load(tile, &j.plus(half as i64));
                let new = kind.combine(k, low, high);
                k.store(tile, &j, new);
            });
        }
        let p = [0, 1, 2, 3].map(|j| self.load(tile, &Index::constant(j)));
        let (even, odd) = (
            kind.combine(self, p[0], p[2]),
            kind.combine(self, p[1], p[3]),
        );
        kind.combine(self, even, odd)
    }

    /// Walks the positions of a window in row-major order with a state of values that `step`
    /// replaces. Small windows become straight-line code, so the loops around can be vectors.
    pub fn over_window(&mut self, sizes: &[usize], state: Vec<Val>, step: WindowStep) -> Vec<Val> {
        if sizes.iter().product::<usize>() <= UNROLLED {
            return crate::ops::walk::indices(sizes).fold(state, |state, at| {
                let at: Vec<Index> = at.into_iter().map(Index::from).collect();
                step(self, &at, state)
            });
        }
        let vars: Vec<_> = state.into_iter().map(|v| self.var(v)).collect();
        self.nest(sizes, LoopKind::Serial, &mut |k, at| {
            let old = vars.iter().map(|&v| k.get(v)).collect();
            let new = step(k, at, old);
            for (&var, v) in vars.iter().zip(new) {
                k.set(var, v);
            }
        });
        vars.iter().map(|&v| self.get(v)).collect()
    }
}
