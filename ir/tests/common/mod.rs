//! The one door of op tests: everything that must agree about an op on given operands.
#![allow(dead_code)]

use craneflow_ir::loops::build::{KernelBuilder, Operand, Out};
use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::{Access, Kernel, Val};
use craneflow_ir::ops::{Lowering, Op};
use craneflow_ir::{Array, DType, Scalar, Type};

/// Results of an op, after checking that its printed attributes parse back to it, that `eval` has
/// the types that `infer` gives, and that its loops compute the same bits.
pub fn check(op: impl Into<Op>, x: &[Array]) -> Vec<Array> {
    let op = op.into();
    let parsed = Op::parse(op.name(), &op.rules().attrs()).expect("known name");
    assert_eq!(parsed.as_ref(), Ok(&op), "attributes round trip");
    let types: Vec<Type> = x.iter().map(|a| a.ty.clone()).collect();
    let results = op.rules().infer(&types).unwrap_or_else(|e| panic!("{e}"));
    let y = op.rules().eval(x);
    let found: Vec<Type> = y.iter().map(|a| a.ty.clone()).collect();
    assert_eq!(found, results, "types of {}", op.name());
    if let Some(lowered) = lowered(&op, x) {
        for (i, (y, l)) in y.iter().zip(&lowered).enumerate() {
            assert!(same(y, l), "{op:?} result {i}:\neval  {y:?}\nloops {l:?}");
        }
    }
    y
}

/// The message with which an op rejects operand types.
pub fn error(op: impl Into<Op>, x: &[Type]) -> String {
    op.into()
        .rules()
        .infer(x)
        .expect_err("must be rejected")
        .to_string()
}

/// `f32[2,3]` from its printed form.
pub fn ty(text: &str) -> Type {
    let (dtype, rest) = text.split_once('[').expect("a shape");
    let extents = rest.trim_end_matches(']').split(',');
    let extents = extents.filter(|e| !e.is_empty());
    let shape: Vec<usize> = extents.map(|e| e.parse().expect("an extent")).collect();
    Type::new(DType::from_name(dtype).expect("an element type"), shape)
}

/// An array from a printed type and its elements.
pub fn array(text: &str, data: &[f64]) -> Array {
    Array::from_f64(ty(text), data)
}

/// Small numbers, different from one another, that the type holds exactly.
pub fn fill(text: &str, seed: u64) -> Array {
    let ty = ty(text);
    let dtype = ty.dtype;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    Array::from_fn(ty, |_| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let x = (state >> 40) as i64 % 32;
        match dtype.is_float() {
            true => Scalar::from_f64(dtype, x as f64 / 8.0 - 2.0),
            false => Scalar::int(dtype, x - if dtype.is_signed_int() { 16 } else { 0 }),
        }
    })
}

/// Equal bits; all NaNs are one.
pub fn same(a: &Array, b: &Array) -> bool {
    let nan = |s: Scalar| s.ty.is_float() && s.to_f64().is_nan();
    let equal = |(a, b): (Scalar, Scalar)| a == b || (nan(a) && nan(b));
    a.ty == b.ty && a.iter().zip(b.iter()).all(equal)
}

/// Results by the loops of the op alone; `None` when it has none.
pub fn lowered(op: &Op, x: &[Array]) -> Option<Vec<Array>> {
    let types: Vec<Type> = x.iter().map(|a| a.ty.clone()).collect();
    let results = op.rules().infer(&types).expect("operands fit");
    let kernel = kernel(op, &types, &results)?;
    verify_kernel(&kernel).unwrap_or_else(|e| panic!("{e}\n{kernel:#?}"));
    let mut memory: Vec<Vec<u8>> = x.iter().map(|a| a.bytes().to_vec()).collect();
    memory.extend(results.iter().map(|t| vec![0xa5; t.bytes()]));
    let grid = kernel.grid();
    let middle = grid / 2;
    for (start, end) in [(0, middle), (middle, grid)] {
        if start < end || end == grid {
            eval_kernel(&kernel, &mut memory, start, end).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let outs = memory.drain(x.len()..).zip(results);
    Some(
        outs.map(|(bytes, ty)| Array::from_bytes(ty, bytes).expect("length"))
            .collect(),
    )
}

fn kernel(op: &Op, types: &[Type], results: &[Type]) -> Option<Kernel> {
    let count = results[0].count();
    let mut k = KernelBuilder::new(op.name(), count);
    let mems: Vec<_> = types
        .iter()
        .map(|t| k.param(t.dtype, t.count(), Access::Read))
        .collect();
    let outs: Vec<Out> = results
        .iter()
        .map(|ty| Out {
            ty: ty.clone(),
            mem: k.param(ty.dtype, ty.count(), Access::Write),
        })
        .collect();
    let fetch: Vec<_> = types
        .iter()
        .zip(mems)
        .map(|(t, mem)| {
            let shape = t.shape.clone();
            move |k: &mut KernelBuilder, at: &[Index]| -> Val {
                k.load(mem, &Index::linear(at, &shape))
            }
        })
        .collect();
    let operands: Vec<Operand> = types
        .iter()
        .zip(&fetch)
        .map(|(ty, fetch)| Operand {
            ty: ty.clone(),
            fetch,
        })
        .collect();
    match op.rules().lower(types) {
        Lowering::Element(f) | Lowering::Reduction(f) | Lowering::Contraction(f) => {
            if count > 0 {
                let at = k.grid().unravel(&results[0].shape);
                let v = f(&mut k, &operands, &at);
                k.store_at(&outs[0], &at, v);
            }
        }
        Lowering::Stores(f) => f(&mut k, &operands, &outs),
        Lowering::Once(f) => f(&mut k, &operands, &mut |k, at, v| {
            k.store_at(&outs[0], at, v)
        }),
        _ => return None,
    }
    Some(k.finish())
}
