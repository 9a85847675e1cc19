//! Conversions between `f32` and the 16-bit floats in 32-bit integer arithmetic.
//!
//! Rounding is to nearest, ties to even, with subnormal numbers. A NaN keeps its sign and the high
//! bits of its payload and becomes quiet, except that `bf16` to `f32` changes no bit.
//! `Native::Convert` computes the same.

use std::cell::RefCell;

use super::expr::{Expr, pow2};
use crate::native::Emit;
use crate::types::DType;

/// `f16` to `f32`, exact.
pub fn f16_to_f32<E: Emit>(e: &mut E, x: E::V) -> E::V {
    let e = RefCell::new(e);
    let h = Expr::new(&e, x).bitcast(DType::U16).convert(DType::I32);
    let m = h & 0x7fff;
    let shifted = m << 13;
    let normal = shifted + (112 << 23);
    // 2^-14 (1 + m/1024) - 2^-14
    let subnormal = ((shifted + (113 << 23)).float() - pow2(-14)).bits();
    let quiet = m.gt(0x7c00).select(shifted | 0x7fc0_0000, 0x7f80_0000);
    let finite = m.lt(0x400).select(subnormal, normal);
    let magnitude = m.ge(0x7c00).select(quiet, finite);
    (magnitude | ((h & 0x8000) << 16)).float().v
}

/// `bf16` to `f32`, exact.
pub fn bf16_to_f32<E: Emit>(e: &mut E, x: E::V) -> E::V {
    let e = RefCell::new(e);
    (Expr::new(&e, x).bitcast(DType::U16).convert(DType::I32) << 16)
        .float()
        .v
}

/// `f32` to `f16`.
pub fn f32_to_f16<E: Emit>(e: &mut E, x: E::V) -> E::V {
    let e = RefCell::new(e);
    let bits = Expr::new(&e, x).bits();
    let m = bits & 0x7fff_ffff;
    let odd = m.srl(13) & 1;
    let normal = (m + odd + (0xfff - (112 << 23))).srl(13);
    // Adding 0.5 rounds to a multiple of 2^-24, the distance of subnormal f16.
    let subnormal = (m.float() + 0.5).bits() - 0x3f00_0000;
    let nan = (m.srl(13) & 0x3ff) | 0x7e00;
    let finite = m.lt(0x3880_0000).select(subnormal, normal);
    let number = m.lt(0x4780_0000).select(finite, 0x7c00);
    let magnitude = m.gt(0x7f80_0000).select(nan, number);
    let sign = bits.srl(16) & 0x8000;
    (magnitude | sign).convert(DType::U16).bitcast(DType::F16).v
}

/// `f32` to `bf16`.
pub fn f32_to_bf16<E: Emit>(e: &mut E, x: E::V) -> E::V {
    let e = RefCell::new(e);
    let bits = Expr::new(&e, x).bits();
    let odd = bits.srl(16) & 1;
    let number = bits + odd + 0x7fff;
    let nan = bits | 0x40_0000;
    let rounded = (bits & 0x7fff_ffff).gt(0x7f80_0000).select(nan, number);
    rounded.srl(16).convert(DType::U16).bitcast(DType::BF16).v
}
