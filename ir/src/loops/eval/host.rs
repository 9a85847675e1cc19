//! Programs: memory on the host, and the steps that use it.

use super::super::*;
use super::{LoopError, eval_kernel_on};
use crate::array::Array;

/// Runs a verified program on its inputs; results in order of their positions.
pub fn eval_program(p: &Program, inputs: &[Array]) -> Result<Vec<Array>, LoopError> {
    let mut host = Host::new(p, inputs)?;
    host.steps(&p.steps)?;
    let mut outputs: Vec<(usize, Array)> = vec![];
    for (i, b) in p.buffers.iter().enumerate() {
        if let BufferKind::Output(position, _) = b.kind {
            outputs.push((position, host.array(Buf(i as u32))?));
        }
    }
    outputs.sort_by_key(|o| o.0);
    Ok(outputs.into_iter().map(|o| o.1).collect())
}

struct Host<'a> {
    p: &'a Program,
    memory: Vec<Vec<u8>>,
    defined: Vec<bool>,
    /// What each view is now: a buffer, and the byte it starts at.
    views: Vec<Option<(Buf, usize)>>,
}

impl<'a> Host<'a> {
    fn new(p: &'a Program, inputs: &[Array]) -> Result<Host<'a>, LoopError> {
        let is_input = |b: &&Buffer| matches!(b.kind, BufferKind::Input(_));
        let expected = p.buffers.iter().filter(is_input).count();
        if expected != inputs.len() {
            let found = inputs.len();
            return Err(LoopError::Inputs { expected, found });
        }
        let (mut memory, mut defined) = (vec![], vec![]);
        for b in &p.buffers {
            let initial = match &b.kind {
                BufferKind::Input(position) if inputs[*position].ty != b.ty => {
                    return Err(LoopError::InputType {
                        position: *position,
                        expected: b.ty.clone(),
                        found: inputs[*position].ty.clone(),
                    });
                }
                BufferKind::Input(position) => Some(&inputs[*position]),
                BufferKind::Constant(a) => Some(a),
                BufferKind::Output(..) | BufferKind::Temp | BufferKind::Kept | BufferKind::View => {
                    None
                }
            };
            memory.push(initial.map_or_else(|| vec![0; b.ty.bytes()], |a| a.bytes().to_vec()));
            defined.push(initial.is_some());
        }
        let views = vec![None; p.buffers.len()];
        Ok(Host {
            p,
            memory,
            defined,
            views,
        })
    }

    /// The place of a buffer in memory, to be read; a view is a copy that is brought up to date.
    fn read(&mut self, b: Buf) -> Result<usize, LoopError> {
        let i = b.0 as usize;
        self.refresh(b);
        if self.defined[i] || self.memory[i].is_empty() {
            return Ok(i);
        }
        let name = self.p.buffer(b).name.clone();
        Err(LoopError::Buffer { name })
    }

    fn array(&mut self, b: Buf) -> Result<Array, LoopError> {
        let i = self.read(b)?;
        let bytes = self.memory[i].clone();
        Ok(Array::from_bytes(self.p.buffer(b).ty.clone(), bytes).expect("length of its type"))
    }

    fn scalar(&mut self, b: Buf) -> Result<i64, LoopError> {
        Ok(self.array(b)?.get(0).to_i64())
    }

    /// Copies to a view what its source holds.
    fn refresh(&mut self, b: Buf) {
        if let Some((of, start)) = self.views[b.0 as usize] {
            self.refresh(of);
            let mut own = std::mem::take(&mut self.memory[b.0 as usize]);
            let end = start + own.len();
            own.copy_from_slice(&self.memory[of.0 as usize][start..end]);
            self.memory[b.0 as usize] = own;
        }
    }

    /// Notes that a buffer was written; what is in a view goes to its source.
    fn written(&mut self, b: Buf) {
        self.defined[b.0 as usize] = true;
        if let Some((of, start)) = self.views[b.0 as usize] {
            let own = std::mem::take(&mut self.memory[b.0 as usize]);
            self.memory[of.0 as usize][start..start + own.len()].copy_from_slice(&own);
            self.memory[b.0 as usize] = own;
            self.written(of);
        }
    }

    fn write(&mut self, b: Buf, bytes: Vec<u8>) {
        self.memory[b.0 as usize] = bytes;
        self.written(b);
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), LoopError> {
        steps.iter().try_for_each(|s| self.step(s))
    }

    fn step(&mut self, step: &Step) -> Result<(), LoopError> {
        match step {
            Step::Launch { kernel, args, .. } => {
                let k = self.p.kernel(*kernel);
                self.launch(k, args, 0, k.grid())?
            }
            Step::Copy { from, to } => {
                let i = self.read(*from)?;
                let bytes = self.memory[i].clone();
                self.write(*to, bytes);
            }
            Step::Interpret { op, args, results } => {
                let args: Result<Vec<Array>, _> = args.iter().map(|&b| self.array(b)).collect();
                for (a, &b) in op.rules().eval(&args?).iter().zip(results) {
                    self.write(b, a.bytes().to_vec());
                }
            }
            Step::While { cond, pred, body } => {
                self.steps(cond)?;
                while self.scalar(*pred)? != 0 {
                    self.steps(body)?;
                    self.steps(cond)?;
                }
            }
            Step::Repeat {
                count,
                parts,
                views,
                body,
            } => {
                for part in 0..*parts {
                    for t in 0..*count {
                        self.turn(views, t);
                        match parts {
                            1 => self.steps(body)?,
                            _ => body.iter().try_for_each(|s| self.part(s, part, *parts))?,
                        }
                    }
                }
            }
            Step::Case { index, branches } => {
                let last = branches.len() - 1;
                let index = usize::try_from(self.scalar(*index)?).unwrap_or(last);
                self.steps(&branches[index.min(last)])?;
            }
        }
        Ok(())
    }

    /// One part of a launch or a copy.
    fn part(&mut self, step: &Step, part: usize, parts: usize) -> Result<(), LoopError> {
        match step {
            Step::Launch { kernel, args, .. } => {
                let k = self.p.kernel(*kernel);
                let items = k.grid() / parts;
                self.launch(k, args, part * items, (part + 1) * items)
            }
            Step::Copy { from, to } => {
                let i = self.read(*from)?;
                self.refresh(*to);
                let len = self.memory[i].len() / parts;
                let run = part * len..(part + 1) * len;
                let bytes = self.memory[i][run.clone()].to_vec();
                self.memory[to.0 as usize][run].copy_from_slice(&bytes);
                self.written(*to);
                Ok(())
            }
            _ => unreachable!("parts are of launches and copies"),
        }
    }

    /// Moves views to where they are in turn `t`.
    fn turn(&mut self, views: &[(Buf, View)], t: usize) {
        for &(v, view) in views {
            let (of, first) = view.at(t).expect("a view starts within its source");
            let size = self.p.buffer(v).ty.dtype.size();
            self.views[v.0 as usize] = Some((of, first * size));
            self.defined[v.0 as usize] = self.defined[of.0 as usize];
        }
    }

    fn launch(
        &mut self,
        k: &Kernel,
        args: &[Buf],
        start: usize,
        end: usize,
    ) -> Result<(), LoopError> {
        for (p, &b) in k.params.iter().zip(args) {
            match p.access {
                Access::Read => _ = self.read(b)?,
                Access::Write | Access::ReadWrite => self.refresh(b),
            }
        }
        let map: Vec<usize> = args.iter().map(|b| b.0 as usize).collect();
        eval_kernel_on(k, &mut self.memory, &map, start, end)?;
        let writes = |p: &&Param| p.access != Access::Read;
        for (_, &b) in k.params.iter().zip(args).filter(|(p, _)| writes(p)) {
            self.written(b);
        }
        Ok(())
    }
}
