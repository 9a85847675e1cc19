//! Blocking, and the loops around the register tile.

use super::view::View;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Mem, Val, Var};
use craneflow_ir::{DType, Emit, Native, Scalar};

/// Rows of the register tile: with two vectors of columns, eight accumulators, two vectors of B and one
/// of A fit in 16 registers.
const ROWS: usize = 4;
/// Multiply-adds of one grid item, about 40 microseconds at 128 bits: enough to be worth a hand-over,
/// small enough to share.
const ITEM_WORK: usize = 1 << 20;
/// Depth of a block of k: a panel of B of this depth and two vectors stays in L1.
const DEPTH: usize = 512;
/// Most columns of a block.
const COLUMNS: usize = 256;
/// Most accumulators of a block, in elements: half of L1.
const BLOCK: usize = 4096;

/// How a contraction is cut; a function of its shape and the width of vectors. The order of
/// accumulation does not depend on it.
#[derive(Clone, Debug)]
pub struct Blocking {
    /// Lanes of a vector.
    pub lanes: usize,
    /// Columns of the register tile.
    pub width: usize,
    rows: usize,
    /// Register tiles of a block along m.
    row_tiles: usize,
    /// Register tiles of a block along n.
    column_tiles: usize,
}

/// What one grid item computes: first row, first column.
pub struct Item {
    /// Batch index.
    pub batch: Index,
    /// First row.
    pub row: Index,
    /// First column.
    pub column: Index,
}

impl Blocking {
    /// The blocking of a contraction on vectors of `lanes` lanes.
    pub fn choose(view: &View, lanes: usize) -> Blocking {
        let (m, n, k) = (view.m.count(), view.n.count(), view.k.count());
        let width = if lanes == 1 { 8 } else { 2 * lanes };
        let rows = ROWS.min(m);
        let all = n.div_ceil(width);
        // Blocks of columns are equal, so that only the last tile of a whole row can be ragged.
        let fits = |t: &usize| all.is_multiple_of(*t) && (n.is_multiple_of(t * width) || *t == all);
        let most = (COLUMNS / width).max(1);
        let column_tiles = (1..=most.min(all)).rev().find(fits).unwrap_or(all);
        let per_row_tile = rows * column_tiles * width * k;
        let by_work = (ITEM_WORK / per_row_tile.max(1)).max(1);
        let by_space = (BLOCK / (rows * column_tiles * width)).max(1);
        let row_tiles = by_work.min(by_space).min(m.div_ceil(rows));
        Blocking {
            lanes,
            width,
            rows,
            row_tiles,
            column_tiles,
        }
    }

    /// Rows of a block.
    pub fn block_rows(&self) -> usize {
        self.rows * self.row_tiles
    }

    /// Columns of a block, those beyond n included.
    pub fn block_columns(&self) -> usize {
        self.width * self.column_tiles
    }

    fn counts(&self, view: &View) -> (usize, usize) {
        (
            view.m.count().div_ceil(self.block_rows()),
            view.n.count().div_ceil(self.block_columns()),
        )
    }

    /// Number of grid items.
    pub fn grid(&self, view: &View) -> usize {
        let (rows, columns) = self.counts(view);
        view.batch.count() * rows * columns
    }

    /// The block of a grid item.
    pub fn item(&self, grid: &Index, view: &View) -> Item {
        let (rows, columns) = self.counts(view);
        let parts = grid.unravel(&[view.batch.count(), rows, columns]);
        Item {
            batch: parts[0].clone(),
            row: parts[1].mul(self.block_rows() as i64),
            column: parts[2].mul(self.block_columns() as i64),
        }
    }

    /// The axes of k around a block of depth, and those inside.
    fn depth(&self, extents: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let mut split = extents.len();
        let mut depth = 1;
        while split > 0 && depth * extents[split - 1] <= 2 * DEPTH {
            split -= 1;
            depth *= extents[split];
        }
        (extents[..split].to_vec(), extents[split..].to_vec())
    }
}

/// The extents of k with long innermost axes cut in two, so that blocks of `DEPTH` can be formed.
fn cut(extents: &[usize]) -> Vec<usize> {
    let mut out = extents.to_vec();
    if let Some(&last) = extents.last()
        && last > 2 * DEPTH
        && let Some(inner) = (64..=DEPTH).rev().find(|d| last % d == 0)
    {
        out.pop();
        out.extend([last / inner, inner]);
    }
    out
}

/// Computes the block of `item` into `acc`, row by row of `block_columns`.
pub fn accumulate(
    k: &mut KernelBuilder,
    view: &View,
    blocking: &Blocking,
    item: &Item,
    operands: [Mem; 2],
    acc: Mem,
) {
    let (rows, columns) = (blocking.block_rows(), blocking.block_columns());
    let zero = k.constant(Scalar {
        ty: view.dtype,
        bits: 0,
    });
    let (outer, inner) = blocking.depth(&cut(&view.k.extents));
    let whole = outer.is_empty();
    if !whole {
        let zero = k.splat(zero);
        k.each(rows * columns / blocking.lanes, LoopKind::Serial, |k, i| {
            k.store(acc, &i.mul(blocking.lanes as i64), zero)
        });
    }
    let inner_count: usize = inner.iter().product();
    k.nest(&outer.clone(), LoopKind::Serial, &mut |k, o| {
        let start = Index::linear(o, &outer).mul(inner_count as i64);
        k.each(blocking.column_tiles, LoopKind::Serial, |k, ct| {
            k.each(blocking.row_tiles, LoopKind::Serial, |k, rt| {
                let tile = Tile {
                    view,
                    blocking,
                    item,
                    operands,
                    acc,
                    row: rt.mul(blocking.rows as i64),
                    column: ct.mul(blocking.width as i64),
                };
                tile.run(k, whole, &start, &inner);
            });
        });
    });
}

/// One register tile.
struct Tile<'a> {
    view: &'a View,
    blocking: &'a Blocking,
    item: &'a Item,
    operands: [Mem; 2],
    acc: Mem,
    /// First row in the block.
    row: Index,
    /// First column in the block.
    column: Index,
}

impl Tile<'_> {
    fn run(&self, k: &mut KernelBuilder, whole: bool, start: &Index, inner: &[usize]) {
        let vectors = self.blocking.width / self.blocking.lanes;
        let rows: Vec<Index> = (0..self.blocking.rows)
            .map(|i| self.row_index(k, i))
            .collect();
        let registers: Vec<Vec<Var>> = (0..rows.len())
            .map(|i| {
                let first = |k: &mut KernelBuilder, v| match whole {
                    true => {
                        let zero = k.constant(Scalar {
                            ty: self.view.dtype,
                            bits: 0,
                        });
                        k.splat(zero)
                    }
                    false => k.load_vector(self.acc, &self.place(i, v)),
                };
                (0..vectors)
                    .map(|v| {
                        let init = first(k, v);
                        k.var(init)
                    })
                    .collect()
            })
            .collect();
        let unroll = unroll(inner);
        let mut loops = inner.to_vec();
        if let Some(last) = loops.last_mut() {
            *last /= unroll;
        }
        k.nest(&loops.clone(), LoopKind::Serial, &mut |k, at| {
            let base = start.add(&Index::linear(at, &loops).mul(unroll as i64));
            for u in 0..unroll {
                self.step(k, &rows, &registers, &base.plus(u as i64));
            }
        });
        for (i, row) in registers.iter().enumerate() {
            for (v, &register) in row.iter().enumerate() {
                let sum = k.get(register);
                k.store(self.acc, &self.place(i, v), sum);
            }
        }
    }

    /// One multiply-add of every accumulator.
    fn step(&self, k: &mut KernelBuilder, rows: &[Index], registers: &[Vec<Var>], depth: &Index) {
        let lanes = self.blocking.lanes as i64;
        let column = self.item.column.add(&self.column);
        let bs: Vec<Val> = (0..registers[0].len())
            .map(|v| {
                let at = self
                    .view
                    .b_at(&self.item.batch, &column.plus(v as i64 * lanes), depth);
                k.load_vector(self.operands[1], &at)
            })
            .collect();
        for (row, registers) in rows.iter().zip(registers) {
            let at = self.view.a_at(&self.item.batch, row, depth);
            let a = k.load(self.operands[0], &at);
            let a = k.splat(a);
            for (&b, &register) in bs.iter().zip(registers) {
                let sum = k.get(register);
                let sum = k.native(Native::Fma, &[a, b, sum]);
                k.set(register, sum);
            }
        }
    }

    /// Row `i` of the tile; beyond the last row, the last row again.
    fn row_index(&self, k: &mut KernelBuilder, i: usize) -> Index {
        let m = self.view.m.count();
        let row = self.item.row.add(&self.row).plus(i as i64);
        if m.is_multiple_of(self.blocking.block_rows()) {
            return row;
        }
        let value = k.index_value(&row);
        let last = k.constant(Scalar::int(DType::I64, m as i64 - 1));
        let value = k.native(Native::Min, &[value, last]);
        k.as_index(value, m)
    }

    /// Where vector `v` of row `i` lies in the block.
    fn place(&self, i: usize, v: usize) -> Index {
        let row = self
            .row
            .plus(i as i64)
            .mul(self.blocking.block_columns() as i64);
        row.add(&self.column).plus((v * self.blocking.lanes) as i64)
    }
}

/// Steps of k per round of the innermost loop.
fn unroll(inner: &[usize]) -> usize {
    let last = inner.last().copied().unwrap_or(1);
    (1..=8).rev().find(|u| last % u == 0).unwrap_or(1)
}
