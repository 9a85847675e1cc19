//! Batches of matrices of complex numbers, from tensors and back.

use craneflow_ir::{Array, DType, Scalar, Type};
use rustfft::num_complex::Complex;

/// What everything is computed in.
pub type C = Complex<f64>;

/// A matrix, row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub data: Vec<C>,
}

impl Matrix {
    pub fn new(rows: usize, columns: usize) -> Matrix {
        Matrix {
            rows,
            columns,
            data: vec![C::default(); rows * columns],
        }
    }

    /// Element `(i, j)` of the result is `f(i, j)`.
    pub fn from_fn(rows: usize, columns: usize, f: impl Fn(usize, usize) -> C) -> Matrix {
        let mut m = Matrix::new(rows, columns);
        for i in 0..rows {
            for j in 0..columns {
                m[(i, j)] = f(i, j);
            }
        }
        m
    }

    /// Whether every element is a finite number.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|c| c.is_finite())
    }

    /// Every element no number.
    pub fn invalid(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |_, _| C::new(f64::NAN, 0.0))
    }
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = C;
    fn index(&self, (i, j): (usize, usize)) -> &C {
        &self.data[i * self.columns + j]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut C {
        &mut self.data[i * self.columns + j]
    }
}

/// Extents of batches and matrices of the first operand.
pub fn split(ty: &Type) -> Result<(&[usize], usize, usize), String> {
    match &*ty.shape.0 {
        [batch @ .., rows, columns] => Ok((batch, *rows, *columns)),
        _ => Err(format!("takes matrices, found {ty}")),
    }
}

/// The element type of operands that must be floats of one type and, in pairs of parts, of one shape.
pub fn parts(x: &[Type], complex: bool) -> Result<DType, String> {
    let first = x.first().ok_or("an operand is missing")?;
    let floats = first.dtype.is_float();
    let one = x.iter().all(|ty| ty.dtype == first.dtype);
    let paired = !complex || (x.len().is_multiple_of(2) && x.chunks(2).all(|p| p[0] == p[1]));
    match floats && one && paired {
        true => Ok(first.dtype),
        false => Err("takes floats, all operands of one type".to_string()),
    }
}

/// The types of results with their imaginary parts.
pub fn doubled(types: Vec<Type>, complex: bool) -> Vec<Type> {
    let times = if complex { 2 } else { 1 };
    types.into_iter().flat_map(|ty| vec![ty; times]).collect()
}

/// The matrices of an operand. `x` holds its parts.
pub fn matrices(x: &[Array], rows: usize, columns: usize) -> Vec<Matrix> {
    let count = x[0].ty.count();
    let size = rows * columns;
    let at = |i: usize| {
        C::new(
            x[0].get(i).to_f64(),
            x.get(1).map_or(0.0, |im| im.get(i).to_f64()),
        )
    };
    let batches: usize = x[0].ty.shape[..x[0].ty.rank() - (2.min(x[0].ty.rank()))]
        .iter()
        .product();
    debug_assert_eq!(count, batches * size);
    let one = |b: usize| Matrix {
        rows,
        columns,
        data: (b * size..(b + 1) * size).map(at).collect(),
    };
    (0..batches).map(one).collect()
}

/// A tensor, in parts, of the numbers of all batches.
pub fn tensor<'a>(
    ty: &Type,
    all: impl Iterator<Item = &'a C> + Clone,
    complex: bool,
) -> Vec<Array> {
    let part = |pick: fn(&C) -> f64| {
        let mut numbers = all.clone();
        Array::from_fn(ty.clone(), |_| {
            let number = numbers.next().expect("as many numbers as elements");
            Scalar::from_f64(ty.dtype, pick(number))
        })
    };
    match complex {
        true => vec![part(|c| c.re), part(|c| c.im)],
        false => vec![part(|c| c.re)],
    }
}
