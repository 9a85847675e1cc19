//! `Native::eval` at the edges of every operation, with results worked out by hand.

use craneflow_ir::{Cmp, DType, Native, Scalar};

fn f(x: f32) -> Scalar {
    Scalar {
        ty: DType::F32,
        bits: x.to_bits() as u64,
    }
}
fn d(x: f64) -> Scalar {
    Scalar {
        ty: DType::F64,
        bits: x.to_bits(),
    }
}
fn i(ty: DType, x: i64) -> Scalar {
    let mask = if ty.bits() == 64 {
        u64::MAX
    } else {
        (1 << ty.bits()) - 1
    };
    Scalar {
        ty,
        bits: x as u64 & mask,
    }
}
fn b(x: bool) -> Scalar {
    i(DType::Bool, x as i64)
}

#[track_caller]
fn check(op: Native, args: &[Scalar], want: Scalar) {
    let types: Vec<_> = args.iter().map(|a| a.ty).collect();
    assert_eq!(op.infer(&types), Some(want.ty), "{op:?} {types:?}");
    assert_eq!(op.eval(args), want, "{op:?} {args:?}");
}

#[test]
fn integers() {
    use DType::*;
    use Native::*;
    check(Add, &[i(I8, 127), i(I8, 1)], i(I8, -128));
    check(Sub, &[i(U16, 0), i(U16, 1)], i(U16, 65535));
    check(Mul, &[i(I32, i32::MAX as i64), i(I32, 2)], i(I32, -2));
    check(Div, &[i(I32, -7), i(I32, 2)], i(I32, -3));
    check(Div, &[i(I32, 5), i(I32, 0)], i(I32, -1));
    check(Div, &[i(U8, 5), i(U8, 0)], i(U8, 255));
    check(Div, &[i(I64, i64::MIN), i(I64, -1)], i(I64, i64::MIN));
    check(Rem, &[i(I32, -7), i(I32, 2)], i(I32, -1));
    check(Rem, &[i(I32, 7), i(I32, 0)], i(I32, 7));
    check(Rem, &[i(I16, -32768), i(I16, -1)], i(I16, 0));
    check(Neg, &[i(I8, -128)], i(I8, -128));
    check(Neg, &[i(U8, 1)], i(U8, 255));
    check(Abs, &[i(I8, -128)], i(I8, -128));
    check(Abs, &[i(U8, 200)], i(U8, 200));
    check(Min, &[i(I8, -1), i(I8, 1)], i(I8, -1));
    check(Min, &[i(U8, 255), i(U8, 1)], i(U8, 1));
    check(Popcnt, &[i(I16, -1)], i(I16, 16));
    check(Clz, &[i(U16, 1)], i(U16, 15));
    check(Clz, &[i(I64, 0)], i(I64, 64));
    check(Not, &[i(U8, 1)], i(U8, 254));
    check(Not, &[b(true)], b(false));
    check(Xor, &[b(true), b(true)], b(false));
}

#[test]
fn shifts() {
    use DType::*;
    use Native::*;
    check(Shl, &[i(I8, 1), i(I8, 7)], i(I8, -128));
    check(Shl, &[i(I8, 1), i(I8, 8)], i(I8, 0));
    check(Shl, &[i(I32, 1), i(I32, -1)], i(I32, 0));
    check(ShrLogical, &[i(I32, -1), i(I32, 31)], i(I32, 1));
    check(ShrLogical, &[i(I32, -1), i(I32, 32)], i(I32, 0));
    check(ShrArith, &[i(I32, -8), i(I32, 1)], i(I32, -4));
    check(ShrArith, &[i(I32, -8), i(I32, 99)], i(I32, -1));
    check(
        ShrArith,
        &[i(U32, 0x8000_0000), i(U32, 31)],
        i(U32, u32::MAX as i64),
    );
    check(ShrArith, &[i(I64, 5), i(I64, -3)], i(I64, 0));
}

#[test]
fn floats() {
    use Native::*;
    let nan = f32::NAN;
    check(Min, &[f(nan), f(1.0)], f(1.0));
    check(Max, &[f(nan), f(1.0)], f(1.0));
    check(Min, &[f(0.0), f(-0.0)], f(-0.0));
    check(Max, &[f(-0.0), f(0.0)], f(0.0));
    check(Max, &[f(0.0), f(-0.0)], f(-0.0));
    check(Neg, &[f(0.0)], f(-0.0));
    check(Abs, &[d(-0.0)], d(0.0));
    check(Sqrt, &[f(-0.0)], f(-0.0));
    check(Nearest, &[f(2.5)], f(2.0));
    check(Nearest, &[f(-0.5)], f(-0.0));
    check(Trunc, &[d(-1.9)], d(-1.0));
    check(Floor, &[f(-0.5)], f(-1.0));
    check(Ceil, &[f(-0.5)], f(-0.0));
    check(Div, &[f(-1.0), f(0.0)], f(f32::NEG_INFINITY));
    // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 only when the product is not rounded.
    let e = (-12f32).exp2();
    check(Fma, &[f(1.0 + e), f(1.0 + e), f(-1.0 - 2.0 * e)], f(e * e));
    // The smallest subnormal is not flushed.
    check(Mul, &[f(f32::from_bits(2)), f(0.5)], f(f32::from_bits(1)));
}

#[test]
fn compare_and_select() {
    let nan = f(f32::NAN);
    for (cmp, _) in Cmp::ALL {
        check(Native::Cmp(cmp), &[nan, nan], b(cmp == Cmp::Ne));
    }
    check(Native::Cmp(Cmp::Eq), &[f(0.0), f(-0.0)], b(true));
    check(Native::Cmp(Cmp::Lt), &[b(false), b(true)], b(true));
    check(
        Native::Cmp(Cmp::Lt),
        &[i(DType::U8, 1), i(DType::U8, 255)],
        b(true),
    );
    check(
        Native::Cmp(Cmp::Lt),
        &[i(DType::I8, 1), i(DType::I8, 255)],
        b(false),
    );
    check(Native::Select, &[b(true), f(1.0), f(2.0)], f(1.0));
    check(
        Native::Select,
        &[b(false), i(DType::F16, 1), i(DType::F16, 2)],
        i(DType::F16, 2),
    );
}

#[test]
fn conversions() {
    use DType::*;
    let to = |ty| Native::Convert(ty);
    check(to(I8), &[i(I32, 300)], i(I8, 44));
    check(to(I64), &[i(I8, -1)], i(I64, -1));
    check(to(I64), &[i(U8, 255)], i(I64, 255));
    check(to(Bool), &[i(I32, 256)], b(true));
    check(to(Bool), &[f(f32::NAN)], b(true));
    check(to(Bool), &[f(-0.0)], b(false));
    check(to(F32), &[b(true)], f(1.0));
    check(to(I32), &[f(-1.9)], i(I32, -1));
    check(to(I32), &[f(3e9)], i(I32, i32::MAX as i64));
    check(to(U8), &[f(-5.0)], i(U8, 0));
    check(to(U8), &[d(1e300)], i(U8, 255));
    check(to(I16), &[f(f32::NAN)], i(I16, 0));
    check(to(F32), &[i(I32, 16_777_217)], f(16_777_216.0));
    check(to(F32), &[i(U64, -1)], f(18_446_744_073_709_551_616.0));
    check(to(F32), &[d(1e300)], f(f32::INFINITY));
    check(to(F16), &[f(1.0)], i(F16, 0x3c00));
    check(to(F16), &[f(65520.0)], i(F16, 0x7c00));
    check(to(F16), &[f(65519.0)], i(F16, 0x7bff));
    check(to(F16), &[f((-25f32).exp2())], i(F16, 0));
    check(to(F16), &[f(-1.5 * (-25f32).exp2())], i(F16, 0x8001));
    check(to(BF16), &[f(f32::MAX)], i(BF16, 0x7f80));
    check(to(BF16), &[i(F32, 0xff80_0001)], i(BF16, 0xffc0));
    check(to(F32), &[i(F16, 0xfc00)], f(f32::NEG_INFINITY));
    check(to(F32), &[i(F16, 0x0001)], f((-24f32).exp2()));
    check(to(F32), &[i(F16, 0x7c01)], i(F32, 0x7fc0_2000));
    check(Native::Bitcast(U32), &[f(1.0)], i(U32, 0x3f80_0000));
}
