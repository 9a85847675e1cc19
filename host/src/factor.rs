//! Cholesky and LU factorisations, and triangular systems: unblocked and in order.

use crate::config::{has, number};
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use craneflow_ir::host::HostFunction;
use craneflow_ir::{Array, DType, Scalar, Type};

/// `cholesky(a)`: the triangular factor, `lower` or upper; the other triangle is 0. No number where
/// `a` is not positive definite.
pub const CHOLESKY: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        square(x, complex)?;
        Ok(doubled(vec![x[0].clone()], complex))
    },
    eval: |config, x| {
        let (_, n, _) = split(&x[0].ty).expect("checked");
        let all: Vec<Matrix> = matrices(x, n, n)
            .iter()
            .map(|a| cholesky(a, has(config, "lower")))
            .collect();
        tensor(
            &x[0].ty,
            all.iter().flat_map(|m| &m.data),
            has(config, "complex"),
        )
    },
};

/// Whether there is one operand, of square matrices.
pub fn square(x: &[Type], complex: bool) -> Result<(), String> {
    let (_, rows, columns) = split(&x[0])?;
    let one = x.len() == 1 + complex as usize;
    match one && rows == columns {
        true => Ok(()),
        false => Err(format!("takes square matrices, found {}", x[0])),
    }
}

fn cholesky(a: &Matrix, lower: bool) -> Matrix {
    let n = a.rows;
    // Of the upper triangle, the conjugate is the lower one.
    let of = |i: usize, j: usize| if lower { a[(i, j)] } else { a[(j, i)].conj() };
    let mut l = Matrix::new(n, n);
    for j in 0..n {
        let mut d = of(j, j).re;
        for k in 0..j {
            d -= l[(j, k)].norm_sqr();
        }
        if d <= 0.0 || !d.is_finite() {
            return Matrix::invalid(n, n);
        }
        let d = d.sqrt();
        l[(j, j)] = C::new(d, 0.0);
        for i in j + 1..n {
            let mut sum = of(i, j);
            for k in 0..j {
                sum -= l[(i, k)] * l[(j, k)].conj();
            }
            l[(i, j)] = sum / d;
        }
    }
    match lower {
        true => l,
        false => Matrix::from_fn(n, n, |i, j| l[(j, i)].conj()),
    }
}

/// `triangular_solve(a, b)`: `x` in `op(a) x = b`, or `x op(a) = b` without `left`; `op` is nothing,
/// `transpose` or `adjoint`.
pub const TRIANGULAR_SOLVE: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        let (a, b) = x.split_at(x.len() / 2);
        square(a, complex)?;
        let ((batch, n, _), (others, rows, columns)) = (split(&a[0])?, split(&b[0])?);
        let meets = if has(config, "left") { rows } else { columns };
        match batch == others && meets == n {
            true => Ok(b.to_vec()),
            false => Err(format!("{} and {} do not fit", a[0], b[0])),
        }
    },
    eval: |config, x| {
        let (a, b) = x.split_at(x.len() / 2);
        let (_, n, _) = split(&a[0].ty).expect("checked");
        let (_, rows, columns) = split(&b[0].ty).expect("checked");
        let pairs = matrices(a, n, n)
            .into_iter()
            .zip(matrices(b, rows, columns));
        let all: Vec<Matrix> = pairs.map(|(a, b)| solve(config, &a, b)).collect();
        tensor(
            &b[0].ty,
            all.iter().flat_map(|m| &m.data),
            has(config, "complex"),
        )
    },
};

fn solve(config: &str, a: &Matrix, b: Matrix) -> Matrix {
    let (left, unit) = (has(config, "left"), has(config, "unit"));
    let (transposed, adjoint) = (has(config, "transpose"), has(config, "adjoint"));
    let turned = transposed || adjoint;
    // `x op(a) = b` is `op(a)^T x^T = b^T`.
    let swap = turned == left;
    let at = |i: usize, j: usize| {
        let v = if swap { a[(j, i)] } else { a[(i, j)] };
        if adjoint { v.conj() } else { v }
    };
    let lower = has(config, "lower") != swap;
    let n = a.rows;
    let mut x = match left {
        true => b,
        false => Matrix::from_fn(b.columns, b.rows, |i, j| b[(j, i)]),
    };
    for step in 0..n {
        let i = if lower { step } else { n - 1 - step };
        for c in 0..x.columns {
            let mut sum = x[(i, c)];
            let known = if lower { 0..i } else { i + 1..n };
            for k in known {
                sum -= at(i, k) * x[(k, c)];
            }
            x[(i, c)] = if unit { sum } else { sum / at(i, i) };
        }
    }
    match left {
        true => x,
        false => Matrix::from_fn(x.columns, x.rows, |i, j| x[(j, i)]),
    }
}

/// `lu(a)`: both factors in one matrix, and the rows that were swapped, from `base` on: rows of the
/// greatest magnitude are pivots.
pub const LU: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        if x.len() != 1 + complex as usize {
            return Err(format!("takes one operand, found {}", x.len()));
        }
        let (batch, rows, columns) = split(&x[0])?;
        let pivots = Type::new(DType::I32, [batch, &[rows.min(columns)]].concat());
        let mut types = doubled(vec![x[0].clone()], complex);
        types.push(pivots);
        Ok(types)
    },
    eval: |config, x| {
        let (batch, rows, columns) = split(&x[0].ty).expect("checked");
        let all: Vec<(Matrix, Vec<usize>)> =
            matrices(x, rows, columns).into_iter().map(lu).collect();
        let mut results = tensor(
            &x[0].ty,
            all.iter().flat_map(|l| &l.0.data),
            has(config, "complex"),
        );
        let base = number(config, "base").unwrap_or(0);
        let pivots = Type::new(DType::I32, [batch, &[rows.min(columns)]].concat());
        let mut list = all.iter().flat_map(|l| &l.1);
        results.push(Array::from_fn(pivots, |_| {
            let row = list.next().expect("as many as columns");
            Scalar::int(DType::I32, (row + base) as i64)
        }));
        results
    },
};

fn lu(mut a: Matrix) -> (Matrix, Vec<usize>) {
    let count = a.rows.min(a.columns);
    let mut pivots = vec![];
    for k in 0..count {
        let size = |i: usize| a[(i, k)].re.abs() + a[(i, k)].im.abs();
        let best = (k + 1..a.rows).fold(k, |best, i| if size(i) > size(best) { i } else { best });
        pivots.push(best);
        if size(best) == 0.0 {
            continue;
        }
        for j in 0..a.columns {
            let (upper, lower) = (a[(k, j)], a[(best, j)]);
            a[(k, j)] = lower;
            a[(best, j)] = upper;
        }
        let pivot = a[(k, k)];
        for i in k + 1..a.rows {
            let factor = a[(i, k)] / pivot;
            a[(i, k)] = factor;
            for j in k + 1..a.columns {
                let v = a[(k, j)];
                a[(i, j)] -= factor * v;
            }
        }
    }
    (a, pivots)
}
