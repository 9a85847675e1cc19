//! Householder reflections `I - factor v v^H`, as LAPACK keeps them: `v` begins with 1, the rest takes the
//! place of what the reflection removes.

use crate::matrix::{C, Matrix};
use std::ops::Range;

/// Makes the reflection whose adjoint turns column `j` from row `k` on into one number, which is left at row
/// `k` with the rest of `v` below it; returns its factor.
pub fn reflector(a: &mut Matrix, k: usize, j: usize) -> C {
    let alpha = a[(k, j)];
    let below: f64 = (k + 1..a.rows).map(|i| a[(i, j)].norm_sqr()).sum();
    if below == 0.0 && alpha.im == 0.0 {
        return C::default();
    }
    let norm = (alpha.norm_sqr() + below).sqrt();
    let beta = if alpha.re > 0.0 { -norm } else { norm };
    let scale = C::new(1.0, 0.0) / (alpha - beta);
    for i in k + 1..a.rows {
        a[(i, j)] *= scale;
    }
    a[(k, j)] = C::new(beta, 0.0);
    C::new((beta - alpha.re) / beta, -alpha.im / beta)
}

/// The vector that `reflector` left in column `j`.
pub fn vector(a: &Matrix, k: usize, j: usize) -> Vec<C> {
    let below = (k + 1..a.rows).map(|i| a[(i, j)]);
    std::iter::once(C::new(1.0, 0.0)).chain(below).collect()
}

/// `(I - factor v v^H) a` for rows from `k` on of some columns.
pub fn from_left(a: &mut Matrix, v: &[C], factor: C, k: usize, columns: Range<usize>) {
    for j in columns {
        let mut dot = a[(k, j)];
        for (i, v) in v.iter().enumerate().skip(1) {
            dot += v.conj() * a[(k + i, j)];
        }
        let dot = dot * factor;
        for (i, v) in v.iter().enumerate() {
            a[(k + i, j)] -= v * dot;
        }
    }
}

/// `a (I - factor v v^H)` for columns from `k` on of some rows.
pub fn from_right(a: &mut Matrix, v: &[C], factor: C, k: usize, rows: Range<usize>) {
    for i in rows {
        let mut dot = a[(i, k)];
        for (j, v) in v.iter().enumerate().skip(1) {
            dot += a[(i, k + j)] * v;
        }
        let dot = dot * factor;
        for (j, v) in v.iter().enumerate() {
            a[(i, k + j)] -= dot * v.conj();
        }
    }
}
