//! Conversions between `f32` and the 16-bit floats, in integer operations.

use crate::emit::Emitter;
use crate::scalar::cast;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_, '_, '_> {
    fn int(&mut self, x: i64) -> Value {
        self.iconst(types::I32, x)
    }

    /// Exact; a NaN keeps its sign and payload and becomes quiet.
    pub fn f16_to_f32(&mut self, a: Value) -> Value {
        let bits = self.fb.ins().uextend(types::I32, a);
        let sign = self.fb.ins().band_imm_s(bits, 0x8000);
        let sign = self.fb.ins().ishl_imm_s(sign, 16);
        let m = self.fb.ins().band_imm_s(bits, 0x7fff);
        let shifted = self.fb.ins().ishl_imm_s(m, 13);
        let normal = self.fb.ins().iadd_imm_s(shifted, 112 << 23);
        let nan = self.fb.ins().bor_imm_s(shifted, 0x7fc0_0000);
        // Below the normal range the value is m * 2^-24, exactly.
        let count = self.fb.ins().fcvt_from_sint(types::F32, m);
        let unit = self.fb.ins().f32const(1.0 / 16_777_216.0);
        let tiny = self.fb.ins().fmul(count, unit);
        let tiny = self.fb.ins().bitcast(types::I32, cast(), tiny);
        let infinity = self.int(0x7f80_0000);
        let small = self.fb.ins().icmp_imm_s(IntCC::UnsignedLessThan, m, 0x400);
        let finite = self.fb.ins().icmp_imm_s(IntCC::UnsignedLessThan, m, 0x7c00);
        let infinite = self.fb.ins().icmp_imm_s(IntCC::Equal, m, 0x7c00);
        let r = self.fb.ins().select(infinite, infinity, nan);
        let r = self.fb.ins().select(finite, normal, r);
        let r = self.fb.ins().select(small, tiny, r);
        let r = self.fb.ins().bor(r, sign);
        self.fb.ins().bitcast(types::F32, cast(), r)
    }

    /// To nearest even; a NaN keeps its sign and the high bits of its payload and becomes quiet.
    pub fn f32_to_f16(&mut self, a: Value) -> Value {
        let bits = self.fb.ins().bitcast(types::I32, cast(), a);
        let high = self.fb.ins().ushr_imm_s(bits, 16);
        let sign = self.fb.ins().band_imm_s(high, 0x8000);
        let m = self.fb.ins().band_imm_s(bits, 0x7fff_ffff);
        let high = self.fb.ins().ushr_imm_s(m, 13);
        let odd = self.fb.ins().band_imm_s(high, 1);
        let normal = self.fb.ins().iadd_imm_s(m, 0xfff - (112 << 23));
        let normal = self.fb.ins().iadd(normal, odd);
        let normal = self.fb.ins().ushr_imm_s(normal, 13);
        // Adding 0.5 rounds to a multiple of 2^-24, the distance of subnormal numbers.
        let half = self.fb.ins().f32const(0.5);
        let tiny = self.fb.ins().bitcast(types::F32, cast(), m);
        let tiny = self.fb.ins().fadd(tiny, half);
        let tiny = self.fb.ins().bitcast(types::I32, cast(), tiny);
        let payload = self.fb.ins().band_imm_s(high, 0x3ff);
        let nan = self.fb.ins().bor_imm_s(payload, 0x7e00);
        let infinity = self.int(0x7c00);
        let not_tiny = self
            .fb
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, m, 0x3880_0000);
        let large = self
            .fb
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, m, 0x4780_0000);
        let is_nan = self
            .fb
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThan, m, 0x7f80_0000);
        let r = self.fb.ins().select(not_tiny, normal, tiny);
        let r = self.fb.ins().select(large, infinity, r);
        let r = self.fb.ins().select(is_nan, nan, r);
        let r = self.fb.ins().ireduce(types::I16, r);
        let sign = self.fb.ins().ireduce(types::I16, sign);
        self.fb.ins().bor(r, sign)
    }

    /// To nearest even; a NaN keeps its sign and the high bits of its payload and becomes quiet.
    pub fn f32_to_bf16(&mut self, a: Value) -> Value {
        let bits = self.fb.ins().bitcast(types::I32, cast(), a);
        let high = self.fb.ins().ushr_imm_s(bits, 16);
        let odd = self.fb.ins().band_imm_s(high, 1);
        let rounded = self.fb.ins().iadd_imm_s(bits, 0x7fff);
        let rounded = self.fb.ins().iadd(rounded, odd);
        let rounded = self.fb.ins().ushr_imm_s(rounded, 16);
        let quiet = self.fb.ins().bor_imm_s(high, 0x40);
        let m = self.fb.ins().band_imm_s(bits, 0x7fff_ffff);
        let is_nan = self
            .fb
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThan, m, 0x7f80_0000);
        let r = self.fb.ins().select(is_nan, quiet, rounded);
        self.fb.ins().ireduce(types::I16, r)
    }
}
