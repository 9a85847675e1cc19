//! Whether the iterations of a loop are independent.

use super::scan::{addresses, registers, walk};
use craneflow_ir::loops::*;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the loops `chain`, outermost first, whose addresses all advance by `c` elements per
/// iteration of the innermost as if they were one loop, touch memory they store to in
/// disjoint windows, and carry no register. False when `stmts` hold vectors.
pub(super) fn independent(k: &Kernel, chain: &[Loop], stmts: &[Stmt]) -> bool {
    let mut inside = BTreeSet::new();
    let mut stores = BTreeSet::new();
    let mut scalars = true;
    walk(stmts, &mut |s| match s {
        Stmt::For(l, _) => _ = inside.insert(*l),
        Stmt::Store(mem, _, v) => {
            stores.insert(*mem);
            scalars &= !k.val(*v).vector;
        }
        Stmt::Let(v) => scalars &= !k.val(*v).vector,
        _ => {}
    });
    if !scalars {
        return false;
    }
    stores.retain(|mem| !private(k, stmts, *mem));
    let inner = *chain.last().expect("a loop");
    type Window = (i64, Vec<(Term, i64)>, i64, i64);
    let mut windows: BTreeMap<Mem, Window> = BTreeMap::new();
    for (mem, at) in addresses(k, stmts) {
        let Some(mem) = mem.filter(|m| stores.contains(m)) else {
            continue;
        };
        let c = at.coefficient(inner);
        let (mut outer, mut lo, mut hi) = (vec![], at.offset, at.offset);
        for &(term, c) in &at.terms {
            match term {
                Term::Loop(l) if chain.contains(&l) => {}
                Term::Loop(l) if inside.contains(&l) => {
                    let reach = (k.loops[l.0 as usize].extent as i64 - 1) * c;
                    (lo, hi) = (lo + reach.min(0), hi + reach.max(0));
                }
                Term::Loop(_) => outer.push((term, c)),
                Term::Val(_) => return false,
            }
        }
        let w = windows.entry(mem).or_insert((c, outer.clone(), lo, hi));
        if (w.0, &w.1) != (c, &outer) {
            return false;
        }
        (w.2, w.3) = (w.2.min(lo), w.3.max(hi));
        if w.3 - w.2 >= c.abs() {
            return false;
        }
    }
    !carries(k, stmts)
}

/// Whether `mem` is a tile that the first statement to touch it stores to, in all the elements that
/// are loaded later: then what an iteration leaves in it is nothing to the next.
fn private(k: &Kernel, stmts: &[Stmt], mem: Mem) -> bool {
    if matches!(mem, Mem::Param(_)) {
        return false;
    }
    let mut loads = vec![];
    for (m, at) in addresses(k, stmts) {
        if m == Some(mem) {
            let Some(range) = verify::range(k, at) else {
                return false;
            };
            loads.push(range);
        }
    }
    first_store(k, stmts, mem).is_some_and(|(lo, hi)| loads.iter().all(|r| lo <= r.0 && r.1 <= hi))
}

/// The elements that a block's first access to `mem` stores to, if it is a store without conditions to
/// consecutive elements.
fn first_store(k: &Kernel, stmts: &[Stmt], mem: Mem) -> Option<(i64, i64)> {
    let touches = |s: &&Stmt| {
        let found = addresses(k, std::slice::from_ref(s));
        found.iter().any(|(m, _)| *m == Some(mem))
    };
    match stmts.iter().find(touches)? {
        Stmt::For(_, body) => first_store(k, body, mem),
        Stmt::Store(_, at, _) => {
            let dense = match at.terms.as_slice() {
                [] => true,
                [(Term::Loop(_), c)] => c.abs() == 1,
                _ => false,
            };
            dense.then(|| verify::range(k, at)).flatten()
        }
        _ => None,
    }
}

/// Whether a register may be read before these statements have set it, though they set it.
fn carries(k: &Kernel, stmts: &[Stmt]) -> bool {
    let own: BTreeSet<Var> = registers(stmts).into_iter().collect();
    reads_first(k, stmts, &own, &mut BTreeSet::new())
}

fn reads_first(k: &Kernel, stmts: &[Stmt], own: &BTreeSet<Var>, set: &mut BTreeSet<Var>) -> bool {
    stmts.iter().any(|s| match s {
        Stmt::Let(v) => match k.val(*v).inst {
            Inst::Get(var) => own.contains(&var) && !set.contains(&var),
            _ => false,
        },
        Stmt::Set(var, _) => {
            set.insert(*var);
            false
        }
        Stmt::Store(..) => false,
        Stmt::For(_, body) => reads_first(k, body, own, set),
        Stmt::If(_, a, b) => {
            let mut other = set.clone();
            let first = reads_first(k, a, own, set) || reads_first(k, b, own, &mut other);
            set.retain(|v| other.contains(v));
            first
        }
    })
}
