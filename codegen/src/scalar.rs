//! Native operations on scalars: one exhaustive match. Narrow integers live in registers of their
//! own width, `bool` as 0 or 1 in 8 bits.

use crate::emit::{Emitter, scalar_type};
use craneflow_ir::loops::{Affine, Inst, Term, Val};
use craneflow_ir::math::half;
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Value, types};

/// Flags of a bit cast.
pub(crate) fn cast() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

/// The float predicate; false on NaN, except for `Ne`.
pub(crate) fn float_cc(cmp: Cmp) -> FloatCC {
    match cmp {
        Cmp::Eq => FloatCC::Equal,
        Cmp::Ne => FloatCC::NotEqual,
        Cmp::Lt => FloatCC::LessThan,
        Cmp::Le => FloatCC::LessThanOrEqual,
        Cmp::Gt => FloatCC::GreaterThan,
        Cmp::Ge => FloatCC::GreaterThanOrEqual,
    }
}

/// The integer predicate.
pub(crate) fn int_cc(cmp: Cmp, signed: bool) -> IntCC {
    match (cmp, signed) {
        (Cmp::Eq, _) => IntCC::Equal,
        (Cmp::Ne, _) => IntCC::NotEqual,
        (Cmp::Lt, true) => IntCC::SignedLessThan,
        (Cmp::Le, true) => IntCC::SignedLessThanOrEqual,
        (Cmp::Gt, true) => IntCC::SignedGreaterThan,
        (Cmp::Ge, true) => IntCC::SignedGreaterThanOrEqual,
        (Cmp::Lt, false) => IntCC::UnsignedLessThan,
        (Cmp::Le, false) => IntCC::UnsignedLessThanOrEqual,
        (Cmp::Gt, false) => IntCC::UnsignedGreaterThan,
        (Cmp::Ge, false) => IntCC::UnsignedGreaterThanOrEqual,
    }
}

/// A scalar in flight.
#[derive(Clone, Copy)]
pub(crate) struct Typed {
    value: Value,
    ty: DType,
    /// What it is known to be.
    known: Option<Scalar>,
}

/// For the conversions of 16-bit floats, which are expansions of other operations.
impl Emit for Emitter<'_, '_, '_> {
    type V = Typed;

    fn native(&mut self, op: Native, args: &[Typed]) -> Typed {
        let types: Vec<DType> = args.iter().map(|a| a.ty).collect();
        let ty = op.infer(&types).expect("an expansion fits its types");
        Typed {
            value: self.apply(op, args, ty),
            ty,
            known: None,
        }
    }

    fn constant(&mut self, s: Scalar) -> Typed {
        Typed {
            value: self.scalar_constant(s),
            ty: s.ty,
            known: Some(s),
        }
    }

    fn dtype(&self, v: Typed) -> DType {
        v.ty
    }
}

impl Emitter<'_, '_, '_> {
    /// Applies `op` to scalars; `to` is the type of the result.
    pub fn scalar_native(&mut self, op: Native, args: &[Val], to: DType) -> Value {
        let types: Vec<DType> = args.iter().map(|&a| self.kernel.val(a).dtype).collect();
        debug_assert_eq!(op.infer(&types), Some(to), "{op:?} {types:?}");
        let t = types[0];
        if matches!(op, Native::Div | Native::Rem) && !t.is_float() {
            return self.divide(op, args[0], args[1], t);
        }
        if let Some(bits) = self.float_bits(op, args, to) {
            return bits;
        }
        let typed = args.iter().zip(types).map(|(&a, ty)| Typed {
            value: self.val(a),
            ty,
            known: self.known(a),
        });
        let typed: Vec<Typed> = typed.collect();
        self.apply(op, &typed, to)
    }

    /// Bits of two floats combined, as a float again: this needs no trip through integer registers.
    fn float_bits(&mut self, op: Native, args: &[Val], to: DType) -> Option<Value> {
        if op != Native::Bitcast(to) || !matches!(to, DType::F32 | DType::F64) {
            return None;
        }
        let kernel = self.kernel;
        let Inst::Native(bits, of) = &kernel.val(args[0]).inst else {
            return None;
        };
        let float = |v: Val| match &kernel.val(v).inst {
            Inst::Native(Native::Bitcast(_), x) if kernel.val(x[0]).dtype == to => Some(x[0]),
            _ => None,
        };
        let (Native::And | Native::Or | Native::Xor, [a, b]) = (bits, &of[..]) else {
            return None;
        };
        let (a, b) = (float(*a)?, float(*b)?);
        let (a, b) = (self.val(a), self.val(b));
        let ins = self.fb.ins();
        Some(match bits {
            Native::And => ins.band(a, b),
            Native::Or => ins.bor(a, b),
            _ => ins.bxor(a, b),
        })
    }

    /// The same, except integer division, on values that need not be in the kernel.
    fn apply(&mut self, op: Native, args: &[Typed], to: DType) -> Value {
        let t = args[0].ty;
        let (float, signed) = (t.is_float(), t.is_signed_int());
        let x: Vec<Value> = args.iter().map(|a| a.value).collect();
        let a = x[0];
        if matches!(op, Native::Shl | Native::ShrLogical | Native::ShrArith) {
            return self.shift(op, a, args[1], t);
        }
        let ins = self.fb.ins();
        match op {
            Native::Add if float => ins.fadd(a, x[1]),
            Native::Add => ins.iadd(a, x[1]),
            Native::Sub if float => ins.fsub(a, x[1]),
            Native::Sub => ins.isub(a, x[1]),
            Native::Mul if float => ins.fmul(a, x[1]),
            Native::Mul => ins.imul(a, x[1]),
            Native::Div => ins.fdiv(a, x[1]),
            Native::Neg if float => ins.fneg(a),
            Native::Neg => ins.ineg(a),
            Native::Abs if float => ins.fabs(a),
            Native::Abs if signed => {
                let minus = ins.ineg(a);
                let negative = self.fb.ins().icmp_imm_s(IntCC::SignedLessThan, a, 0);
                self.fb.ins().select(negative, minus, a)
            }
            Native::Abs => a,
            Native::Min if float => {
                let less = ins.fcmp(FloatCC::LessThan, a, x[1]);
                self.fb.ins().select(less, a, x[1])
            }
            Native::Max if float => {
                let less = ins.fcmp(FloatCC::LessThan, x[1], a);
                self.fb.ins().select(less, a, x[1])
            }
            Native::Min if signed => ins.smin(a, x[1]),
            Native::Min => ins.umin(a, x[1]),
            Native::Max if signed => ins.smax(a, x[1]),
            Native::Max => ins.umax(a, x[1]),
            Native::Sqrt => ins.sqrt(a),
            Native::Fma => ins.fma(a, x[1], x[2]),
            Native::Floor => ins.floor(a),
            Native::Ceil => ins.ceil(a),
            Native::Trunc => ins.trunc(a),
            Native::Nearest => ins.nearest(a),
            Native::And => ins.band(a, x[1]),
            Native::Or => ins.bor(a, x[1]),
            Native::Xor => ins.bxor(a, x[1]),
            Native::Not if t == DType::Bool => ins.bxor_imm_s(a, 1),
            Native::Not => ins.bnot(a),
            Native::Popcnt => ins.popcnt(a),
            Native::Clz => ins.clz(a),
            Native::Cmp(cmp) if float => ins.fcmp(float_cc(cmp), a, x[1]),
            Native::Cmp(cmp) => ins.icmp(int_cc(cmp, signed), a, x[1]),
            Native::Select => ins.select(a, x[1], x[2]),
            Native::Bitcast(_) if scalar_type(t) == scalar_type(to) => a,
            Native::Bitcast(_) => ins.bitcast(scalar_type(to), cast(), a),
            Native::Convert(_) => self.convert(a, t, to),
            Native::Rem | Native::Shl | Native::ShrLogical | Native::ShrArith => {
                unreachable!("handled above")
            }
        }
    }

    fn shift(&mut self, op: Native, x: Value, by: Typed, t: DType) -> Value {
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

    fn divide(&mut self, op: Native, a: Val, b: Val, t: DType) -> Value {
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

    fn convert(&mut self, a: Value, from: DType, to: DType) -> Value {
        use DType::*;
        let typed = Typed {
            value: a,
            ty: from,
            known: None,
        };
        match (from, to) {
            _ if from == to => a,
            (F16, _) => half::f16_to_f32(self, typed).value,
            (BF16, _) => half::bf16_to_f32(self, typed).value,
            (_, F16) => half::f32_to_f16(self, typed).value,
            (_, BF16) => half::f32_to_bf16(self, typed).value,
            (F32, F64) => self.fb.ins().fpromote(types::F64, a),
            (F64, F32) => self.fb.ins().fdemote(types::F32, a),
            (F32 | F64, Bool) => {
                let zero = self.scalar_constant(Scalar::from_f64(from, 0.0));
                self.fb.ins().fcmp(FloatCC::NotEqual, a, zero)
            }
            (F32 | F64, _) => self.float_to_int(a, to),
            (_, F32 | F64) => self.int_to_float(a, from, to),
            (_, Bool) => self.fb.ins().icmp_imm_s(IntCC::NotEqual, a, 0),
            _ => self.resize(a, from.is_signed_int(), from, to),
        }
    }

    /// Truncates or extends an integer or `bool`.
    fn resize(&mut self, a: Value, signed: bool, from: DType, to: DType) -> Value {
        let (have, want) = (scalar_type(from), scalar_type(to));
        match have.bits().cmp(&want.bits()) {
            std::cmp::Ordering::Equal => a,
            std::cmp::Ordering::Greater => self.fb.ins().ireduce(want, a),
            std::cmp::Ordering::Less if signed => self.fb.ins().sextend(want, a),
            std::cmp::Ordering::Less => self.fb.ins().uextend(want, a),
        }
    }

    /// Truncates towards zero and saturates; NaN gives 0.
    fn float_to_int(&mut self, a: Value, to: DType) -> Value {
        let ty = scalar_type(to);
        if to.bits() >= 32 {
            return match to.is_signed_int() {
                true => self.fb.ins().fcvt_to_sint_sat(ty, a),
                false => self.fb.ins().fcvt_to_uint_sat(ty, a),
            };
        }
        let wide = self.fb.ins().fcvt_to_sint_sat(types::I32, a);
        let (least, greatest) = match to.is_signed_int() {
            true => (-1 << (to.bits() - 1), (1 << (to.bits() - 1)) - 1),
            false => (0, (1i64 << to.bits()) - 1),
        };
        let least = self.iconst(types::I32, least);
        let greatest = self.iconst(types::I32, greatest);
        let wide = self.fb.ins().smax(wide, least);
        let wide = self.fb.ins().smin(wide, greatest);
        self.fb.ins().ireduce(ty, wide)
    }

    /// Rounds to nearest even. Narrow integers, and `u32` by way of `i64`, are exact as signed.
    fn int_to_float(&mut self, a: Value, from: DType, to: DType) -> Value {
        let ty = scalar_type(to);
        let wide = match from {
            DType::U64 => return self.fb.ins().fcvt_from_uint(ty, a),
            DType::I64 | DType::I32 => a,
            DType::U32 => self.resize(a, false, from, DType::I64),
            _ => self.resize(a, from.is_signed_int(), from, DType::I32),
        };
        self.fb.ins().fcvt_from_sint(ty, wide)
    }
}
