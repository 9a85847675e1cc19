//! Results that replace donated inputs: written in place where that is safe, through a copy where not.

use craneflow_ir::loops::{
    Affine, Buf, Buffer, BufferKind, Inst, Kernel, Mem, Program, Step, Stmt,
};

/// After this, a result that replaces an input may share its memory: every read of the input comes
/// before the write, or is of the very element that is overwritten next. Where the program does not
/// allow it, the result goes to a buffer of its own and is copied at the end.
pub fn donate(mut program: Program) -> Program {
    for b in 0..program.buffers.len() {
        let BufferKind::Output(_, Some(input)) = program.buffers[b].kind else {
            continue;
        };
        let donor = program
            .buffers
            .iter()
            .position(|d| d.kind == BufferKind::Input(input));
        let donor = Buf(donor.expect("donated input") as u32);
        let result = Buf(b as u32);
        if !in_place(&program, donor, result) {
            detour(&mut program, result);
        }
    }
    program
}

/// Gives a result a buffer of its own, copied to its place as the last step.
fn detour(program: &mut Program, result: Buf) {
    let Buffer { name, ty, .. } = program.buffer(result).clone();
    let temp = Buf(program.buffers.len() as u32);
    program.buffers.push(Buffer {
        name: format!("{name}.new"),
        ty,
        kind: BufferKind::Temp,
    });
    let swap = |b: &mut Buf| {
        if *b == result {
            *b = temp;
        }
    };
    let mut swap = swap;
    each_buf(&mut program.steps, &mut swap);
    program.steps.push(Step::Copy {
        from: temp,
        to: result,
    });
}

/// Applies `f` to every buffer reference in steps, nested ones included.
fn each_buf(steps: &mut [Step], f: &mut dyn FnMut(&mut Buf)) {
    for step in steps {
        match step {
            Step::Launch { args, .. } => args.iter_mut().for_each(&mut *f),
            Step::Copy { from, to } => [from, to].into_iter().for_each(&mut *f),
            Step::Interpret { args, results, .. } => {
                args.iter_mut().chain(results).for_each(&mut *f)
            }
            Step::While { cond, pred, body } => {
                each_buf(cond, f);
                f(pred);
                each_buf(body, f);
            }
            Step::Repeat { views, body, .. } => {
                let sources = views.iter_mut().flat_map(|(_, view)| view.sources_mut());
                sources.flatten().for_each(&mut *f);
                each_buf(body, f);
            }
            Step::Case { index, branches } => {
                f(index);
                branches.iter_mut().for_each(|b| each_buf(b, f));
            }
        }
    }
}

/// How a step uses a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Use {
    reads: bool,
    writes: bool,
}

fn use_of(program: &Program, step: &Step, b: Buf) -> Use {
    let any = |steps: &[Step]| {
        steps
            .iter()
            .map(|s| use_of(program, s, b))
            .fold(Use::default(), |a, u| Use {
                reads: a.reads | u.reads,
                writes: a.writes | u.writes,
            })
    };
    match step {
        Step::Launch { kernel, args, .. } => {
            let params = &program.kernel(*kernel).params;
            let mut u = Use::default();
            for (_, p) in args.iter().zip(params).filter(|(a, _)| **a == b) {
                u.reads |= p.access != craneflow_ir::loops::Access::Write;
                u.writes |= p.access != craneflow_ir::loops::Access::Read;
            }
            u
        }
        Step::Copy { from, to } => Use {
            reads: *from == b,
            writes: *to == b,
        },
        Step::Interpret { args, results, .. } => Use {
            reads: args.contains(&b),
            writes: results.contains(&b),
        },
        Step::While { cond, pred, body } => {
            let (c, d) = (any(cond), any(body));
            Use {
                reads: c.reads || d.reads || *pred == b,
                writes: c.writes || d.writes,
            }
        }
        // A view of the buffer may be read and written.
        Step::Repeat { views, body, .. } => {
            let viewed = views.iter().any(|(_, view)| view.sources().contains(&b));
            let u = any(body);
            Use {
                reads: u.reads | viewed,
                writes: u.writes | viewed,
            }
        }
        Step::Case { index, branches } => {
            let all = branches.iter().map(|s| any(s));
            all.fold(
                Use {
                    reads: *index == b,
                    writes: false,
                },
                |a, u| Use {
                    reads: a.reads | u.reads,
                    writes: a.writes | u.writes,
                },
            )
        }
    }
}

fn in_place(program: &Program, donor: Buf, result: Buf) -> bool {
    let first_write = program
        .steps
        .iter()
        .position(|s| use_of(program, s, result).writes);
    let last_read = program
        .steps
        .iter()
        .rposition(|s| use_of(program, s, donor).reads);
    let Some(write) = first_write else {
        return false;
    };
    match last_read {
        None => true,
        Some(read) if read != write => read < write,
        Some(_) => match &program.steps[write] {
            Step::Launch { kernel, args, .. } => {
                let mem = |b| {
                    args.iter()
                        .position(|&a| a == b)
                        .map(|i| Mem::Param(i as u32))
                };
                let (Some(from), Some(to)) = (mem(donor), mem(result)) else {
                    return false;
                };
                let k = program.kernel(*kernel);
                [&k.prologue, &k.body, &k.epilogue]
                    .into_iter()
                    .all(|block| elementwise(k, block, from, to))
            }
            Step::Copy { .. } => true,
            _ => false,
        },
    }
}

/// Whether every load of `from` is followed, in its own block, by the store to the same index of `to`.
fn elementwise(k: &Kernel, block: &[Stmt], from: Mem, to: Mem) -> bool {
    let stored_later = |i: usize, at: &Affine| {
        block[i + 1..]
            .iter()
            .any(|s| matches!(s, Stmt::Store(m, a, _) if *m == to && a == at))
    };
    block.iter().enumerate().all(|(i, stmt)| match stmt {
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Load(m, at) | Inst::Gather(m, at, _) if *m == from => stored_later(i, at),
            _ => true,
        },
        Stmt::For(_, body) => elementwise(k, body, from, to),
        Stmt::If(_, a, b) => elementwise(k, a, from, to) && elementwise(k, b, from, to),
        _ => true,
    })
}
