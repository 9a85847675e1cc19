//! The rules P1 to P6.

use super::{Check, VerifyError, verify_kernel};
use crate::error::TypeError;
use crate::loops::*;
use crate::types::Type;

/// Checks the rules P1 to P6, and K1 to K10 of every kernel.
pub fn verify_program(p: &Program) -> Result<(), VerifyError> {
    p.kernels.iter().try_for_each(verify_kernel)?;
    let mut c = Checker {
        p,
        writable: vec![false; p.buffers.len()],
        defined: vec![false; p.buffers.len()],
        open: vec![false; p.buffers.len()],
        named: vec![false; p.buffers.len()],
    };
    c.buffers()?;
    c.names(&p.steps)?;
    c.steps(&p.steps)?;
    for (i, b) in p.buffers.iter().enumerate() {
        if let BufferKind::Output(..) = b.kind {
            c.read(Buf(i as u32))?;
        }
    }
    Ok(())
}

struct Checker<'a> {
    p: &'a Program,
    writable: Vec<bool>,
    defined: Vec<bool>,
    /// Views of the repeats that are being checked, and all that belong to one.
    open: Vec<bool>,
    named: Vec<bool>,
}

impl Checker<'_> {
    fn ensure(&self, ok: bool, rule: &'static str, message: impl FnOnce() -> String) -> Check {
        if ok {
            return Ok(());
        }
        let name = self.p.name.clone();
        let message = message();
        Err(VerifyError {
            name,
            rule,
            message,
        })
    }

    fn buffers(&mut self) -> Check {
        let (mut inputs, mut outputs, mut donated) = (vec![], vec![], vec![]);
        for (i, b) in self.p.buffers.iter().enumerate() {
            self.writable[i] = matches!(
                b.kind,
                BufferKind::Output(..) | BufferKind::Temp | BufferKind::Kept
            );
            self.defined[i] = !self.writable[i] || b.ty.count() == 0;
            match b.kind {
                BufferKind::Input(position) => inputs.push((position, i)),
                BufferKind::Output(position, replaces) => {
                    outputs.push((position, i));
                    donated.extend(replaces);
                }
                BufferKind::Constant(ref a) => {
                    self.ensure(a.ty == b.ty, "P1", || format!("constant {}", b.name))?
                }
                BufferKind::Temp | BufferKind::Kept | BufferKind::View => {}
            }
        }
        for (what, list) in [("inputs", &mut inputs), ("outputs", &mut outputs)] {
            list.sort();
            let dense = list.iter().enumerate().all(|(i, e)| e.0 == i);
            self.ensure(dense, "P1", || format!("positions of {what}"))?;
        }
        for position in donated {
            let known = position < inputs.len();
            self.ensure(known, "P1", || format!("no input {position} to replace"))?;
            self.writable[inputs[position].1] = true;
        }
        Ok(())
    }

    fn buffer(&self, b: Buf) -> Result<&Buffer, VerifyError> {
        let exists = (b.0 as usize) < self.p.buffers.len();
        self.ensure(exists, "P1", || format!("no buffer {b:?}"))?;
        let buffer = self.p.buffer(b);
        let usable = buffer.kind != BufferKind::View || self.open[b.0 as usize];
        self.ensure(usable, "P6", || {
            format!("view {} is used outside of its repeat", buffer.name)
        })?;
        Ok(buffer)
    }

    fn read(&self, b: Buf) -> Result<&Type, VerifyError> {
        let buffer = self.buffer(b)?;
        self.ensure(self.defined[b.0 as usize], "P4", || {
            format!("buffer {} is read before it is written", buffer.name)
        })?;
        Ok(&buffer.ty)
    }

    fn write(&mut self, b: Buf) -> Result<Type, VerifyError> {
        let buffer = self.buffer(b)?;
        self.ensure(self.writable[b.0 as usize], "P3", || {
            format!("buffer {} is read-only", buffer.name)
        })?;
        let ty = buffer.ty.clone();
        self.defined[b.0 as usize] = true;
        Ok(ty)
    }

    /// Each view belongs to one repeat.
    fn names(&mut self, steps: &[Step]) -> Check {
        for step in steps {
            match step {
                Step::Repeat { views, body, .. } => {
                    for (v, _) in views {
                        let exists = (v.0 as usize) < self.p.buffers.len();
                        self.ensure(exists, "P1", || format!("no buffer {v:?}"))?;
                        let buffer = self.p.buffer(*v);
                        let named = std::mem::replace(&mut self.named[v.0 as usize], true);
                        let fresh = buffer.kind == BufferKind::View && !named;
                        self.ensure(fresh, "P6", || {
                            format!("{} is no view of its own", buffer.name)
                        })?;
                    }
                    self.names(body)?;
                }
                Step::While { cond, body, .. } => {
                    self.names(cond)?;
                    self.names(body)?;
                }
                Step::Case { branches, .. } => branches.iter().try_for_each(|b| self.names(b))?,
                Step::Launch { .. } | Step::Copy { .. } | Step::Interpret { .. } => {}
            }
        }
        Ok(())
    }

    fn steps(&mut self, steps: &[Step]) -> Check {
        steps.iter().try_for_each(|s| self.step(s))
    }

    fn step(&mut self, step: &Step) -> Check {
        match step {
            Step::Launch { kernel, args, .. } => {
                let exists = (kernel.0 as usize) < self.p.kernels.len();
                self.ensure(exists, "P1", || format!("no kernel {kernel:?}"))?;
                self.launch(*kernel, args)
            }
            Step::Copy { from, to } => {
                let ty = self.read(*from)?.clone();
                let to = self.write(*to)?;
                let same = to.dtype == ty.dtype && to.count() == ty.count();
                self.ensure(same, "P5", || format!("copy of {ty} to {to}"))
            }
            Step::Interpret { op, args, results } => {
                let types: Result<Vec<Type>, _> =
                    args.iter().map(|&b| self.read(b).cloned()).collect();
                let inferred = op.rules().infer(&types?);
                let inferred = inferred.map_err(|e: TypeError| VerifyError {
                    name: self.p.name.clone(),
                    rule: "P5",
                    message: e.to_string(),
                })?;
                let found: Result<Vec<Type>, _> = results.iter().map(|&b| self.write(b)).collect();
                self.ensure(found? == inferred, "P5", || {
                    format!("results of {}", op.name())
                })
            }
            Step::While { cond, pred, body } => {
                self.steps(cond)?;
                self.scalar(*pred, DType::Bool)?;
                let before = self.defined.clone();
                self.steps(body)?;
                self.steps(cond)?;
                self.defined = before;
                Ok(())
            }
            Step::Repeat {
                count,
                parts,
                views,
                body,
            } => {
                self.repeat(*count, views, body)?;
                let apart = *parts == 1 || parts::independent(self.p, views, body, *parts);
                self.ensure(apart, "P6", || {
                    format!("a repeat does not fall into {parts} parts")
                })
            }
            Step::Case { index, branches } => {
                self.scalar(*index, DType::I32)?;
                self.ensure(!branches.is_empty(), "P5", || "case has no branch".into())?;
                let before = self.defined.clone();
                let mut after = vec![true; before.len()];
                for branch in branches {
                    self.steps(branch)?;
                    let own = std::mem::replace(&mut self.defined, before.clone());
                    after.iter_mut().zip(own).for_each(|(a, b)| *a &= b);
                }
                self.defined = after;
                Ok(())
            }
        }
    }

    /// Follows the first two turns: what later ones find defined, these do.
    fn repeat(&mut self, count: usize, views: &[(Buf, View)], body: &[Step]) -> Check {
        self.ensure(count > 0, "P6", || "a repeat without turns".into())?;
        for (v, view) in views {
            self.view(*v, view, count)?;
        }
        for t in 0..count.min(2) {
            for &(v, view) in views {
                let of = view.at(t).map_or(v, |at| at.0);
                self.defined[v.0 as usize] = self.defined[of.0 as usize];
            }
            self.steps(body)?;
            for &(v, view) in views {
                if let (View::Turn { .. }, Some((of, _))) = (view, view.at(t)) {
                    self.defined[of.0 as usize] |= self.defined[v.0 as usize];
                }
            }
        }
        for &(v, view) in views {
            if let View::Slice { of, step, .. } = view {
                let part = self.p.buffer(v).ty.count();
                let all = step.unsigned_abs() as usize == part
                    && part.checked_mul(count) == Some(self.p.buffer(of).ty.count());
                self.defined[of.0 as usize] |= all && self.defined[v.0 as usize];
            }
            self.open[v.0 as usize] = false;
        }
        Ok(())
    }

    fn view(&mut self, v: Buf, view: &View, count: usize) -> Check {
        for of in view.sources() {
            self.buffer(of)?;
        }
        let buffer = self.p.buffer(v);
        let fits = |t: usize| {
            let (of, start) = view.at(t)?;
            let whole = &self.p.buffer(of).ty;
            let end = start.checked_add(buffer.ty.count())?;
            let exact = matches!(view, View::Slice { .. }) || end == whole.count();
            (whole.dtype == buffer.ty.dtype && end <= whole.count() && exact).then_some(())
        };
        let ends = [0, 1.min(count - 1), count - 1];
        let inside = ends.into_iter().all(|t| fits(t).is_some());
        self.ensure(inside, "P6", || {
            format!("view {} does not fit its source", buffer.name)
        })?;
        let writable = view.sources().iter().all(|b| self.writable[b.0 as usize]);
        self.writable[v.0 as usize] = writable;
        self.open[v.0 as usize] = true;
        Ok(())
    }

    fn scalar(&self, b: Buf, dtype: DType) -> Check {
        let ty = self.read(b)?;
        let ok = ty.dtype == dtype && ty.count() == 1;
        self.ensure(ok, "P5", || format!("{ty} decides what runs"))
    }

    fn launch(&mut self, id: KernelId, args: &[Buf]) -> Check {
        let k = self.p.kernel(id);
        let fits = k.params.len() == args.len();
        self.ensure(fits, "P2", || {
            let (n, m) = (k.params.len(), args.len());
            format!("kernel {} takes {n} buffers, found {m}", k.name)
        })?;
        for (p, &b) in k.params.iter().zip(args) {
            let ty = &self.buffer(b)?.ty;
            let same = ty.dtype == p.dtype && ty.count() == p.len;
            self.ensure(same, "P2", || {
                format!("kernel {}: {ty} for {} of {}", k.name, p.len, p.dtype)
            })?;
            if p.access == Access::Read {
                self.read(b)?;
            }
        }
        for (p, &b) in k.params.iter().zip(args) {
            if p.access != Access::Read {
                self.write(b)?;
            }
        }
        Ok(())
    }
}
