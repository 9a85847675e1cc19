//! Cuts a loop where a condition on its index changes, or a clamp of it begins to hold, as at the
//! edges of padding: in each part these are known and fold away.

use super::affine;
use super::rebuild::{Pass, Rebuild};
use super::scan::walk;
use craneflow_ir::loops::*;
use craneflow_ir::{Cmp, DType, Native};

/// Most cuts of one loop.
const CUTS: usize = 4;
/// Greatest number of statements that a loop may come to, with the cuts of loops inside.
const LIMIT: usize = 512;

/// Cuts loops.
pub(super) struct Peel;

/// Whether a kernel has something to cut at.
pub(super) fn applies(k: &Kernel) -> bool {
    let mut found = false;
    for part in [&k.prologue, &k.body, &k.epilogue] {
        walk(part, &mut |s| {
            found |= match s {
                Stmt::If(..) => true,
                Stmt::Let(v) => {
                    let def = k.val(*v);
                    def.dtype == DType::I64
                        && matches!(def.inst, Inst::Native(Native::Max | Native::Min, _))
                }
                _ => false,
            }
        });
    }
    found
}

impl Pass for Peel {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
        let mut cuts = cuts(&r.old, l, body);
        if cuts.is_empty() || !worth(&r.old, &cuts, body) {
            return r.copy_loop(self, l, body);
        }
        cuts.push(extent);
        let mut from = 0;
        for to in cuts {
            r.fresh_registers(body);
            r.each(to - from, kind, body, |r, i| {
                r.loops[l.0 as usize] = Some(affine::plus(&i, from as i64));
                r.block(self, body);
            });
            from = to;
        }
    }
}

fn worth(k: &Kernel, cuts: &[usize], body: &[Stmt]) -> bool {
    cuts.len() <= CUTS && (cuts.len() + 1) * grown(k, body) <= LIMIT
}

/// Number of statements of a block after its loops are cut.
fn grown(k: &Kernel, stmts: &[Stmt]) -> usize {
    let of = |s: &Stmt| match s {
        Stmt::For(l, body) => {
            let (cuts, inner) = (cuts(k, *l, body), grown(k, body));
            if worth(k, &cuts, body) {
                (cuts.len() + 1) * inner
            } else {
                inner
            }
        }
        Stmt::If(_, a, b) => grown(k, a) + grown(k, b) + 1,
        _ => 1,
    };
    stmts.iter().map(of).sum()
}

/// Iterations of `l` that begin a run of iterations for which all conditions on and clamps of `l` alone
/// agree.
fn cuts(k: &Kernel, l: Loop, body: &[Stmt]) -> Vec<usize> {
    let mut found = vec![];
    walk(body, &mut |s| match s {
        Stmt::If(c, ..) => condition(k, l, *c, &mut found),
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Native(Native::Max, args) => against(k, l, Cmp::Ge, args, &mut found),
            Inst::Native(Native::Min, args) => against(k, l, Cmp::Le, args, &mut found),
            _ => {}
        },
        _ => {}
    });
    found.sort();
    found.dedup();
    found
}

fn condition(k: &Kernel, l: Loop, c: Val, found: &mut Vec<usize>) {
    match &k.val(c).inst {
        Inst::Native(Native::And | Native::Or | Native::Not, args) => {
            args.iter().for_each(|&a| condition(k, l, a, found));
        }
        Inst::Native(Native::Cmp(cmp), args) => against(k, l, *cmp, args, found),
        _ => {}
    }
}

/// A comparison of an index with a constant.
fn against(k: &Kernel, l: Loop, cmp: Cmp, args: &[Val], found: &mut Vec<usize>) {
    if let Some((step, offset)) = of_index(k, l, args[0])
        && let Inst::Const(bound) = k.val(args[1]).inst
    {
        let extent = k.loops[l.0 as usize].extent;
        compare(extent, cmp, step, offset - bound as i64, found);
    }
}

/// Step and offset of an index value that depends on `l` alone, or of one that is clamped.
fn of_index(k: &Kernel, l: Loop, v: Val) -> Option<(i64, i64)> {
    let at = match &k.val(v).inst {
        Inst::Index(at) => at,
        Inst::Native(Native::Max | Native::Min, args) => return of_index(k, l, args[0]),
        _ => return None,
    };
    match at.terms.as_slice() {
        [(Term::Loop(m), c)] if *m == l => Some((*c, at.offset)),
        _ => None,
    }
}

/// Where `step * i + offset` changes its relation to 0, for `i` in `0..extent`.
fn compare(extent: usize, cmp: Cmp, step: i64, offset: i64, found: &mut Vec<usize>) {
    let holds = |i: usize| {
        let x = step * i as i64 + offset;
        match cmp {
            Cmp::Eq => x == 0,
            Cmp::Ne => x != 0,
            Cmp::Lt => x < 0,
            Cmp::Le => x <= 0,
            Cmp::Gt => x > 0,
            Cmp::Ge => x >= 0,
        }
    };
    // The value is near 0 only around here, and relations change nowhere else.
    let zero = (-offset).div_euclid(step);
    for i in zero - 1..=zero + 2 {
        if let Ok(i) = usize::try_from(i)
            && (1..extent).contains(&i)
            && holds(i) != holds(i - 1)
        {
            found.push(i);
        }
    }
}
