//! `convert` and `reduce_precision`.

use super::bits::bitcast;
use super::value::{Val, dtype};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::native::Cmp;
use craneflow_ir::{DType, Pointwise, Value};

pub fn convert(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let (element, _) = cx.result(node, 0)?;
    let to = dtype(element);
    let val = match (x, element.part()) {
        (Val::Complex(re, im), Some(_)) => {
            Val::Complex(cx.b.convert(*re, to), cx.b.convert(*im, to))
        }
        // To a truth value: whether it is not zero.
        (Val::Complex(re, im), None) if to == DType::Bool => {
            let (re, im) = (cx.b.convert(*re, to), cx.b.convert(*im, to));
            Val::Real(cx.b.or(re, im))
        }
        (Val::Complex(re, _), None) => Val::Real(cx.b.convert(*re, to)),
        (x, part) => {
            let x = cx.saturated(x.real()?, element)?;
            let v = cx.b.convert(x, to);
            let v = cx.narrowed(v, element)?;
            match part {
                Some(_) => Val::Complex(v, cx.like(v, 0.0)),
                None => Val::Real(v),
            }
        }
    };
    Ok(vec![val])
}

/// Rounds to fewer bits of exponent and mantissa; what is too small for a normal number becomes 0.
pub fn reduce_precision(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let x = x.real()?;
    let (exponent, mantissa) = (node.size("exponent_bits")?, node.size("mantissa_bits")?);
    let dtype = cx.ty(x).dtype;
    if exponent == 0 || !dtype.is_float() {
        return Err("takes floats and at least one exponent bit".into());
    }
    let wide = cx.b.convert(x, dtype.compute());
    let y = reduced(cx, wide, exponent, mantissa)?;
    Ok(vec![Val::Real(cx.b.convert(y, dtype))])
}

fn reduced(cx: &mut Cx, x: Value, exponent: usize, mantissa: usize) -> Result<Value, Fault> {
    let dtype = cx.ty(x).dtype;
    let (own_exponent, own_mantissa) = if dtype == DType::F64 {
        (11, 52)
    } else {
        (8, 23)
    };
    let mut bits = cx.push(bitcast(dtype.to_unsigned()), &[x])?;
    let all = u64::MAX >> (64 - dtype.bits());
    let sign = 1u64 << (dtype.bits() - 1);
    let infinity = ((1u64 << own_exponent) - 1) << own_mantissa;
    if mantissa < own_mantissa {
        let drop = own_mantissa - mantissa;
        let (place, last) = (cx.int_like(bits, drop as u64), 1u64 << drop);
        let half = cx.int_like(bits, (last >> 1) - 1);
        let one = cx.int_like(bits, 1);
        let odd = cx.push(Pointwise::ShiftRightLogical, &[bits, place])?;
        let odd = cx.b.and(odd, one);
        let up = cx.b.add(half, odd);
        let sum = cx.b.add(bits, up);
        let keep = cx.int_like(bits, all & !(last - 1));
        bits = cx.b.and(sum, keep);
    }
    if exponent < own_exponent {
        let (own_bias, bias) = (
            (1u64 << (own_exponent - 1)) - 1,
            (1u64 << (exponent - 1)) - 1,
        );
        let exponents = cx.int_like(bits, infinity);
        let found = cx.b.and(bits, exponents);
        let greatest = cx.int_like(bits, (own_bias + bias) << own_mantissa);
        let least = cx.int_like(bits, (own_bias - bias) << own_mantissa);
        let (over, under) = (
            cx.b.compare(Cmp::Gt, found, greatest),
            cx.b.compare(Cmp::Le, found, least),
        );
        let sign = cx.int_like(bits, sign);
        let zero = cx.b.and(bits, sign);
        let unbounded = cx.b.or(zero, exponents);
        bits = cx.b.select(over, unbounded, bits);
        bits = cx.b.select(under, zero, bits);
    }
    let y = cx.push(bitcast(dtype), &[bits])?;
    let nan = cx.b.compare(Cmp::Ne, x, x);
    Ok(cx.b.select(nan, x, y))
}
