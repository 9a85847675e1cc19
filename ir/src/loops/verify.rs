//! The verifier of the loop IR. Rules of kernels:
//!
//! - K1 every id names an entry of its table; scratch, loop and value tables agree with their uses.
//! - K2 a value is defined once, and where it is used its definition is visible: earlier in the
//!   block or in an enclosing one; the prologue encloses body and epilogue.
//! - K3 a loop is the loop of one `For` with an extent of at least 1, and its index is used inside
//!   it; the grid's in the body only.
//! - K4 types are those of `Native::infer`; memory, registers and values agree; a constant fits.
//! - K5 the operands of an operation are all scalars or all vectors, and so is the result; only
//!   `Splat`, `Lanes`, `Gather`, `Load` and `Get` make vectors of anything else.
//! - K6 vectors have `lanes` lanes, a power of two in `2..=16`, of `lane_bits`, and are computed by
//!   what `vector::vectorizable` allows; shift amounts of vectors are constants.
//! - K7 an access whose address has no value terms, and which no condition guards, is within its
//!   buffer, all lanes of a vector included.
//! - K8 a `Read` parameter is not stored to, a `Write` parameter not loaded from.
//! - K9 a register is set on every path before it is read.
//! - K10 the condition of an `If` is a scalar `bool`; address terms are scalar `i64`, distinct and
//!   sorted with coefficients other than 0.
//!
//! Rules of programs:
//!
//! - P1 ids name entries of their tables; input positions are distinct and dense, output ones too.
//! - P2 a launch passes a buffer of the right type and length for every parameter.
//! - P3 inputs that no output replaces, and constants, are not written.
//! - P4 a buffer is written before it is read, on every path; outputs are written at the end.
//! - P5 copies keep element type and number of elements (a view of a buffer may have another shape);
//!   results of an interpreted op have the types it infers; a predicate is one `bool`, a selector one
//!   `i32` with at least one branch.
//! - P6 a `repeat` has at least one turn; a view belongs to one `repeat` and is used in its body only; its
//!   sources have its element type, a slice lies within its source in every turn, and both sides of a
//!   `turn` have its number of elements.

mod program;

pub use program::verify_program;

use super::eval::MAX_LANES;
use super::vector::{splat_constant, vector_dtype, vectorizable};
use super::*;
use thiserror::Error;

/// A broken rule: our bug when it comes from a pass, the user's when it comes from a file.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{name}: {message} ({rule})")]
pub struct VerifyError {
    /// Kernel or program.
    pub name: String,
    /// Number of the rule at the top of this module.
    pub rule: &'static str,
    /// What is wrong, and where.
    pub message: String,
}

type Check = Result<(), VerifyError>;

/// Checks the rules K1 to K10.
pub fn verify_kernel(k: &Kernel) -> Result<(), VerifyError> {
    let mut c = Checker {
        k,
        visible: vec![false; k.vals.len()],
        defined: vec![false; k.vals.len()],
        active: vec![false; k.loops.len()],
        seen: vec![false; k.loops.len()],
        set: vec![false; k.vars.len()],
        guards: 0,
    };
    c.tables()?;
    let mut prologue = vec![];
    c.stmts(&k.prologue, &mut prologue)?;
    let set = c.set.clone();
    c.active[0] = true;
    c.block(&k.body)?;
    c.active[0] = false;
    c.set = set;
    c.block(&k.epilogue)
}

struct Checker<'a> {
    k: &'a Kernel,
    visible: Vec<bool>,
    defined: Vec<bool>,
    active: Vec<bool>,
    seen: Vec<bool>,
    set: Vec<bool>,
    guards: usize,
}

impl Checker<'_> {
    fn fail(&self, rule: &'static str, message: String) -> Check {
        let name = self.k.name.clone();
        Err(VerifyError {
            name,
            rule,
            message,
        })
    }

    fn ensure(&self, ok: bool, rule: &'static str, message: impl FnOnce() -> String) -> Check {
        if ok {
            Ok(())
        } else {
            self.fail(rule, message())
        }
    }

    fn tables(&self) -> Check {
        let k = self.k;
        self.ensure(!k.loops.is_empty(), "K1", || "no grid".to_string())?;
        let vectors = k.vals.iter().map(|v| (v.vector, v.dtype));
        let vectors = vectors.chain(k.vars.iter().map(|v| (v.vector, v.dtype)));
        for (_, dtype) in vectors.filter(|v| v.0) {
            let lanes = (2..=MAX_LANES).contains(&k.lanes) && k.lanes.is_power_of_two();
            self.ensure(lanes, "K6", || format!("vectors of {} lanes", k.lanes))?;
            self.ensure(vector_dtype(dtype, k.lane_bits), "K6", || {
                format!("{dtype} vectors with lanes of {} bits", k.lane_bits)
            })?;
        }
        Ok(())
    }

    /// A block: what it defines is invisible after it.
    fn block(&mut self, stmts: &[Stmt]) -> Check {
        let mut own = vec![];
        self.stmts(stmts, &mut own)?;
        own.into_iter().for_each(|v: Val| {
            self.visible[v.0 as usize] = false;
        });
        Ok(())
    }

    fn stmts(&mut self, stmts: &[Stmt], own: &mut Vec<Val>) -> Check {
        for s in stmts {
            match s {
                Stmt::Let(v) => {
                    let i = v.0 as usize;
                    let exists = i < self.k.vals.len();
                    self.ensure(exists, "K1", || format!("no value {v:?}"))?;
                    let first = !self.defined[i];
                    self.ensure(first, "K2", || format!("{v:?} is defined twice"))?;
                    self.definition(*v)?;
                    (self.visible[i], self.defined[i]) = (true, true);
                    own.push(*v);
                }
                Stmt::Store(mem, at, v) => self.store(*mem, at, *v)?,
                Stmt::Set(var, v) => {
                    self.register(*var, *v)?;
                    self.set[var.0 as usize] = true;
                }
                Stmt::For(l, body) => self.for_loop(*l, body)?,
                Stmt::If(c, then, otherwise) => {
                    let (ty, vector) = self.operand(*c)?;
                    let scalar = ty == DType::Bool && !vector;
                    self.ensure(scalar, "K10", || format!("condition {c:?} is a {ty}"))?;
                    let before = self.set.clone();
                    self.guards += 1;
                    self.block(then)?;
                    let after = std::mem::replace(&mut self.set, before);
                    self.block(otherwise)?;
                    self.guards -= 1;
                    self.set.iter_mut().zip(after).for_each(|(a, b)| *a &= b);
                }
            }
        }
        Ok(())
    }

    fn for_loop(&mut self, l: Loop, body: &[Stmt]) -> Check {
        let i = l.0 as usize;
        let exists = i < self.k.loops.len();
        self.ensure(exists, "K1", || format!("no loop {l:?}"))?;
        let fresh = l != GRID && !self.seen[i];
        self.ensure(fresh, "K3", || format!("{l:?} is used twice"))?;
        let runs = self.k.loops[i].extent >= 1;
        self.ensure(runs, "K3", || format!("{l:?} has no iterations"))?;
        (self.seen[i], self.active[i]) = (true, true);
        self.block(body)?;
        self.active[i] = false;
        Ok(())
    }

    /// Type and vector-ness of a visible value.
    fn operand(&self, v: Val) -> Result<(DType, bool), VerifyError> {
        let visible = self.visible.get(v.0 as usize) == Some(&true);
        self.ensure(visible, "K2", || format!("{v:?} is used out of sight"))?;
        let def = self.k.val(v);
        Ok((def.dtype, def.vector))
    }

    fn register(&self, var: Var, v: Val) -> Check {
        let (ty, vector) = self.operand(v)?;
        let Some(def) = self.k.vars.get(var.0 as usize) else {
            return self.fail("K1", format!("no register {var:?}"));
        };
        let same = def.dtype == ty && def.vector == vector;
        self.ensure(same, "K4", || {
            format!("{v:?} does not fit register {var:?}")
        })
    }

    fn address(&self, at: &Affine) -> Check {
        let sorted = at.terms.is_sorted_by(|a, b| a.0 < b.0);
        let plain = sorted && at.terms.iter().all(|t| t.1 != 0);
        self.ensure(plain, "K10", || {
            format!("address {at:?} is not in normal form")
        })?;
        for (term, _) in &at.terms {
            match term {
                Term::Loop(l) => {
                    let active = self.active.get(l.0 as usize) == Some(&true);
                    self.ensure(active, "K3", || format!("{l:?} is used outside its loop"))?;
                }
                Term::Val(v) => {
                    let scalar = self.operand(*v)? == (DType::I64, false);
                    self.ensure(scalar, "K10", || format!("{v:?} in an address"))?;
                }
            }
        }
        Ok(())
    }

    fn access(&self, mem: Mem, at: &Affine, lanes: usize, stride: i64, store: bool) -> Check {
        let exists = match mem {
            Mem::Param(p) => (p as usize) < self.k.params.len(),
            Mem::Scratch(s) => (s as usize) < self.k.scratch.len(),
        };
        self.ensure(exists, "K1", || format!("no {mem:?}"))?;
        if let Mem::Param(p) = mem {
            let forbidden = if store { Access::Read } else { Access::Write };
            let allowed = self.k.params[p as usize].access != forbidden;
            let verb = if store { "store to" } else { "load from" };
            self.ensure(allowed, "K8", || format!("{verb} {mem:?}"))?;
        }
        self.address(at)?;
        if self.guards > 0 || (self.active[0] && self.k.grid() == 0) {
            return Ok(());
        }
        let Some((mut lo, mut hi)) = range(self.k, at) else {
            return Ok(());
        };
        let reach = (lanes as i64 - 1) * stride;
        (lo, hi) = (lo.min(lo + reach), hi.max(hi + reach));
        let len = self.k.mem_len(mem);
        self.ensure(lo >= 0 && hi < len as i64, "K7", || {
            format!("elements {lo}..={hi} of {mem:?}, which has {len}")
        })
    }

    fn store(&self, mem: Mem, at: &Affine, v: Val) -> Check {
        let (ty, vector) = self.operand(v)?;
        let lanes = if vector { self.k.lanes } else { 1 };
        self.access(mem, at, lanes, 1, true)?;
        self.ensure(ty == self.k.mem_dtype(mem), "K4", || {
            format!("{v:?}, a {ty}, stored to {mem:?}")
        })
    }

    fn definition(&self, v: Val) -> Check {
        let def = self.k.val(v);
        let mut operands = vec![];
        if let Inst::Native(_, args) = &def.inst {
            operands = args.clone();
        } else if let Inst::Splat(x) = def.inst {
            operands = vec![x];
        }
        let mut types = vec![];
        let mut vectors = vec![];
        for x in operands {
            let (ty, vector) = self.operand(x)?;
            types.push(ty);
            vectors.push(vector);
        }
        let lanes = if def.vector { self.k.lanes } else { 1 };
        let (ty, shape) = match &def.inst {
            Inst::Const(bits) => {
                let fits = *bits <= u64::MAX >> (64 - def.dtype.bits());
                self.ensure(fits, "K4", || format!("{v:?}: constant is too wide"))?;
                (Some(def.dtype), !def.vector)
            }
            Inst::Native(op, _) => (
                op.infer(&types),
                vectors.iter().all(|&vector| vector == def.vector),
            ),
            Inst::Load(mem, at) => {
                self.access(*mem, at, lanes, 1, false)?;
                (Some(self.k.mem_dtype(*mem)), true)
            }
            Inst::Gather(mem, at, stride) => {
                self.access(*mem, at, lanes, *stride, false)?;
                (Some(self.k.mem_dtype(*mem)), def.vector)
            }
            Inst::Index(at) => {
                self.address(at)?;
                (Some(DType::I64), !def.vector)
            }
            Inst::Splat(_) => (Some(types[0]), def.vector && !vectors[0]),
            Inst::Lanes => (Some(def.dtype), def.vector),
            Inst::Get(var) => {
                let set = self.set.get(var.0 as usize) == Some(&true);
                self.ensure(set, "K9", || format!("{var:?} is read before it is set"))?;
                let var = &self.k.vars[var.0 as usize];
                (Some(var.dtype), var.vector == def.vector)
            }
        };
        self.ensure(ty == Some(def.dtype), "K4", || {
            format!("{v:?}: {:?} of {types:?} is no {}", def.inst, def.dtype)
        })?;
        self.ensure(shape, "K5", || {
            format!("{v:?}: mixes scalars and vectors in {:?}", def.inst)
        })?;
        self.vector(v, &types)
    }

    fn vector(&self, v: Val, types: &[DType]) -> Check {
        let def = self.k.val(v);
        if !def.vector {
            return Ok(());
        }
        let allowed = vectorizable(&def.inst, def.dtype, types, self.k.lane_bits);
        self.ensure(allowed, "K6", || {
            format!("{v:?}: {:?} of {types:?} is no vector operation", def.inst)
        })?;
        use crate::Native::{Shl, ShrArith, ShrLogical};
        match &def.inst {
            Inst::Native(Shl | ShrArith | ShrLogical, args) => {
                let constant = splat_constant(self.k, args[1]).is_some();
                self.ensure(constant, "K6", || {
                    format!("{v:?}: the shift amount is not a constant")
                })
            }
            _ => Ok(()),
        }
    }
}

/// Least and greatest value of an address; `None` when it has value terms.
pub fn range(k: &Kernel, at: &Affine) -> Option<(i64, i64)> {
    let mut range = (at.offset, at.offset);
    for (term, c) in &at.terms {
        let Term::Loop(l) = term else { return None };
        let reach = (k.loops[l.0 as usize].extent as i64 - 1) * c;
        range = (range.0 + reach.min(0), range.1 + reach.max(0));
    }
    Some(range)
}
