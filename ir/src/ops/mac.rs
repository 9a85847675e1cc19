//! Sums of products, as `dot_general` and `convolution` define them: one accumulator that starts at
//! (positive) zero and takes the products in the order given. Floats use a fused multiply-add,
//! 16-bit floats accumulate in `f32` and are rounded once, integers wrap, `bool` is "or of and".

use crate::array::Array;
use crate::loops::Val;
use crate::loops::build::KernelBuilder;
use crate::native::{Emit, Native, Scalar};
use crate::types::DType;

/// The sum over `pairs` of `a[i] * b[j]`, where `a[None]` is zero; `a` and `b` have one element type.
pub fn dot(a: &Array, b: &Array, pairs: impl Iterator<Item = (Option<usize>, usize)>) -> Scalar {
    let ty = a.ty.dtype;
    let zero = Scalar { ty, bits: 0 };
    let pairs = pairs.map(|(i, j)| (i.map_or(zero, |i| a.get(i)), b.get(j)));
    let bits = |(a, b): (Scalar, Scalar)| (a.bits, b.bits);
    match ty {
        DType::F64 => {
            let pairs = pairs.map(bits);
            let pairs = pairs.map(|(a, b)| (f64::from_bits(a), f64::from_bits(b)));
            Scalar::f64(pairs.fold(0.0, |acc, (a, b)| a.mul_add(b, acc)))
        }
        DType::F32 => {
            let pairs = pairs.map(bits);
            let pairs = pairs.map(|(a, b)| (f32::from_bits(a as u32), f32::from_bits(b as u32)));
            Scalar::f32(pairs.fold(0.0, |acc, (a, b)| a.mul_add(b, acc)))
        }
        DType::F16 | DType::BF16 => {
            let pairs = pairs.map(|(a, b)| (a.to_f64() as f32, b.to_f64() as f32));
            let sum = pairs.fold(0f32, |acc, (a, b)| a.mul_add(b, acc));
            Native::Convert(ty).eval(&[Scalar::f32(sum)])
        }
        DType::Bool => Scalar {
            ty,
            bits: pairs.map(bits).fold(0, |acc, (a, b)| acc | (a & b)),
        },
        _ => {
            let step = |acc: u64, (a, b): (u64, u64)| acc.wrapping_add(a.wrapping_mul(b));
            Scalar::int(ty, pairs.map(bits).fold(0, step) as i64)
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
