//! Walks over multi-indices, for the reference interpreter.

use crate::array::Array;
use crate::native::Scalar;
use crate::types::{Shape, Type};

/// All multi-indices of a shape in row-major order.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    let empty = shape.contains(&0);
    let mut next = (!empty).then(|| vec![0; shape.len()]);
    std::iter::from_fn(move || {
        let at = next.clone()?;
        next = successor(at.clone(), &shape);
        Some(at)
    })
}

fn successor(mut at: Vec<usize>, shape: &[usize]) -> Option<Vec<usize>> {
    for axis in (0..shape.len()).rev() {
        at[axis] += 1;
        if at[axis] < shape[axis] {
            return Some(at);
        }
        at[axis] = 0;
    }
    None
}

/// The array of type `ty` whose element at a multi-index is `f` of it.
pub fn from_index(ty: Type, mut f: impl FnMut(&[usize]) -> Scalar) -> Array {
    let mut all = indices(&ty.shape);
    Array::from_fn(ty, |_| f(&all.next().expect("as many as elements")))
}

/// For each multi-index of `shape` in row-major order, `offset + sum(index * stride)`.
pub fn offsets(shape: &[usize], offset: i64, strides: &[i64]) -> impl Iterator<Item = i64> + use<> {
    let strides = strides.to_vec();
    indices(shape).map(move |at| {
        let terms = at.iter().zip(&strides).map(|(&i, s)| i as i64 * s);
        offset + terms.sum::<i64>()
    })
}

/// The array of shape `shape` whose element at a multi-index is `x[offset + sum(index * stride)]`,
/// a row-major position in `x`.
pub fn view(x: &Array, shape: Shape, offset: i64, strides: &[i64]) -> Array {
    let mut from = offsets(&shape, offset, strides);
    let ty = x.ty.with_shape(shape);
    Array::from_fn(ty, |_| {
        let i = from.next().expect("as many as elements");
        x.get(i as usize)
    })
}

/// Row-major strides, signed.
pub fn strides(shape: &Shape) -> Vec<i64> {
    shape.strides().into_iter().map(|s| s as i64).collect()
}

/// The row-major position of a multi-index that may lie outside; `None` there.
pub fn position(at: &[i64], shape: &[usize]) -> Option<usize> {
    let mut sum = 0;
    for (&i, &extent) in at.iter().zip(shape) {
        let inside = usize::try_from(i).ok().filter(|&i| i < extent);
        sum = sum * extent + inside?;
    }
    Some(sum)
}

/// A start index of any integer type, clamped to `0..=last`.
pub fn clamped(start: Scalar, last: usize) -> usize {
    match start.ty.is_signed_int() {
        true => start.to_i64().clamp(0, last as i64) as usize,
        false => start.bits.min(last as u64) as usize,
    }
}
