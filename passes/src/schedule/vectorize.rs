//! Turns `Lanes` loops into loops of vectors with a scalar tail.

mod walker;

use super::Target;
use super::affine::{self, constant};
use super::lanes::{Lanes, analyse};
use super::rebuild::{Pass, Rebuild};
use super::scan::addresses;
use super::unroll::size;
use craneflow_ir::loops::*;
use walker::Walker;

/// Statements that complete unrolling of a vector loop may make.
const FULL: usize = 64;
/// Most vectors of a loop that is unrolled completely for its own sake.
const FEW: usize = 8;
/// The same where it makes the addresses of a tile constant, so that the tile can be registers.
const FULL_TILE: usize = 256;
/// Most vectors of such a loop: more would not stay in registers.
const REGISTERS: usize = 16;

/// Vectorises the loops that can be; the kernel gets lanes of 32 bits, or of 64 when no loop works
/// with those. A kernel that has vectors keeps their lanes.
pub(crate) fn vectorize(k: &mut Kernel, target: &Target) {
    if k.loops.iter().all(|l| l.kind != LoopKind::Lanes) {
        return;
    }
    for bits in [32, 64] {
        let lanes = match k.lanes {
            1 => fitting(k, target.lanes(bits), 128 / bits),
            lanes if k.lane_bits == bits => lanes,
            _ => continue,
        };
        if lanes < 2 {
            continue;
        }
        let mut pass = Vectorize {
            bits,
            lanes,
            done: false,
        };
        let mut next = k.clone();
        Rebuild::run(&mut next, &mut pass);
        if pass.done || bits == 64 {
            *k = next;
        }
        if pass.done {
            (k.lanes, k.lane_bits) = (lanes, bits);
            return;
        }
    }
}

/// The number of lanes, from `most` down to `least` by halves, with which the loops take the fewest
/// steps, those of scalar tails included; the most of equals.
fn fitting(k: &Kernel, most: usize, least: usize) -> usize {
    let loops = || k.loops.iter().filter(|l| l.kind == LoopKind::Lanes);
    let steps =
        |lanes: usize| -> usize { loops().map(|l| l.extent / lanes + l.extent % lanes).sum() };
    let halves = std::iter::successors(Some(most), |&l| (l > least).then_some(l / 2));
    halves.min_by_key(|&l| steps(l)).unwrap_or(most)
}

struct Vectorize {
    bits: usize,
    lanes: usize,
    done: bool,
}

impl Pass for Vectorize {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
        if kind == LoopKind::Lanes {
            if extent < self.lanes {
                return self.scalars(r, l, 0, extent, body);
            }
            if !self.inner(r, body)
                && let Some(found) = analyse(&r.old, &r.uses, l, body, self.bits)
            {
                self.done = true;
                return self.vectors(r, l, body, &found);
            }
        }
        r.copy_loop(self, l, body);
    }
}

impl Vectorize {
    /// Whether a loop inside becomes vectors.
    fn inner(&self, r: &Rebuild, stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| match s {
            Stmt::For(l, body) => {
                let def = &r.old.loops[l.0 as usize];
                let lanes = def.kind == LoopKind::Lanes && def.extent >= self.lanes;
                (lanes && analyse(&r.old, &r.uses, *l, body, self.bits).is_some())
                    || self.inner(r, body)
            }
            Stmt::If(_, a, b) => self.inner(r, a) || self.inner(r, b),
            _ => false,
        })
    }

    /// Iterations `from..from + n` in scalar form.
    fn scalars(&mut self, r: &mut Rebuild, l: Loop, from: usize, n: usize, body: &[Stmt]) {
        if n * size(&r.old, body) <= FULL {
            for i in from..from + n {
                r.loops[l.0 as usize] = Some(constant(i as i64));
                r.block(self, body);
            }
        } else {
            r.each(n, LoopKind::Serial, body, |r, i| {
                r.loops[l.0 as usize] = Some(affine::plus(&i, from as i64));
                r.block(self, body);
            });
        }
    }

    fn vectors(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt], found: &Lanes) {
        let extent = r.old.loops[l.0 as usize].extent;
        let (vectors, rest) = (extent / self.lanes, extent % self.lanes);
        let shape = self.shape(&r.old, l, body, vectors);
        let group = shape.repeat * shape.jam;
        let mut walker = Walker::new(l, self.lanes, found);
        r.each(vectors / group, LoopKind::Serial, body, |r, i| {
            for copy in 0..shape.repeat {
                walker.run(r, &i, group, copy * shape.jam, shape.jam, body);
            }
        });
        let left = vectors % group;
        let first = constant((vectors - left) as i64);
        if shape.jam == 1 {
            for copy in 0..left {
                walker.run(r, &first, 1, copy, 1, body);
            }
        } else {
            r.each(left, LoopKind::Serial, body, |r, i| {
                let at = affine::plus(&i, first.offset);
                walker.run(r, &at, 1, 0, 1, body);
            });
        }
        self.scalars(r, l, extent - rest, rest, body);
    }

    /// How many vectors an iteration of the vector loop holds.
    fn shape(&self, k: &Kernel, l: Loop, body: &[Stmt], vectors: usize) -> Shape {
        let size = size(k, body);
        let largest = |choices: &[usize], n: usize| {
            let fits = |c: &&usize| **c <= n;
            choices.iter().find(fits).copied().unwrap_or(1)
        };
        if body.iter().any(|s| matches!(s, Stmt::For(..))) {
            // Several accumulators hide the latency of an inner loop and share its uniform loads.
            let jam = largest(&[4, 2], vectors.min(128 / size.max(1)));
            return Shape { repeat: 1, jam };
        }
        let tile = addresses(k, body)
            .iter()
            .any(|(mem, at)| matches!(mem, Some(Mem::Scratch(_))) && at.coefficient(l) != 0);
        let few = vectors <= FEW && vectors * size <= FULL;
        let registers = tile && vectors <= REGISTERS && vectors * size <= FULL_TILE;
        let repeat = if few || registers {
            vectors
        } else {
            largest(&[4, 2], vectors.min(FULL / size.max(1)))
        };
        Shape { repeat, jam: 1 }
    }
}

/// An iteration holds `repeat` copies, one after the other, of `jam` copies statement by statement.
struct Shape {
    repeat: usize,
    jam: usize,
}
