//! Operations of CHLO that are worth more than their decomposition.

use super::value::Val;
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::{Iota, Slice, Sort};
use craneflow_ir::{Builder, DType, Pointwise, Value};

/// The results of the composite called `name`; `None` when its decomposition will do.
pub fn composite(
    cx: &mut Cx,
    name: &str,
    node: &Node,
    x: &[Val],
) -> Result<Option<Vec<Val>>, Fault> {
    let attributes = node.attr("composite_attributes");
    match name {
        "chlo.erf" => {
            let [x] = exactly(x)?;
            Ok(Some(vec![Val::Real(
                cx.push(Pointwise::Erf, &[x.real()?])?,
            )]))
        }
        "chlo.top_k" => {
            let k = attributes.and_then(|a| a.entry("k")).and_then(Attr::int);
            let k = k.and_then(|k| usize::try_from(k).ok());
            top_k(cx, x, k.ok_or("attribute k is missing")?).map(Some)
        }
        _ => Ok(None),
    }
}

/// The `k` greatest of the last axis and their positions, the first of equals first.
pub fn top_k(cx: &mut Cx, x: &[Val], k: usize) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let x = x.real()?;
    let ty = cx.ty(x).clone();
    let axis = ty
        .rank()
        .checked_sub(1)
        .ok_or("takes a tensor with an axis")?;
    let index = ty.with_dtype(DType::I32);
    let positions = cx.push(Iota { ty: index, axis }, &[])?;
    let sort = Sort::by_first(axis, Cmp::Gt, &[ty.dtype, DType::I32]);
    let sorted = cx.b.push(sort, &[x, positions])?;
    let mut limit = ty.shape.0.clone();
    limit[axis] = k;
    let first = Slice {
        start: vec![0; limit.len()],
        stride: vec![1; limit.len()],
        limit,
    };
    let slices: Result<Vec<Val>, Fault> = sorted
        .into_iter()
        .map(|v| Ok(Val::Real(cx.push(first.clone(), &[v])?)))
        .collect();
    slices
}

/// What an operation of CHLO computes; in text it comes without a decomposition.
pub fn expanded(cx: &mut Cx, name: &str, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    if name == "chlo.next_after" {
        let [x, y] = exactly(x)?;
        return next_after(cx, x.real()?, y.real()?);
    }
    let [x] = exactly(x).map_err(|_| unknown(name))?;
    if name == "chlo.square" {
        return super::pointwise::apply(cx, node, &[x.clone(), x.clone()], Pointwise::Multiply);
    }
    let x = x.real()?;
    if !cx.ty(x).dtype.is_float() {
        return Err(format!("{name} takes floats").into());
    }
    let b = &mut cx.b;
    let (one, half) = (b.like(x, 1.0), b.like(x, 0.5));
    let y = match name {
        "chlo.tan" => b.op(Pointwise::Tan, &[x]),
        "chlo.erfc" => {
            let erf = b.op(Pointwise::Erf, &[x]);
            b.sub(one, erf)
        }
        "chlo.erf_inv" => erf_inv(b, x),
        "chlo.atan" => b.op(Pointwise::Atan2, &[x, one]),
        "chlo.asin" => {
            let other = other_leg(b, x);
            b.op(Pointwise::Atan2, &[x, other])
        }
        "chlo.acos" => {
            let other = other_leg(b, x);
            b.op(Pointwise::Atan2, &[other, x])
        }
        "chlo.sinh" => {
            let grown = b.op(Pointwise::Expm1, &[x]);
            let whole = b.add(grown, one);
            let rest = b.div(grown, whole);
            let sum = b.add(grown, rest);
            b.mul(sum, half)
        }
        "chlo.cosh" => {
            let minus = b.neg(x);
            let (up, down) = (b.exp(x), b.exp(minus));
            let sum = b.add(up, down);
            b.mul(sum, half)
        }
        "chlo.asinh" => {
            // log(|x| + sqrt(x^2 + 1)), with the sign of x
            let (size, squared) = (b.abs(x), b.mul(x, x));
            let root = b.add(squared, one);
            let root = b.sqrt(root);
            let below = b.add(root, one);
            let rest = b.div(squared, below);
            let excess = b.add(size, rest);
            let value = b.op(Pointwise::Log1p, &[excess]);
            let sign = b.sign(x);
            b.mul(sign, value)
        }
        "chlo.acosh" => {
            let above = b.sub(x, one);
            let two = b.like(x, 2.0);
            let sum = b.add(above, two);
            let product = b.mul(above, sum);
            let root = b.sqrt(product);
            let excess = b.add(above, root);
            b.op(Pointwise::Log1p, &[excess])
        }
        "chlo.atanh" => {
            let minus = b.neg(x);
            let (p, q) = (
                b.op(Pointwise::Log1p, &[x]),
                b.op(Pointwise::Log1p, &[minus]),
            );
            let difference = b.sub(p, q);
            b.mul(difference, half)
        }
        _ => return Err(unknown(name)),
    };
    Ok(vec![Val::Real(y)])
}

/// The number next to `x` towards `y`: its bits plus or minus one.
fn next_after(cx: &mut Cx, x: Value, y: Value) -> Result<Vec<Val>, Fault> {
    let ty = cx.ty(x).clone();
    if !ty.dtype.is_float() || *cx.ty(y) != ty {
        return Err("takes floats of one type".into());
    }
    let bits = cx.push(super::bits::bitcast(ty.dtype.to_unsigned()), &[x])?;
    let sign_bit = cx.int_like(bits, 1 << (ty.dtype.bits() - 1));
    let one = cx.int_like(bits, 1);
    let b = &mut cx.b;
    let zero = b.like(x, 0.0);
    let (up, positive) = (b.compare(Cmp::Gt, y, x), b.compare(Cmp::Gt, x, zero));
    let grows = b.compare(Cmp::Eq, up, positive);
    let (more, less) = (b.add(bits, one), b.sub(bits, one));
    let moved = b.select(grows, more, less);
    // From zero, the smallest number with the sign of the way.
    let negative = b.or(sign_bit, one);
    let smallest = b.select(up, one, negative);
    let at_zero = b.compare(Cmp::Eq, x, zero);
    let moved = b.select(at_zero, smallest, moved);
    let moved = cx.push(super::bits::bitcast(ty.dtype), &[moved])?;
    let b = &mut cx.b;
    let same = b.compare(Cmp::Eq, x, y);
    let moved = b.select(same, y, moved);
    let sum = b.add(x, y);
    let none = b.compare(Cmp::Ne, sum, sum);
    let (nx, ny) = (b.compare(Cmp::Ne, x, x), b.compare(Cmp::Ne, y, y));
    let either = b.or(nx, ny);
    let none = b.and(none, either);
    Ok(vec![Val::Real(b.select(none, sum, moved))])
}

fn unknown(name: &str) -> Fault {
    format!("{name} has no decomposition here; bytecode of the same program has one").into()
}

/// `sqrt(1 - x^2)`.
fn other_leg(b: &mut Builder, x: Value) -> Value {
    let one = b.like(x, 1.0);
    let (below, above) = (b.sub(one, x), b.add(one, x));
    let product = b.mul(below, above);
    b.sqrt(product)
}

/// The inverse of `erf` by the approximation of Giles ("Approximating the erfinv function", 2010), and
/// by Newton's method from there for types that are more precise.
fn erf_inv(b: &mut Builder, x: Value) -> Value {
    const NEAR: [f64; 9] = [
        2.81022636e-08,
        3.43273939e-07,
        -3.5233877e-06,
        -4.39150654e-06,
        0.00021858087,
        -0.00125372503,
        -0.00417768164,
        0.246640727,
        1.50140941,
    ];
    const FAR: [f64; 9] = [
        -0.000200214257,
        0.000100950558,
        0.00134934322,
        -0.00367342844,
        0.00573950773,
        -0.0076224613,
        0.00943887047,
        1.00167406,
        2.83297682,
    ];
    let dtype = b.ty(x).dtype;
    let wide = b.convert(x, dtype.compute());
    let squared = b.mul(wide, wide);
    let minus = b.neg(squared);
    let w = b.op(Pointwise::Log1p, &[minus]);
    let w = b.neg(w);
    let polynomial = |b: &mut Builder, at, coefficients: &[f64]| {
        let mut sum = b.like(at, coefficients[0]);
        for &c in &coefficients[1..] {
            let c = b.like(at, c);
            sum = b.op(Pointwise::Fma, &[sum, at, c]);
        }
        sum
    };
    let (shift, three, five) = (b.like(w, 2.5), b.like(w, 3.0), b.like(w, 5.0));
    let near = b.sub(w, shift);
    let near = polynomial(b, near, &NEAR);
    let far = b.sqrt(w);
    let far = b.sub(far, three);
    let far = polynomial(b, far, &FAR);
    let small = b.compare(Cmp::Lt, w, five);
    let factor = b.select(small, near, far);
    let mut y = b.mul(factor, wide);
    if dtype == DType::F64 {
        for _ in 0..2 {
            let error = b.op(Pointwise::Erf, &[y]);
            let error = b.sub(error, wide);
            let squared = b.mul(y, y);
            let growth = b.exp(squared);
            let step = b.mul(error, growth);
            let half_root_pi = b.like(step, 0.886_226_925_452_758);
            let step = b.mul(step, half_root_pi);
            y = b.sub(y, step);
        }
    }
    let (size, one, infinity) = (b.abs(wide), b.like(wide, 1.0), b.like(wide, f64::INFINITY));
    let end = b.compare(Cmp::Eq, size, one);
    let limit = b.mul(infinity, wide);
    let y = b.select(end, limit, y);
    b.convert(y, dtype)
}
