//! Results that replace donated inputs: written in place where that is safe, through a copy where not.

use craneflow_ir::loops::{
    Access, Affine, Buf, Buffer, BufferKind, Inst, Kernel, Mem, Program, Step, Stmt,
};
use std::collections::HashMap;

/// After this, a result that replaces an input may share its memory: every read of the input comes
/// before the write, or is of the very element that is overwritten next. Where the program does not
/// allow it, the result goes to a buffer of its own and is copied at the end.
pub fn donate(mut program: Program) -> Program {
    let uses = Uses::of(&program);
    for b in 0..program.buffers.len() {
        let BufferKind::Output(_, Some(input)) = program.buffers[b].kind else {
            continue;
        };
        let donor = uses.inputs[&input];
        let result = Buf(b as u32);
        if !uses.in_place(&program, donor, result) {
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

/// Where a program uses its buffers: positions of top-level steps.
struct Uses {
    /// The buffer of each input.
    inputs: HashMap<usize, Buf>,
    /// The first step that writes each buffer, of those that the program has before any detour.
    first_write: Vec<Option<usize>>,
    /// The last step that reads it.
    last_read: Vec<Option<usize>>,
}

impl Uses {
    fn of(program: &Program) -> Uses {
        let inputs = program.buffers.iter().enumerate();
        let inputs = inputs.filter_map(|(b, buffer)| match buffer.kind {
            BufferKind::Input(i) => Some((i, Buf(b as u32))),
            _ => None,
        });
        let mut uses = Uses {
            inputs: inputs.collect(),
            first_write: vec![None; program.buffers.len()],
            last_read: vec![None; program.buffers.len()],
        };
        for (at, step) in program.steps.iter().enumerate() {
            uses.note(program, step, at);
        }
        uses
    }

    fn reads(&mut self, b: Buf, at: usize) {
        self.last_read[b.0 as usize] = Some(at);
    }

    fn writes(&mut self, b: Buf, at: usize) {
        self.first_write[b.0 as usize].get_or_insert(at);
    }

    fn note(&mut self, program: &Program, step: &Step, at: usize) {
        match step {
            Step::Launch { kernel, args, .. } => {
                for (&b, p) in args.iter().zip(&program.kernel(*kernel).params) {
                    if p.access != Access::Write {
                        self.reads(b, at);
                    }
                    if p.access != Access::Read {
                        self.writes(b, at);
                    }
                }
            }
            Step::Copy { from, to } => {
                self.reads(*from, at);
                self.writes(*to, at);
            }
            Step::Interpret { args, results, .. } => {
                args.iter().for_each(|&b| self.reads(b, at));
                results.iter().for_each(|&b| self.writes(b, at));
            }
            Step::While { cond, pred, body } => {
                self.reads(*pred, at);
                for step in cond.iter().chain(body) {
                    self.note(program, step, at);
                }
            }
            Step::Repeat { views, body, .. } => {
                // A view of the buffer may be read and written.
                for b in views.iter().flat_map(|(_, view)| view.sources()) {
                    self.reads(b, at);
                    self.writes(b, at);
                }
                for step in body {
                    self.note(program, step, at);
                }
            }
            Step::Case { index, branches } => {
                self.reads(*index, at);
                for step in branches.iter().flatten() {
                    self.note(program, step, at);
                }
            }
        }
    }

    fn in_place(&self, program: &Program, donor: Buf, result: Buf) -> bool {
        let Some(write) = self.first_write[result.0 as usize] else {
            return false;
        };
        match self.last_read[donor.0 as usize] {
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
