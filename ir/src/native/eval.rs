//! What each native operation computes, bit for bit (the payload of a NaN that arithmetic makes
//! is the target's business; everything else is defined).
//!
//! One table of loops over lanes, `kernel`, is behind both `Native::eval` and `Tape`.

use super::{Cmp, Emit, Native, Scalar};
use crate::types::DType;

/// A native operation for known operand types: fills `out` from up to three operand columns of
/// the same length. Lanes are bits, zero-extended to 64.
pub(super) type Kernel = fn(out: &mut [u64], args: [&[u64]; 3]);

impl Native {
    /// The result for these operands.
    ///
    /// # Panics
    /// When `infer` rejects the operand types.
    pub fn eval(self, args: &[Scalar]) -> Scalar {
        let mut types = [DType::Bool; 3];
        let mut bits = [[0u64; 1]; 3];
        for (i, a) in args.iter().enumerate() {
            types[i] = a.ty;
            bits[i][0] = a.bits;
        }
        let types = &types[..args.len()];
        let Some(ty) = self.infer(types) else {
            panic!("{self:?} does not take {types:?}")
        };
        let mut out = [0];
        kernel(self, types)(&mut out, [&bits[0], &bits[1], &bits[2]]);
        Scalar { ty, bits: out[0] }
    }
}

/// Computes at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluator;

impl Emit for Evaluator {
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
}

/// The loop for `op`; the types must satisfy `Native::infer`.
pub(super) fn kernel(op: Native, types: &[DType]) -> Kernel {
    let found = match op {
        Native::Select => Some(select as Kernel),
        Native::Bitcast(_) => Some(copy as Kernel),
        Native::Convert(to) => convert(types[0], to),
        _ => match types[0] {
            DType::Bool => on_bool(op),
            DType::I8 => on_i8(op),
            DType::I16 => on_i16(op),
            DType::I32 => on_i32(op),
            DType::I64 => on_i64(op),
            DType::U8 => on_u8(op),
            DType::U16 => on_u16(op),
            DType::U32 => on_u32(op),
            DType::U64 => on_u64(op),
            DType::F32 => on_f32(op),
            DType::F64 => on_f64(op),
            DType::F16 | DType::BF16 => None,
        },
    };
    found.unwrap_or_else(|| panic!("{op:?} does not take {types:?}"))
}

/// A value that travels as bits.
trait Word: Copy {
    fn get(bits: u64) -> Self;
    fn put(self) -> u64;
}

macro_rules! word {
    ($($t:ty, $u:ty, $from:expr, $to:expr;)*) => { $(
        impl Word for $t {
            fn get(bits: u64) -> $t { $from(bits as $u) }
            fn put(self) -> u64 { $to(self) as $u as u64 }
        }
    )* };
}

word! {
    i8, u8, |b| b as i8, |v| v;
    i16, u16, |b| b as i16, |v| v;
    i32, u32, |b| b as i32, |v| v;
    i64, u64, |b| b as i64, |v| v;
    u8, u8, |b| b, |v| v;
    u16, u16, |b| b, |v| v;
    u32, u32, |b| b, |v| v;
    u64, u64, |b| b, |v| v;
    f32, u32, f32::from_bits, f32::to_bits;
    f64, u64, f64::from_bits, f64::to_bits;
    bool, u8, |b| b != 0, |v| v;
}

fn map1<A: Word, R: Word>(out: &mut [u64], x: [&[u64]; 3], f: impl Fn(A) -> R) {
    for (o, &a) in out.iter_mut().zip(x[0]) {
        *o = f(A::get(a)).put();
    }
}

fn map2<A: Word, R: Word>(out: &mut [u64], x: [&[u64]; 3], f: impl Fn(A, A) -> R) {
    for (o, (&a, &b)) in out.iter_mut().zip(x[0].iter().zip(x[1])) {
        *o = f(A::get(a), A::get(b)).put();
    }
}

fn map3<A: Word, R: Word>(out: &mut [u64], x: [&[u64]; 3], f: impl Fn(A, A, A) -> R) {
    for (o, (&a, (&b, &c))) in out.iter_mut().zip(x[0].iter().zip(x[1].iter().zip(x[2]))) {
        *o = f(A::get(a), A::get(b), A::get(c)).put();
    }
}

fn copy(out: &mut [u64], x: [&[u64]; 3]) {
    out.copy_from_slice(&x[0][..out.len()]);
}

fn select(out: &mut [u64], x: [&[u64]; 3]) {
    map3(out, x, |c: u64, a, b| if c != 0 { a } else { b })
}

fn compare<T: Word + PartialOrd>(cmp: Cmp) -> Kernel {
    match cmp {
        Cmp::Eq => |o, x| map2(o, x, |a: T, b| a == b),
        Cmp::Ne => |o, x| map2(o, x, |a: T, b| a != b),
        Cmp::Lt => |o, x| map2(o, x, |a: T, b| a < b),
        Cmp::Le => |o, x| map2(o, x, |a: T, b| a <= b),
        Cmp::Gt => |o, x| map2(o, x, |a: T, b| a > b),
        Cmp::Ge => |o, x| map2(o, x, |a: T, b| a >= b),
    }
}

fn on_bool(op: Native) -> Option<Kernel> {
    Some(match op {
        Native::And => |o, x| map2(o, x, |a: bool, b| a & b),
        Native::Or => |o, x| map2(o, x, |a: bool, b| a | b),
        Native::Xor => |o, x| map2(o, x, |a: bool, b| a ^ b),
        Native::Not => |o, x| map1(o, x, |a: bool| !a),
        Native::Cmp(cmp) => compare::<bool>(cmp),
        _ => return None,
    })
}

macro_rules! on_float {
    ($name:ident, $t:ty) => {
        fn $name(op: Native) -> Option<Kernel> {
            Some(match op {
                Native::Add => |o, x| map2(o, x, |a: $t, b| a + b),
                Native::Sub => |o, x| map2(o, x, |a: $t, b| a - b),
                Native::Mul => |o, x| map2(o, x, |a: $t, b| a * b),
                Native::Div => |o, x| map2(o, x, |a: $t, b| a / b),
                Native::Neg => |o, x| map1(o, x, |a: $t| -a),
                Native::Abs => |o, x| map1(o, x, <$t>::abs),
                Native::Min => |o, x| map2(o, x, |a: $t, b| if a < b { a } else { b }),
                Native::Max => |o, x| map2(o, x, |a: $t, b| if b < a { a } else { b }),
                Native::Sqrt => |o, x| map1(o, x, <$t>::sqrt),
                Native::Fma => |o, x| map3(o, x, <$t>::mul_add),
                Native::Floor => |o, x| map1(o, x, <$t>::floor),
                Native::Ceil => |o, x| map1(o, x, <$t>::ceil),
                Native::Trunc => |o, x| map1(o, x, <$t>::trunc),
                Native::Nearest => |o, x| map1(o, x, <$t>::round_ties_even),
                Native::Cmp(cmp) => compare::<$t>(cmp),
                _ => return None,
            })
        }
    };
}

on_float!(on_f32, f32);
on_float!(on_f64, f64);

/// `$u` and `$i` are the unsigned and signed types of the width of `$t`.
macro_rules! on_int {
    ($name:ident, $t:ty, $u:ty, $i:ty, $abs:expr) => {
        fn $name(op: Native) -> Option<Kernel> {
            const LAST: $u = <$t>::BITS as $u - 1;
            Some(match op {
                Native::Add => |o, x| map2(o, x, <$t>::wrapping_add),
                Native::Sub => |o, x| map2(o, x, <$t>::wrapping_sub),
                Native::Mul => |o, x| map2(o, x, <$t>::wrapping_mul),
                Native::Div => {
                    |o, x| map2(o, x, |a: $t, b| if b == 0 { !0 } else { a.wrapping_div(b) })
                }
                Native::Rem => {
                    |o, x| map2(o, x, |a: $t, b| if b == 0 { a } else { a.wrapping_rem(b) })
                }
                Native::Neg => |o, x| map1(o, x, <$t>::wrapping_neg),
                Native::Abs => |o, x| map1(o, x, $abs),
                Native::Min => |o, x| map2(o, x, |a: $t, b| a.min(b)),
                Native::Max => |o, x| map2(o, x, |a: $t, b| a.max(b)),
                Native::And => |o, x| map2(o, x, |a: $t, b| a & b),
                Native::Or => |o, x| map2(o, x, |a: $t, b| a | b),
                Native::Xor => |o, x| map2(o, x, |a: $t, b| a ^ b),
                Native::Not => |o, x| map1(o, x, |a: $t| !a),
                Native::Shl => |o, x| map2(o, x, |a: $u, b| if b > LAST { 0 } else { a << b }),
                Native::ShrLogical => {
                    |o, x| map2(o, x, |a: $u, b| if b > LAST { 0 } else { a >> b })
                }
                Native::ShrArith => |o, x| map2(o, x, |a: $u, b| (a as $i >> b.min(LAST)) as $u),
                Native::Popcnt => |o, x| map1(o, x, |a: $u| a.count_ones() as $u),
                Native::Clz => |o, x| map1(o, x, |a: $u| a.leading_zeros() as $u),
                Native::Cmp(cmp) => compare::<$t>(cmp),
                _ => return None,
            })
        }
    };
}

on_int!(on_i8, i8, u8, i8, i8::wrapping_abs);
on_int!(on_i16, i16, u16, i16, i16::wrapping_abs);
on_int!(on_i32, i32, u32, i32, i32::wrapping_abs);
on_int!(on_i64, i64, u64, i64, i64::wrapping_abs);
on_int!(on_u8, u8, u8, i8, |a: u8| a);
on_int!(on_u16, u16, u16, i16, |a: u16| a);
on_int!(on_u32, u32, u32, i32, |a: u32| a);
on_int!(on_u64, u64, u64, i64, |a: u64| a);

macro_rules! convert_from {
    ($t:ty, $zero:expr, $to:expr) => {
        match $to {
            DType::Bool => Some(|o, x| map1(o, x, |a: $t| a != $zero)),
            DType::I8 => Some(|o, x| map1(o, x, |a: $t| a as i8)),
            DType::I16 => Some(|o, x| map1(o, x, |a: $t| a as i16)),
            DType::I32 => Some(|o, x| map1(o, x, |a: $t| a as i32)),
            DType::I64 => Some(|o, x| map1(o, x, |a: $t| a as i64)),
            DType::U8 => Some(|o, x| map1(o, x, |a: $t| a as u8)),
            DType::U16 => Some(|o, x| map1(o, x, |a: $t| a as u16)),
            DType::U32 => Some(|o, x| map1(o, x, |a: $t| a as u32)),
            DType::U64 => Some(|o, x| map1(o, x, |a: $t| a as u64)),
            DType::F32 => Some(|o, x| map1(o, x, |a: $t| a as f32)),
            DType::F64 => Some(|o, x| map1(o, x, |a: $t| a as f64)),
            DType::F16 | DType::BF16 => None,
        }
    };
}

fn convert(from: DType, to: DType) -> Option<Kernel> {
    match (from, to) {
        _ if from == to => Some(copy),
        (DType::F16, DType::F32) => Some(|o, x| map1(o, x, f16_to_f32)),
        (DType::BF16, DType::F32) => Some(|o, x| map1(o, x, |a: u32| a << 16)),
        (DType::F32, DType::F16) => Some(|o, x| map1(o, x, f32_to_f16)),
        (DType::F32, DType::BF16) => Some(|o, x| map1(o, x, f32_to_bf16)),
        (DType::Bool | DType::U8, _) => convert_from!(u8, 0, to),
        (DType::I8, _) => convert_from!(i8, 0, to),
        (DType::I16, _) => convert_from!(i16, 0, to),
        (DType::I32, _) => convert_from!(i32, 0, to),
        (DType::I64, _) => convert_from!(i64, 0, to),
        (DType::U16, _) => convert_from!(u16, 0, to),
        (DType::U32, _) => convert_from!(u32, 0, to),
        (DType::U64, _) => convert_from!(u64, 0, to),
        (DType::F32, _) => convert_from!(f32, 0.0, to),
        (DType::F64, _) => convert_from!(f64, 0.0, to),
        (DType::F16 | DType::BF16, _) => None,
    }
}

/// Exact; a NaN keeps its sign and payload and becomes quiet. Bits to bits.
fn f16_to_f32(h: u32) -> u32 {
    let (sign, m) = ((h & 0x8000) << 16, h & 0x7fff);
    sign | match m {
        0..0x400 => (m as f32 / 16_777_216.0).to_bits(),
        0x400..0x7c00 => (m << 13) + (112 << 23),
        0x7c00 => 0x7f80_0000,
        _ => 0x7fc0_0000 | (m << 13),
    }
}

/// To nearest even; a NaN keeps its sign and the high bits of its payload and becomes quiet.
fn f32_to_f16(bits: u32) -> u16 {
    let (sign, m) = ((bits >> 16) as u16 & 0x8000, bits & 0x7fff_ffff);
    sign | match m {
        0x7f80_0001.. => 0x7e00 | (m >> 13) as u16 & 0x3ff,
        0x4780_0000.. => 0x7c00,
        0x3880_0000.. => ((m - (112 << 23) + 0xfff + ((m >> 13) & 1)) >> 13) as u16,
        // Adding 0.5 rounds to a multiple of 2^-24, the distance of subnormal f16.
        _ => (f32::from_bits(m) + 0.5).to_bits() as u16,
    }
}

/// To nearest even; a NaN keeps its sign and the high bits of its payload and becomes quiet.
fn f32_to_bf16(bits: u32) -> u16 {
    if bits & 0x7fff_ffff > 0x7f80_0000 {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}
