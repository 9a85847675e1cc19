//! Eigenvalues of Hermitian matrices and singular values, by `faer`.

use crate::config::has;
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use craneflow_ir::Type;
use craneflow_ir::host::HostFunction;
use faer::linalg::solvers::{Svd, SvdError};
use faer::traits::ComplexField;
use faer::{Mat, Side};

fn to_complex(m: &Matrix) -> Mat<C> {
    Mat::from_fn(m.rows, m.columns, |i, j| m[(i, j)])
}

fn to_real(m: &Matrix) -> Mat<f64> {
    Mat::from_fn(m.rows, m.columns, |i, j| m[(i, j)].re)
}

fn of_complex(m: faer::MatRef<C>, columns: usize) -> Matrix {
    Matrix::from_fn(m.nrows(), columns, |i, j| m[(i, j)])
}

fn of_real(m: faer::MatRef<f64>, columns: usize) -> Matrix {
    Matrix::from_fn(m.nrows(), columns, |i, j| C::new(m[(i, j)], 0.0))
}

fn real(values: impl Iterator<Item = f64>) -> Vec<C> {
    values.map(|v| C::new(v, 0.0)).collect()
}

/// `eigh(a)`: eigenvectors as columns and increasing eigenvalues of a Hermitian matrix, of which the
/// `lower` or upper triangle is read.
pub const EIGH: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        let (batch, rows, columns) = split(&x[0])?;
        if rows != columns || x.len() != 1 + complex as usize {
            return Err(format!("takes square matrices, found {}", x[0]));
        }
        let mut types = doubled(vec![x[0].clone()], complex);
        types.push(x[0].with_shape([batch, &[rows]].concat()));
        Ok(types)
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (batch, n, _) = split(&x[0].ty).expect("checked");
        let values = x[0].ty.with_shape([batch, &[n]].concat());
        let side = if has(config, "lower") {
            Side::Lower
        } else {
            Side::Upper
        };
        let all: Vec<(Matrix, Vec<C>)> = matrices(x, n, n)
            .iter()
            .map(|a| eigh(a, side, complex))
            .collect();
        let mut results = tensor(&x[0].ty, all.iter().flat_map(|e| &e.0.data), complex);
        results.extend(tensor(&values, all.iter().flat_map(|e| &e.1), false));
        results
    },
};

fn eigh(a: &Matrix, side: Side, complex: bool) -> (Matrix, Vec<C>) {
    let n = a.rows;
    let nothing = || (Matrix::invalid(n, n), vec![C::new(f64::NAN, 0.0); n]);
    if !a.is_finite() || n == 0 {
        return nothing();
    }
    match complex {
        true => match to_complex(a).self_adjoint_eigen(side) {
            Ok(e) => (of_complex(e.U(), n), (0..n).map(|i| e.S()[i]).collect()),
            Err(_) => nothing(),
        },
        false => match to_real(a).self_adjoint_eigen(side) {
            Ok(e) => (of_real(e.U(), n), real((0..n).map(|i| e.S()[i]))),
            Err(_) => nothing(),
        },
    }
}

/// The types of singular values and of both sets of vectors, `full` or as many as values.
fn singular(config: &str, ty: &Type) -> Result<[Type; 3], String> {
    let (batch, rows, columns) = split(ty)?;
    let count = rows.min(columns);
    let (left, right) = if has(config, "full") {
        (rows, columns)
    } else {
        (count, count)
    };
    let of = |extents: &[usize]| ty.with_shape([batch, extents].concat());
    Ok([of(&[count]), of(&[rows, left]), of(&[right, columns])])
}

/// `svd(a)`: decreasing singular values, left vectors as columns and right ones, conjugated, as rows.
pub const SVD: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        if x.len() != 1 + complex as usize {
            return Err(format!("takes one operand, found {}", x.len()));
        }
        let [values, left, right] = singular(config, &x[0])?;
        let mut types = vec![values];
        types.extend(doubled(vec![left, right], complex));
        Ok(types)
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let [values, left, right] = singular(config, &x[0].ty).expect("checked");
        let (_, rows, columns) = split(&x[0].ty).expect("checked");
        let full = has(config, "full");
        let all: Vec<(Vec<C>, Matrix, Matrix)> = matrices(x, rows, columns)
            .iter()
            .map(|a| svd(a, full, complex))
            .collect();
        let mut results = tensor(&values, all.iter().flat_map(|s| &s.0), false);
        results.extend(tensor(&left, all.iter().flat_map(|s| &s.1.data), complex));
        results.extend(tensor(&right, all.iter().flat_map(|s| &s.2.data), complex));
        results
    },
};

fn svd_of<T: ComplexField>(a: Mat<T>, full: bool) -> Result<Svd<T>, SvdError> {
    match full {
        true => Svd::new(a.as_ref()),
        false => Svd::new_thin(a.as_ref()),
    }
}

fn svd(a: &Matrix, full: bool, complex: bool) -> (Vec<C>, Matrix, Matrix) {
    let count = a.rows.min(a.columns);
    let (left, right) = if full {
        (a.rows, a.columns)
    } else {
        (count, count)
    };
    let nothing = || {
        let values = vec![C::new(f64::NAN, 0.0); count];
        (
            values,
            Matrix::invalid(a.rows, left),
            Matrix::invalid(right, a.columns),
        )
    };
    if !a.is_finite() || count == 0 {
        let one =
            |n: usize, m: usize| Matrix::from_fn(n, m, |i, j| C::new((i == j) as u8 as f64, 0.0));
        return match count {
            0 => (vec![], one(a.rows, left), one(right, a.columns)),
            _ => nothing(),
        };
    }
    match complex {
        true => match svd_of(to_complex(a), full) {
            Ok(s) => {
                let values = (0..count).map(|i| s.S()[i]).collect();
                let v = of_complex(s.V(), right);
                let rows = Matrix::from_fn(right, a.columns, |i, j| v[(j, i)].conj());
                (values, of_complex(s.U(), left), rows)
            }
            Err(_) => nothing(),
        },
        false => match svd_of(to_real(a), full) {
            Ok(s) => {
                let v = of_real(s.V(), right);
                let rows = Matrix::from_fn(right, a.columns, |i, j| v[(j, i)]);
                (
                    real((0..count).map(|i| s.S()[i])),
                    of_real(s.U(), left),
                    rows,
                )
            }
            Err(_) => nothing(),
        },
    }
}
