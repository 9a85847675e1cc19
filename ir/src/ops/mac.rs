//! Sums of products, as `dot_general` and `convolution` define them: one accumulator that starts at
//! (positive) zero and takes the products in the order given. Floats use a fused multiply-add,
//! 16-bit floats accumulate in `f32` and are rounded once, integers wrap, `bool` is "or of and".

use crate::array::Array;
use crate::loops::Val;
use crate::loops::build::KernelBuilder;
use crate::native::{Emit, Native, Scalar};
use crate::types::DType;

/// The sum over `pairs` of `a[i] * b[j]`; `a` and `b` have one element type.
pub fn dot(a: &Array, b: &Array, pairs: impl Iterator<Item = (usize, usize)>) -> Scalar {
    let ty = a.ty.dtype;
    match ty {
        DType::F64 => {
            let get = |x: &Array, i| f64::from_bits(x.get(i).bits);
            let step = |acc, (i, j)| get(a, i).mul_add(get(b, j), acc);
            Scalar::f64(pairs.fold(0.0, step))
        }
        DType::F32 => {
            let get = |x: &Array, i| f32::from_bits(x.get(i).bits as u32);
            let step = |acc, (i, j)| get(a, i).mul_add(get(b, j), acc);
            Scalar::f32(pairs.fold(0.0, step))
        }
        DType::F16 | DType::BF16 => {
            let get = |x: &Array, i| x.get(i).to_f64() as f32;
            let step = |acc, (i, j)| get(a, i).mul_add(get(b, j), acc);
            Native::Convert(ty).eval(&[Scalar::f32(pairs.fold(0.0, step))])
        }
        DType::Bool => {
            let step = |acc, (i, j)| acc | (a.get(i).bits & b.get(j).bits);
            Scalar {
                ty,
                bits: pairs.fold(0, step),
            }
        }
        _ => {
            let get = |x: &Array, i| x.get(i).bits;
            let step = |acc: u64, (i, j)| acc.wrapping_add(get(a, i).wrapping_mul(get(b, j)));
            Scalar::int(ty, pairs.fold(0, step) as i64)
        }
    }
}

/// The accumulator at the start, in the type of accumulation.
pub fn zero(k: &mut KernelBuilder, ty: DType) -> Val {
    k.constant(Scalar::from_f64(ty.compute(), 0.0))
}

/// The accumulator after one more product; `a` and `b` are elements as stored.
pub fn step(k: &mut KernelBuilder, acc: Val, a: Val, b: Val) -> Val {
    let ty = k.dtype(acc);
    if ty == DType::Bool {
        let both = k.native(Native::And, &[a, b]);
        return k.native(Native::Or, &[acc, both]);
    }
    if !ty.is_float() {
        let product = k.native(Native::Mul, &[a, b]);
        return k.native(Native::Add, &[acc, product]);
    }
    let a = k.native(Native::Convert(ty), &[a]);
    let b = k.native(Native::Convert(ty), &[b]);
    k.native(Native::Fma, &[a, b, acc])
}

/// The accumulator as an element of type `ty`.
pub fn finish(k: &mut KernelBuilder, acc: Val, ty: DType) -> Val {
    k.native(Native::Convert(ty), &[acc])
}
