//! The pointwise table: every operation on every type it takes, and exact results at the edges.

use craneflow_ir::math::half;
use craneflow_ir::scalar::{CompareType, Pointwise};
use craneflow_ir::{Cmp, DType, Emit, Evaluator, Native, Scalar};

fn f(x: f32) -> Scalar {
    Scalar {
        ty: DType::F32,
        bits: x.to_bits() as u64,
    }
}
fn int(ty: DType, x: i64) -> Scalar {
    Scalar {
        ty,
        bits: x as u64 & (u64::MAX >> (64 - ty.bits())),
    }
}
fn i(x: i64) -> Scalar {
    int(DType::I32, x)
}
fn b(x: bool) -> Scalar {
    int(DType::Bool, x as i64)
}
fn is_nan(s: Scalar) -> bool {
    s.ty == DType::F32 && f32::from_bits(s.bits as u32).is_nan()
}

#[track_caller]
fn check(op: Pointwise, args: &[Scalar], want: Scalar) {
    let got = op.emit(&mut Evaluator, args);
    assert!(
        got == want || (is_nan(got) && is_nan(want)),
        "{op:?} {args:?}: {got:?}, not {want:?}"
    );
    // The same when the second operand is known while the code is made.
    let mut known = Known;
    let got = op.emit(&mut known, args);
    assert!(
        got == want || (is_nan(got) && is_nan(want)),
        "{op:?} {args:?} known: {got:?}, not {want:?}"
    );
}

/// An evaluator that knows every value in advance.
struct Known;
impl Emit for Known {
    type V = Scalar;
    fn native(&mut self, op: Native, args: &[Scalar]) -> Scalar {
        op.eval(args)
    }
    fn constant(&mut self, value: Scalar) -> Scalar {
        value
    }
    fn dtype(&self, v: Scalar) -> DType {
        v.ty
    }
    fn known(&self, v: Scalar) -> Option<Scalar> {
        Some(v)
    }
}

#[test]
fn every_operation_gives_the_type_it_infers() {
    for op in Pointwise::all() {
        let mut taken = 0;
        for ty in DType::ALL {
            let types = match op {
                Pointwise::Select => vec![DType::Bool, ty, ty],
                _ => vec![ty; op.arity()],
            };
            let Some(want) = op.infer_dtype(&types) else {
                continue;
            };
            taken += 1;
            let args: Vec<_> = types.iter().map(|&ty| Scalar { ty, bits: 1 }).collect();
            let got = op.emit(&mut Evaluator, &args);
            assert_eq!(got.ty, want, "{op:?} on {types:?}");
            assert_eq!(
                got.bits >> (want.bits() - 1) >> 1,
                0,
                "{op:?} on {types:?}: {got:?}"
            );
        }
        assert!(taken > 0, "{op:?}");
        assert_eq!(
            Pointwise::from_name(op.name()).map(|o| o.name()),
            Some(op.name())
        );
    }
}

#[test]
fn maximum_and_minimum() {
    use Pointwise::*;
    let (nan, zero, minus) = (f(f32::NAN), f(0.0), f(-0.0));
    for (x, y) in [(nan, f(1.0)), (f(1.0), nan), (nan, zero), (minus, nan)] {
        check(Maximum, &[x, y], nan);
        check(Minimum, &[x, y], nan);
    }
    for (x, y) in [(zero, minus), (minus, zero)] {
        check(Maximum, &[x, y], zero);
        check(Minimum, &[x, y], minus);
    }
    check(Maximum, &[minus, minus], minus);
    let (inf, low) = (f(f32::INFINITY), f(f32::NEG_INFINITY));
    for (x, y) in [
        (inf, low),
        (low, inf),
        (inf, f(1.0)),
        (inf, inf),
        (f(2.0), inf),
    ] {
        check(Maximum, &[x, y], inf);
    }
    for (x, y) in [(inf, low), (low, low), (low, minus), (f(-2.0), low)] {
        check(Minimum, &[x, y], low);
    }
    for x in [inf, low, zero, minus, f(-1.0)] {
        check(Maximum, &[x, nan], nan);
        check(Minimum, &[nan, x], nan);
    }
    check(Minimum, &[zero, zero], zero);
    check(Maximum, &[f(-1.0), f(-2.0)], f(-1.0));
    check(Minimum, &[f(-1.0), f(-2.0)], f(-2.0));
    check(Maximum, &[b(true), b(false)], b(true));
    check(Minimum, &[b(true), b(false)], b(false));
    check(
        Maximum,
        &[int(DType::U8, 255), int(DType::U8, 1)],
        int(DType::U8, 255),
    );
    check(Clamp, &[f(-1.0), f(5.0), f(1.0)], f(1.0));
    check(Clamp, &[f(-1.0), nan, f(1.0)], nan);
    check(Clamp, &[i(0), i(-7), i(3)], i(0));
}

#[test]
fn rounding_and_sign() {
    use Pointwise::*;
    let below = |x: f32| f32::from_bits(x.to_bits() - 1);
    for (x, afz, even) in [
        (0.5, 1.0, 0.0),
        (below(0.5), 0.0, 0.0),
        (1.5, 2.0, 2.0),
        (2.5, 3.0, 2.0),
        (4_194_304.5, 4_194_305.0, 4_194_304.0),
        (8_388_609.0, 8_388_609.0, 8_388_609.0),
        (0.0, 0.0, 0.0),
        (f32::INFINITY, f32::INFINITY, f32::INFINITY),
    ] {
        for s in [1f32, -1.0] {
            check(RoundNearestAfz, &[f(x * s)], f(afz * s));
            check(RoundNearestEven, &[f(x * s)], f(even * s));
        }
    }
    for (x, want) in [
        (3.0, 1.0),
        (-1e-45, -1.0),
        (-0.0, -0.0),
        (0.0, 0.0),
        (f32::NAN, f32::NAN),
    ] {
        check(Sign, &[f(x)], f(want));
    }
    check(Sign, &[i(-9)], i(-1));
    check(Sign, &[int(DType::U8, 200)], int(DType::U8, 1));
    check(IsFinite, &[f(f32::MAX)], b(true));
    check(IsFinite, &[f(f32::NEG_INFINITY)], b(false));
    check(IsFinite, &[f(f32::NAN)], b(false));
}

#[test]
fn integer_power() {
    for (x, y, want) in [
        (3, 4, 81),
        (0, 0, 1),
        (-2, 31, i32::MIN as i64),
        (2, 32, 0),
        (7, 13, 96_889_010_407 % (1 << 32)),
        (1, -5, 1),
        (-1, -5, -1),
        (-1, -4, 1),
        (2, -1, 0),
        (0, -1, 0),
        (3, i32::MIN as i64, 0),
    ] {
        check(Pointwise::Power, &[i(x), i(y)], i(want));
    }
    check(
        Pointwise::Power,
        &[int(DType::U8, 3), int(DType::U8, 255)],
        int(DType::U8, 171),
    );
}

#[test]
fn total_order() {
    let nan = f32::NAN;
    let ordered = [
        -nan,
        f32::NEG_INFINITY,
        -1.0,
        -1e-45,
        -0.0,
        0.0,
        1e-45,
        1.0,
        f32::INFINITY,
        nan,
    ];
    for (n, &x) in ordered.iter().enumerate() {
        for (m, &y) in ordered.iter().enumerate() {
            let lt = Pointwise::Compare(Cmp::Lt, CompareType::TotalOrder);
            let eq = Pointwise::Compare(Cmp::Eq, CompareType::TotalOrder);
            check(lt, &[f(x), f(y)], b(n < m));
            check(eq, &[f(x), f(y)], b(n == m));
        }
    }
}

#[test]
fn boolean_arithmetic() {
    use Pointwise::*;
    check(Add, &[b(true), b(true)], b(true));
    check(Multiply, &[b(true), b(false)], b(false));
    check(
        Compare(Cmp::Lt, CompareType::Normal),
        &[b(false), b(true)],
        b(true),
    );
}

/// A 16-bit result is the `f32` result rounded, after each operation.
#[test]
fn half_precision_rounds_after_every_operation() {
    let h = |x: f32| Native::Convert(DType::F16).eval(&[f(x)]);
    check(Pointwise::Add, &[h(2048.0), h(1.0)], h(2048.0));
    check(Pointwise::Fma, &[h(3.0), h(1000.0), h(1.0)], h(3001.0));
    check(
        Pointwise::Compare(Cmp::Lt, CompareType::Normal),
        &[h(1.0), h(2.0)],
        b(true),
    );
}

#[test]
fn f64_to_f16_rounds_once() {
    let to = |x: f64, ty| {
        let x = Scalar {
            ty: DType::F64,
            bits: x.to_bits(),
        };
        Pointwise::Convert(ty).emit(&mut Evaluator, &[x]).bits
    };
    let e = (-40f64).exp2();
    for s in [1.0, -1.0] {
        let sign = if s < 0.0 { 0x8000 } else { 0 };
        // Just beyond the middle of 1 and the next f16; f32 would round to the middle first.
        assert_eq!(
            to(s * (1.0 + (-11f64).exp2() + e), DType::F16),
            sign | 0x3c01
        );
        assert_eq!(to(s * (1.0 + (-11f64).exp2()), DType::F16), sign | 0x3c00);
        assert_eq!(
            to(s * (1.0 + 3.0 * (-11f64).exp2() - e), DType::F16),
            sign | 0x3c01
        );
        assert_eq!(
            to(s * (1.0 + (-8f64).exp2() + e), DType::BF16),
            sign | 0x3f81
        );
        assert_eq!(
            to(s * ((-25f64).exp2() + (-60f64).exp2()), DType::F16),
            sign | 1
        );
        assert_eq!(to(s * 1e300, DType::F16), sign | 0x7c00);
        assert_eq!(to(s * 1e-300, DType::F16), sign);
    }
}

#[test]
fn half_expansions_equal_the_native_conversion() {
    let mut e = Evaluator;
    for bits in 0..=0xffff {
        let x = Scalar {
            ty: DType::F16,
            bits,
        };
        assert_eq!(
            half::f16_to_f32(&mut e, x),
            Native::Convert(DType::F32).eval(&[x])
        );
        let wide = Native::Convert(DType::F32).eval(&[x]);
        let back = half::f32_to_f16(&mut e, wide);
        assert_eq!(
            back.bits,
            if bits & 0x7fff > 0x7c00 {
                bits | 0x200
            } else {
                bits
            }
        );
        let x = Scalar {
            ty: DType::BF16,
            bits,
        };
        assert_eq!(half::bf16_to_f32(&mut e, x).bits, bits << 16);
        assert_eq!(
            half::bf16_to_f32(&mut e, x),
            Native::Convert(DType::F32).eval(&[x])
        );
    }
    let edges = [
        0x3300_0000u32,
        0x3380_0000,
        0x3880_0000,
        0x477f_e000,
        0x477f_f000,
        0x7f80_0000,
    ];
    let sampled = (0..=u32::MAX).step_by(9973);
    for bits in sampled.chain(edges.iter().flat_map(|&x| x - 3..x + 4)) {
        let x = int(DType::F32, bits as i64);
        let crate_f16 = ::half::f16::from_f32(f32::from_bits(bits));
        let crate_bf16 = ::half::bf16::from_f32(f32::from_bits(bits));
        for (got, ty, want) in [
            (half::f32_to_f16(&mut e, x), DType::F16, crate_f16.to_bits()),
            (
                half::f32_to_bf16(&mut e, x),
                DType::BF16,
                crate_bf16.to_bits(),
            ),
        ] {
            assert_eq!(got, Native::Convert(ty).eval(&[x]), "{bits:#x}");
            if !f32::from_bits(bits).is_nan() {
                assert_eq!(got.bits, want as u64, "{bits:#x}");
            }
        }
    }
}
