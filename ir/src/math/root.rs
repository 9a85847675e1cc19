//! `cbrt`.

use super::expr::{Expr, pow2};
use crate::native::Emit;

/// Error 1 ULP.
pub(crate) fn cbrt<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    // A small argument is scaled by a cube, so that a quarter of it is exact.
    let (least, scale) = match x.is_f32() {
        true => (pow2(-100), 24),
        false => (pow2(-960), 54),
    };
    let a = x.abs();
    let small = a.lt(least);
    let scaled = small.select(a * pow2(scale), a);
    let rough = third_of_exponent(scaled);
    let root = if x.is_f32() {
        halley(scaled, rough)
    } else {
        halley(scaled, halley(scaled, rough))
    };
    let root = polish(scaled, root) * small.select(x.lit(pow2(-scale / 3)), 1.0);
    let positive = a.gt(0.0) & a.lt(f64::INFINITY);
    positive.select(root.copysign(x), x)
}

/// The cube root within 4 %: a third of the bits as an integer, which are nearly the logarithm.
fn third_of_exponent<E: Emit>(a: Expr<'_, E>) -> Expr<'_, E> {
    // Two thirds of the stored exponent of 1, and what makes the error about even.
    let two_thirds = 2.0 / 3.0 * if a.is_f32() { 127.0 } else { 1023.0 } - 0.033;
    if a.is_f32() {
        let third = (a.bits().srl(16) * 21846).srl(16) << 16;
        (third + (two_thirds * pow2(23)) as i64).float()
    } else {
        let third = (a.bits().srl(32) * 0x5555_5556).srl(32) << 32;
        (third + (two_thirds * pow2(52)) as i64).float()
    }
}

/// Halley's step `t (2 a + t^3) / (2 t^3 + a)`: the relative error `e` becomes `2/3 e^3`.
fn halley<'s, E: Emit>(a: Expr<'s, E>, t: Expr<'s, E>) -> Expr<'s, E> {
    let (cube, a) = (t * t * (t * 0.25), a * 0.25);
    t * ((a + a + cube) / (cube + cube + a))
}

/// The same as a correction, `t + t (a - t^3) / (2 t^3 + a)`, with an exact residue.
fn polish<'s, E: Emit>(a: Expr<'s, E>, t: Expr<'s, E>) -> Expr<'s, E> {
    let square = t * t;
    let low = t.fma(t, -square);
    let residue = (-t).fma(low, (-t).fma(square, a)) * 0.25;
    let cube = square * (t * 0.25);
    t.fma(residue / (cube + cube + a * 0.25), t)
}
