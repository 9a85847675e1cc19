//! Reductions of square matrices by similar ones, as LAPACK's `gehrd` and `hetrd` have them.

use crate::config::has;
use crate::factor::square;
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use crate::reflect::{from_left, from_right, reflector, vector};
use craneflow_ir::Type;
use craneflow_ir::host::HostFunction;

fn vectors(ty: &Type, length: usize) -> Type {
    let (batch, ..) = split(ty).expect("checked");
    ty.with_shape([batch, &[length]].concat())
}

/// `hessenberg(a)`: a matrix that is 0 below its first subdiagonal, with the reflections that made it
/// there, and their factors.
pub const HESSENBERG: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        square(x, complex)?;
        let n = split(&x[0])?.1;
        let factors = vectors(&x[0], n.saturating_sub(1));
        Ok(doubled(vec![x[0].clone(), factors], complex))
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (_, n, _) = split(&x[0].ty).expect("checked");
        let all: Vec<(Matrix, Vec<C>)> = matrices(x, n, n).into_iter().map(hessenberg).collect();
        let factors = vectors(&x[0].ty, n.saturating_sub(1));
        let mut results = tensor(&x[0].ty, all.iter().flat_map(|h| &h.0.data), complex);
        results.extend(tensor(&factors, all.iter().flat_map(|h| &h.1), complex));
        results
    },
};

/// The reduced matrix with its reflections, and their factors.
pub fn hessenberg(mut a: Matrix) -> (Matrix, Vec<C>) {
    let n = a.rows;
    let mut factors = vec![];
    for j in 0..n.saturating_sub(1) {
        let factor = reflector(&mut a, j + 1, j);
        let v = vector(&a, j + 1, j);
        from_right(&mut a, &v, factor, j + 1, 0..n);
        from_left(&mut a, &v, factor.conj(), j + 1, j + 1..n);
        factors.push(factor);
    }
    (a, factors)
}

/// `tridiagonal(a)`: of a Hermitian matrix, of which the `lower` or upper triangle is read: reflections in
/// place of that triangle, the diagonal, what is beside it, and the factors of the reflections.
pub const TRIDIAGONAL: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        square(x, complex)?;
        let n = split(&x[0])?.1;
        let (whole, beside) = (vectors(&x[0], n), vectors(&x[0], n.saturating_sub(1)));
        let mut types = doubled(vec![x[0].clone()], complex);
        types.extend([whole, beside.clone()]);
        types.extend(doubled(vec![beside], complex));
        Ok(types)
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (_, n, _) = split(&x[0].ty).expect("checked");
        let lower = has(config, "lower");
        let all: Vec<Tridiagonal> = matrices(x, n, n)
            .iter()
            .map(|a| tridiagonal(a, lower))
            .collect();
        let (whole, beside) = (vectors(&x[0].ty, n), vectors(&x[0].ty, n.saturating_sub(1)));
        let mut results = tensor(&x[0].ty, all.iter().flat_map(|t| &t.a.data), complex);
        results.extend(tensor(&whole, all.iter().flat_map(|t| &t.diagonal), false));
        results.extend(tensor(&beside, all.iter().flat_map(|t| &t.beside), false));
        results.extend(tensor(
            &beside,
            all.iter().flat_map(|t| &t.factors),
            complex,
        ));
        results
    },
};

struct Tridiagonal {
    a: Matrix,
    diagonal: Vec<C>,
    beside: Vec<C>,
    factors: Vec<C>,
}

/// From the upper triangle, the same with rows and columns in reverse.
fn tridiagonal(a: &Matrix, lower: bool) -> Tridiagonal {
    let n = a.rows;
    let turn = |i: usize| if lower { i } else { n - 1 - i };
    // Hermitian, from the triangle that counts.
    let given = |i: usize, j: usize| match i >= j {
        true => a[(turn(i), turn(j))],
        false => a[(turn(j), turn(i))].conj(),
    };
    let whole = Matrix::from_fn(n, n, |i, j| match i == j {
        true => C::new(given(i, j).re, 0.0),
        false => given(i, j),
    });
    let (reduced, factors) = hessenberg(whole);
    let kept = |i: usize, j: usize| match turn(i) >= turn(j) {
        true => reduced[(turn(i), turn(j))],
        false => a[(i, j)],
    };
    let list = |count: usize, at: &dyn Fn(usize) -> C| -> Vec<C> {
        let along = |i: usize| at(if lower { i } else { count - 1 - i });
        (0..count).map(along).collect()
    };
    let less = n.saturating_sub(1);
    Tridiagonal {
        a: Matrix::from_fn(n, n, kept),
        diagonal: list(n, &|i| reduced[(i, i)]),
        beside: list(less, &|i| reduced[(i + 1, i)]),
        factors: list(less, &|i| factors[i]),
    }
}
