//! Host tensors of the reference interpreter and of constants: dense, row-major, any element type.

use crate::native::Scalar;
use crate::types::{DType, Type};
use std::sync::Arc;

/// A dense row-major tensor value. Cheap to clone; equality and hash are of the bits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Array {
    /// Element type and shape.
    pub ty: Type,
    /// Shared as they were made: `Arc<[u8]>` would be a copy of every array.
    bytes: Arc<Vec<u8>>,
}

impl Array {
    /// An array from its little-endian bytes; `None` when the length is not `ty.bytes()`.
    pub fn from_bytes(ty: Type, bytes: impl Into<Vec<u8>>) -> Option<Array> {
        let bytes = bytes.into();
        (bytes.len() == ty.bytes()).then(|| Array::of(ty, bytes))
    }

    fn of(ty: Type, bytes: Vec<u8>) -> Array {
        let bytes = Arc::new(bytes);
        Array { ty, bytes }
    }

    /// Element `i` of the result is `f(i)`, whose type must be `ty.dtype`.
    pub fn from_fn(ty: Type, mut f: impl FnMut(usize) -> Scalar) -> Array {
        Array::of_elements(ty, &mut f)
    }

    /// The same, as one function: it has more than a hundred callers.
    fn of_elements(ty: Type, f: &mut dyn FnMut(usize) -> Scalar) -> Array {
        let dtype = ty.dtype;
        let bits = (0..ty.count()).map(|i| {
            let s = f(i);
            assert_eq!(s.ty, dtype, "element type of an array");
            s.bits
        });
        let bytes = match dtype.size() {
            1 => bits.map(|b| b as u8).collect(),
            2 => bits.flat_map(|b| (b as u16).to_le_bytes()).collect(),
            4 => bits.flat_map(|b| (b as u32).to_le_bytes()).collect(),
            _ => bits.flat_map(u64::to_le_bytes).collect(),
        };
        Array::of(ty, bytes)
    }

    /// Every element equal to `value`.
    pub fn splat(ty: Type, value: Scalar) -> Array {
        assert_eq!(value.ty, ty.dtype, "element type of an array");
        match value.bits {
            // Of a large one, pages that are only read take no memory.
            0 => Array::of(ty.clone(), vec![0; ty.bytes()]),
            _ => Array::from_fn(ty, |_| value),
        }
    }

    /// A rank-0 array.
    pub fn scalar(value: Scalar) -> Array {
        Array::splat(Type::scalar(value.ty), value)
    }

    /// An `f32` array; `data.len()` must be the number of elements of `shape`.
    pub fn f32(shape: impl Into<crate::Shape>, data: &[f32]) -> Array {
        let ty = Type::new(DType::F32, shape);
        assert_eq!(ty.count(), data.len(), "elements of {ty}");
        Array::from_fn(ty, |i| Scalar::f32(data[i]))
    }

    /// An array of any type from `f64` values, each converted as `Scalar::from_f64` does.
    pub fn from_f64(ty: Type, data: &[f64]) -> Array {
        assert_eq!(ty.count(), data.len(), "elements of {ty}");
        let dtype = ty.dtype;
        Array::from_fn(ty, |i| Scalar::from_f64(dtype, data[i]))
    }

    /// Element at a row-major position.
    pub fn get(&self, i: usize) -> Scalar {
        let size = self.ty.dtype.size();
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(&self.bytes[i * size..(i + 1) * size]);
        Scalar {
            ty: self.ty.dtype,
            bits: u64::from_le_bytes(bits),
        }
    }

    /// Element at a multi-index, outermost axis first.
    pub fn at(&self, index: &[usize]) -> Scalar {
        let strides = self.ty.shape.strides();
        self.get(index.iter().zip(strides).map(|(i, s)| i * s).sum())
    }

    /// All elements in row-major order.
    pub fn iter(&self) -> impl Iterator<Item = Scalar> + '_ {
        (0..self.ty.count()).map(|i| self.get(i))
    }

    /// All elements as `f64` (integers are converted, exact up to 2^53).
    pub fn to_f64(&self) -> Vec<f64> {
        self.iter().map(Scalar::to_f64).collect()
    }

    /// The little-endian bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The one value that all elements share, if there is one.
    pub fn splat_value(&self) -> Option<Scalar> {
        let first = (self.ty.count() > 0).then(|| self.get(0))?;
        self.iter().all(|s| s == first).then_some(first)
    }

    /// The same elements under another shape with the same count.
    pub fn reshaped(&self, ty: Type) -> Array {
        assert_eq!(
            ty.bytes(),
            self.bytes.len(),
            "reshape of {} to {ty}",
            self.ty
        );
        Array {
            ty,
            bytes: self.bytes.clone(),
        }
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: Vec<f64> = self.iter().take(16).map(Scalar::to_f64).collect();
        write!(f, "{} {shown:?}", self.ty)
    }
}

impl Scalar {
    /// An `f32`.
    pub fn f32(x: f32) -> Scalar {
        Scalar {
            ty: DType::F32,
            bits: x.to_bits() as u64,
        }
    }

    /// An `f64`.
    pub fn f64(x: f64) -> Scalar {
        Scalar {
            ty: DType::F64,
            bits: x.to_bits(),
        }
    }

    /// A `bool`.
    pub fn bool(x: bool) -> Scalar {
        Scalar {
            ty: DType::Bool,
            bits: x as u64,
        }
    }

    /// An integer of type `ty`, wrapped to its width.
    pub fn int(ty: DType, x: i64) -> Scalar {
        assert!(ty.is_int() || ty == DType::Bool, "{ty} is no integer type");
        let mask = u64::MAX >> (64 - ty.bits());
        Scalar {
            ty,
            bits: x as u64 & mask,
        }
    }

    /// The value of type `ty` nearest to `x`: floats round to nearest even, integers truncate and
    /// saturate, `bool` is `x != 0`.
    pub fn from_f64(ty: DType, x: f64) -> Scalar {
        let bits = match ty {
            DType::F64 => x.to_bits(),
            DType::F32 => (x as f32).to_bits() as u64,
            DType::F16 => half::f16::from_f64(x).to_bits() as u64,
            DType::BF16 => half::bf16::from_f64(x).to_bits() as u64,
            DType::Bool => (x != 0.0) as u64,
            DType::I8 => x as i8 as u8 as u64,
            DType::I16 => x as i16 as u16 as u64,
            DType::I32 => x as i32 as u32 as u64,
            DType::I64 => x as i64 as u64,
            DType::U8 => x as u8 as u64,
            DType::U16 => x as u16 as u64,
            DType::U32 => x as u32 as u64,
            DType::U64 => x as u64,
        };
        Scalar { ty, bits }
    }

    /// The value as `f64`; 64-bit integers may round.
    pub fn to_f64(self) -> f64 {
        match self.ty {
            DType::F64 => f64::from_bits(self.bits),
            DType::F32 => f32::from_bits(self.bits as u32) as f64,
            DType::F16 => half::f16::from_bits(self.bits as u16).to_f64(),
            DType::BF16 => half::bf16::from_bits(self.bits as u16).to_f64(),
            DType::U64 => self.bits as f64,
            _ => self.to_i64() as f64,
        }
    }

    /// The value of an integer or `bool`, sign-extended; a `u64` above `i64::MAX` wraps.
    pub fn to_i64(self) -> i64 {
        assert!(!self.ty.is_float(), "{} is no integer type", self.ty);
        if self.ty.is_signed_int() {
            let unused = 64 - self.ty.bits();
            (self.bits << unused) as i64 >> unused
        } else {
            self.bits as i64
        }
    }
}
