//! Reductions in plain loops, in the order that the interpreter uses.

use super::build::KernelBuilder;
use super::index::Index;
use super::{LoopKind, Val};
use crate::ops::common::Reducer;
use crate::ops::reducer::{convert, partials};
use crate::types::DType;

/// Windows of at most this many positions are written out instead of looped over.
const UNROLLED: usize = 32;

/// Accumulators that are folded as scalars; more of them are halved as vectors before.
const FOLDED: usize = 16;

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
            Some((&c, outer)) if minor && partials(c) > 1 => {
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

    /// Partial accumulators in a tile: element `c` of the minor axis goes to number `c` modulo their number.
    fn reduce_spread(
        &mut self,
        kind: &Reducer,
        dtype: DType,
        outer: &[usize],
        minor: usize,
        element: &mut dyn FnMut(&mut Self, &[Index]) -> Val,
    ) -> Val {
        let number = partials(minor);
        let tile = self.scratch(dtype.compute(), number);
        let start = kind.start(self, dtype);
        self.each(number, LoopKind::Lanes, |k, j| k.store(tile, &j, start));
        let (blocks, tail) = (minor / number, minor % number);
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
                lanes(k, number, &block.mul(number as i64));
            });
            lanes(k, tail, &Index::from(blocks * number));
        });
        // Halves are combined until one is left.
        let mut number = number;
        while number > FOLDED {
            number /= 2;
            self.each(number, LoopKind::Lanes, |k, j| {
                let low = k.load(tile, &j);
                let high = k.load(tile, &j.plus(number as i64));
                let new = kind.combine(k, low, high);
                k.store(tile, &j, new);
            });
        }
        let mut parts: Vec<Val> = (0..number)
            .map(|j| self.load(tile, &Index::from(j)))
            .collect();
        while parts.len() > 1 {
            let high = parts.split_off(parts.len() / 2);
            let pairs = parts.into_iter().zip(high);
            parts = pairs.map(|(a, b)| kind.combine(self, a, b)).collect();
        }
        parts[0]
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
