//! What is computed from inputs alone to lay out an operand of a contraction: weights that stay from run to run need it once.

use crate::lower::contract::PACK;
use craneflow_ir::loops::{Access, Buf, BufferKind, Program, Step};
use std::collections::{HashMap, HashSet};

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
    let (mut readers, mut writers) = (HashMap::new(), HashMap::new());
    for (at, uses) in uses.iter().enumerate() {
        let note = |steps: &mut HashMap<Buf, Vec<usize>>, bufs: &HashSet<Buf>| {
            bufs.iter()
                .for_each(|&b| steps.entry(b).or_default().push(at));
        };
        note(&mut readers, &uses.reads);
        note(&mut writers, &uses.writes);
    }
    let temp = |b: &Buf| program.buffer(*b).kind == BufferKind::Temp;
    let known = |found: &HashSet<usize>, b: &Buf| {
        stays(*b)
            || writers
                .get(b)
                .is_some_and(|w| w.iter().all(|at| found.contains(at)))
    };
    let mut found: HashSet<usize> = HashSet::new();
    for (at, (step, uses)) in program.steps.iter().zip(&uses).enumerate() {
        let launch = matches!(step, Step::Launch { .. }) && !uses.reads.is_empty();
        let single = |b: &Buf| temp(b) && writers[b].len() == 1;
        if launch && uses.writes.iter().all(single) && uses.reads.iter().all(|b| known(&found, b)) {
            found.insert(at);
        }
    }
    let packs = |at: usize| match &program.steps[at] {
        Step::Launch { kernel, .. } => program.kernel(*kernel).name.split('.').next() == Some(PACK),
        _ => false,
    };
    // What leads to more than launches that lay out operands goes, last ones first, and then what reads something that is gone.
    loop {
        let before = found.len();
        for at in (0..uses.len()).rev() {
            let all_found = |b: &Buf| {
                let mut readers = readers.get(b).into_iter().flatten();
                readers.all(|reader| found.contains(reader))
            };
            if found.contains(&at) && !packs(at) && !uses[at].writes.iter().all(all_found) {
                found.remove(&at);
            }
        }
        for (at, uses) in uses.iter().enumerate() {
            if found.contains(&at) && !uses.reads.iter().all(|b| known(&found, b)) {
                found.remove(&at);
            }
        }
        if found.len() == before {
            return found;
        }
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
