//! Whether a loop can be run lane by lane in vectors, and which of its values differ by lane.

use super::scan::{count_uses, registers};
use craneflow_ir::loops::vector::{vector_dtype, vectorizable};
use craneflow_ir::loops::*;
use craneflow_ir::{DType, Native};

/// What a value of the old kernel is in the vector form of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The same in all lanes; stays a scalar.
    Uniform,
    /// A vector.
    Vector,
    /// An `i64` index that fits `i32`: a vector of `i32`.
    Narrow,
}

/// A loop that can be a loop of vectors.
pub(super) struct Lanes {
    /// By value of the old kernel.
    pub vals: Vec<Kind>,
    /// Registers that become vectors, by register of the old kernel.
    pub vars: Vec<bool>,
    /// Loads and stores of consecutive elements, and operations.
    pub useful: usize,
    /// Loads lane by lane.
    pub gathers: usize,
}

/// Analyses the loop `l` over `stmts` for lanes of `bits`, in a kernel with `uses` of its
/// registers; `None` when something in it has no vector form.
pub(super) fn analyse(
    k: &Kernel,
    uses: &[usize],
    l: Loop,
    stmts: &[Stmt],
    bits: usize,
) -> Option<Lanes> {
    let mut inside = vec![0; uses.len()];
    count_uses(k, stmts, &mut inside);
    // A register that the loop sets must be its own.
    let own = registers(stmts);
    if own
        .iter()
        .any(|v| inside[v.0 as usize] != uses[v.0 as usize])
    {
        return None;
    }
    let mut a = Analysis {
        k,
        l,
        bits,
        speculative: false,
        found: Lanes {
            vals: vec![Kind::Uniform; k.vals.len()],
            vars: vec![false; k.vars.len()],
            useful: 0,
            gathers: 0,
        },
    };
    // A register found to be a vector makes vectors of what was read from it before.
    loop {
        let before = a.found.vars.clone();
        (a.found.useful, a.found.gathers) = (0, 0);
        a.block(stmts)?;
        if before == a.found.vars {
            return Some(a.found);
        }
    }
}

struct Analysis<'a> {
    k: &'a Kernel,
    l: Loop,
    bits: usize,
    /// Under a condition that differs by lane: everything is computed in all lanes.
    speculative: bool,
    found: Lanes,
}

impl Analysis<'_> {
    fn kind(&self, v: Val) -> Kind {
        self.found.vals[v.0 as usize]
    }

    fn block(&mut self, stmts: &[Stmt]) -> Option<()> {
        stmts.iter().try_for_each(|s| self.stmt(s))
    }

    fn stmt(&mut self, s: &Stmt) -> Option<()> {
        match s {
            Stmt::Let(v) => {
                let kind = self.value(*v)?;
                self.found.vals[v.0 as usize] = kind;
            }
            Stmt::Store(mem, at, v) => {
                let dtype = self.k.mem_dtype(*mem);
                let unit = at.coefficient(self.l) == 1 && self.uniform_terms(at);
                let fits = vector_dtype(dtype, self.bits)
                    && self.kind(*v) != Kind::Narrow
                    && !self.k.val(*v).vector;
                (unit && fits && !self.speculative).then_some(())?;
                self.found.useful += 1;
            }
            Stmt::Set(var, v) => {
                let i = var.0 as usize;
                (self.kind(*v) != Kind::Narrow && !self.k.val(*v).vector).then_some(())?;
                self.found.vars[i] |= self.speculative || self.kind(*v) == Kind::Vector;
                let fits = vector_dtype(self.k.vars[i].dtype, self.bits);
                (fits || !self.found.vars[i]).then_some(())?;
            }
            Stmt::For(_, body) => {
                (!self.speculative).then_some(())?;
                self.block(body)?;
            }
            Stmt::If(c, a, b) if self.kind(*c) == Kind::Uniform => {
                self.block(a)?;
                self.block(b)?;
            }
            Stmt::If(_, a, b) => {
                let outside = std::mem::replace(&mut self.speculative, true);
                self.block(a)?;
                self.block(b)?;
                self.speculative = outside;
            }
        }
        Some(())
    }

    fn uniform_terms(&self, at: &Affine) -> bool {
        at.terms.iter().all(|(term, _)| match term {
            Term::Loop(_) => true,
            Term::Val(v) => self.kind(*v) == Kind::Uniform,
        })
    }

    fn value(&mut self, v: Val) -> Option<Kind> {
        let def = self.k.val(v);
        if def.vector {
            return None;
        }
        match &def.inst {
            Inst::Const(_) => Some(Kind::Uniform),
            Inst::Native(op, args) => self.native(*op, args, def),
            Inst::Load(mem, at) => self.load(*mem, at, def),
            Inst::Index(at) => {
                self.uniform_terms(at).then_some(())?;
                if at.coefficient(self.l) == 0 {
                    return Some(Kind::Uniform);
                }
                (self.bits == 32 && narrow(self.k, at)).then_some(Kind::Narrow)
            }
            Inst::Get(var) if self.found.vars[var.0 as usize] => Some(Kind::Vector),
            Inst::Get(_) => Some(Kind::Uniform),
            Inst::Gather(..) | Inst::Splat(_) | Inst::Lanes => None,
        }
    }

    fn load(&mut self, mem: Mem, at: &Affine, def: &ValDef) -> Option<Kind> {
        self.uniform_terms(at).then_some(())?;
        if self.speculative {
            let (lo, hi) = verify::range(self.k, at)?;
            (lo >= 0 && hi < self.k.mem_len(mem) as i64).then_some(())?;
        }
        let c = at.coefficient(self.l);
        if c == 0 {
            return Some(Kind::Uniform);
        }
        vector_dtype(def.dtype, self.bits).then_some(())?;
        *if c == 1 {
            &mut self.found.useful
        } else {
            &mut self.found.gathers
        } += 1;
        Some(Kind::Vector)
    }

    fn native(&mut self, op: Native, args: &[Val], def: &ValDef) -> Option<Kind> {
        if args.iter().any(|a| self.k.val(*a).vector) {
            return None;
        }
        if args.iter().all(|&a| self.kind(a) == Kind::Uniform) {
            return Some(Kind::Uniform);
        }
        self.found.useful += 1;
        if args.iter().any(|&a| self.kind(a) == Kind::Narrow) {
            return self.on_narrow(op, args);
        }
        if matches!(op, Native::Shl | Native::ShrLogical | Native::ShrArith) {
            matches!(self.k.val(args[1]).inst, Inst::Const(_)).then_some(())?;
        }
        let types: Vec<DType> = args.iter().map(|&a| self.k.val(a).dtype).collect();
        vectorizable(&def.inst, def.dtype, &types, self.bits).then_some(Kind::Vector)
    }

    /// An operation on an index that is computed in `i32`.
    fn on_narrow(&self, op: Native, args: &[Val]) -> Option<Kind> {
        let fits = |&a: &Val| {
            self.kind(a) == Kind::Narrow
                || match &self.k.val(a).inst {
                    Inst::Const(bits) => i32::try_from(*bits as i64).is_ok(),
                    Inst::Index(at) => narrow(self.k, at),
                    _ => false,
                }
        };
        let ok = match op {
            Native::Convert(to) => matches!(to, DType::I32 | DType::U32 | DType::F32),
            Native::Cmp(_) => args.iter().all(fits),
            _ => false,
        };
        ok.then_some(Kind::Vector)
    }
}

/// Whether an address fits `i32`, lanes past the loop's end included.
fn narrow(k: &Kernel, at: &Affine) -> bool {
    const MARGIN: i64 = 1 << 20;
    verify::range(k, at).is_some_and(|(lo, hi)| lo >= MARGIN - (1 << 31) && hi < (1 << 31) - MARGIN)
}
