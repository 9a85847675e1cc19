//! Conversions between element types.

use super::Typed;
use crate::emit::{Emitter, scalar_type};
use craneflow_ir::math::half;
use craneflow_ir::{DType, Scalar};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_, '_, '_> {
    pub(super) fn convert(&mut self, a: Value, from: DType, to: DType) -> Value {
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
