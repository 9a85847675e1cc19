//! Arrays whose element type is known only at run time, and their bytes.

use craneflow_ir::DType;
use half::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

/// How the bytes of an array in a file are to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Encoding {
    pub dtype: DType,
    pub big_endian: bool,
    /// The first axis varies fastest.
    pub fortran: bool,
}

/// An element that files hold.
trait Element: Copy {
    fn from_le(bytes: &[u8]) -> Self;
    fn from_be(bytes: &[u8]) -> Self;
    fn write_le(self, out: &mut Vec<u8>);
    fn to_f32_lossy(self) -> f32;
}

impl Element for bool {
    fn from_le(bytes: &[u8]) -> bool {
        bytes[0] != 0
    }
    fn from_be(bytes: &[u8]) -> bool {
        bytes[0] != 0
    }
    fn write_le(self, out: &mut Vec<u8>) {
        out.push(self.into());
    }
    fn to_f32_lossy(self) -> f32 {
        u8::from(self).into()
    }
}

macro_rules! number_elements { ($($t:ty: |$x:ident| $f32:expr),* $(,)?) => { $(
    impl Element for $t {
        fn from_le(bytes: &[u8]) -> $t {
            <$t>::from_le_bytes(bytes.try_into().expect("chunks have the element's size"))
        }
        fn from_be(bytes: &[u8]) -> $t {
            <$t>::from_be_bytes(bytes.try_into().expect("chunks have the element's size"))
        }
        fn write_le(self, out: &mut Vec<u8>) {
            out.extend(self.to_le_bytes());
        }
        fn to_f32_lossy(self) -> f32 {
            let $x = self;
            $f32
        }
    }
)* } }
number_elements!(
    i8: |x| x as f32, i16: |x| x as f32, i32: |x| x as f32, i64: |x| x as f32,
    u8: |x| x as f32, u16: |x| x as f32, u32: |x| x as f32, u64: |x| x as f32,
    f16: |x| x.to_f32(), f32: |x| x, f64: |x| x as f32,
);

macro_rules! arrays { ($($Variant:ident($t:ty)),* $(,)?) => {
    /// An array as a file holds it: any element type, any rank, in row-major order.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub enum NpyArray { $($Variant(ArrayD<$t>)),* }

    impl NpyArray {
        /// The element type.
        pub fn dtype(&self) -> DType {
            match self { $(NpyArray::$Variant(_) => DType::$Variant),* }
        }

        /// The extents of the axes, in elements.
        pub fn shape(&self) -> &[usize] {
            match self { $(NpyArray::$Variant(a) => a.shape()),* }
        }

        /// The elements as `f32`; numbers beyond its range become infinite, truth is 1.
        pub fn to_f32(&self) -> ArrayD<f32> {
            match self { $(NpyArray::$Variant(a) => a.mapv(|x| x.to_f32_lossy())),* }
        }

        /// The elements in row-major order, little-endian.
        pub(super) fn to_le_bytes(&self) -> Vec<u8> {
            let mut out = Vec::new();
            match self { $(NpyArray::$Variant(a) => {
                out.reserve_exact(a.len() * size_of::<$t>());
                a.iter().for_each(|x| x.write_le(&mut out));
            })* }
            out
        }

        /// The array of `shape` that `bytes` hold; `None` for `bf16`, which these files do not have.
        ///
        /// `bytes` has exactly the elements of `shape`, which is within [`byte_size`].
        pub(super) fn decode(encoding: Encoding, shape: &[usize], bytes: &[u8]) -> Option<NpyArray> {
            Some(match encoding.dtype {
                $(DType::$Variant => NpyArray::$Variant(elements::<$t>(encoding, shape, bytes)),)*
                DType::BF16 => return None,
            })
        }
    }

    $(impl From<ArrayD<$t>> for NpyArray {
        fn from(array: ArrayD<$t>) -> NpyArray {
            NpyArray::$Variant(array)
        }
    })*
} }
arrays! {
    Bool(bool), I8(i8), I16(i16), I32(i32), I64(i64), U8(u8), U16(u16), U32(u32), U64(u64),
    F16(f16), F32(f32), F64(f64),
}

impl NpyArray {
    /// Element type and shape, as `f32[3,4]`.
    pub fn describe(&self) -> String {
        let extents: Vec<String> = self.shape().iter().map(usize::to_string).collect();
        format!("{}[{}]", self.dtype().name(), extents.join(","))
    }
}

fn elements<T: Element>(encoding: Encoding, shape: &[usize], bytes: &[u8]) -> ArrayD<T> {
    let read = if encoding.big_endian {
        T::from_be
    } else {
        T::from_le
    };
    let flat: Vec<T> = bytes.chunks_exact(size_of::<T>()).map(read).collect();
    let array = ArrayD::from_shape_vec(IxDyn(shape).set_f(encoding.fortran), flat)
        .expect("the caller checked the size");
    match encoding.fortran {
        true => array.as_standard_layout().into_owned(),
        false => array,
    }
}

/// The bytes that `shape` takes, if an array of that shape can exist at all. Axes of extent 0 do
/// not excuse the others from being addressable.
pub(super) fn byte_size(dtype: DType, shape: &[usize]) -> Option<usize> {
    let limit = isize::MAX as usize;
    let extent = |n: &usize| if *n == 0 { 1 } else { *n };
    let size = shape.iter().map(extent).try_fold(dtype.size(), |size, n| {
        size.checked_mul(n).filter(|&size| size <= limit)
    })?;
    Some(if shape.contains(&0) { 0 } else { size })
}
