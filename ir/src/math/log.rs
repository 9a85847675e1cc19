//! `log` and `log1p`.
//!
//! `x = 2^k (1 + f)` with `1 + f` between `sqrt(1/2)` and `sqrt(2)`, and `log x = k ln 2 + log(1 + f)`.

use super::expr::{Expr, pow2};
use crate::native::Emit;
use crate::types::DType;

/// Minimax in `f32`: `log(1 + f) = f + f^2 (f P(f) - 1/2)`, error 2^-27.1.
const P32: &[f64] = &[
    -0.07636098,
    0.12767975,
    -0.13161,
    0.14200853,
    -0.16623288,
    0.20001261,
    -0.25000823,
    0.3333333,
];

/// Minimax in `f64`: `log(1 + f) = 2 s + s^3 R(s^2)` where `s = f / (2 + f)`, error 2^-59.5.
const R64: &[f64] = &[
    0.14798635595095902,
    0.15313800006260575,
    0.18183573386758775,
    0.22222198413672223,
    0.2857142874378896,
    0.39999999999409114,
    0.6666666666666735,
];

const LN2_LOW: f64 = 2.3190468138462996e-17;

/// `(k as float, k as integer, 1 + f)` for a positive normal `x`.
fn split<'s, E: Emit>(x: Expr<'s, E>) -> (Expr<'s, E>, Expr<'s, E>, Expr<'s, E>) {
    let (sqrt_half, fraction) = match x.is_f32() {
        true => (0x3f35_04f3, 23),
        false => (0x3fe6_a09e_667f_3bcd, 52),
    };
    let above = x.bits() - sqrt_half;
    let k = above.sra(fraction);
    let m = ((above & ((1 << fraction) - 1)) + sqrt_half).float();
    (integer_to_float(k), k, m)
}

/// A small integer as a float of the same width.
pub(super) fn integer_to_float<E: Emit>(k: Expr<'_, E>) -> Expr<'_, E> {
    match k.ty() {
        DType::I32 => k.convert(DType::F32),
        // Vectors cannot convert 64-bit integers: put them in the fraction of 1.5 * 2^52.
        _ => (k + 0x4338_0000_0000_0000).float() - 6_755_399_441_055_744.0,
    }
}

/// `k ln 2 + log(1 + f)`.
fn sum<'s, E: Emit>(k: Expr<'s, E>, f: Expr<'s, E>) -> Expr<'s, E> {
    if f.is_f32() {
        let log = f.poly(P32).fma(f, -0.5).fma(f * f, f);
        return k.fma(std::f64::consts::LN_2, log);
    }
    let s = f / (f + 2.0);
    let z = s * s;
    let half_square = f * f * 0.5;
    let tail = s.fma(z.poly(R64).fma(z, half_square), k * LN2_LOW);
    // log(1 + f) = f - f^2/2 + s (f^2/2 + s^2 R), smallest terms first
    let log = f - (half_square - tail);
    k.fma(std::f64::consts::LN_2, log)
}

/// `finite` for positive finite `x`, else the limit or NaN.
fn special<'s, E: Emit>(x: Expr<'s, E>, finite: Expr<'s, E>) -> Expr<'s, E> {
    let limit = x.eq(0.0).select(x.lit(f64::NEG_INFINITY), f64::NAN);
    x.le(0.0)
        .select(limit, x.lt(f64::INFINITY).select(finite, x))
}

/// `(k, 1 + f)` for a positive finite `x`, subnormal ones included.
pub(super) fn split_any<E: Emit>(x: Expr<'_, E>) -> (Expr<'_, E>, Expr<'_, E>) {
    let (least_normal, scale) = if x.is_f32() {
        (pow2(-126), 23)
    } else {
        (pow2(-1022), 52)
    };
    let subnormal = x.lt(least_normal);
    let (k, _, m) = split(subnormal.select(x * pow2(scale), x));
    (k - subnormal.select(x.lit(scale as f64), 0.0), m)
}

/// Error 1 ULP.
pub(crate) fn log<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let (k, m) = split_any(x);
    special(x, sum(k, m - 1.0))
}

/// Error 1.5 ULP.
pub(crate) fn log1p<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let (fraction, offset, tiny) = match x.is_f32() {
        true => (23, 129, pow2(-26)),
        false => (52, 1025, pow2(-55)),
    };
    let u = x + 1.0;
    let (k, exponent, _) = split(u);
    // f = 2^-k (1 + x) - 1 with one rounding; 2^-k may be subnormal, so four times that.
    let scale = ((exponent.lit(offset) - exponent) << fraction).float();
    let f = (x * 0.25).fma(scale, scale.fma(0.25, -1.0));
    let result = special(u, sum(k, f));
    x.abs().lt(tiny).select(x, result)
}
