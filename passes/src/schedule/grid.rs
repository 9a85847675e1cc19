//! Gives the grid a reasonable granularity: blocks of elements where its items are single elements,
//! parts of rows where it has few long rows.

use super::Target;
use super::affine::{self, constant, of_loop};
use super::lanes::analyse;
use super::rebuild::{Keep, Rebuild};
use super::scan::{uses, walk};
use craneflow_ir::loops::*;
use craneflow_ir::{DType, Native};

/// Elements of a block; a function of nothing, so that the grid is the same on every target.
const BLOCK: usize = 16;
/// A grid of fewer items is cut up when its rows are long.
const FEW: usize = 16;
/// Elements that a part of a row has at least.
const PART: usize = 256;

/// Splits the grid.
pub(crate) fn split_grid(k: &mut Kernel, target: &Target) {
    if k.grid() == 0 {
        return;
    }
    if elements(k, target) {
        blocks(k);
    } else if let Some((Stmt::For(l, _), first)) = k.body.split_last() {
        let row = &k.loops[l.0 as usize];
        let pure = first.iter().all(|s| matches!(s, Stmt::Let(_)));
        let long = k.grid() < FEW && row.extent >= 2 * PART;
        if row.kind == LoopKind::Lanes && pure && long {
            parts(k, *l);
        }
    }
}

/// Whether an item of the grid is best computed in a lane of a vector.
fn elements(k: &Kernel, target: &Target) -> bool {
    let mut inner = false;
    walk(&k.body, &mut |s| {
        if let Stmt::For(l, _) = s {
            inner |= k.loops[l.0 as usize].kind == LoopKind::Lanes;
        }
    });
    let uses = uses(k);
    let found = [32, 64]
        .into_iter()
        .filter(|&bits| target.lanes(bits) > 1)
        .find_map(|bits| analyse(k, &uses, GRID, &k.body, bits));
    !inner && k.grid() > 1 && found.is_some_and(|f| f.useful >= f.gathers)
}

/// `BLOCK` items become one, the rest goes to the epilogue.
fn blocks(k: &mut Kernel) {
    let n = k.grid();
    let block = if n < 2 * BLOCK { n } else { BLOCK };
    let mut r = Rebuild::new(std::mem::take(k));
    let (prologue, body, epilogue) = r.parts();
    r.block(&mut Keep, &prologue);
    r.new.loops[0].extent = n / block;
    r.section(&body, |r| {
        r.each(block, LoopKind::Lanes, &body, |r, j| {
            let mut at = j;
            if n / block > 1 {
                affine::add(&mut at, &of_loop(GRID, 1, 0), block as i64);
            }
            r.loops[0] = Some(at);
            r.block(&mut Keep, &body);
        })
    });
    r.new.body = r.take();
    r.section(&epilogue, |r| {
        r.after(&body);
        r.fresh_registers(&body);
        r.each(n % block, LoopKind::Serial, &body, |r, j| {
            r.loops[0] = Some(affine::plus(&j, (n - n % block) as i64));
            r.block(&mut Keep, &body);
        });
        r.block(&mut Keep, &epilogue)
    });
    r.new.epilogue = r.take();
    *k = r.finish();
}

/// An item becomes a part of the row that the loop `l` walks; what is left of the rows goes to
/// the epilogue.
fn parts(k: &mut Kernel, l: Loop) {
    let (rows, row) = (k.grid(), k.loops[l.0 as usize].extent);
    let wanted = (row / PART).min((4 * FEW).div_ceil(rows));
    let part = (row / wanted) / BLOCK * BLOCK;
    let parts = row / part;
    let mut r = Rebuild::new(std::mem::take(k));
    let (prologue, body, epilogue) = r.parts();
    let Some((Stmt::For(_, inner), first)) = body.split_last() else {
        unreachable!("a loop")
    };
    r.block(&mut Keep, &prologue);
    r.new.loops[0].extent = rows * parts;
    r.section(&body, |r| {
        let item = r.emit(Inst::Index(of_loop(GRID, 1, 0)), DType::I64, false);
        let n = r.emit(Inst::Const(parts as u64), DType::I64, false);
        let mut index = |op| {
            let v = r.emit(Inst::Native(op, vec![item, n]), DType::I64, false);
            r.as_affine(v)
        };
        let (at, within) = (index(Native::Div), index(Native::Rem));
        r.loops[0] = Some(at);
        r.block(&mut Keep, first);
        r.each(part, LoopKind::Lanes, inner, |r, j| {
            let mut at = j;
            affine::add(&mut at, &within, part as i64);
            r.loops[l.0 as usize] = Some(at);
            r.block(&mut Keep, inner);
        });
    });
    r.new.body = r.take();
    r.section(&epilogue, |r| {
        r.after(&body);
        r.fresh_registers(&body);
        let left = row - parts * part;
        if left > 0 {
            r.each(rows, LoopKind::Serial, &body, |r, i| {
                r.loops[0] = Some(i);
                r.block(&mut Keep, first);
                r.each(left, LoopKind::Lanes, inner, |r, j| {
                    let mut at = constant((parts * part) as i64);
                    affine::add(&mut at, &j, 1);
                    r.loops[l.0 as usize] = Some(at);
                    r.block(&mut Keep, inner);
                });
            });
        }
        r.block(&mut Keep, &epilogue)
    });
    r.new.epilogue = r.take();
    *k = r.finish();
}
