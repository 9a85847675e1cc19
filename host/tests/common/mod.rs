//! Small matrices of complex numbers, and calls of functions of the host.

use craneflow_ir::{Array, DType, Type};
use rustfft::num_complex::Complex;

pub type C = Complex<f64>;

#[derive(Clone, Debug)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    data: Vec<C>,
}

impl Matrix {
    pub fn new(rows: usize, columns: usize, at: impl Fn(usize, usize) -> C) -> Matrix {
        let data = (0..rows * columns)
            .map(|i| at(i / columns, i % columns))
            .collect();
        Matrix {
            rows,
            columns,
            data,
        }
    }

    pub fn at(&self, i: usize, j: usize) -> C {
        self.data[i * self.columns + j]
    }

    pub fn adjoint(&self) -> Matrix {
        Matrix::new(self.columns, self.rows, |i, j| self.at(j, i).conj())
    }
}

impl std::ops::Mul for &Matrix {
    type Output = Matrix;
    fn mul(self, other: &Matrix) -> Matrix {
        assert_eq!(self.columns, other.rows);
        let at = |i, j| {
            (0..self.columns)
                .map(|k| self.at(i, k) * other.at(k, j))
                .sum()
        };
        Matrix::new(self.rows, other.columns, at)
    }
}

pub fn identity(n: usize) -> Matrix {
    Matrix::new(n, n, |i, j| ((i == j) as u8 as f64).into())
}

pub fn close(a: &Matrix, b: &Matrix, tolerance: f64) {
    assert_eq!((a.rows, a.columns), (b.rows, b.columns));
    for (x, y) in a.data.iter().zip(&b.data) {
        assert!(
            (x - y).norm() <= tolerance * (1.0 + y.norm()),
            "{x}, not {y}"
        );
    }
}

pub fn real(shape: &[usize], values: &[f64]) -> Array {
    Array::from_f64(Type::new(DType::F64, shape), values)
}

/// Numbers between -1 and 1: a tensor, or real and imaginary parts.
pub fn random(shape: &[usize], complex: bool, seed: u64) -> Vec<Array> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut part = || {
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| next()).collect();
        real(shape, &values)
    };
    (0..1 + complex as usize).map(|_| part()).collect()
}

/// The matrices of a batch `[b, rows, columns]`, of parts.
pub fn matrices(parts: &[Array]) -> Vec<Matrix> {
    let shape = &parts[0].ty.shape;
    let (batch, rows, columns) = (shape[0], shape[1], shape[2]);
    let values: Vec<Vec<f64>> = parts.iter().map(|p| p.to_f64()).collect();
    let at = |b: usize, i: usize, j: usize| {
        let at = (b * rows + i) * columns + j;
        C::new(values[0][at], values.get(1).map_or(0.0, |im| im[at]))
    };
    (0..batch)
        .map(|b| Matrix::new(rows, columns, |i, j| at(b, i, j)))
        .collect()
}

/// The results of a function, of the types that it declares.
pub fn call(name: &str, config: &str, x: &[Array]) -> Vec<Array> {
    craneflow_host::install();
    let function = craneflow_ir::host::find(name).expect(name);
    let types: Vec<Type> = x.iter().map(|x| x.ty.clone()).collect();
    let declared = (function.infer)(config, &types).expect(name);
    let results = (function.eval)(config, x);
    let found: Vec<Type> = results.iter().map(|x| x.ty.clone()).collect();
    assert_eq!(found, declared, "{name}");
    results
}
