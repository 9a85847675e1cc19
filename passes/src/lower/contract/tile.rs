//! The register tile and the loops around it.

use super::blocking::{Blocking, Item};
use super::view::View;
use super::walk::Walk;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{LoopKind, Mem, Val, Var};
use craneflow_ir::{DType, Emit, Native, Scalar};

/// A part of the result, and where its sums are found: row by row in a tile of `stride` columns.
pub struct Sums {
    /// First row in the result.
    pub row: Index,
    /// First column in the result.
    pub column: Index,
    /// Rows, those beyond m included.
    pub rows: usize,
    /// Columns, none beyond n.
    pub columns: usize,
    /// The scratch tile.
    pub acc: Mem,
    /// Where in a row of it the first column is.
    pub first: usize,
    /// Its columns.
    pub stride: usize,
}

/// What a kernel multiplies.
pub struct Product<'a> {
    /// Its axes and addresses.
    pub view: &'a View,
    /// How it is cut.
    pub blocking: &'a Blocking,
    /// Parameters of A and B.
    pub operands: [Mem; 2],
}

impl Product<'_> {
    /// Computes the block of `item`, and hands each part to `store` when it is complete.
    pub fn block(
        &self,
        k: &mut KernelBuilder,
        item: &Item,
        mut store: impl FnMut(&mut KernelBuilder, Sums),
    ) {
        if self.blocking.whole {
            return self.tiles(k, item, &mut store);
        }
        let acc = self.sums(k, item);
        let (rows, stride) = (self.blocking.block_rows(), self.blocking.block_columns());
        let mut part = |k: &mut KernelBuilder, column: usize, first: usize, columns: usize| {
            let sums = Sums {
                row: item.row.clone(),
                column: item.column.plus(column as i64),
                rows,
                columns,
                acc,
                first,
                stride,
            };
            store(k, sums);
        };
        match self.skipped() {
            0 => part(k, 0, 0, stride.min(self.view.n.count())),
            skipped => {
                let full = stride - self.blocking.width;
                part(k, 0, 0, full);
                part(k, full, full + skipped, self.ragged());
            }
        }
    }

    /// Columns of the last register tile of a row that has fewer than its width; 0 where there is none.
    fn ragged(&self) -> usize {
        self.view.n.count() % self.blocking.width
    }

    /// Columns of the ragged tile that belong to the tile before, for B has no more: it ends where B does.
    fn skipped(&self) -> usize {
        match self.view.is_packed() || self.ragged() == 0 {
            true => 0,
            false => self.blocking.width - self.ragged(),
        }
    }

    /// Register tiles that take all of k, each stored while it is in registers.
    fn tiles(
        &self,
        k: &mut KernelBuilder,
        item: &Item,
        store: &mut dyn FnMut(&mut KernelBuilder, Sums),
    ) {
        let b = self.blocking;
        let acc = k.scratch(self.view.dtype, b.rows * b.width);
        let ragged = self.ragged();
        let full = b.column_tiles - (ragged > 0) as usize;
        let extents = &self.view.k.extents;
        let panel = b
            .copies_whole_panel(self.view)
            .then(|| k.scratch(self.view.dtype, self.view.k.count() * b.width));
        let mut tile = |k: &mut KernelBuilder, rt: &Index, ct: &Index, columns: usize| {
            let column = item.column.add(&ct.mul(b.width as i64));
            let first = if columns < b.width { self.skipped() } else { 0 };
            let tile = Tile {
                product: self,
                item,
                acc,
                row: item.row.add(&rt.mul(b.rows as i64)),
                column: column.plus(-(first as i64)),
                place: Index::default(),
                stride: b.width,
                panel,
            };
            tile.run(k, true, &Index::default(), extents);
            let sums = Sums {
                row: tile.row,
                column,
                rows: b.rows,
                columns,
                acc,
                first,
                stride: b.width,
            };
            store(k, sums);
        };
        if b.along_rows {
            return k.each(b.row_tiles, LoopKind::Serial, |k, rt| {
                k.each(full, LoopKind::Serial, |k, ct| tile(k, &rt, &ct, b.width));
                if ragged > 0 {
                    tile(k, &rt, &Index::from(full), ragged);
                }
            });
        }
        let mut column = |k: &mut KernelBuilder, ct: Index, columns: usize| {
            if let Some(panel) = panel {
                let first = if columns < b.width { self.skipped() } else { 0 };
                let column = item
                    .column
                    .add(&ct.mul(b.width as i64))
                    .plus(-(first as i64));
                self.copy(k, item, panel, &column, &Index::default(), extents);
            }
            k.each(b.row_tiles, LoopKind::Serial, |k, rt| {
                tile(k, &rt, &ct, columns)
            });
        };
        k.each(full, LoopKind::Serial, |k, ct| column(k, ct, b.width));
        if ragged > 0 {
            column(k, Index::from(full), ragged);
        }
    }

    /// The sums of a block in scratch memory, while k goes by in blocks.
    fn sums(&self, k: &mut KernelBuilder, item: &Item) -> Mem {
        let (view, b) = (self.view, self.blocking);
        let (rows, stride) = (b.block_rows(), b.block_columns());
        let acc = k.scratch(view.dtype, rows * stride);
        let zero = zero(k, view.dtype);
        k.each(rows * stride / b.lanes, LoopKind::Serial, |k, i| {
            k.store(acc, &i.mul(b.lanes as i64), zero)
        });
        let (outer, inner) = b.depth(view);
        let count: usize = inner.iter().product();
        let copied = b
            .copies_panel(view)
            .then(|| k.scratch(view.dtype, count * b.width));
        let skipped = self.skipped();
        let full = b.column_tiles - (skipped > 0) as usize;
        k.nest(&outer.clone(), LoopKind::Serial, &mut |k, o| {
            let start = Index::linear(o, &outer).mul(count as i64);
            let column = |k: &mut KernelBuilder, ct: &Index, skipped: usize| {
                let at = ct.mul(b.width as i64);
                let column = item.column.add(&at).plus(-(skipped as i64));
                if let Some(panel) = copied {
                    self.copy(k, item, panel, &column, &start, &inner);
                }
                k.each(b.row_tiles, LoopKind::Serial, |k, rt| {
                    let row = rt.mul(b.rows as i64);
                    let tile = Tile {
                        product: self,
                        item,
                        acc,
                        place: row.mul(stride as i64).add(&at),
                        row: item.row.add(&row),
                        column: column.clone(),
                        stride,
                        panel: copied,
                    };
                    tile.run(k, false, &start, &inner);
                });
            };
            k.each(full, LoopKind::Serial, |k, ct| column(k, &ct, 0));
            if skipped > 0 {
                column(k, &Index::from(full), skipped);
            }
        });
        acc
    }

    /// Copies a block of k of the panel at `column` so that it lies densely.
    fn copy(
        &self,
        k: &mut KernelBuilder,
        item: &Item,
        panel: Mem,
        column: &Index,
        start: &Index,
        inner: &[usize],
    ) {
        let b = self.blocking;
        k.nest(inner, LoopKind::Serial, &mut |k, at| {
            let depth = Index::linear(at, inner);
            for v in 0..(b.width / b.lanes) as i64 {
                let column = column.plus(v * b.lanes as i64);
                let from = self.view.b_at(&item.batch, &column, &start.add(&depth));
                let value = k.load_vector(self.operands[1], &from);
                let to = depth.mul(b.width as i64).plus(v * b.lanes as i64);
                k.store(panel, &to, value);
            }
        });
    }
}

/// A vector of zeros.
fn zero(k: &mut KernelBuilder, ty: DType) -> Val {
    let zero = k.constant(Scalar { ty, bits: 0 });
    k.splat(zero)
}

/// One register tile.
pub struct Tile<'a> {
    /// What it is a part of.
    pub product: &'a Product<'a>,
    item: &'a Item,
    acc: Mem,
    /// First row and column in the result.
    row: Index,
    column: Index,
    /// First element and columns in the scratch tile.
    place: Index,
    stride: usize,
    /// The block of k of B's panel, where it was copied.
    panel: Option<Mem>,
}

impl Tile<'_> {
    /// Adds the products of `inner` from `start` on to sums that begin at zero, or in scratch memory.
    fn run(&self, k: &mut KernelBuilder, fresh: bool, start: &Index, inner: &[usize]) {
        let outer = self.product.view.k.extents.len() - inner.len();
        self.inside(k, 0..outer, start, &mut |k| {
            let b = self.product.blocking;
            let rows: Vec<Index> = (0..b.rows).map(|i| self.row_index(k, i)).collect();
            let registers: Vec<Vec<Var>> = (0..b.rows)
                .map(|i| {
                    let first = |k: &mut KernelBuilder, v| match fresh {
                        true => zero(k, self.product.view.dtype),
                        false => k.load_vector(self.acc, &self.place(i, v)),
                    };
                    (0..b.width / b.lanes)
                        .map(|v| {
                            let init = first(k, v);
                            k.var(init)
                        })
                        .collect()
                })
                .collect();
            let walk = Walk::new(self, start, inner, &rows, &registers);
            walk.level(k, 0, &Index::default());
            for (i, row) in registers.iter().enumerate() {
                for (v, &register) in row.iter().enumerate() {
                    let sum = k.get(register);
                    k.store(self.acc, &self.place(i, v), sum);
                }
            }
        });
    }

    /// Runs `f` where the window is on elements along all of these axes of k, at `depth`.
    pub fn inside(
        &self,
        k: &mut KernelBuilder,
        axes: std::ops::Range<usize>,
        depth: &Index,
        f: &mut dyn FnMut(&mut KernelBuilder),
    ) {
        let view = self.product.view;
        let mut inside = None;
        for axis in axes {
            if let Some(edge) = &view.k.edges[axis] {
                let (at, extent) = view.position(edge, axis, &self.row, depth);
                let test = k.within(&at, 0, extent);
                inside = Some(k.both(inside, test));
            }
        }
        match inside {
            None => f(k),
            Some(inside) => k.when(inside, |k| f(k)),
        }
    }

    /// One multiply-add of every accumulator, at `depth` in the block of k that begins at `start`.
    pub fn step(
        &self,
        k: &mut KernelBuilder,
        rows: &[Index],
        registers: &[Vec<Var>],
        start: &Index,
        depth: &Index,
    ) {
        let Product {
            view,
            blocking,
            operands,
        } = self.product;
        let lanes = blocking.lanes as i64;
        let bs: Vec<Val> = (0..registers[0].len())
            .map(|v| {
                let lane = v as i64 * lanes;
                if let Some(panel) = self.panel {
                    let at = depth.mul(blocking.width as i64).plus(lane);
                    return k.load_vector(panel, &at);
                }
                let column = self.column.plus(lane);
                let at = view.b_at(&self.item.batch, &column, &start.add(depth));
                k.load_vector(operands[1], &at)
            })
            .collect();
        for (row, registers) in rows.iter().zip(registers) {
            let at = view.a_at(&self.item.batch, row, &start.add(depth));
            let a = k.load(operands[0], &at);
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
        let Product { view, blocking, .. } = self.product;
        let m = view.m.count();
        let row = self.row.plus(i as i64);
        if m.is_multiple_of(blocking.block_rows()) {
            return row;
        }
        let value = k.index_value(&row);
        let last = k.constant(Scalar::int(DType::I64, m as i64 - 1));
        let value = k.native(Native::Min, &[value, last]);
        k.as_index(value, m)
    }

    /// Where vector `v` of row `i` lies in the scratch tile.
    fn place(&self, i: usize, v: usize) -> Index {
        let at = i * self.stride + v * self.product.blocking.lanes;
        self.place.plus(at as i64)
    }
}
