//! `erf`.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::exp::half_expm1;
use super::expr::Expr;
use crate::native::Emit;

/// `erfc(a) = e^(-a (c + P(a)))` with `c = 2 / sqrt(pi)` as a float, minimax over the range where
/// `erf` is below 1. The last coefficient is what `c` lacks. Error of `erf` 2^-27.7.
const P32: &[f64] = &[
    -9.314397e-06,
    0.00011816945,
    -0.00063487596,
    0.0016712149,
    -0.00016519146,
    -0.019150065,
    0.102776885,
    0.6366195,
    -5.8635383e-08,
];

/// Error 2^-56.
const P64: &[f64] = &[
    7.830387133244597e-16,
    -3.8488959058020675e-14,
    8.842338031510951e-13,
    -1.2607055753563522e-11,
    1.2480797394410153e-10,
    -9.080213158102332e-10,
    4.996777224847437e-09,
    -2.0959362088977617e-08,
    6.572436708522686e-08,
    -1.417420415177853e-07,
    1.3714778914651185e-07,
    3.3641138165048384e-07,
    -1.7415974678029409e-06,
    2.8351817015645216e-06,
    3.4072395235389244e-06,
    -2.972403457762065e-05,
    6.449185772327793e-05,
    2.5878604397632117e-05,
    -0.0005901255526028147,
    0.0016962063856157848,
    -0.00020919469481436295,
    -0.019128447005073736,
    0.10277260330178897,
    0.6366197723675836,
    1.533545961316588e-17,
];

/// Error 2 ULP, and never above 1.
pub(crate) fn erf<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    // The result is 1 beyond.
    let (last, p) = if x.is_f32() { (3.93, P32) } else { (5.95, P64) };
    let a = x.lit(last).min(x.abs());
    let halved: Vec<f64> = p.iter().map(|c| c * -0.5).collect();
    // erf a = 1 - e^(-a (c + P))
    let half_exponent = a.fma(-0.5 * FRAC_2_SQRT_PI, a.poly(&halved) * a);
    let h = half_expm1(half_exponent);
    (h + h).copysign(x)
}
