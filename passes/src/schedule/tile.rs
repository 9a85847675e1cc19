//! Walks transposes tile by tile, so that what a cache line brings is used while it is there.

use super::affine::{self, of_loop};
use super::rebuild::{Keep, Rebuild};
use super::scan::addresses;
use craneflow_ir::loops::*;

/// Rows and columns of a tile.
const TILE: usize = 16;

/// Tiles a kernel whose items are rows of independent elements and which loads, along a row, with a long
/// stride what lies side by side for neighbouring items.
pub(super) fn tile(k: &mut Kernel) {
    let [Stmt::For(l, inner)] = &k.body[..] else {
        return;
    };
    let row = &k.loops[l.0 as usize];
    let long = k.grid() >= 2 * TILE && row.extent >= 2 * TILE && k.epilogue.is_empty();
    let flat = |s: &Stmt| !matches!(s, Stmt::For(..) | Stmt::If(..));
    if row.kind != LoopKind::Lanes || !long || !inner.iter().all(flat) {
        return;
    }
    let crossing = addresses(k, inner).iter().any(|(mem, at)| {
        mem.is_some() && at.coefficient(GRID) == 1 && at.coefficient(*l).abs() >= TILE as i64
    });
    if crossing {
        tiles(k, *l);
    }
}

/// A grid item becomes `TILE` rows; rows that are left go to the epilogue.
fn tiles(k: &mut Kernel, l: Loop) {
    let (rows, columns) = (k.grid(), k.loops[l.0 as usize].extent);
    let mut r = Rebuild::new(std::mem::take(k));
    let (prologue, body, _) = r.parts();
    let [Stmt::For(_, inner)] = &body[..] else {
        unreachable!("one loop")
    };
    r.block(&mut Keep, &prologue);
    r.new.loops[0].extent = rows / TILE;
    r.section(&body, |r| {
        let mut first = affine::constant(0);
        affine::add(&mut first, &of_loop(GRID, 1, 0), TILE as i64);
        walk(r, l, inner, &first, TILE, columns);
    });
    r.new.body = r.take();
    r.section(&body, |r| {
        r.fresh_registers(&body);
        let left = rows % TILE;
        let first = affine::constant((rows - left) as i64);
        walk(r, l, inner, &first, left, columns);
    });
    r.new.epilogue = r.take();
    *k = r.finish();
}

/// Rows `first .. first + rows`, by tiles of columns.
fn walk(r: &mut Rebuild, l: Loop, inner: &[Stmt], first: &Affine, rows: usize, columns: usize) {
    let part = |r: &mut Rebuild, column: Affine, width: usize| {
        r.each(rows, LoopKind::Serial, inner, |r, i| {
            let mut row = first.clone();
            affine::add(&mut row, &i, 1);
            r.loops[0] = Some(row);
            r.each(width, LoopKind::Lanes, inner, |r, j| {
                let mut at = column.clone();
                affine::add(&mut at, &j, 1);
                r.loops[l.0 as usize] = Some(at);
                r.block(&mut Keep, inner);
            });
        });
    };
    r.each(columns / TILE, LoopKind::Serial, inner, |r, c| {
        let mut column = affine::constant(0);
        affine::add(&mut column, &c, TILE as i64);
        part(r, column, TILE);
    });
    let left = columns % TILE;
    part(r, affine::constant((columns - left) as i64), left);
}
