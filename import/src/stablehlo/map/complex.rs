//! Functions of complex numbers in terms of real and imaginary parts.

use super::value::Val;
use super::{Cx, Fault};
use craneflow_ir::native::Cmp;
use craneflow_ir::{Builder, Pointwise, Value};

/// A complex tensor.
type C = (Value, Value);

/// `op` on complex operands of one type.
pub fn apply(cx: &mut Cx, op: Pointwise, x: &[Val]) -> Result<Val, Fault> {
    if x.iter().any(|v| cx.form(v) != cx.form(&x[0])) {
        return Err("takes tensors of one type".into());
    }
    let parts = x.iter().map(|v| match v {
        Val::Complex(re, im) => Ok((*re, *im)),
        _ => Err(Fault::from("takes tensors of one type")),
    });
    let x: Vec<C> = parts.collect::<Result<_, _>>()?;
    if x.len() != op.arity() {
        return Err(format!("takes {} operands, found {}", op.arity(), x.len()).into());
    }
    let b = &mut cx.b;
    let (re, im) = match op {
        Pointwise::Abs => return Ok(Val::Real(abs(b, x[0]))),
        Pointwise::Add => (b.add(x[0].0, x[1].0), b.add(x[0].1, x[1].1)),
        Pointwise::Subtract => (b.sub(x[0].0, x[1].0), b.sub(x[0].1, x[1].1)),
        Pointwise::Multiply => multiply(b, x[0], x[1]),
        Pointwise::Divide => divide(b, x[0], x[1]),
        Pointwise::Power => power(b, x[0], x[1]),
        Pointwise::Negate => (b.neg(x[0].0), b.neg(x[0].1)),
        Pointwise::Sign => sign(b, x[0]),
        Pointwise::Exp => exp(b, x[0]),
        Pointwise::Expm1 => expm1(b, x[0]),
        Pointwise::Log => log(b, x[0]),
        Pointwise::Log1p => log1p(b, x[0]),
        Pointwise::Sqrt => sqrt(b, x[0]),
        Pointwise::Rsqrt => {
            let (one, zero) = (b.like(x[0].0, 1.0), b.like(x[0].0, 0.0));
            let root = sqrt(b, x[0]);
            divide(b, (one, zero), root)
        }
        Pointwise::Sine => {
            let (s, c) = (b.sin(x[0].0), b.cos(x[0].0));
            let (sh, ch) = hyperbolic(b, x[0].1);
            (b.mul(s, ch), b.mul(c, sh))
        }
        Pointwise::Cosine => {
            let (s, c) = (b.sin(x[0].0), b.cos(x[0].0));
            let (sh, ch) = hyperbolic(b, x[0].1);
            let im = b.mul(s, sh);
            (b.mul(c, ch), b.neg(im))
        }
        Pointwise::Tanh => tanh(b, x[0]),
        Pointwise::Tan => {
            // tan z = -i tanh(iz)
            let turned = (b.neg(x[0].1), x[0].0);
            let (p, q) = tanh(b, turned);
            (q, b.neg(p))
        }
        Pointwise::Logistic => {
            let one = b.like(x[0].0, 1.0);
            let zero = b.like(x[0].0, 0.0);
            let minus = (b.neg(x[0].0), b.neg(x[0].1));
            let (re, im) = exp(b, minus);
            let below = (b.add(re, one), im);
            divide(b, (one, zero), below)
        }
        other => return Err(format!("{} takes no complex numbers", other.name()).into()),
    };
    Ok(Val::Complex(re, im))
}

/// `a b + c`, rounded once.
fn fma(b: &mut Builder, x: Value, y: Value, z: Value) -> Value {
    b.op(Pointwise::Fma, &[x, y, z])
}

pub fn multiply(b: &mut Builder, x: C, y: C) -> C {
    let (ac, bd) = (b.mul(x.0, y.0), b.mul(x.1, y.1));
    let (ad, bc) = (b.mul(x.0, y.1), b.mul(x.1, y.0));
    (b.sub(ac, bd), b.add(ad, bc))
}

/// Scaled by the larger part of the divisor, so that squares do not overflow.
fn divide(b: &mut Builder, x: C, y: C) -> C {
    let (c, d) = (b.abs(y.0), b.abs(y.1));
    let first = b.compare(Cmp::Ge, c, d);
    let (large, small) = (b.select(first, y.0, y.1), b.select(first, y.1, y.0));
    let ratio = b.div(small, large);
    // Dividing by (0, 0) or by infinities: a ratio that is no number counts as 0.
    let number = b.compare(Cmp::Eq, ratio, ratio);
    let zero = b.like(ratio, 0.0);
    let ratio = b.select(number, ratio, zero);
    let below = fma(b, small, ratio, large);
    let (p, q) = (b.select(first, x.0, x.1), b.select(first, x.1, x.0));
    let above = fma(b, q, ratio, p);
    let minus = b.neg(ratio);
    let side = fma(b, p, minus, q);
    let re = b.div(above, below);
    let im = b.div(side, below);
    let flipped = b.neg(im);
    (re, b.select(first, im, flipped))
}

/// The larger and the smaller of the magnitudes of the parts.
fn magnitudes(b: &mut Builder, x: C) -> C {
    let (re, im) = (b.abs(x.0), b.abs(x.1));
    (b.max(re, im), b.min(re, im))
}

pub fn abs(b: &mut Builder, x: C) -> Value {
    let (large, small) = magnitudes(b, x);
    let ratio = b.div(small, large);
    let one = b.like(ratio, 1.0);
    let sum = fma(b, ratio, ratio, one);
    let root = b.sqrt(sum);
    let abs = b.mul(large, root);
    // Both zero, or both infinite.
    let same = b.compare(Cmp::Eq, small, large);
    let finite = b.op(Pointwise::IsFinite, &[large]);
    let zero = b.like(large, 0.0);
    let nothing = b.compare(Cmp::Eq, large, zero);
    let infinite = b.not(finite);
    let number = b.compare(Cmp::Eq, large, large);
    let infinite = b.and(infinite, number);
    let edge = b.and(same, infinite);
    let edge = b.or(edge, nothing);
    let abs = b.select(edge, large, abs);
    let half_infinite = b.not(same);
    let half_infinite = b.and(half_infinite, infinite);
    b.select(half_infinite, large, abs)
}

fn sign(b: &mut Builder, x: C) -> C {
    let size = abs(b, x);
    let zero = b.like(size, 0.0);
    let nothing = b.compare(Cmp::Eq, size, zero);
    let (re, im) = (b.div(x.0, size), b.div(x.1, size));
    (b.select(nothing, x.0, re), b.select(nothing, x.1, im))
}

fn exp(b: &mut Builder, x: C) -> C {
    let size = b.exp(x.0);
    let (s, c) = (b.sin(x.1), b.cos(x.1));
    let (re, im) = (b.mul(size, c), b.mul(size, s));
    let zero = b.like(x.1, 0.0);
    let real = b.compare(Cmp::Eq, x.1, zero);
    (b.select(real, size, re), b.select(real, x.1, im))
}

fn expm1(b: &mut Builder, x: C) -> C {
    let (_, im) = exp(b, x);
    let grown = b.op(Pointwise::Expm1, &[x.0]);
    let half = b.like(x.1, 0.5);
    let half = b.mul(x.1, half);
    let s = b.sin(half);
    let s = b.mul(s, s);
    let minus_two = b.like(s, -2.0);
    let turned = b.mul(s, minus_two);
    let c = b.cos(x.1);
    (fma(b, grown, c, turned), im)
}

/// `log |x|`, by `log1p` where the magnitude is near 1.
fn log_abs(b: &mut Builder, x: C) -> Value {
    let (large, small) = magnitudes(b, x);
    let (one, half) = (b.like(large, 1.0), b.like(large, 0.5));
    let (below, above) = (b.sub(large, one), b.add(large, one));
    let squared = b.mul(small, small);
    let excess = fma(b, below, above, squared);
    let near = b.op(Pointwise::Log1p, &[excess]);
    let near = b.mul(near, half);
    let ratio = b.div(small, large);
    let ratio = b.mul(ratio, ratio);
    let rest = b.op(Pointwise::Log1p, &[ratio]);
    let far = b.log(large);
    let far = fma(b, rest, half, far);
    let (least, most) = (b.like(large, 0.5), b.like(large, 2.0));
    let (low, high) = (
        b.compare(Cmp::Gt, large, least),
        b.compare(Cmp::Lt, large, most),
    );
    let close = b.and(low, high);
    let value = b.select(close, near, far);
    // 0, infinity: the logarithm of the larger part.
    let finite = b.op(Pointwise::IsFinite, &[large]);
    let zero = b.like(large, 0.0);
    let some = b.compare(Cmp::Ne, large, zero);
    let usual = b.and(finite, some);
    let edge = b.log(large);
    b.select(usual, value, edge)
}

fn log(b: &mut Builder, x: C) -> C {
    let re = log_abs(b, x);
    (re, b.op(Pointwise::Atan2, &[x.1, x.0]))
}

fn log1p(b: &mut Builder, x: C) -> C {
    let (one, two, half) = (b.like(x.0, 1.0), b.like(x.0, 2.0), b.like(x.0, 0.5));
    let shifted = b.add(x.0, one);
    let twice = b.add(x.0, two);
    let squared = b.mul(x.1, x.1);
    let excess = fma(b, x.0, twice, squared);
    let near = b.op(Pointwise::Log1p, &[excess]);
    let near = b.mul(near, half);
    let far = log_abs(b, (shifted, x.1));
    let (large, _) = magnitudes(b, x);
    let close = b.compare(Cmp::Lt, large, half);
    (
        b.select(close, near, far),
        b.op(Pointwise::Atan2, &[x.1, shifted]),
    )
}

/// `log(x)` scaled: `exp(y log x)`; a power of 0 is 0, with exponent 0 it is 1.
fn power(b: &mut Builder, x: C, y: C) -> C {
    let l = log(b, x);
    let scaled = multiply(b, y, l);
    let (re, im) = exp(b, scaled);
    let (zero, one) = (b.like(re, 0.0), b.like(re, 1.0));
    let is_zero = |b: &mut Builder, v: C| {
        let (re, im) = (b.compare(Cmp::Eq, v.0, zero), b.compare(Cmp::Eq, v.1, zero));
        b.and(re, im)
    };
    let (base, exponent) = (is_zero(b, x), is_zero(b, y));
    let re = b.select(base, zero, re);
    let im = b.select(base, zero, im);
    (b.select(exponent, one, re), b.select(exponent, zero, im))
}

fn sqrt(b: &mut Builder, x: C) -> C {
    let size = abs(b, x);
    let (half, zero) = (b.like(size, 0.5), b.like(size, 0.0));
    let re = b.abs(x.0);
    let (m, n) = (b.mul(size, half), b.mul(re, half));
    let sum = b.add(m, n);
    let root = b.sqrt(sum);
    let twice = b.add(root, root);
    let other = b.div(x.1, twice);
    let nothing = b.compare(Cmp::Eq, size, zero);
    let other = b.select(nothing, x.1, other);
    let right = b.compare(Cmp::Ge, x.0, zero);
    let (flat, negative) = (b.abs(other), b.neg(root));
    // The sign of the imaginary part, that of -0 included.
    let reciprocal = b.like(size, 1.0);
    let reciprocal = b.div(reciprocal, x.1);
    let below = b.compare(Cmp::Lt, reciprocal, zero);
    let infinite_below = b.compare(Cmp::Lt, x.1, zero);
    let below = b.or(below, infinite_below);
    let signed = b.select(below, negative, root);
    let (re, im) = (b.select(right, root, flat), b.select(right, other, signed));
    // An infinite imaginary part decides.
    let (im_size, infinity) = (b.abs(x.1), b.like(size, f64::INFINITY));
    let infinite = b.compare(Cmp::Eq, im_size, infinity);
    (
        b.select(infinite, infinity, re),
        b.select(infinite, x.1, im),
    )
}

/// `sinh` and `cosh`.
fn hyperbolic(b: &mut Builder, x: Value) -> (Value, Value) {
    let (half, one) = (b.like(x, 0.5), b.like(x, 1.0));
    // Halved before it grows, so that the result overflows only where it must.
    let size = b.abs(x);
    let grown = b.op(Pointwise::Expm1, &[size]);
    let whole = b.add(grown, one);
    let inverse = b.div(grown, whole);
    let small = b.add(grown, inverse);
    let small = b.mul(small, half);
    let e = b.mul(size, half);
    let e = b.exp(e);
    let large = b.mul(e, half);
    let large = b.mul(large, e);
    let far = b.like(x, 20.0);
    let far = b.compare(Cmp::Gt, size, far);
    let magnitude = b.select(far, large, small);
    let zero = b.like(x, 0.0);
    let negative = b.compare(Cmp::Lt, x, zero);
    let minus = b.neg(magnitude);
    let sinh = b.select(negative, minus, magnitude);
    let sinh_zero = b.compare(Cmp::Eq, x, zero);
    let sinh = b.select(sinh_zero, x, sinh);
    let up = b.exp(size);
    let down = b.div(one, up);
    let cosh = b.add(up, down);
    let cosh = b.mul(cosh, half);
    (sinh, b.select(far, large, cosh))
}

/// With `h = tanh x` and `t = tan y`: `(h (1 + t^2) + i t (1 - h^2)) / (1 + h^2 t^2)`.
fn tanh(b: &mut Builder, x: C) -> C {
    let one = b.like(x.0, 1.0);
    let h = b.tanh(x.0);
    let t = b.op(Pointwise::Tan, &[x.1]);
    let t2 = fma(b, t, t, one);
    let size = b.abs(x.0);
    let minus_two = b.like(size, -2.0);
    let down = b.mul(size, minus_two);
    let e = b.exp(down);
    let below = b.add(e, one);
    let four = b.like(e, 4.0);
    let above = b.mul(e, four);
    let below = b.mul(below, below);
    let rest = b.div(above, below);
    let ht = b.mul(h, t);
    let below = fma(b, ht, ht, one);
    let (re, im) = (b.mul(h, t2), b.mul(t, rest));
    (b.div(re, below), b.div(im, below))
}
