//! `exp`, `expm1`, `logistic`.
//!
//! `e^x = 2^n e^r` with `n` the integer nearest to `x / ln 2`, so `|r| <= ln(2) / 2`, and
//! `e^r = 1 + r + r^2 q(r)` with a minimax polynomial `q`.

use super::expr::{Expr, pow2};
use crate::native::Emit;

/// Constants of one float format.
struct Format {
    /// `1.5 * 2^(fraction bits)`: adding it rounds to an integer, which is in the low bits then.
    magic: f64,
    /// Exponent of 1.0 as stored.
    bias: f64,
    fraction_bits: i64,
    /// `ln 2 = ln2[0] + ln2[1]`.
    ln2: [f64; 2],
    /// `e^x` is 0 below the first and infinite above the second.
    range: [f64; 2],
    /// `e^x - 1` is -1 below.
    least: f64,
    /// `e^x - 1` is `x` for smaller magnitudes.
    tiny: f64,
    exp: &'static [f64],
    expm1: &'static [f64],
}

/// Errors of the polynomials: 2^-28.2 of `e^r`, 2^-26.1 of `e^r - 1`.
const F32: Format = Format {
    magic: 12_582_912.0,
    bias: 127.0,
    fraction_bits: 23,
    ln2: [std::f64::consts::LN_2, -1.904_654_2e-9],
    range: [-104.0, 89.0],
    least: -18.0,
    tiny: pow2(-26),
    exp: &[
        0.0013836408,
        0.00836913,
        0.041668106,
        0.16666517,
        0.49999994,
    ],
    expm1: &[
        0.0013838961,
        0.008367072,
        0.041667745,
        0.16666539,
        0.49999997,
    ],
};

/// Error of the polynomial: 2^-59.7 of `e^r - 1`.
const F64: Format = Format {
    magic: 6_755_399_441_055_744.0,
    bias: 1023.0,
    fraction_bits: 52,
    ln2: [std::f64::consts::LN_2, 2.319_046_813_846_3e-17],
    range: [-745.2, 709.9],
    least: -38.0,
    tiny: pow2(-54),
    exp: Q64,
    expm1: Q64,
};

const Q64: &[f64] = &[
    2.087532079088727e-09,
    2.5109080681887465e-08,
    2.755740294169891e-07,
    2.7557244106578523e-06,
    2.480158717187811e-05,
    0.00019841269886205142,
    0.001388888888896286,
    0.008333333333321608,
    0.041666666666666505,
    0.16666666666666677,
    0.5,
];

fn format<E: Emit>(x: Expr<'_, E>) -> &'static Format {
    if x.is_f32() { &F32 } else { &F64 }
}

/// `(r, t)`: the integer `n + offset` is in the low bits of the float `t`.
fn reduce<'s, E: Emit>(x: Expr<'s, E>, f: &Format, offset: f64) -> (Expr<'s, E>, Expr<'s, E>) {
    let t = x.fma(std::f64::consts::LOG2_E, f.magic + offset);
    let n = t - (f.magic + offset);
    (n.fma(-f.ln2[1], n.fma(-f.ln2[0], x)), t)
}

/// `e^(x + low)` for `x` within `range` and a small `low`. Error 1 ULP.
fn exp_within<'s, E: Emit>(x: Expr<'s, E>, low: Option<Expr<'s, E>>, f: &Format) -> Expr<'s, E> {
    let (p, power) = exp_factors(x, low, f);
    p * power
}

/// As `exp_within`, as a product: the first factor is normal.
fn exp_factors<'s, E: Emit>(
    x: Expr<'s, E>,
    low: Option<Expr<'s, E>>,
    f: &Format,
) -> (Expr<'s, E>, Expr<'s, E>) {
    let (r, t) = reduce(x, f, 2.0 * f.bias);
    let r = low.map_or(r, |low| r + low);
    let p = r.poly(f.exp).fma(r, 1.0).fma(r, 1.0);
    // 2^n is the product of two halves, for n has one bit more than an exponent.
    let sum = t.bits();
    let first = sum.srl(1);
    let power = |k: Expr<'s, E>| (k << f.fraction_bits).float();
    (p * power(first), power(sum - first))
}

/// `e^(x + low)` for `|low|` of at most an ULP of `x`; `low` may be NaN where `x` is far outside
/// the range of `exp`.
pub(super) fn exp_sum<'s, E: Emit>(x: Expr<'s, E>, low: Expr<'s, E>) -> Expr<'s, E> {
    let f = format(x);
    let low = x.abs().lt(2.0 * f.range[1]).select(low, 0.0);
    exp_within(x.within(f.range[0], f.range[1]), Some(low), f)
}

/// Error 1 ULP, subnormal results included.
pub(crate) fn exp<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let f = format(x);
    let (p, power) = exp_factors(x.within(f.range[0], f.range[1]), None, f);
    // Below the range, as where a softmax is masked, a factor of 0 spares the slow path that many
    // processors take when a product underflows.
    p * x.lt(f.range[0]).select(x.lit(0.0), power)
}

/// Error 2 ULP.
pub(crate) fn expm1<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let f = format(x);
    let (r, t) = reduce(x.within(f.least, f.range[1]), f, f.bias - 1.0);
    let m = r.poly(f.expm1).fma(r * r, r);
    // Half the result, which cannot overflow before the end: 2^(n-1) m + (2^(n-1) - 1/2).
    let half_power = (t.bits() << f.fraction_bits).float();
    let half = half_power.fma(m, half_power - 0.5);
    x.abs().lt(f.tiny).select(x, half + half)
}

/// `1 / (1 + e^-x)`. Error 2.5 ULP, subnormal results included.
pub(crate) fn logistic<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let f = format(x);
    let e = exp_within(x.lit(f.range[0]).max(-x.abs()), None, f);
    x.lt(0.0).select(e, 1.0) / (e + 1.0)
}

/// `(e^2x - 1) / 2` for `x <= 0` down to where the result is -1/2, about -9 in `f32` and -19 in
/// `f64`. Error 1 ULP. The sign of a zero is lost.
pub(super) fn half_expm1<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let f = format(x);
    let t = x.fma(2.0 * std::f64::consts::LOG2_E, f.magic + f.bias);
    let n = t - (f.magic + f.bias);
    // One constant for ln 2: where n is large, e^r hardly matters.
    let r = n.fma(-0.5 * f.ln2[0], x);
    // (e^2r - 1) / 2 = r + r^2 (2 q(2r))
    let highest = f.expm1.len() as i64;
    let doubled = f.expm1.iter().zip(0..).map(|(c, i)| c * pow2(highest - i));
    let half = r.poly(&doubled.collect::<Vec<_>>()).fma(r * r, r);
    let power = (t.bits() << f.fraction_bits).float();
    power.fma(half, power.fma(0.5, -0.5))
}
