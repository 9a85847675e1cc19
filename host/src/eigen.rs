//! Eigenvalues and eigenvectors of any square matrix, from its Schur form.

use crate::config::has;
use crate::factor::square;
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use crate::schur::{Schur, schur};
use craneflow_ir::Array;
use craneflow_ir::host::HostFunction;

/// `eig(a)`: complex eigenvalues, and eigenvectors as columns of length 1, those of the `left` first and then
/// those of the `right`.
pub const EIG: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        square(x, complex)?;
        let (batch, rows, _) = split(&x[0])?;
        let mut types = vec![x[0].with_shape([batch, &[rows]].concat())];
        types.extend(vec![x[0].clone(); sides(config).len()]);
        Ok(doubled(types, true))
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (batch, n, _) = split(&x[0].ty).expect("checked");
        let values = x[0].ty.with_shape([batch, &[n]].concat());
        let forms: Vec<Option<Schur>> = matrices(x, n, n)
            .into_iter()
            .map(|a| schur(a, complex))
            .map(|s| s.map(|s| if complex { s } else { s.triangular() }))
            .collect();
        let none = C::new(f64::NAN, f64::NAN);
        let all: Vec<C> = forms
            .iter()
            .flat_map(|s| (0..n).map(move |i| s.as_ref().map_or(none, |s| s.t[(i, i)])))
            .collect();
        let mut results: Vec<Array> = tensor(&values, all.iter(), true);
        for left in sides(config) {
            let invalid = || Matrix::from_fn(n, n, |_, _| none);
            let of = |s: &Option<Schur>| s.as_ref().map_or_else(invalid, |s| vectors(s, left));
            let all: Vec<Matrix> = forms.iter().map(of).collect();
            results.extend(tensor(&x[0].ty, all.iter().flat_map(|m| &m.data), true));
        }
        results
    },
};

/// Of which sides eigenvectors are asked for, in order: whether it is the left.
fn sides(config: &str) -> Vec<bool> {
    let asked = [("left", true), ("right", false)];
    asked
        .iter()
        .filter(|s| has(config, s.0))
        .map(|s| s.1)
        .collect()
}

/// Eigenvectors as columns in the order of the diagonal of a triangular form; `left` ones are those `v` with
/// `v^H a = w v^H`.
fn vectors(s: &Schur, left: bool) -> Matrix {
    let (t, n) = (&s.t, s.t.rows);
    let largest = t.data.iter().map(|v| v.norm()).fold(0.0, f64::max);
    let least = (largest * f64::EPSILON).max(f64::MIN_POSITIVE);
    let mut all = Matrix::new(n, n);
    for k in 0..n {
        let mut x = vec![C::default(); n];
        x[k] = C::new(1.0, 0.0);
        let order: Vec<usize> = match left {
            true => (k + 1..n).collect(),
            false => (0..k).rev().collect(),
        };
        for i in order {
            let sum: C = match left {
                true => (k..i).map(|j| t[(j, i)].conj() * x[j]).sum(),
                false => (i + 1..=k).map(|j| t[(i, j)] * x[j]).sum(),
            };
            let apart = t[(i, i)] - t[(k, k)];
            let apart = match apart.norm() < least {
                true => C::new(least, 0.0),
                false => apart,
            };
            x[i] = -sum / if left { apart.conj() } else { apart };
        }
        let of = |i: usize| (0..n).map(|j| s.z[(i, j)] * x[j]).sum();
        let v = normal((0..n).map(of).collect());
        (0..n).for_each(|i| all[(i, k)] = v[i]);
    }
    all
}

/// A vector as long as 1, with its greatest element real unless all are.
fn normal(mut v: Vec<C>) -> Vec<C> {
    let length = v.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
    v.iter_mut().for_each(|v| *v /= length);
    if v.iter().any(|v| v.im != 0.0) {
        let sizes: Vec<f64> = v.iter().map(|v| v.norm()).collect();
        let best = (0..v.len()).fold(0, |b, i| if sizes[i] > sizes[b] { i } else { b });
        let turn = v[best].conj() / sizes[best];
        v.iter_mut().for_each(|v| *v *= turn);
        v[best].im = 0.0;
    }
    v
}
