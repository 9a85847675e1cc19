//! Angles modulo a quarter turn, for any magnitude.

use super::expr::{Expr, pow2};
use crate::native::Emit;

/// Constants of one float format with a fraction of `bits` bits.
struct Format {
    bits: i64,
    /// Up to here three parts of `pi / 2` are enough.
    near: f64,
    half_pi: [f64; 3],
    /// `2 pi = turn[0] + turn[1]`.
    turn: [f64; 2],
    /// Entry `k` is the fraction of `2^(step k) / (2 pi)` as a sum of floats, largest first.
    step: i64,
    inverse: &'static [&'static [f64]],
    /// How many of the floats in an entry give products above 1, of which only the fraction counts.
    large: usize,
}

const F32: Format = Format {
    bits: 23,
    near: 32768.0,
    half_pi: [1.5707964, -4.371139e-08, -1.7151245e-15],
    turn: [6.2831855, -1.7484555e-07],
    step: 40,
    inverse: &[
        &[
            0.15915494,
            6.4206382e-09,
            7.342739e-17,
            1.5185067e-24,
            -3.443244e-32,
        ],
        &[
            -0.43351302,
            -2.2388508e-10,
            6.792615e-18,
            -5.1006532e-26,
            1.0399336e-33,
        ],
        &[
            -0.16423814,
            3.0772191e-09,
            9.5011136e-17,
            -1.3988853e-24,
            3.177468e-33,
        ],
    ],
    large: 3,
};

const F64: Format = Format {
    bits: 52,
    near: 33_554_432.0,
    half_pi: [
        std::f64::consts::FRAC_PI_2,
        6.123233995736766e-17,
        -1.4973849048591698e-33,
    ],
    turn: [std::f64::consts::TAU, 2.4492935982947064e-16],
    step: 139,
    inverse: &[
        &[
            0.15915494309189535,
            -9.839338337591243e-18,
            -5.360718141446502e-34,
            4.026781963297056e-50,
            -7.801382953409857e-67,
            1.4185069655957361e-83,
        ],
        &[
            -0.2298096137754992,
            -1.8237070768783312e-19,
            2.5810465050710936e-36,
            6.003480389998711e-53,
            -4.181331617343606e-69,
            1.977092748462983e-85,
        ],
        &[
            -0.11077661132912768,
            -5.9125806317990635e-18,
            -2.2667367589161892e-35,
            -1.8237662473865556e-52,
            1.0476628714446767e-68,
            1.0132060743450709e-84,
        ],
        &[
            0.34602091448710265,
            -1.4170995513715263e-17,
            -3.4299940007194934e-34,
            -8.593372788498029e-51,
            -2.1121342125544167e-67,
            1.0354558296269957e-83,
        ],
        &[
            0.4920809805110796,
            -2.7034558818807663e-17,
            -3.4985094289989182e-34,
            6.347794534343575e-51,
            -1.2108904437418603e-67,
            -1.1806174881738386e-84,
        ],
        &[
            0.028869573725372365,
            -7.043096343899234e-19,
            -4.716776775772041e-35,
            -2.821631479235887e-52,
            -2.7779445456636736e-69,
            -1.7397904335965654e-86,
        ],
        &[
            0.42661278302675154,
            2.3815024694267182e-17,
            -1.6417372469441525e-35,
            -2.7204478015414685e-52,
            -1.7050386935603715e-68,
            -1.5860258166295718e-85,
        ],
    ],
    large: 4,
};

/// `(r, q)` with `x = q pi / 2 + r` for `x >= 0`, `|r|` hardly above `pi / 4` and correct to an
/// ULP of its own; `q` is an integer of the width of `x`, modulo 4.
pub(super) fn quarter_turns<'s, E: Emit>(x: Expr<'s, E>) -> (Expr<'s, E>, Expr<'s, E>) {
    let f = if x.is_f32() { &F32 } else { &F64 };
    // Adding it rounds to an integer, which is in the low bits then.
    let magic = 1.5 * pow2(f.bits);
    let near = x.le(f.near);
    let n = x.fma(std::f64::consts::FRAC_2_PI, magic) - magic;
    let r = f.half_pi.iter().fold(x, |r, &part| n.fma(-part, r));
    let (far_r, far_n) = far(x, f);
    let n = near.select(n, far_n);
    (near.select(r, far_r), (n + magic).bits())
}

/// For large `x`, counted in turns: `x / (2 pi)` modulo 1, to twice the precision of the format.
///
/// `x` is first brought below `2^(step + bits + 1)` by a power of two that leaves it an integer; the
/// entry of `inverse` for that power replaces `1 / (2 pi)`. Then all products are exact as sums of
/// two floats, whole turns are dropped from each, and the rest is added up exactly: each term is
/// cut at two fixed places, and the pieces above a cut share a last place.
fn far<'s, E: Emit>(x: Expr<'s, E>, f: &Format) -> (Expr<'s, E>, Expr<'s, E>) {
    let (y, inverse) = scaled(x, f);
    let (last, others) = inverse.split_last().expect("not empty");
    let mut terms = vec![];
    let mut small = y * *last;
    for (j, &c) in others.iter().enumerate() {
        let product = y * c;
        let low = y.fma(c, -product);
        let fraction = |t: Expr<'s, E>| t - t.nearest();
        terms.push(if j < f.large {
            fraction(product)
        } else {
            product
        });
        match j + 1 {
            next if next < f.large => terms.push(fraction(low)),
            next if next < others.len() => terms.push(low),
            _ => small = small + low,
        }
    }
    // Cuts at 2^(1 - bits) and 2^(-20 - bits) in f32; terms are below 1/2, small below 2^-20.
    let cuts = [3.0, 3.0 * pow2(2 - f.bits)];
    let zero = x.lit(0.0);
    let (mut high, mut middle, mut low) = (zero, zero, zero);
    for term in terms {
        let (top, rest) = cut(term, cuts[0]);
        let (next, rest) = cut(rest, cuts[1]);
        (high, middle, low) = (high + top, middle + next, low + rest);
    }
    let (next, rest) = cut(small, cuts[1]);
    (middle, low) = (middle + next, low + rest);
    let quarters = (high * 4.0).nearest();
    let high = quarters.fma(-0.25, high);
    let (sum, error) = two_sum(high, middle);
    let tail = sum * f.turn[1];
    (
        (sum).fma(f.turn[0], (error + low).fma(f.turn[0], tail)),
        quarters,
    )
}

/// `x 2^(-step k)` and entry `k` of `inverse`, for the least `k` that brings it into range.
fn scaled<'s, E: Emit>(x: Expr<'s, E>, f: &Format) -> (Expr<'s, E>, Vec<Expr<'s, E>>) {
    let mut scale = x.lit(1.0);
    let mut inverse: Vec<_> = f.inverse[0].iter().map(|&c| x.lit(c)).collect();
    for (k, entry) in (1..).zip(&f.inverse[1..]) {
        let beyond = x.ge(pow2(f.bits + 1 + f.step * k));
        scale = beyond.select(x.lit(pow2(-f.step * k)), scale);
        for (c, &next) in inverse.iter_mut().zip(*entry) {
            *c = beyond.select(x.lit(next), *c);
        }
    }
    (x * scale, inverse)
}

/// The multiple of the last place of `at` nearest to `t`, and the rest.
fn cut<'s, E: Emit>(t: Expr<'s, E>, at: f64) -> (Expr<'s, E>, Expr<'s, E>) {
    let top = (t + at) - at;
    (top, t - top)
}

/// The rounded sum and its error, exactly.
fn two_sum<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> (Expr<'s, E>, Expr<'s, E>) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}
