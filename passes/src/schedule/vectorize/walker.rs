//! Writes the body of a loop as vectors.

use super::super::affine::{self, constant};
use super::super::lanes::{Kind, Lanes};
use super::super::rebuild::Rebuild;
use craneflow_ir::loops::*;
use craneflow_ir::{DType, Native};

/// One vector's share of the loop.
struct Copy {
    /// Image of the loop index in lane 0.
    base: Affine,
    vals: Vec<Option<Val>>,
    vars: Vec<Option<Var>>,
}

pub(super) struct Walker<'a> {
    l: Loop,
    lanes: usize,
    found: &'a Lanes,
    copies: Vec<Copy>,
    /// The condition that holds in the lanes that may set registers; by copy.
    mask: Option<(Vec<Val>, bool)>,
}

impl<'a> Walker<'a> {
    pub fn new(l: Loop, lanes: usize, found: &'a Lanes) -> Walker<'a> {
        Walker {
            l,
            lanes,
            found,
            copies: vec![],
            mask: None,
        }
    }

    /// Emits vectors `group * i + first ..` for `n` of them, jammed.
    pub fn run(
        &mut self,
        r: &mut Rebuild,
        i: &Affine,
        group: usize,
        first: usize,
        n: usize,
        body: &[Stmt],
    ) {
        self.copies = (first..first + n)
            .map(|copy| {
                let mut base = constant((copy * self.lanes) as i64);
                affine::add(&mut base, i, (group * self.lanes) as i64);
                Copy {
                    base,
                    vals: vec![None; r.old.vals.len()],
                    vars: vec![None; r.old.vars.len()],
                }
            })
            .collect();
        self.block(r, body);
    }

    fn block(&mut self, r: &mut Rebuild, stmts: &[Stmt]) {
        for s in stmts {
            match s {
                Stmt::Let(v) if self.found.vals[v.0 as usize] == Kind::Uniform => r.simple(s),
                Stmt::Let(v) => {
                    for copy in 0..self.copies.len() {
                        let image = self.value(r, copy, *v);
                        self.copies[copy].vals[v.0 as usize] = Some(image);
                    }
                }
                Stmt::Store(mem, at, v) => {
                    for copy in 0..self.copies.len() {
                        let v = self.vector(r, copy, *v);
                        let at = self.address(r, copy, at);
                        r.store(*mem, at, v);
                    }
                }
                Stmt::Set(var, v) if self.found.vars[var.0 as usize] => {
                    for copy in 0..self.copies.len() {
                        self.set(r, copy, *var, *v);
                    }
                }
                Stmt::Set(..) => r.simple(s),
                Stmt::For(l, body) => {
                    let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
                    r.each(extent, kind, body, |r, i| {
                        r.loops[l.0 as usize] = Some(i);
                        self.block(r, body);
                    });
                }
                Stmt::If(c, a, b) => self.branch(r, *c, a, b),
            }
        }
    }

    fn branch(&mut self, r: &mut Rebuild, c: Val, a: &[Stmt], b: &[Stmt]) {
        if self.found.vals[c.0 as usize] == Kind::Uniform {
            let c = r.val(c);
            return match r.constant_of(c) {
                Some(known) => self.block(r, if known != 0 { a } else { b }),
                None => {
                    if self.mask.is_some() {
                        self.declare(r, a);
                        self.declare(r, b);
                    }
                    r.branch(c, [a, b], |r, stmts| self.block(r, stmts));
                }
            };
        }
        let masks: Vec<Val> = (0..self.copies.len())
            .map(|u| self.vector(r, u, c))
            .collect();
        for (stmts, holds) in [(a, true), (b, false)] {
            let mut own = masks.clone();
            if let Some((outer, outer_holds)) = &self.mask {
                for (m, &o) in own.iter_mut().zip(outer) {
                    let mut test = |op, args| r.emit(Inst::Native(op, args), DType::Bool, true);
                    let inner = if holds {
                        *m
                    } else {
                        test(Native::Not, vec![*m])
                    };
                    let o = if *outer_holds {
                        o
                    } else {
                        test(Native::Not, vec![o])
                    };
                    *m = test(Native::And, vec![o, inner]);
                }
            }
            let holds = holds || self.mask.is_some();
            let outer = self.mask.replace((own, holds));
            self.block(r, stmts);
            self.mask = outer;
        }
    }

    /// Gives the registers that `stmts` set, under a mask and one of two branches, a value before: a
    /// lane that the mask leaves out keeps it, whichever branch is taken.
    fn declare(&mut self, r: &mut Rebuild, stmts: &[Stmt]) {
        for s in stmts {
            match s {
                Stmt::Set(var, _) if self.found.vars[var.0 as usize] => {
                    let dtype = r.old.vars[var.0 as usize].dtype;
                    for copy in &mut self.copies {
                        copy.vars[var.0 as usize].get_or_insert_with(|| {
                            let zero = r.emit(Inst::Const(0), dtype, false);
                            let zero = r.emit(Inst::Splat(zero), dtype, true);
                            let image = r.register(dtype, true);
                            r.set(image, zero);
                            image
                        });
                    }
                }
                Stmt::If(_, a, b) => {
                    self.declare(r, a);
                    self.declare(r, b);
                }
                Stmt::For(_, body) => self.declare(r, body),
                _ => {}
            }
        }
    }

    fn set(&mut self, r: &mut Rebuild, copy: usize, var: Var, v: Val) {
        let mut value = self.vector(r, copy, v);
        let dtype = r.old.vars[var.0 as usize].dtype;
        let known = self.copies[copy].vars[var.0 as usize];
        let image = known.unwrap_or_else(|| r.register(dtype, true));
        // A register without a value keeps none in the lanes that do not set it.
        if let (Some((masks, holds)), true) = (&self.mask, known.is_some()) {
            let old = r.emit(Inst::Get(image), dtype, true);
            let (then, otherwise) = if *holds { (value, old) } else { (old, value) };
            let select = Inst::Native(Native::Select, vec![masks[copy], then, otherwise]);
            value = r.emit(select, dtype, true);
        }
        self.copies[copy].vars[var.0 as usize] = Some(image);
        r.set(image, value);
    }

    fn address(&self, r: &mut Rebuild, copy: usize, at: &Affine) -> Affine {
        r.loops[self.l.0 as usize] = Some(self.copies[copy].base.clone());
        r.affine(at)
    }

    /// The image of a value as a vector.
    fn vector(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        let (i, dtype) = (v.0 as usize, r.old.val(v).dtype);
        match self.found.vals[i] {
            Kind::Uniform => {
                let v = r.val(v);
                r.emit(Inst::Splat(v), dtype, true)
            }
            _ => self.copies[copy].vals[i].expect("defined before use"),
        }
    }

    /// The image of an index as a vector of `i32`.
    fn narrow(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        if self.found.vals[v.0 as usize] == Kind::Narrow {
            return self.vector(r, copy, v);
        }
        let v = r.val(v);
        let v = r.emit(
            Inst::Native(Native::Convert(DType::I32), vec![v]),
            DType::I32,
            false,
        );
        r.emit(Inst::Splat(v), DType::I32, true)
    }

    fn value(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        let ValDef { inst, dtype, .. } = r.old.val(v).clone();
        match inst {
            Inst::Native(op, args) => {
                if args
                    .iter()
                    .any(|a| self.found.vals[a.0 as usize] == Kind::Narrow)
                {
                    let args = args.iter().map(|&a| self.narrow(r, copy, a)).collect();
                    return self.on_narrow(r, op, args);
                }
                let args = args.iter().map(|&a| self.vector(r, copy, a)).collect();
                r.emit(Inst::Native(op, args), dtype, true)
            }
            Inst::Load(mem, at) => {
                let stride = at.coefficient(self.l);
                let at = self.address(r, copy, &at);
                let inst = match stride {
                    1 => Inst::Load(mem, at),
                    _ => Inst::Gather(mem, at, stride),
                };
                r.emit(inst, dtype, true)
            }
            Inst::Index(at) => {
                let stride = at.coefficient(self.l);
                let at = self.address(r, copy, &at);
                iota(r, at, stride)
            }
            Inst::Get(var) => {
                let var = self.copies[copy].vars[var.0 as usize].expect("set before");
                r.emit(Inst::Get(var), dtype, true)
            }
            Inst::Const(_) | Inst::Gather(..) | Inst::Splat(_) | Inst::Lanes => {
                unreachable!("no value that differs by lane")
            }
        }
    }

    fn on_narrow(&self, r: &mut Rebuild, op: Native, args: Vec<Val>) -> Val {
        match op {
            Native::Convert(DType::I32) => args[0],
            Native::Convert(DType::U32) => {
                let inst = Inst::Native(Native::Bitcast(DType::U32), args);
                r.emit(inst, DType::U32, true)
            }
            Native::Convert(to) => r.emit(Inst::Native(op, args), to, true),
            _ => r.emit(Inst::Native(op, args), DType::Bool, true),
        }
    }
}

/// `at + stride * lane`, as `i32`.
fn iota(r: &mut Rebuild, at: Affine, stride: i64) -> Val {
    const I32: DType = DType::I32;
    let base = r.emit(Inst::Index(at), DType::I64, false);
    let base = r.emit(Inst::Native(Native::Convert(I32), vec![base]), I32, false);
    let base = r.emit(Inst::Splat(base), I32, true);
    let mut lanes = r.emit(Inst::Lanes, I32, true);
    if stride != 1 {
        let stride = r.emit(Inst::Const(stride as i32 as u32 as u64), I32, false);
        let stride = r.emit(Inst::Splat(stride), I32, true);
        lanes = r.emit(Inst::Native(Native::Mul, vec![lanes, stride]), I32, true);
    }
    r.emit(Inst::Native(Native::Add, vec![base, lanes]), I32, true)
}
