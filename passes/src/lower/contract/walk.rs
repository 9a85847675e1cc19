//! How a register tile walks a block of k. Where windows have edges, only what is inside the input is walked.

use super::blocking::rounds;
use super::tile::Tile;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Var};

/// The loops over a block of k around the multiply-adds of a register tile.
pub struct Walk<'a> {
    tile: &'a Tile<'a>,
    /// Where the block begins in k.
    start: &'a Index,
    rows: &'a [Index],
    registers: &'a [Vec<Var>],
    /// Axes of k outside the block.
    outer: usize,
    /// The loops, and the multiply-adds of a round of the innermost.
    loops: Vec<usize>,
    steps: usize,
    /// The innermost axis, where windows leave the input along it: its extent, and the part of it that is
    /// inside for every row.
    edge: Option<(usize, (usize, usize))>,
}

impl<'a> Walk<'a> {
    /// The loops over `inner` from `start` on, of a tile with these rows and accumulators.
    pub fn new(
        tile: &'a Tile,
        start: &'a Index,
        inner: &[usize],
        rows: &'a [Index],
        registers: &'a [Vec<Var>],
    ) -> Walk<'a> {
        let edges = &tile.product.view.k.edges;
        let outer = edges.len() - inner.len();
        let last = match (edges.last(), inner) {
            (Some(Some(edge)), [.., last]) => Some((*last, edge.inside)),
            _ => None,
        };
        let kept = edges[outer..].iter().rposition(Option::is_some);
        let (loops, steps) = match last {
            Some(_) => (inner[..inner.len() - 1].to_vec(), 1),
            None => rounds(inner, kept.map_or(0, |i| i + 1)),
        };
        Walk {
            tile,
            start,
            rows,
            registers,
            outer,
            loops,
            steps,
            edge: last,
        }
    }

    /// The loops from `level` on, at `at` in those around them.
    pub fn level(&self, k: &mut KernelBuilder, level: usize, at: &Index) {
        let Some(&extent) = self.loops.get(level) else {
            return match self.edge {
                Some((extent, inside)) => {
                    self.along_edge(k, &at.mul(extent as i64), extent, inside)
                }
                None => self.steps(k, &at.mul(self.steps as i64), self.steps),
            };
        };
        let rest: usize = self.loops[level + 1..].iter().product();
        let rest = rest * self.steps * self.edge.map_or(1, |e| e.0);
        k.each(extent, LoopKind::Serial, |k, i| {
            let at = at.mul(extent as i64).add(&i);
            let depth = self.start.add(&at.mul(rest as i64));
            let axis = self.outer + level;
            self.tile.inside(k, axis..axis + 1, &depth, &mut |k| {
                self.level(k, level + 1, &at)
            });
        });
    }

    fn steps(&self, k: &mut KernelBuilder, from: &Index, n: usize) {
        for step in 0..n {
            let depth = from.plus(step as i64);
            self.tile
                .step(k, self.rows, self.registers, self.start, &depth);
        }
    }

    /// Steps along a whole axis with an edge, from `from` in the block: only those at its ends are tested.
    fn along_edge(
        &self,
        k: &mut KernelBuilder,
        from: &Index,
        extent: usize,
        inside: (usize, usize),
    ) {
        let axis = self.outer + self.loops.len();
        let tested = |k: &mut KernelBuilder, first: usize, n: usize| {
            k.each(n, LoopKind::Serial, |k, i| {
                let at = from.add(&i).plus(first as i64);
                self.tile
                    .inside(k, axis..axis + 1, &self.start.add(&at), &mut |k| {
                        self.steps(k, &at, 1)
                    });
            });
        };
        tested(k, 0, inside.0);
        let n = inside.1 - inside.0;
        let first = from.plus(inside.0 as i64);
        let round = (4..=8).rev().find(|&u| n.is_multiple_of(u)).unwrap_or(8);
        k.each(n / round, LoopKind::Serial, |k, i| {
            self.steps(k, &first.add(&i.mul(round as i64)), round);
        });
        let done = n / round * round;
        self.steps(k, &first.plus(done as i64), n - done);
        tested(k, inside.1, extent - inside.1);
    }
}
