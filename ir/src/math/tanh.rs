//! `tanh`.

use super::exp::half_expm1;
use super::expr::Expr;
use crate::native::Emit;

/// Error 3 ULP, and never above 1.
pub(crate) fn tanh<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    // The result is 1 beyond.
    let last = if x.is_f32() { 9.02 } else { 19.1 };
    // tanh |x| = -h / (h + 1) with h = (e^(-2|x|) - 1) / 2, between -1/2 and 0
    let h = half_expm1(x.lit(-last).max(-x.abs()));
    (h / (h + 1.0)).copysign(x)
}
