//! Removes what nothing observes, and renumbers values, loops, registers and tiles in order of use.

use super::scan::walk;
use craneflow_ir::loops::*;
use std::collections::BTreeSet;

/// Removes dead values, registers, tiles and blocks, and what is overwritten.
pub(super) fn clean(k: &mut Kernel) {
    sweep(k);
    let end = || Pending {
        vars: (0..k.vars.len() as u32).map(Var).collect(),
        dead: (0..k.scratch.len() as u32).collect(),
        ..Pending::default()
    };
    let take = std::mem::take::<Vec<Stmt>>;
    k.prologue = overwritten(&k.vals, take(&mut k.prologue), Pending::default());
    k.body = overwritten(&k.vals, take(&mut k.body), end());
    k.epilogue = overwritten(&k.vals, take(&mut k.epilogue), end());
    sweep(k);
    renumber(k);
}

/// Removes what has no effect on what is stored to parameters.
pub(super) fn sweep(k: &mut Kernel) {
    let mut live = Live::default();
    loop {
        let found = live_in(k);
        prune(k, &found);
        if found == live {
            break;
        }
        live = found;
    }
}

/// What has an effect on what is stored to parameters.
#[derive(PartialEq, Default)]
struct Live {
    vals: Vec<bool>,
    vars: Vec<bool>,
    scratch: Vec<bool>,
}

fn live_in(k: &Kernel) -> Live {
    let mut live = Live {
        vals: vec![false; k.vals.len()],
        vars: vec![false; k.vars.len()],
        scratch: vec![false; k.scratch.len()],
    };
    // Values come after their operands, but registers and tiles may be read earlier in a loop.
    loop {
        let before = (live.vars.clone(), live.scratch.clone());
        for part in [&k.epilogue, &k.body, &k.prologue] {
            mark(k, part, &mut live);
        }
        if (&live.vars, &live.scratch) == (&before.0, &before.1) {
            return live;
        }
    }
}

fn mark(k: &Kernel, stmts: &[Stmt], live: &mut Live) {
    let address = |at: &Affine, live: &mut Live| {
        for (term, _) in &at.terms {
            if let Term::Val(v) = term {
                live.vals[v.0 as usize] = true;
            }
        }
    };
    for s in stmts.iter().rev() {
        match s {
            Stmt::Let(v) if live.vals[v.0 as usize] => match &k.val(*v).inst {
                Inst::Native(_, args) => args.iter().for_each(|a| live.vals[a.0 as usize] = true),
                Inst::Splat(x) => live.vals[x.0 as usize] = true,
                Inst::Index(at) => address(at, live),
                Inst::Load(mem, at) | Inst::Gather(mem, at, _) => {
                    if let Mem::Scratch(s) = mem {
                        live.scratch[*s as usize] = true;
                    }
                    address(at, live)
                }
                Inst::Get(var) => live.vars[var.0 as usize] = true,
                Inst::Const(_) | Inst::Lanes => {}
            },
            Stmt::Let(_) => {}
            Stmt::Store(Mem::Scratch(s), ..) if !live.scratch[*s as usize] => {}
            Stmt::Store(_, at, v) => {
                live.vals[v.0 as usize] = true;
                address(at, live);
            }
            Stmt::Set(var, v) => live.vals[v.0 as usize] |= live.vars[var.0 as usize],
            Stmt::For(_, body) => mark(k, body, live),
            Stmt::If(c, a, b) => {
                live.vals[c.0 as usize] = true;
                mark(k, a, live);
                mark(k, b, live);
            }
        }
    }
}

fn prune(k: &mut Kernel, live: &Live) {
    for part in [&mut k.prologue, &mut k.body, &mut k.epilogue] {
        prune_block(part, live);
    }
}

fn prune_block(stmts: &mut Vec<Stmt>, live: &Live) {
    stmts.retain_mut(|s| match s {
        Stmt::Let(v) => live.vals[v.0 as usize],
        Stmt::Store(Mem::Scratch(s), ..) => live.scratch[*s as usize],
        Stmt::Store(..) => true,
        Stmt::Set(var, _) => live.vars[var.0 as usize],
        Stmt::For(_, body) => {
            prune_block(body, live);
            !body.is_empty()
        }
        Stmt::If(_, a, b) => {
            prune_block(a, live);
            prune_block(b, live);
            !(a.is_empty() && b.is_empty())
        }
    });
}

/// Tile, terms and offset of an address, whether a vector.
type Slot = (u32, Vec<(Term, i64)>, i64, bool);

/// What is overwritten before anything may read it, walking a block backwards.
#[derive(Default)]
struct Pending {
    vars: BTreeSet<Var>,
    stores: BTreeSet<Slot>,
    /// Tiles that nothing reads any more.
    dead: BTreeSet<u32>,
}

impl Pending {
    /// A statement that may read these tiles and any register.
    fn meet(&mut self, tiles: &BTreeSet<u32>) {
        self.vars.clear();
        self.stores.retain(|s| !tiles.contains(&s.0));
        self.dead.retain(|t| !tiles.contains(t));
    }
}

/// Tiles that statements load from or store to.
fn tiles(vals: &[ValDef], stmts: &[Stmt]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    walk(stmts, &mut |s| match s {
        Stmt::Store(Mem::Scratch(t), ..) => {
            found.insert(*t);
        }
        Stmt::Let(v) => found.extend(read(vals, *v)),
        _ => {}
    });
    found
}

fn read(vals: &[ValDef], v: Val) -> Option<u32> {
    match vals[v.0 as usize].inst {
        Inst::Load(Mem::Scratch(t), _) | Inst::Gather(Mem::Scratch(t), ..) => Some(t),
        _ => None,
    }
}

/// Drops settings of registers and stores to tiles that are overwritten in the same block before
/// anything may read them; `pending` tells what nothing reads after the block.
fn overwritten(vals: &[ValDef], stmts: Vec<Stmt>, mut pending: Pending) -> Vec<Stmt> {
    let mut out: Vec<Stmt> = vec![];
    for s in stmts.into_iter().rev() {
        match s {
            Stmt::Set(var, _) if !pending.vars.insert(var) => {}
            Stmt::Store(Mem::Scratch(t), ref at, v) => {
                let key = (t, at.terms.clone(), at.offset, vals[v.0 as usize].vector);
                if !pending.dead.contains(&t) && pending.stores.insert(key) {
                    out.push(s);
                }
            }
            Stmt::Let(v) => {
                if let Inst::Get(var) = vals[v.0 as usize].inst {
                    pending.vars.remove(&var);
                }
                if let Some(t) = read(vals, v) {
                    pending.stores.retain(|s| s.0 != t);
                    pending.dead.remove(&t);
                }
                out.push(s);
            }
            Stmt::For(l, body) => {
                pending.meet(&tiles(vals, &body));
                out.push(Stmt::For(l, overwritten(vals, body, Pending::default())));
            }
            Stmt::If(c, a, b) => {
                pending.meet(&tiles(vals, &a));
                pending.meet(&tiles(vals, &b));
                let [a, b] = [a, b].map(|x| overwritten(vals, x, Pending::default()));
                out.push(Stmt::If(c, a, b));
            }
            s => out.push(s),
        }
    }
    out.reverse();
    out
}

/// New numbers of the entries of a table, in order of first use.
struct Numbers {
    new: Vec<Option<u32>>,
    order: Vec<u32>,
}

impl Numbers {
    fn new(n: usize) -> Numbers {
        let (new, order) = (vec![None; n], vec![]);
        Numbers { new, order }
    }

    fn of(&mut self, old: u32) -> u32 {
        let next = self.order.len() as u32;
        *self.new[old as usize].get_or_insert_with(|| {
            self.order.push(old);
            next
        })
    }
}

struct Renumber {
    vals: Numbers,
    loops: Numbers,
    vars: Numbers,
    scratch: Numbers,
}

fn renumber(k: &mut Kernel) {
    let mut n = Renumber {
        vals: Numbers::new(k.vals.len()),
        loops: Numbers::new(k.loops.len()),
        vars: Numbers::new(k.vars.len()),
        scratch: Numbers::new(k.scratch.len()),
    };
    n.loops.of(0);
    for part in [&k.prologue, &k.body, &k.epilogue] {
        walk(part, &mut |s| match s {
            Stmt::Let(v) => _ = n.vals.of(v.0),
            Stmt::For(l, _) => _ = n.loops.of(l.0),
            Stmt::Set(var, _) => _ = n.vars.of(var.0),
            Stmt::Store(Mem::Scratch(s), ..) => _ = n.scratch.of(*s),
            _ => {}
        });
    }
    let mut vals: Vec<ValDef> = n
        .vals
        .order
        .iter()
        .map(|&v| k.vals[v as usize].clone())
        .collect();
    vals.iter_mut().for_each(|v| n.inst(&mut v.inst));
    k.vals = vals;
    for part in [&mut k.prologue, &mut k.body, &mut k.epilogue] {
        n.block(part);
    }
    k.loops = n
        .loops
        .order
        .iter()
        .map(|&l| k.loops[l as usize].clone())
        .collect();
    k.vars = n
        .vars
        .order
        .iter()
        .map(|&v| k.vars[v as usize].clone())
        .collect();
    k.scratch = n
        .scratch
        .order
        .iter()
        .map(|&s| k.scratch[s as usize].clone())
        .collect();
}

impl Renumber {
    fn val(&mut self, v: &mut Val) {
        v.0 = self.vals.of(v.0);
    }

    fn mem(&mut self, mem: &mut Mem) {
        if let Mem::Scratch(s) = mem {
            *s = self.scratch.of(*s);
        }
    }

    fn affine(&mut self, at: &mut Affine) {
        for (term, _) in &mut at.terms {
            match term {
                Term::Loop(l) => l.0 = self.loops.of(l.0),
                Term::Val(v) => self.val(v),
            }
        }
        at.terms.sort();
    }

    fn inst(&mut self, inst: &mut Inst) {
        match inst {
            Inst::Native(_, args) => args.iter_mut().for_each(|a| self.val(a)),
            Inst::Load(mem, at) | Inst::Gather(mem, at, _) => {
                self.mem(mem);
                self.affine(at);
            }
            Inst::Index(at) => self.affine(at),
            Inst::Splat(v) => self.val(v),
            Inst::Get(var) => var.0 = self.vars.of(var.0),
            Inst::Const(_) | Inst::Lanes => {}
        }
    }

    fn block(&mut self, stmts: &mut [Stmt]) {
        for s in stmts {
            match s {
                Stmt::Let(v) => self.val(v),
                Stmt::Store(mem, at, v) => {
                    self.mem(mem);
                    self.affine(at);
                    self.val(v);
                }
                Stmt::Set(var, v) => {
                    var.0 = self.vars.of(var.0);
                    self.val(v);
                }
                Stmt::For(l, body) => {
                    l.0 = self.loops.of(l.0);
                    self.block(body);
                }
                Stmt::If(c, a, b) => {
                    self.val(c);
                    self.block(a);
                    self.block(b);
                }
            }
        }
    }
}
