//! What is computed from inputs alone to lay out an operand of a contraction: weights that stay from run to run need it once.

use crate::lower::contract::PACK;
use craneflow_ir::loops::{Access, Buf, BufferKind, Program, Step};
use std::collections::HashSet;

/// After this, launches that lay out operands, with what they are computed from, come first where they need nothing but inputs
/// that no result replaces, and constants. Their results are kept.
pub fn keep(mut program: Program) -> Program {
    let kept = kept(&program);
    if kept.is_empty() {
        return program;
    }
    for &at in &kept {
        if let Step::Launch { kernel, args, .. } = &program.steps[at] {
            for b in written(&program, *kernel, args).collect::<Vec<_>>() {
                program.buffers[b.0 as usize].kind = BufferKind::Kept;
            }
        }
    }
    let steps = std::mem::take(&mut program.steps).into_iter().enumerate();
    let (first, rest): (Vec<_>, Vec<_>) = steps.partition(|(at, _)| kept.contains(at));
    program.steps = first
        .into_iter()
        .chain(rest)
        .map(|(_, step)| step)
        .collect();
    program
}

/// The positions of these launches.
fn kept(program: &Program) -> HashSet<usize> {
    let replaced: HashSet<usize> = (program.buffers.iter())
        .filter_map(|b| match b.kind {
            BufferKind::Output(_, Some(input)) => Some(input),
            _ => None,
        })
        .collect();
    let stays = |b: Buf| match &program.buffer(b).kind {
        BufferKind::Input(i) => !replaced.contains(i),
        BufferKind::Constant(_) => true,
        _ => false,
    };
    let uses: Vec<Uses> = program.steps.iter().map(|s| Uses::of(program, s)).collect();
    let writers = |b: &Buf| uses.iter().filter(|u| u.writes.contains(b)).count();
    let temp = |b: &Buf| program.buffer(*b).kind == BufferKind::Temp;
    let mut found: HashSet<usize> = HashSet::new();
    let mut known: HashSet<Buf> = HashSet::new();
    for (at, (step, uses)) in program.steps.iter().zip(&uses).enumerate() {
        let Step::Launch { .. } = step else { continue };
        let reads = uses.reads.iter().all(|&b| stays(b) || known.contains(&b));
        if reads && !uses.reads.is_empty() && uses.writes.iter().all(|b| temp(b) && writers(b) == 1)
        {
            found.insert(at);
            known.extend(&uses.writes);
        }
    }
    // Only what leads to a launch that lays out an operand, and to nothing else.
    let packs = |at: usize| match &program.steps[at] {
        Step::Launch { kernel, .. } => program.kernel(*kernel).name.split('.').next() == Some(PACK),
        _ => false,
    };
    loop {
        let idle = |&at: &usize| {
            let read = |u: &Uses| u.reads.iter().any(|b| uses[at].writes.contains(b));
            let mut readers = (0..uses.len()).filter(|&i| read(&uses[i]));
            !packs(at) && !readers.all(|i| found.contains(&i))
        };
        let Some(at) = found.iter().copied().find(idle) else {
            return found;
        };
        found.remove(&at);
    }
}

/// What a step reads and writes.
#[derive(Default)]
struct Uses {
    reads: HashSet<Buf>,
    writes: HashSet<Buf>,
}

impl Uses {
    fn of(program: &Program, step: &Step) -> Uses {
        let mut uses = Uses::default();
        uses.note(program, step);
        uses
    }

    fn note(&mut self, program: &Program, step: &Step) {
        match step {
            Step::Launch { kernel, args, .. } => {
                self.writes.extend(written(program, *kernel, args));
                let params = program.kernel(*kernel).params.iter();
                let read = params.zip(args).filter(|(p, _)| p.access != Access::Write);
                self.reads.extend(read.map(|(_, &b)| b));
            }
            Step::Copy { from, to } => {
                self.reads.insert(*from);
                self.writes.insert(*to);
            }
            Step::Interpret { args, results, .. } => {
                self.reads.extend(args);
                self.writes.extend(results);
            }
            Step::While { cond, pred, body } => {
                self.reads.insert(*pred);
                cond.iter().chain(body).for_each(|s| self.note(program, s));
            }
            Step::Repeat { views, body, .. } => {
                // A part of the source may be written.
                for b in views.iter().flat_map(|(_, view)| view.sources()) {
                    self.reads.insert(b);
                    self.writes.insert(b);
                }
                body.iter().for_each(|s| self.note(program, s));
            }
            Step::Case { index, branches } => {
                self.reads.insert(*index);
                (branches.iter().flatten()).for_each(|s| self.note(program, s));
            }
        }
    }
}

/// The buffers that a launch writes.
fn written<'a>(
    program: &'a Program,
    kernel: craneflow_ir::loops::KernelId,
    args: &'a [Buf],
) -> impl Iterator<Item = Buf> + 'a {
    let params = program.kernel(kernel).params.iter().zip(args);
    params
        .filter(|(p, _)| p.access != Access::Read)
        .map(|(_, &b)| b)
}
