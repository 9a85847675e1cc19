//! `power` of floats.
//!
//! `x^y = e^(y log x)` with the logarithm and the product as sums of two floats `high + low`, to about
//! 10 bits more than the format has.

use super::exp::exp_sum;
use super::expr::{Expr, pow2};
use super::log::split_any;
use crate::native::Emit;

/// `2 atanh s = 2 s + s^3 (2/3 + s^2 P(s^2))`, errors 2^-36.8 and 2^-73.3.
const P32: &[f64] = &[0.23420146, 0.28547078, 0.40000153];
const P64: &[f64] = &[
    0.12013870280237796,
    0.11671817691616036,
    0.13336466041708098,
    0.15384552987327016,
    0.1818181892754171,
    0.22222222217067641,
    0.2857142857144705,
    0.39999999999999974,
];

type Pair<'s, E> = (Expr<'s, E>, Expr<'s, E>);

/// The product and its error.
fn product<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Pair<'s, E> {
    let high = a * b;
    (high, a.fma(b, -high))
}

/// The sum and its error where `|a| >= |b|` or `a = 0`.
fn sum<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Pair<'s, E> {
    let high = a + b;
    (high, b - (high - a))
}

/// `log a` for positive finite `a`.
fn log<E: Emit>(a: Expr<'_, E>) -> Pair<'_, E> {
    // The first part of ln 2 times an exponent is exact.
    let (p, two_thirds, ln2) = match a.is_f32() {
        true => (
            P32,
            [0.6666667, -1.9868216e-08],
            [0.693145751953125, 1.4286068e-06],
        ),
        false => (
            P64,
            [0.6666666666666666, 3.700743415417188e-17],
            [0.693147180559663, 2.8235290563031577e-13],
        ),
    };
    let (k, m) = split_any(a);
    // s = f / (2 + f)
    let f = m - 1.0;
    let (d, d_low) = sum(f.lit(2.0), f);
    let s = f / d;
    let s_low = (-s).fma(d_low, (-s).fma(d, f)) / d;
    // z = s^2, u = 2/3 + z P(z)
    let (z, z_error) = product(s, s);
    let z_low = (s + s).fma(s_low, z_error);
    let tail = z.poly(p).fma(z, two_thirds[1]);
    let (u, u_low) = sum(z.lit(two_thirds[0]), tail);
    // log m = 2 s + s z u
    let (zu, zu_error) = product(z, u);
    let zu_low = z_low.fma(u, z.fma(u_low, zu_error));
    let (szu, szu_error) = product(s, zu);
    let szu_low = s_low.fma(zu, s.fma(zu_low, szu_error));
    let (high, error) = sum(s + s, szu);
    let low = (s_low + s_low) + (szu_low + error);
    let (high, error) = sum(k * ln2[0], high);
    (high, k.fma(ln2[1], low) + error)
}

/// Error 1.25 ULP. `x^0 = 1^y = 1` even for NaN; a negative finite `x` has only whole powers.
pub(crate) fn power<'s, E: Emit>(x: Expr<'s, E>, y: Expr<'s, E>) -> Expr<'s, E> {
    let infinite = |v: Expr<'s, E>| v.abs().eq(f64::INFINITY);
    let a = x.abs();
    let (log, log_low) = log(a);
    // log 0 = -inf; infinity and NaN stay.
    let log = a
        .eq(0.0)
        .select(x.lit(f64::NEG_INFINITY), a.lt(f64::INFINITY).select(log, a));
    let (exponent, error) = product(y, log);
    let magnitude = exp_sum(exponent, y.fma(log_low, error));

    let whole = y.trunc().eq(y);
    let half = y * 0.5;
    let odd = whole & half.trunc().ne(half);
    let negative = x.bits().lt(0);
    let signed = (negative & odd).select(-magnitude, magnitude);
    let undefined = x.lt(0.0) & !infinite(x) & !whole;
    let result = undefined.select(x.lit(f64::NAN), signed);
    let one = y.eq(0.0) | x.eq(1.0) | (a.eq(1.0) & infinite(y));
    one.select(x.lit(1.0), result)
}

/// `a - b trunc(a / b)` for floats, exact.
///
/// The quotient is found digit by digit, in digits as wide as the format: from `|a|`, multiples of
/// `|b|` times falling powers of two are taken away, and each difference is exact.
pub(crate) fn remainder<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Expr<'s, E> {
    // Largest over smallest float is below 2^(digit * count).
    let (digit, count) = if a.is_f32() { (24, 12) } else { (53, 40) };
    let mut scaled = vec![b.abs()];
    for _ in 1..count {
        scaled.push(scaled[scaled.len() - 1] * pow2(digit));
    }
    let mut rest = a.abs();
    for &divisor in scaled.iter().rev() {
        // A rounded quotient can be too large by one.
        let quotient = (rest / divisor).trunc();
        let next = (-quotient).fma(divisor, rest);
        let next = next.lt(0.0).select(next + divisor, next);
        rest = divisor.le(rest).select(next, rest);
    }
    let nan = b.is_nan() | a.abs().eq(f64::INFINITY);
    nan.select(a.lit(f64::NAN), rest.copysign(a))
}
