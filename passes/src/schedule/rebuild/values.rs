//! Values of the new kernel: folded, shared with equal ones, and defined as far out as their operands allow.

use super::super::{affine, fold};
use super::{Block, Key, Rebuild};
use craneflow_ir::DType;
use craneflow_ir::loops::*;

impl Rebuild {
    /// The image of an old value.
    pub fn val(&self, v: Val) -> Val {
        self.vals[v.0 as usize].unwrap_or_else(|| panic!("{v:?} has no image"))
    }

    /// The image of an old address.
    pub fn affine(&self, at: &Affine) -> Affine {
        let mut out = affine::constant(at.offset);
        for &(term, c) in &at.terms {
            match term {
                Term::Loop(l) => {
                    let image = self.loops[l.0 as usize].as_ref();
                    affine::add(&mut out, image.expect("loop has an image"), c)
                }
                Term::Val(v) => affine::add(&mut out, &self.as_affine(self.val(v)), c),
            }
        }
        out
    }

    /// A new `i64` as an address.
    pub fn as_affine(&self, v: Val) -> Affine {
        match &self.new.val(v).inst {
            Inst::Const(bits) => affine::constant(*bits as i64),
            Inst::Index(at) => at.clone(),
            _ => affine::of_val(v),
        }
    }

    /// Bits of a new value that is a constant.
    pub fn constant_of(&self, v: Val) -> Option<u64> {
        match self.new.val(v).inst {
            Inst::Const(bits) => Some(bits),
            _ => None,
        }
    }

    pub(super) fn image(&mut self, v: Val) -> Val {
        let ValDef {
            inst,
            dtype,
            vector,
        } = self.old.val(v).clone();
        let inst = match inst {
            Inst::Native(op, args) => Inst::Native(op, args.iter().map(|&a| self.val(a)).collect()),
            Inst::Load(mem, at) => Inst::Load(mem, self.affine(&at)),
            Inst::Gather(mem, at, stride) => Inst::Gather(mem, self.affine(&at), stride),
            Inst::Index(at) => Inst::Index(self.affine(&at)),
            Inst::Splat(x) => Inst::Splat(self.val(x)),
            Inst::Get(var) => Inst::Get(self.vars[var.0 as usize]),
            same @ (Inst::Const(_) | Inst::Lanes) => same,
        };
        self.emit(inst, dtype, vector)
    }

    /// Computes a value from new ones, or finds it computed.
    pub fn emit(&mut self, inst: Inst, dtype: DType, vector: bool) -> Val {
        let inst = match fold::fold(&self.new, inst, dtype, vector) {
            fold::Folded::Val(v) => return v,
            fold::Folded::Inst(inst) => inst,
        };
        if let Inst::Get(var) = inst {
            if let Some(v) = self.held[var.0 as usize] {
                return v;
            }
            let v = self.define(inst, dtype, vector, self.stack.len() - 1);
            self.held[var.0 as usize] = Some(v);
            return v;
        }
        let version = self.version(&inst);
        let key = Key::new((inst, dtype, vector));
        let mut blocks = self.stack.iter().rev();
        if let Some(&(v, at)) = blocks.find_map(|b| b.memo.get(&key))
            && at == version
        {
            return v;
        }
        let depth = self.home(&key.key().0);
        let v = self.define(key.key().0.clone(), dtype, vector, depth);
        self.stack[depth].memo.insert(key, (v, version));
        v
    }

    pub(super) fn version(&self, inst: &Inst) -> u32 {
        match inst {
            Inst::Load(m, _) | Inst::Gather(m, ..) => match *m {
                Mem::Param(i) => self.versions[0][i as usize],
                Mem::Scratch(i) => self.versions[1][i as usize],
            },
            _ => 0,
        }
    }

    fn define(&mut self, inst: Inst, dtype: DType, vector: bool, depth: usize) -> Val {
        self.new.vals.push(ValDef {
            inst,
            dtype,
            vector,
        });
        self.val_depth.push(depth);
        let v = Val(self.new.vals.len() as u32 - 1);
        self.stack[depth].stmts.push(Stmt::Let(v));
        v
    }

    /// Depth of the outermost block in which an instruction can be computed.
    fn home(&self, inst: &Inst) -> usize {
        let pinned = match inst {
            Inst::Get(_) => self.stack.len() - 1,
            Inst::Load(mem, _) | Inst::Gather(mem, ..) => {
                let pinned = |b: &Block| b.guarded || b.stores.contains(mem);
                self.stack.iter().rposition(pinned).unwrap_or(0)
            }
            _ => 0,
        };
        inst.depth(&self.val_depth, &self.loop_depth).max(pinned)
    }
}
