//! Keeps elements of tiles in registers where every access to them is at a constant address.

use super::scan::walk;
use craneflow_ir::loops::*;
use std::collections::BTreeMap;

/// An element or a vector of a tile: tile, first element, whether a vector.
type Slot = (u32, i64, bool);

/// Registers that one loop may be given.
const LIMIT: usize = 48;

/// Promotes tiles to registers: for all of the body or the epilogue where the tile is used there only in
/// this way, else for the duration of a loop.
pub(super) fn promote(k: &mut Kernel) {
    for part in 0..2 {
        let take = |k: &mut Kernel| {
            std::mem::take(if part == 0 {
                &mut k.body
            } else {
                &mut k.epilogue
            })
        };
        let mut stmts = take(k);
        // What the prologue leaves in a tile is not in a register.
        let shared = accesses(k, &k.prologue).into_keys().map(|slot| slot.0);
        let shared: Vec<u32> = shared.chain(unknown(k, &k.prologue)).collect();
        let mut slots = slots(k, &stmts);
        slots.retain(|s| !shared.contains(&s.0));
        if slots.len() <= LIMIT {
            let registers = registers(k, &slots);
            replace(k, &mut stmts, &registers);
        }
        loops(k, &mut stmts);
        *(if part == 0 {
            &mut k.body
        } else {
            &mut k.epilogue
        }) = stmts;
    }
}

/// Promotes in the outermost loops where it is possible.
fn loops(k: &mut Kernel, stmts: &mut Vec<Stmt>) {
    for mut s in std::mem::take(stmts) {
        match &mut s {
            Stmt::For(_, body) => {
                let mut found = slots(k, body);
                found.retain(|slot| first(k, body, *slot) != Some(First::Maybe));
                found.truncate(LIMIT);
                let registers = registers(k, &found);
                for (&slot, &var) in &registers {
                    if first(k, body, slot) == Some(First::Load) {
                        let v = define(k, slot, Inst::Load(Mem::Scratch(slot.0), at(slot)));
                        stmts.extend([Stmt::Let(v), Stmt::Set(var, v)]);
                    }
                }
                replace(k, body, &registers);
                loops(k, body);
                stmts.push(s);
                for (slot, var) in registers {
                    let v = define(k, slot, Inst::Get(var));
                    stmts.push(Stmt::Let(v));
                    stmts.push(Stmt::Store(Mem::Scratch(slot.0), at(slot), v));
                }
            }
            Stmt::If(_, a, b) => {
                loops(k, a);
                loops(k, b);
                stmts.push(s);
            }
            _ => stmts.push(s),
        }
    }
}

fn at(slot: Slot) -> Affine {
    super::affine::constant(slot.1)
}

fn define(k: &mut Kernel, slot: Slot, inst: Inst) -> Val {
    let dtype = k.scratch[slot.0 as usize].dtype;
    k.vals.push(ValDef {
        inst,
        dtype,
        vector: slot.2,
    });
    Val(k.vals.len() as u32 - 1)
}

fn registers(k: &mut Kernel, slots: &[Slot]) -> BTreeMap<Slot, Var> {
    let register = |&slot: &Slot| {
        k.vars.push(VarDef {
            dtype: k.scratch[slot.0 as usize].dtype,
            vector: slot.2,
        });
        (slot, Var(k.vars.len() as u32 - 1))
    };
    slots.iter().map(register).collect()
}

/// The access of a statement to a tile: tile, address, vector, and lanes' stride.
fn access<'a>(k: &'a Kernel, s: &'a Stmt) -> Option<(u32, &'a Affine, bool, i64)> {
    match s {
        Stmt::Store(Mem::Scratch(t), at, v) => Some((*t, at, k.val(*v).vector, 1)),
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Load(Mem::Scratch(t), at) => Some((*t, at, k.val(*v).vector, 1)),
            Inst::Gather(Mem::Scratch(t), at, stride) => Some((*t, at, true, *stride)),
            _ => None,
        },
        _ => None,
    }
}

fn slot(k: &Kernel, s: &Stmt) -> Option<Slot> {
    let (tile, at, vector, stride) = access(k, s)?;
    (at.terms.is_empty() && stride == 1).then_some((tile, at.offset, vector))
}

/// Constant accesses, with their number.
fn accesses(k: &Kernel, stmts: &[Stmt]) -> BTreeMap<Slot, usize> {
    let mut found = BTreeMap::new();
    walk(stmts, &mut |s| {
        if let Some(slot) = slot(k, s) {
            *found.entry(slot).or_insert(0) += 1;
        }
    });
    found
}

/// Tiles with accesses that are not constant.
fn unknown(k: &Kernel, stmts: &[Stmt]) -> Vec<u32> {
    let mut found = vec![];
    walk(stmts, &mut |s| {
        if let (Some((tile, ..)), None) = (access(k, s), slot(k, s)) {
            found.push(tile);
        }
    });
    found
}

/// Slots that no other access in `stmts` touches in part.
fn slots(k: &Kernel, stmts: &[Stmt]) -> Vec<Slot> {
    let found = accesses(k, stmts);
    let span = |s: &Slot| (s.1, s.1 + if s.2 { k.lanes as i64 } else { 1 });
    let mut blocked: Vec<(u32, i64, i64)> = vec![];
    walk(stmts, &mut |s| {
        let (Some((tile, at, vector, stride)), None) = (access(k, s), slot(k, s)) else {
            return;
        };
        let (lo, hi) = verify::range(k, at).unwrap_or((i64::MIN / 2, i64::MAX / 2));
        let reach = if vector {
            (k.lanes as i64 - 1) * stride
        } else {
            0
        };
        blocked.push((tile, lo + reach.min(0), hi + reach.max(0) + 1));
    });
    let clear = |s: &&Slot| {
        let (lo, hi) = span(s);
        let hit = |tile, from, to| tile == s.0 && from < hi && lo < to;
        let other = |o: &Slot| o != *s && hit(o.0, span(o).0, span(o).1);
        !found.keys().any(other) && !blocked.iter().any(|b| hit(b.0, b.1, b.2))
    };
    found.keys().filter(clear).copied().collect()
}

/// How a block first touches a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Load,
    Store,
    /// Under a condition.
    Maybe,
}

fn first(k: &Kernel, stmts: &[Stmt], wanted: Slot) -> Option<First> {
    stmts.iter().find_map(|s| match s {
        Stmt::For(_, body) => first(k, body, wanted),
        Stmt::If(_, a, b) => first(k, a, wanted)
            .or(first(k, b, wanted))
            .map(|_| First::Maybe),
        s if slot(k, s) == Some(wanted) => Some(match s {
            Stmt::Store(..) => First::Store,
            _ => First::Load,
        }),
        _ => None,
    })
}

fn replace(k: &mut Kernel, stmts: &mut [Stmt], registers: &BTreeMap<Slot, Var>) {
    for s in stmts {
        let var = slot(k, s).and_then(|slot| registers.get(&slot).copied());
        match (s, var) {
            (Stmt::Let(v), Some(var)) => k.vals[v.0 as usize].inst = Inst::Get(var),
            (s @ Stmt::Store(..), Some(var)) => {
                let Stmt::Store(_, _, v) = *s else {
                    unreachable!("a store")
                };
                *s = Stmt::Set(var, v);
            }
            (Stmt::For(_, body), _) => replace(k, body, registers),
            (Stmt::If(_, a, b), _) => {
                replace(k, a, registers);
                replace(k, b, registers);
            }
            _ => {}
        }
    }
}
