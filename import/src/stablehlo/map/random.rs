//! `rng_bit_generator`, with the bits that XLA gives on a CPU.

use super::value::{Val, dtype};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::ops::common::Algorithm;
use craneflow_ir::ops::{Concatenate, RngBitGenerator, Slice, Transpose};
use craneflow_ir::{DType, Type, Value};

pub fn rng_bit_generator(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [state] = exactly(x)?;
    let state = state.real()?;
    let (element, dims) = cx.result(node, 1)?;
    let bits = Type::new(dtype(element), dims);
    let unsigned = bits.with_dtype(bits.dtype.to_unsigned());
    let (after, out) = match node.text("rng_algorithm")? {
        "THREE_FRY" if unsigned.dtype.bits() <= 32 => threefry(cx, state, &unsigned)?,
        "THREE_FRY" => generate(cx, Algorithm::Threefry, state, unsigned.clone())?,
        "PHILOX" | "DEFAULT" => philox(cx, state, &unsigned)?,
        other => return Err(format!("there is no algorithm {other}").into()),
    };
    let out = match unsigned == bits {
        true => out,
        false => cx.push(super::bits::bitcast(bits.dtype), &[out])?,
    };
    Ok(vec![
        Val::Real(after),
        Val::Real(cx.narrowed(out, element)?),
    ])
}

/// The state afterwards, and bits.
fn generate(
    cx: &mut Cx,
    algorithm: Algorithm,
    state: Value,
    ty: Type,
) -> Result<(Value, Value), Fault> {
    let results = cx.b.push(RngBitGenerator { algorithm, ty }, &[state])?;
    Ok((results[0], results[1]))
}

/// Elements of up to 32 bits are split into halves along the first axis of even extent, or else the
/// longest: one has the first words of all blocks, the other the second ones.
fn threefry(cx: &mut Cx, state: Value, ty: &Type) -> Result<(Value, Value), Fault> {
    let dims = if ty.rank() == 0 {
        vec![1]
    } else {
        ty.shape.0.clone()
    };
    let longest = || (0..dims.len()).rev().max_by_key(|&a| dims[a]);
    let axis = (0..dims.len())
        .find(|&a| dims[a].is_multiple_of(2))
        .or_else(longest);
    let axis = axis.expect("an axis");
    let mut half = dims.clone();
    half[axis] = dims[axis].div_ceil(2);
    let words = Type::new(DType::U32, [half.as_slice(), &[2]].concat());
    let (after, words) = generate(cx, Algorithm::Threefry, state, words)?;
    // The axis of words comes in front of those after the one that is split.
    let mut permutation: Vec<usize> = (0..half.len()).collect();
    permutation.insert(axis + 1, half.len());
    let sorted = cx.push(Transpose { permutation }, &[words])?;
    half[axis] *= 2;
    let whole = cx.b.reshape(sorted, &half);
    let first = Slice {
        start: vec![0; dims.len()],
        stride: vec![1; dims.len()],
        limit: dims.clone(),
    };
    let cut = cx.push(first, &[whole])?;
    let flat = cx.b.reshape(cut, &ty.shape);
    Ok((after, cx.b.convert(flat, ty.dtype)))
}

/// A state of two words is key and low counter, and the high counter is the key again.
fn philox(cx: &mut Cx, state: Value, ty: &Type) -> Result<(Value, Value), Fault> {
    let given = cx.ty(state).clone();
    if given != Type::new(DType::U64, [2]) {
        return generate(cx, Algorithm::Philox, state, ty.clone());
    }
    let first = |n: usize| Slice {
        start: vec![0],
        limit: vec![n],
        stride: vec![1],
    };
    let key = cx.push(first(1), &[state])?;
    let whole = cx.push(Concatenate { axis: 0 }, &[state, key])?;
    let (after, bits) = generate(cx, Algorithm::Philox, whole, ty.clone())?;
    Ok((cx.push(first(2), &[after])?, bits))
}
