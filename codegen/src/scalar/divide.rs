//! Shifts and integer division, without traps; divisors that are known become multiplications and shifts.

use super::Typed;
use crate::emit::{Emitter, scalar_type};
use craneflow_ir::loops::{Affine, Inst, Term, Val};
use craneflow_ir::{DType, Native, Scalar};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};

impl Emitter<'_, '_, '_> {
    pub(super) fn shift(&mut self, op: Native, x: Value, by: Typed, t: DType) -> Value {
        let (width, known) = (t.bits() as i64, by.known.map(|s| s.bits));
        let apply = |e: &mut Self, by: Value| match op {
            Native::Shl => e.fb.ins().ishl(x, by),
            Native::ShrLogical => e.fb.ins().ushr(x, by),
            _ => e.fb.ins().sshr(x, by),
        };
        let ty = scalar_type(t);
        match known {
            Some(k) if k < width as u64 => {
                let by = self.iconst(ty, k as i64);
                apply(self, by)
            }
            Some(_) if op == Native::ShrArith => {
                let by = self.iconst(ty, width - 1);
                apply(self, by)
            }
            Some(_) => self.iconst(ty, 0),
            None => {
                let by = by.value;
                if op == Native::ShrArith {
                    let last = self.iconst(ty, width - 1);
                    let by = self.fb.ins().umin(by, last);
                    return apply(self, by);
                }
                let shifted = apply(self, by);
                let below = self.fb.ins().icmp_imm_s(IntCC::UnsignedLessThan, by, width);
                let zero = self.iconst(ty, 0);
                self.fb.ins().select(below, shifted, zero)
            }
        }
    }

    pub(super) fn divide(&mut self, op: Native, a: Val, b: Val, t: DType) -> Value {
        let known = self.known(b).map(Scalar::to_i64);
        let x = self.val(a);
        match known {
            Some(d) if d > 0 => self.divide_by(op, a, x, d, t),
            // A divisor with the top bit set, or zero, has no use worth a special case.
            _ => self.divide_any(op, x, b, t),
        }
    }

    /// Division by a positive constant.
    fn divide_by(&mut self, op: Native, a: Val, x: Value, d: i64, t: DType) -> Value {
        let (ty, width) = (scalar_type(t), t.bits() as u32);
        let natural = !t.is_signed_int() || self.range(a, 8).is_some_and(|r| r.0 >= 0);
        let small = t.bits() == 64 && self.range(a, 8).is_some_and(|r| r.0 >= 0 && r.1 < 1 << 31);
        let shift = d.trailing_zeros() as i64;
        let power = d & (d - 1) == 0;
        if power && natural {
            return match op {
                Native::Div => self.fb.ins().ushr_imm_s(x, shift),
                _ => self.fb.ins().band_imm_s(x, d - 1),
            };
        }
        let quotient = if power {
            // Rounds towards zero: negative numbers get `d - 1` first.
            let sign = self.fb.ins().sshr_imm_s(x, width as i64 - 1);
            let bias = self.fb.ins().ushr_imm_s(sign, width as i64 - shift);
            let biased = self.fb.ins().iadd(x, bias);
            match d {
                1 => x,
                _ => self.fb.ins().sshr_imm_s(biased, shift),
            }
        } else if small && d < 1 << 31 {
            // x < 2^31, so multiplying by the reciprocal rounded up to 32 bits is exact.
            let k = 31 + 64 - (d - 1).leading_zeros() as i64;
            let reciprocal = ((1u128 << k).div_ceil(d as u128)) as i64;
            let product = self.fb.ins().imul_imm_s(x, reciprocal);
            self.fb.ins().ushr_imm_s(product, k)
        } else {
            let d = self.iconst(ty, d);
            match t.is_signed_int() {
                true => self.fb.ins().sdiv(x, d),
                false => self.fb.ins().udiv(x, d),
            }
        };
        match op {
            Native::Div => quotient,
            _ => {
                let whole = self.fb.ins().imul_imm_s(quotient, d);
                self.fb.ins().isub(x, whole)
            }
        }
    }

    /// Division by anything: the divisors 0 and -1, which trap, are replaced by 1 and selected away.
    fn divide_any(&mut self, op: Native, x: Value, b: Val, t: DType) -> Value {
        let (ty, b) = (scalar_type(t), self.val(b));
        let signed = t.is_signed_int();
        let zero = self.fb.ins().icmp_imm_s(IntCC::Equal, b, 0);
        let one = self.iconst(ty, 1);
        let mut safe = self.fb.ins().select(zero, one, b);
        let minus = signed.then(|| self.fb.ins().icmp_imm_s(IntCC::Equal, b, -1));
        if let Some(minus) = minus {
            safe = self.fb.ins().select(minus, one, safe);
        }
        let ins = self.fb.ins();
        let mut result = match (op, signed) {
            (Native::Div, true) => ins.sdiv(x, safe),
            (Native::Div, false) => ins.udiv(x, safe),
            (_, true) => ins.srem(x, safe),
            (_, false) => ins.urem(x, safe),
        };
        if op == Native::Rem {
            return self.fb.ins().select(zero, x, result);
        }
        if let Some(minus) = minus {
            let negated = self.fb.ins().ineg(x);
            result = self.fb.ins().select(minus, negated, result);
        }
        let ones = self.iconst(ty, -1);
        self.fb.ins().select(zero, ones, result)
    }

    /// Bounds of an `i64`, when its definition shows them.
    fn range(&self, v: Val, depth: usize) -> Option<(i64, i64)> {
        let def = self.kernel.val(v);
        if def.dtype != DType::I64 || depth == 0 {
            return None;
        }
        let of = |v: Val| self.range(v, depth - 1);
        match &def.inst {
            Inst::Const(bits) => Some((*bits as i64, *bits as i64)),
            Inst::Index(at) => self.affine_range(at, depth - 1),
            Inst::Native(Native::Div, x) => {
                let (a, d) = (of(x[0])?, self.known(x[1])?.to_i64());
                (a.0 >= 0 && d > 0).then(|| (a.0 / d, a.1 / d))
            }
            Inst::Native(Native::Rem, x) => {
                let (a, d) = (of(x[0])?, self.known(x[1])?.to_i64());
                (a.0 >= 0 && d > 0).then(|| (0, a.1.min(d - 1)))
            }
            _ => None,
        }
    }

    fn affine_range(&self, at: &Affine, depth: usize) -> Option<(i64, i64)> {
        let (mut lo, mut hi) = (at.offset, at.offset);
        for &(term, c) in &at.terms {
            let (a, b) = match term {
                Term::Loop(l) => (0, self.kernel.loops[l.0 as usize].extent as i64 - 1),
                Term::Val(v) => self.range(v, depth)?,
            };
            let (a, b) = (a.checked_mul(c)?, b.checked_mul(c)?);
            lo = lo.checked_add(a.min(b))?;
            hi = hi.checked_add(a.max(b))?;
        }
        Some((lo, hi))
    }
}
