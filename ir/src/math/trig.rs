//! `sine`, `cosine`, `tan`, `atan2`.

use super::expr::Expr;
use super::reduce::quarter_turns;
use crate::native::Emit;

/// `sin r = r + r^3 S(r^2)` up to `pi / 4`, errors 2^-27.9 and 2^-57.9.
const S32: &[f64] = &[-0.00019518285, 0.008332189, -0.16666655];
const S64: &[f64] = &[
    1.5895433229493008e-10,
    -2.5050734388694868e-08,
    2.7557313538513497e-06,
    -0.0001984126982935853,
    0.00833333333332184,
    -0.1666666666666663,
];

/// `cos r = 1 - r^2 / 2 + r^4 C(r^2)` up to `pi / 4`, errors 2^-33 and 2^-63.9.
const C32: &[f64] = &[2.4432327e-05, -0.001388731, 0.041666646];
const C64: &[f64] = &[
    -1.1358747924068763e-11,
    2.0875705399335236e-09,
    -2.755731421726399e-07,
    2.480158728900339e-05,
    -0.0013888888888873344,
    0.041666666666666595,
];

/// `atan t = t + t^3 A(t^2)` up to 1, errors 2^-27.5 and 2^-54.
const A32: &[f64] = &[
    -0.0017787423,
    0.01086419,
    -0.0311068,
    0.05790105,
    -0.08400528,
    0.10951187,
    -0.14264043,
    0.1999853,
    -0.333333,
];
const A64: &[f64] = &[
    1.321742218313075e-05,
    -0.000152086842499187,
    0.0008309912829759875,
    -0.0028840143960605622,
    0.007194809684407632,
    -0.013898257834045063,
    0.021982505242161724,
    -0.029902026602414977,
    0.03664080627976358,
    -0.042191272784669116,
    0.0472230349661695,
    -0.05253513340043026,
    0.05880526713364481,
    -0.06666403884582534,
    0.0769227981966459,
    -0.09090907001448778,
    0.11111111006947191,
    -0.14285714282572715,
    0.19999999999951423,
    -0.3333333333333307,
];

/// `(sin r, cos r, q)` for `|x| = q pi / 2 + r`.
fn sin_cos<'s, E: Emit>(x: Expr<'s, E>) -> (Expr<'s, E>, Expr<'s, E>, Expr<'s, E>) {
    let (s, c) = if x.is_f32() { (S32, C32) } else { (S64, C64) };
    let (r, q) = quarter_turns(x.abs());
    let z = r * r;
    let sine = (r * z).fma(z.poly(s), r);
    let cosine = (z * z).fma(z.poly(c), z.fma(-0.5, 1.0));
    (sine, cosine, q)
}

/// `x` with its sign flipped where bit `bit` of `q` is set.
fn flip<'s, E: Emit>(x: Expr<'s, E>, q: Expr<'s, E>, bit: i64) -> Expr<'s, E> {
    let width = x.ty().bits() as i64;
    (x.bits() ^ (q.srl(bit) << (width - 1))).float()
}

/// `x` with its sign flipped where `by` is negative.
fn flip_by<'s, E: Emit>(x: Expr<'s, E>, by: Expr<'s, E>) -> Expr<'s, E> {
    let last = x.ty().bits() as i64 - 1;
    flip(x, by.bits(), last)
}

/// Error 2 ULP at any magnitude.
pub(crate) fn sine<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let (s, c, q) = sin_cos(x);
    let odd = (q & 1).ne(0);
    flip_by(flip(odd.select(c, s), q, 1), x)
}

/// Error 2 ULP at any magnitude.
pub(crate) fn cosine<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let (s, c, q) = sin_cos(x);
    let odd = (q & 1).ne(0);
    flip(odd.select(s, c), q + 1, 1)
}

/// Error 3.5 ULP at any magnitude.
pub(crate) fn tan<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let (s, c, q) = sin_cos(x);
    let odd = (q & 1).ne(0);
    let quotient = odd.select(c, s) / odd.select(s, c);
    flip_by(flip(quotient, q, 0), x)
}

/// The angle of the point `(x, y)` in `[-pi, pi]`. Error 2 ULP.
pub(crate) fn atan2<'s, E: Emit>(y: Expr<'s, E>, x: Expr<'s, E>) -> Expr<'s, E> {
    let a = if x.is_f32() { A32 } else { A64 };
    let pi = std::f64::consts::PI;
    let pi_low = if x.is_f32() {
        pi - pi as f32 as f64
    } else {
        1.2246467991473532e-16
    };
    let (ax, ay) = (x.abs(), y.abs());
    let (short, long) = (ay.min(ax), ay.max(ax));
    // 0 / 0 counts as 0, and infinity / infinity as 1.
    let long = long.eq(0.0).select(x.lit(1.0), long);
    let t = short.eq(f64::INFINITY).select(x.lit(1.0), short / long);
    let z = t * t;
    let angle = (t * z).fma(z.poly(a), t);
    // The angle is taken from, or added to, 0, pi / 2 or pi.
    let steep = ay.gt(ax);
    let left = x.bits().lt(0);
    let zero = x.lit(0.0);
    let base = |pi: f64| steep.select(x.lit(pi / 2.0), left.select(x.lit(pi), zero));
    let minus = steep ^ left;
    let signed = minus.select(-angle, angle);
    let result = (base(pi) + (signed + base(pi_low))).copysign(y);
    (x.is_nan() | y.is_nan()).select(x + y, result)
}
