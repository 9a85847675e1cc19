//! Tridiagonal systems of equations.

use crate::config::has;
use crate::matrix::{C, Matrix, matrices, parts, split, tensor};
use craneflow_ir::host::HostFunction;
use craneflow_ir::{Array, DType};

/// `tridiagonal_solve(below, diagonal, above, b)`: elimination with rows swapped where that gives the larger
/// pivot. Entry `i` of a diagonal is in row `i`: the first of `below` and the last of `above` count for
/// nothing. With `perturb`, pivots that are no more than rounding errors of the type are taken to be as large as
/// those, or as its smallest normal number.
pub const TRIDIAGONAL_SOLVE: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        let wide = 1 + complex as usize;
        parts(x, complex)?;
        if x.len() != 4 * wide {
            return Err(format!("takes four operands, found {}", x.len() / wide));
        }
        let b = &x[3 * wide];
        let (batch, n, _) = split(b)?;
        let diagonal = b.with_shape([batch, &[n]].concat());
        match x[..3 * wide].iter().all(|ty| *ty == diagonal) {
            true => Ok(x[3 * wide..].to_vec()),
            false => Err(format!("{} and {b} do not fit", x[0])),
        }
    },
    eval: |config, x| {
        let wide = x.len() / 4;
        let b = &x[3 * wide..];
        let (batch, n, columns) = split(&b[0].ty).expect("checked");
        let rows = |d: usize| {
            let flat = |v: &Array| v.reshaped(v.ty.with_shape([batch, &[1, n]].concat()));
            let parts: Vec<Array> = x[d * wide..(d + 1) * wide].iter().map(flat).collect();
            matrices(&parts, 1, n)
        };
        let (below, diagonal, above) = (rows(0), rows(1), rows(2));
        let perturb = has(config, "perturb").then(|| match b[0].ty.dtype {
            DType::F64 => (f64::EPSILON, f64::MIN_POSITIVE),
            _ => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
        });
        let mut all = matrices(b, n, columns);
        for (i, b) in all.iter_mut().enumerate() {
            let d = [&below[i].data[..], &diagonal[i].data, &above[i].data];
            solve(d, b, perturb);
        }
        tensor(
            &b[0].ty,
            all.iter().flat_map(|m| &m.data),
            has(config, "complex"),
        )
    },
};

/// `perturb` is the relative rounding error and the least pivot, if small ones are replaced.
fn solve([below, diagonal, above]: [&[C]; 3], b: &mut Matrix, perturb: Option<(f64, f64)>) {
    let n = b.rows;
    // Row `i` of the upper triangle, from its diagonal on.
    let mut upper: Vec<[C; 3]> = (0..n)
        .map(|i| {
            let next = if i + 1 < n { above[i] } else { C::default() };
            [diagonal[i], next, C::default()]
        })
        .collect();
    for i in 0..n.saturating_sub(1) {
        let mut row = [below[i + 1], upper[i + 1][0], upper[i + 1][1]];
        if row[0].norm() > upper[i][0].norm() {
            std::mem::swap(&mut row, &mut upper[i]);
            for c in 0..b.columns {
                b.data.swap(i * b.columns + c, (i + 1) * b.columns + c);
            }
        }
        let factor = match upper[i][0].norm() > 0.0 {
            true => row[0] / upper[i][0],
            false => C::default(),
        };
        upper[i + 1] = [
            row[1] - factor * upper[i][1],
            row[2] - factor * upper[i][2],
            C::default(),
        ];
        for c in 0..b.columns {
            let above = b[(i, c)];
            b[(i + 1, c)] -= factor * above;
        }
    }
    let largest = upper.iter().flatten().map(|v| v.norm()).fold(0.0, f64::max);
    let least = perturb.map(|(error, least)| (largest * error).max(least));
    for i in (0..n).rev() {
        let mut pivot = upper[i][0];
        if let Some(least) = least.filter(|&least| pivot.norm() < least) {
            pivot = C::new(least.copysign(pivot.re), 0.0);
        }
        for c in 0..b.columns {
            let mut sum = b[(i, c)];
            for k in 1..3.min(n - i) {
                sum -= upper[i][k] * b[(i + k, c)];
            }
            // The square of a small pivot would be 0.
            b[(i, c)] = match pivot.im == 0.0 {
                true => sum / pivot.re,
                false => sum / pivot,
            };
        }
    }
}
