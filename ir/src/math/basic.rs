//! Exact functions: order, sign, rounding, integer power, conversions.

use super::expr::Expr;
use crate::native::{Cmp, Emit, Native};
use crate::types::DType;

/// The larger operand as in IEEE-754-2019 `maximum`: a NaN wins, and -0 < +0.
pub(crate) fn maximum<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Expr<'s, E> {
    match a.ty() {
        DType::Bool => return a | b,
        ty if !ty.is_float() => return a.max(b),
        _ => {}
    }
    if let Some((k, x)) = known_first(a, b) {
        let r = k.max(x);
        // Adding +0 turns -0 into +0 and changes nothing else.
        return if is_zero(k, false) { r + 0.0 } else { r };
    }
    // Both orders give the same bits but for zeros and NaN. There the union is -0 or NaN, and
    // taking away where they differ makes +0 of zeros unlike in sign.
    let (m, n) = (a.max(b).bits(), b.max(a).bits());
    (m | n).float() - (m ^ n).float()
}

/// The smaller operand as in IEEE-754-2019 `minimum`: a NaN wins, and -0 < +0.
pub(crate) fn minimum<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Expr<'s, E> {
    match a.ty() {
        DType::Bool => return a & b,
        ty if !ty.is_float() => return a.min(b),
        _ => {}
    }
    if let Some((k, x)) = known_first(a, b).filter(|(k, _)| !is_zero(*k, true)) {
        return k.min(x);
    }
    // Both orders give the same bits but for zeros and NaN, where the union is -0 or NaN.
    (a.min(b).bits() | b.min(a).bits()).float()
}

/// An operand that is known and no NaN, before the other one.
fn known_first<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Option<(Expr<'s, E>, Expr<'s, E>)> {
    let number = |x: Expr<'s, E>| {
        x.known().is_some_and(|s| match s.ty {
            DType::F32 => !f32::from_bits(s.bits as u32).is_nan(),
            _ => !f64::from_bits(s.bits).is_nan(),
        })
    };
    match (number(a), number(b)) {
        (_, true) => Some((b, a)),
        (true, _) => Some((a, b)),
        _ => None,
    }
}

fn is_zero<E: Emit>(k: Expr<'_, E>, negative: bool) -> bool {
    let zero = if negative {
        1 << (k.ty().bits() - 1)
    } else {
        0
    };
    k.known().is_some_and(|s| s.bits == zero)
}

/// -1, 0 or 1; a float zero or NaN is returned as it is.
pub(crate) fn sign<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let ty = x.ty();
    if ty.is_float() {
        x.gt(0.0)
            .select(x.lit(1.0), x.lt(0.0).select(x.lit(-1.0), x))
    } else if ty.is_signed_int() {
        x.max(-1).min(1)
    } else {
        x.min(1)
    }
}

/// To the nearest integer, halves away from zero.
pub(crate) fn round_nearest_afz<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    // The number before 0.5: 0.5 itself would carry the number before 0.5 up to 1.
    let half = if x.is_f32() {
        x.raw(0x3eff_ffff)
    } else {
        x.raw(0x3fdf_ffff_ffff_ffff)
    };
    (x + half.copysign(x)).trunc()
}

/// False for infinities and NaN.
pub(crate) fn is_finite<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    x.abs().lt(f64::INFINITY)
}

/// Comparison in the total order of IEEE-754: -NaN < -inf < .. < -0 < +0 < .. < inf < NaN.
pub(crate) fn compare_total<'s, E: Emit>(cmp: Cmp, a: Expr<'s, E>, b: Expr<'s, E>) -> Expr<'s, E> {
    let key = |x: Expr<'s, E>| {
        let signed = match x.ty().bits() {
            16 => DType::I16,
            32 => DType::I32,
            _ => DType::I64,
        };
        let bits = x.bitcast(signed);
        let width = signed.bits() as i64;
        // Below zero, a larger magnitude is a smaller number.
        bits ^ (bits.sra(width - 1) & (i64::MAX >> (64 - width)))
    };
    key(a).cmp(cmp, key(b))
}

/// `a` to the power `b`, wrapping. A negative power is `1 / a^-b` truncated: 1 for 1, 1 or -1 for
/// -1, and 0 for all other bases, 0 included.
pub(crate) fn integer_power<'s, E: Emit>(a: Expr<'s, E>, b: Expr<'s, E>) -> Expr<'s, E> {
    let width = a.ty().bits() as i64;
    let mut result = a.lit(1);
    let mut square = a;
    for bit in 0..width {
        let set = (b & (1i64 << bit)).ne(0);
        result = set.select(result * square, result);
        if bit + 1 < width {
            square = square * square;
        }
    }
    if !a.ty().is_signed_int() {
        return result;
    }
    let odd = (b & 1).ne(0);
    let unit = odd.select(a, 1);
    let is_unit = a.eq(1) | a.eq(-1);
    b.lt(0).select(is_unit.select(unit, 0), result)
}

/// Value conversion between any two types.
///
/// `f64` to a 16-bit float rounds once; an integer goes to a 16-bit float through `f32`.
pub(crate) fn convert<E: Emit>(x: Expr<'_, E>, to: DType) -> Expr<'_, E> {
    let from = x.ty();
    if Native::Convert(to).infer(&[from]).is_some() {
        return x.convert(to);
    }
    let narrow = |t| matches!(t, DType::F16 | DType::BF16);
    if narrow(from) {
        return convert(x.convert(DType::F32), to);
    }
    if from == DType::F64 {
        return to_odd(x).convert(to);
    }
    x.convert(DType::F32).convert(to)
}

/// `f64` to `f32`, an inexact result to the neighbour with an odd last bit: rounding it again to
/// fewer bits is then the same as rounding once.
fn to_odd<E: Emit>(x: Expr<'_, E>) -> Expr<'_, E> {
    let y = x.convert(DType::F32);
    let back = y.convert(DType::F64);
    let bits = y.bits();
    let away = back.abs().gt(x.abs());
    let step = away.select(bits.lit(-1), 1);
    let fix = (bits & 1).eq(0) & back.ne(x) & !x.is_nan();
    fix.select(bits + step, bits).float()
}
