//! Arrays in files, arrays made up, and arrays on a terminal.

use anyhow::{Result, bail};
use craneflow::ir::{Array, DType, Scalar, Type};
use craneflow::nn::data::NpyArray;
use craneflow::nn::host::{Feed, to_ndarray};
use craneflow::nn::rng::Rng;

/// The array of a file.
pub fn from_npy(array: &NpyArray) -> Array {
    macro_rules! feed { ($($Variant:ident)*) => {
        match array { $(NpyArray::$Variant(a) => Feed::from(a).array()),* }
    } }
    feed!(Bool I8 I16 I32 I64 U8 U16 U32 U64 F16 F32 F64)
}

/// The array for a file; `bf16`, which the format does not have, becomes `f32`.
pub fn to_npy(array: &Array) -> NpyArray {
    macro_rules! typed {
        ($T:ty) => {
            NpyArray::from(to_ndarray::<$T>(array).expect("the type was matched"))
        };
    }
    match array.ty.dtype {
        DType::Bool => {
            let bytes = to_ndarray::<u8>(array).expect("bool arrays can be had as u8");
            NpyArray::from(bytes.mapv(|b| b != 0))
        }
        DType::I8 => typed!(i8),
        DType::I16 => typed!(i16),
        DType::I32 => typed!(i32),
        DType::I64 => typed!(i64),
        DType::U8 => typed!(u8),
        DType::U16 => typed!(u16),
        DType::U32 => typed!(u32),
        DType::U64 => typed!(u64),
        DType::F16 => typed!(half::f16),
        DType::F32 => typed!(f32),
        DType::F64 => typed!(f64),
        DType::BF16 => {
            let wide = Array::from_f64(array.ty.with_dtype(DType::F32), &array.to_f64());
            to_npy(&wide)
        }
    }
}

/// Bytes of these types together; `usize::MAX` if no number holds them.
pub fn bytes<'a>(types: impl IntoIterator<Item = &'a Type>) -> usize {
    let bytes = types.into_iter().map(Type::bytes);
    bytes.fold(0, usize::saturating_add)
}

/// An error if so many bytes, of `what`, cannot be allocated.
pub fn room(what: &str, bytes: usize) -> Result<()> {
    match Vec::<u8>::new().try_reserve_exact(bytes) {
        Ok(()) => Ok(()),
        Err(_) => bail!("{what}: cannot allocate {bytes} bytes"),
    }
}

/// Values for an input nobody gave: normal floats, integers of one digit, coin tosses. A function
/// of type and seed.
pub fn generated(ty: &Type, seed: u64) -> Array {
    let mut rng = Rng::new(seed);
    Array::from_fn(ty.clone(), |_| match ty.dtype {
        DType::Bool => Scalar::bool(rng.below(2) == 1),
        float if float.is_float() => Scalar::from_f64(float, f64::from(rng.normal())),
        int => Scalar::int(int, rng.below(10) as i64),
    })
}

/// The first elements, in row-major order.
pub fn preview(array: &Array, most: usize) -> String {
    let number = |s: Scalar| match s.ty {
        DType::Bool => (s.bits != 0).to_string(),
        float if float.is_float() => format!("{:?}", s.to_f64() as f32),
        DType::U64 => (s.to_i64() as u64).to_string(),
        _ => s.to_i64().to_string(),
    };
    let shown: Vec<String> = array.iter().take(most).map(number).collect();
    let rest = if array.ty.count() > most { ", ..." } else { "" };
    format!("{}{rest}", shown.join(", "))
}
