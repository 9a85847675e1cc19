//! What statements touch.

use craneflow_ir::loops::*;

/// Calls `f` for every statement of a block, nested ones included, in program order.
pub(super) fn walk<'a>(stmts: &'a [Stmt], f: &mut dyn FnMut(&'a Stmt)) {
    for s in stmts {
        f(s);
        match s {
            Stmt::For(_, body) => walk(body, f),
            Stmt::If(_, a, b) => {
                walk(a, f);
                walk(b, f);
            }
            _ => {}
        }
    }
}

/// Every address in a block, with the memory it is an address of (`None`: an index value).
pub(super) fn addresses<'a>(k: &'a Kernel, stmts: &'a [Stmt]) -> Vec<(Option<Mem>, &'a Affine)> {
    let mut found = vec![];
    walk(stmts, &mut |s| match s {
        Stmt::Store(mem, at, _) => found.push((Some(*mem), at)),
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Load(mem, at) | Inst::Gather(mem, at, _) => found.push((Some(*mem), at)),
            Inst::Index(at) => found.push((None, at)),
            _ => {}
        },
        _ => {}
    });
    found
}

/// Memory stored to by statements.
pub(super) fn stored(stmts: &[Stmt]) -> Vec<Mem> {
    let mut mems = vec![];
    walk(stmts, &mut |s| match s {
        Stmt::Store(mem, ..) if !mems.contains(mem) => mems.push(*mem),
        _ => {}
    });
    mems
}

/// Registers set by statements.
pub(super) fn registers(stmts: &[Stmt]) -> Vec<Var> {
    let mut vars = vec![];
    walk(stmts, &mut |s| match s {
        Stmt::Set(var, _) if !vars.contains(var) => vars.push(*var),
        _ => {}
    });
    vars
}

/// Number of statements that touch each register of a kernel.
pub(super) fn uses(k: &Kernel) -> Vec<usize> {
    let mut n = vec![0; k.vars.len()];
    for part in [&k.prologue, &k.body, &k.epilogue] {
        count_uses(k, part, &mut n);
    }
    n
}

/// Adds to `n` the number of statements of a block that touch each register.
pub(super) fn count_uses(k: &Kernel, stmts: &[Stmt], n: &mut [usize]) {
    walk(stmts, &mut |s| match s {
        Stmt::Set(var, _) => n[var.0 as usize] += 1,
        Stmt::Let(v) => {
            if let Inst::Get(var) = k.val(*v).inst {
                n[var.0 as usize] += 1
            }
        }
        _ => {}
    });
}
