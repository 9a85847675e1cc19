//! Values of a kernel under construction: equal ones are one, defined as far out as their operands allow.

use super::{KernelBuilder, Key};
use crate::hash::Hashed;
use crate::loops::index::{Atom, Index};
use crate::loops::{Affine, Inst, Stmt, Term, Val, ValDef};
use crate::native::{Cmp, Emit, Native, Scalar};
use crate::types::DType;

impl KernelBuilder {
    /// The value of an index, an `i64`.
    pub fn index_value(&mut self, index: &Index) -> Val {
        let affine = self.affine(index);
        if affine.terms.is_empty() {
            return self.constant(Scalar::int(DType::I64, affine.offset));
        }
        if let ([(Term::Val(v), 1)], 0) = (affine.terms.as_slice(), affine.offset) {
            return *v;
        }
        self.pure(Inst::Index(affine), DType::I64, false)
    }

    /// A computed `i64` as an index; its value must be in `0..extent`.
    pub fn as_index(&mut self, value: Val, extent: usize) -> Index {
        match self.kernel.val(value).inst {
            Inst::Const(bits) => Index::constant(bits as i64),
            _ => Index::atom(Atom::Val(value), extent as i64),
        }
    }

    /// Whether `lo <= index < hi`, as a `bool`; a constant when the range of the index decides it.
    pub fn within(&mut self, index: &Index, lo: i64, hi: i64) -> Val {
        let (least, greatest) = index.range();
        if least >= lo && greatest < hi {
            return self.constant(Scalar::bool(true));
        }
        let v = self.index_value(index);
        let test = |k: &mut Self, cmp, bound| {
            let bound = k.constant(Scalar::int(DType::I64, bound));
            k.native(Native::Cmp(cmp), &[v, bound])
        };
        match (least >= lo, greatest < hi) {
            (true, _) => test(self, Cmp::Lt, hi),
            (_, true) => test(self, Cmp::Ge, lo),
            _ => {
                let (above, below) = (test(self, Cmp::Ge, lo), test(self, Cmp::Lt, hi));
                self.native(Native::And, &[above, below])
            }
        }
    }

    /// The element of graph value `key` at `at`, if `remember` was told of one that is still visible.
    pub fn recall(&self, key: u32, at: &[Index]) -> Option<Val> {
        let key = Hashed::new((key, at.to_vec()));
        self.stack
            .iter()
            .rev()
            .find_map(|b| b.elements.get(&key))
            .copied()
    }

    /// Notes that `value` is the element of graph value `key` at `at`.
    pub fn remember(&mut self, key: u32, at: &[Index], value: Val) {
        let depth = self.val_depth[value.0 as usize];
        let key = Hashed::new((key, at.to_vec()));
        self.stack[depth].elements.insert(key, value);
    }

    /// The constant a value is known to be.
    pub fn known(&self, v: Val) -> Option<Scalar> {
        let def = self.kernel.val(v);
        match def.inst {
            Inst::Const(bits) => Some(Scalar {
                ty: def.dtype,
                bits,
            }),
            _ => None,
        }
    }

    pub(super) fn affine(&mut self, index: &Index) -> Affine {
        let mut terms: Vec<(Term, i64)> = vec![];
        for (atom, _, c) in &index.terms {
            let term = match atom {
                Atom::Loop(l) => Term::Loop(*l),
                Atom::Val(v) => Term::Val(*v),
                Atom::Div(x, d) => Term::Val(self.index_native(Native::Div, x, *d)),
                Atom::Mod(x, d) => Term::Val(self.index_native(Native::Rem, x, *d)),
            };
            match terms.iter_mut().find(|t| t.0 == term) {
                Some(t) => t.1 += c,
                None => terms.push((term, *c)),
            }
        }
        terms.retain(|t| t.1 != 0);
        terms.sort();
        Affine {
            offset: index.offset,
            terms,
        }
    }

    fn index_native(&mut self, op: Native, x: &Index, d: i64) -> Val {
        let x = self.index_value(x);
        let d = self.constant(Scalar::int(DType::I64, d));
        self.native(op, &[x, d])
    }

    fn define(&mut self, inst: Inst, dtype: DType, vector: bool, depth: usize) -> Val {
        self.kernel.vals.push(ValDef {
            inst,
            dtype,
            vector,
        });
        self.val_depth.push(depth);
        let v = Val(self.kernel.vals.len() as u32 - 1);
        self.stack[depth].stmts.push(Stmt::Let(v));
        v
    }

    /// An instruction that must stay in its place.
    pub(super) fn here(&mut self, inst: Inst, dtype: DType, vector: bool) -> Val {
        let depth = self.stack.len() - 1;
        self.define(inst, dtype, vector, depth)
    }

    pub(super) fn pure(&mut self, inst: Inst, dtype: DType, vector: bool) -> Val {
        let key = Key::new((inst, dtype, vector));
        if let Some(&v) = self.stack.iter().rev().find_map(|b| b.memo.get(&key)) {
            return v;
        }
        let depth = self.home(&key.key().0);
        let v = self.define(key.key().0.clone(), dtype, vector, depth);
        self.stack[depth].memo.insert(key, v);
        v
    }

    /// Depth of the outermost block in which an instruction can be computed.
    fn home(&self, inst: &Inst) -> usize {
        let pinned = match inst {
            Inst::Get(_) => self.stack.len() - 1,
            Inst::Load(..) | Inst::Gather(..) => {
                self.stack.iter().rposition(|b| b.guarded).unwrap_or(0)
            }
            _ => 0,
        };
        inst.depth(&self.val_depth, &self.loop_depth).max(pinned)
    }
}

impl Emit for KernelBuilder {
    type V = Val;

    fn native(&mut self, op: Native, args: &[Val]) -> Val {
        let types: Vec<DType> = args.iter().map(|&v| self.dtype(v)).collect();
        let ty = op
            .infer(&types)
            .unwrap_or_else(|| panic!("{op:?} does not take {types:?}"));
        if matches!(op, Native::Convert(to) | Native::Bitcast(to) if to == types[0]) {
            return args[0];
        }
        let known: Option<Vec<Scalar>> = args.iter().map(|&v| self.known(v)).collect();
        if let Some(known) = known {
            return self.constant(op.eval(&known));
        }
        if op == Native::Select
            && let Some(c) = self.known(args[0])
        {
            return args[if c.bits != 0 { 1 } else { 2 }];
        }
        let vector = args.iter().any(|&v| self.kernel.val(v).vector);
        self.pure(Inst::Native(op, args.to_vec()), ty, vector)
    }

    fn constant(&mut self, value: Scalar) -> Val {
        self.pure(Inst::Const(value.bits), value.ty, false)
    }

    fn dtype(&self, v: Val) -> DType {
        self.kernel.val(v).dtype
    }

    fn known(&self, v: Val) -> Option<Scalar> {
        KernelBuilder::known(self, v)
    }
}
