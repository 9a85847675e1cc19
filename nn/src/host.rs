//! Arrays at the surface: what goes into a program (ndarray views, without a copy) and what comes out.

use crate::data::Labels;
use craneflow_ir::{Array, DType, Type};
use craneflow_runtime::arena::{AlignedBuf, Element, Number, bytes_of};
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};
use std::borrow::Cow;

/// An array lent to a program: type and row-major bytes. Comes from a reference to an `ndarray`
/// array or view, which is copied only if it is not in row-major order.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    ty: Type,
    bytes: Cow<'a, [u8]>,
}

impl<'a, T: Element, S: Data<Elem = T>, D: Dimension> From<&'a ArrayBase<S, D>> for Feed<'a> {
    fn from(array: &'a ArrayBase<S, D>) -> Feed<'a> {
        let bytes = match array.as_slice() {
            Some(data) => Cow::Borrowed(bytes_of(data)),
            None => {
                let data: Vec<T> = array.iter().copied().collect();
                Cow::Owned(bytes_of(&data).to_vec())
            }
        };
        Feed {
            ty: Type::new(T::DTYPE, array.shape()),
            bytes,
        }
    }
}

impl<'a> From<&'a Array> for Feed<'a> {
    fn from(array: &'a Array) -> Feed<'a> {
        Feed {
            ty: array.ty.clone(),
            bytes: Cow::Borrowed(array.bytes()),
        }
    }
}

impl<'a> From<&'a Labels> for Feed<'a> {
    fn from(labels: &'a Labels) -> Feed<'a> {
        match labels {
            Labels::Classes(ids) => ids.into(),
            Labels::Values(values) => values.into(),
        }
    }
}

impl<'a> From<&Feed<'a>> for Feed<'a> {
    fn from(feed: &Feed<'a>) -> Feed<'a> {
        feed.clone()
    }
}

impl<'a> Feed<'a> {
    /// From parts; `bytes` must have the length of `ty`.
    pub(crate) fn new(ty: Type, bytes: &'a [u8]) -> Feed<'a> {
        assert_eq!(ty.bytes(), bytes.len(), "bytes of {ty}");
        Feed {
            ty,
            bytes: Cow::Borrowed(bytes),
        }
    }

    /// One number.
    pub fn scalar<T: Element>(value: &'a T) -> Feed<'a> {
        Feed::new(
            Type::scalar(T::DTYPE),
            bytes_of(std::slice::from_ref(value)),
        )
    }

    /// Element type and shape.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The elements, row-major.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Extent of the first axis; 1 for a scalar.
    pub fn rows(&self) -> usize {
        self.ty.shape.first().copied().unwrap_or(1)
    }

    /// The type of `n` rows.
    pub(crate) fn row_type(&self, n: usize) -> Type {
        let mut shape = self.ty.shape.0.clone();
        if let Some(first) = shape.first_mut() {
            *first = n;
        }
        self.ty.with_shape(shape)
    }

    /// Rows `start..end` without a copy.
    pub(crate) fn part(&self, start: usize, end: usize) -> Feed<'_> {
        let row = self.ty.bytes() / self.rows().max(1);
        Feed::new(
            self.row_type(end - start),
            &self.bytes[start * row..end * row],
        )
    }

    /// Copies the rows with these numbers into `bytes`, which have the length of as many rows.
    pub(crate) fn gather(&self, rows: &[usize], bytes: &mut [u8]) {
        let row = self.ty.bytes() / self.rows().max(1);
        if row > 0 {
            for (&r, place) in rows.iter().zip(bytes.chunks_exact_mut(row)) {
                place.copy_from_slice(&self.bytes[r * row..(r + 1) * row]);
            }
        }
    }

    /// The same numbers as another type; shares the bytes when the type is right already.
    pub(crate) fn convert(&self, dtype: DType) -> Feed<'_> {
        if dtype == self.ty.dtype {
            return Feed::new(self.ty.clone(), &self.bytes);
        }
        let numbers = self.array().to_f64();
        let converted = Array::from_f64(self.ty.with_dtype(dtype), &numbers);
        Feed {
            ty: converted.ty.clone(),
            bytes: Cow::Owned(converted.bytes().to_vec()),
        }
    }

    /// The same elements under another shape of equal count.
    pub(crate) fn reshaped(mut self, shape: &[usize]) -> Feed<'a> {
        let ty = self.ty.with_shape(shape);
        assert_eq!(ty.count(), self.ty.count(), "{} as {ty}", self.ty);
        self.ty = ty;
        self
    }

    /// A copy as an array of the IR.
    pub fn array(&self) -> Array {
        Array::from_bytes(self.ty.clone(), &self.bytes[..]).expect("the bytes are of the type")
    }
}

/// An array of the IR as an `ndarray`; `None` when `T` is not its element type. A `bool` array can
/// be had as `u8`.
pub fn to_ndarray<T: Number>(array: &Array) -> Option<ArrayD<T>> {
    let bools = array.ty.dtype == DType::Bool && T::DTYPE == DType::U8;
    if array.ty.dtype != T::DTYPE && !bools {
        return None;
    }
    let aligned = AlignedBuf::from_slice(array.bytes()).ok()?;
    let data = aligned.slice::<T>().ok()?.to_vec();
    ArrayD::from_shape_vec(IxDyn(&array.ty.shape), data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn views_are_lent_and_strides_are_resolved() {
        let x = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let feed = Feed::from(&x);
        assert!(matches!(feed.bytes, Cow::Borrowed(_)));
        assert_eq!(feed.ty().to_string(), "f32[2,3]");
        assert_eq!(
            to_ndarray::<f32>(&feed.array()).unwrap(),
            x.clone().into_dyn()
        );
        let t = x.t();
        let turned = Feed::from(&t);
        assert_eq!(turned.array().to_f64(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(to_ndarray::<i32>(&feed.array()), None);
    }

    #[test]
    fn rows_are_cut_gathered_and_converted() {
        let x: Array2<i32> = array![[1, 2], [3, 4], [5, 6]];
        let feed = Feed::from(&x);
        assert_eq!(feed.part(1, 3).array().to_f64(), [3.0, 4.0, 5.0, 6.0]);
        let mut bytes = vec![0; 16];
        feed.gather(&[2, 0], &mut bytes);
        assert_eq!(bytes_of(&[5, 6, 1, 2]), bytes);
        let floats = feed.convert(DType::F32);
        assert_eq!(floats.ty().to_string(), "f32[3,2]");
        assert_eq!(floats.array().to_f64(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
