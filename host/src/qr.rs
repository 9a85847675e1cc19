//! QR factorisations, and products of the reflections that they leave.

use crate::config::has;
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use crate::reflect::{from_left, from_right, reflector, vector};
use craneflow_ir::host::HostFunction;
use craneflow_ir::{Array, DType, Scalar, Type};

/// `qr(a)`: `R` above the diagonal and Householder vectors below it, and their factors, as LAPACK's
/// `geqrf` has them.
pub const QR: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        if x.len() != 1 + complex as usize {
            return Err(format!("takes one operand, found {}", x.len()));
        }
        let (batch, rows, columns) = split(&x[0])?;
        let factors = x[0].with_shape([batch, &[rows.min(columns)]].concat());
        Ok(doubled(vec![x[0].clone(), factors], complex))
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (batch, rows, columns) = split(&x[0].ty).expect("checked");
        let ty = x[0].ty.with_shape([batch, &[rows.min(columns)]].concat());
        let all: Vec<(Matrix, Vec<C>)> = matrices(x, rows, columns).into_iter().map(qr).collect();
        let mut results = tensor(&x[0].ty, all.iter().flat_map(|q| &q.0.data), complex);
        results.extend(tensor(&ty, all.iter().flat_map(|q| &q.1), complex));
        results
    },
};

fn qr(mut a: Matrix) -> (Matrix, Vec<C>) {
    let factors = (0..a.rows.min(a.columns)).map(|k| step(&mut a, k));
    let factors = factors.collect();
    (a, factors)
}

/// Reflects column `k`, and by the adjoint the columns after it; returns the factor.
fn step(a: &mut Matrix, k: usize) -> C {
    let factor = reflector(a, k, k);
    let v = vector(a, k, k);
    from_left(a, &v, factor.conj(), k, k + 1..a.columns);
    factor
}

/// `pivoted_qr(a, order)`: `qr` of `a` with its columns in another order: in front those for which
/// `order` is not 0, and then always the longest of what is left of the others. Returns matrix, order
/// with columns counted from 1, and factors.
pub const PIVOTED_QR: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        let wide = 1 + complex as usize;
        let (a, order) = x.split_at(wide.min(x.len()));
        parts(a, complex)?;
        let (batch, rows, columns) = split(&a[0])?;
        let places = Type::new(DType::I32, [batch, &[columns]].concat());
        if order != [places.clone()] {
            return Err(format!("takes an order {places} for {}", a[0]));
        }
        let factors = a[0].with_shape([batch, &[rows.min(columns)]].concat());
        let mut types = doubled(vec![a[0].clone()], complex);
        types.push(places);
        types.extend(doubled(vec![factors], complex));
        Ok(types)
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (a, order) = x.split_at(x.len() - 1);
        let (batch, rows, columns) = split(&a[0].ty).expect("checked");
        let fixed: Vec<bool> = order[0].iter().map(|s| s.bits != 0).collect();
        let one = |(i, m): (usize, Matrix)| pivoted(&m, &fixed[i * columns..(i + 1) * columns]);
        let all: Vec<(Matrix, Vec<usize>, Vec<C>)> = matrices(a, rows, columns)
            .into_iter()
            .enumerate()
            .map(one)
            .collect();
        let factors = a[0].ty.with_shape([batch, &[rows.min(columns)]].concat());
        let mut results = tensor(&a[0].ty, all.iter().flat_map(|q| &q.0.data), complex);
        let mut places = all.iter().flat_map(|q| &q.1);
        results.push(Array::from_fn(order[0].ty.clone(), |_| {
            let place = places.next().expect("as many as columns");
            Scalar::int(DType::I32, *place as i64 + 1)
        }));
        results.extend(tensor(&factors, all.iter().flat_map(|q| &q.2), complex));
        results
    },
};

fn pivoted(a: &Matrix, fixed: &[bool]) -> (Matrix, Vec<usize>, Vec<C>) {
    let mut order: Vec<usize> = (0..a.columns).collect();
    order.sort_by_key(|&j| !fixed[j]);
    let count = fixed.iter().filter(|&&f| f).count();
    let mut a = Matrix::from_fn(a.rows, a.columns, |i, j| a[(i, order[j])]);
    let mut factors = vec![];
    for k in 0..a.rows.min(a.columns) {
        let size = |a: &Matrix, j: usize| (k..a.rows).map(|i| a[(i, j)].norm_sqr()).sum::<f64>();
        let free = if k < count { k..k + 1 } else { k..a.columns };
        let sizes: Vec<f64> = free.map(|j| size(&a, j)).collect();
        let best = (0..sizes.len()).fold(0, |b, j| if sizes[j] > sizes[b] { j } else { b });
        order.swap(k, k + best);
        for i in 0..a.rows {
            a.data.swap(i * a.columns + k, i * a.columns + k + best);
        }
        factors.push(step(&mut a, k));
    }
    (a, order, factors)
}

/// `householder_product(a, factors)`: the first columns of the product of the reflections that `qr` left.
pub const HOUSEHOLDER_PRODUCT: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        let wide = 1 + complex as usize;
        if x.len() != 2 * wide {
            return Err(format!(
                "takes matrices and factors, found {} operands",
                x.len()
            ));
        }
        parts(x, complex)?;
        let (batch, rows, columns) = split(&x[0])?;
        let factors = &x[wide].shape.0;
        let fits = factors
            .split_last()
            .is_some_and(|(k, b)| b == batch && *k <= columns && columns <= rows);
        match fits {
            true => Ok(x[..wide].to_vec()),
            false => Err(format!("{} and {} do not fit", x[0], x[wide])),
        }
    },
    eval: |config, x| {
        let (a, factors) = x.split_at(x.len() / 2);
        let (batch, rows, columns) = split(&a[0].ty).expect("checked");
        let count = *factors[0].ty.shape.last().expect("checked");
        let flat = |v: &Array| v.reshaped(v.ty.with_shape([batch, &[1, count]].concat()));
        let factors: Vec<Array> = factors.iter().map(flat).collect();
        let pairs = matrices(a, rows, columns)
            .into_iter()
            .zip(matrices(&factors, 1, count));
        let all: Vec<Matrix> = pairs.map(|(a, f)| product(&a, &f.data)).collect();
        tensor(
            &a[0].ty,
            all.iter().flat_map(|m| &m.data),
            has(config, "complex"),
        )
    },
};

fn product(a: &Matrix, factors: &[C]) -> Matrix {
    let mut q = Matrix::from_fn(a.rows, a.columns, |i, j| C::new((i == j) as u8 as f64, 0.0));
    for (k, &factor) in factors.iter().enumerate().rev() {
        let columns = q.columns;
        from_left(&mut q, &vector(a, k, k), factor, k, 0..columns);
    }
    q
}

/// `householder_multiply(a, factors, c)`: the whole product of the reflections that `qr` left, or with
/// `adjoint` its adjoint, times `c`; from the `left` or the right.
pub const HOUSEHOLDER_MULTIPLY: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        let wide = 1 + complex as usize;
        parts(x, complex)?;
        if x.len() != 3 * wide {
            return Err(format!("takes three operands, found {}", x.len() / wide));
        }
        let (a, factors, c) = (&x[0], &x[wide], &x[2 * wide]);
        let ((batch, rows, columns), (others, m, n)) = (split(a)?, split(c)?);
        let meets = if has(config, "left") { m } else { n };
        let many = [batch, &[columns]].concat();
        match others == batch && meets == rows && columns <= rows && *factors.shape == *many {
            true => Ok(x[2 * wide..].to_vec()),
            false => Err(format!("{a}, {factors} and {c} do not fit")),
        }
    },
    eval: |config, x| {
        let wide = x.len() / 3;
        let (a, factors, c) = (&x[..wide], &x[wide..2 * wide], &x[2 * wide..]);
        let (batch, rows, columns) = split(&a[0].ty).expect("checked");
        let (_, m, n) = split(&c[0].ty).expect("checked");
        let flat = |v: &Array| v.reshaped(v.ty.with_shape([batch, &[1, columns]].concat()));
        let factors: Vec<Array> = factors.iter().map(flat).collect();
        let all: Vec<Matrix> = matrices(a, rows, columns)
            .iter()
            .zip(matrices(&factors, 1, columns))
            .zip(matrices(c, m, n))
            .map(|((a, f), c)| multiplied(config, a, &f.data, c))
            .collect();
        tensor(
            &c[0].ty,
            all.iter().flat_map(|m| &m.data),
            has(config, "complex"),
        )
    },
};

fn multiplied(config: &str, a: &Matrix, factors: &[C], mut c: Matrix) -> Matrix {
    let (left, adjoint) = (has(config, "left"), has(config, "adjoint"));
    let mut order: Vec<usize> = (0..factors.len()).collect();
    // The product is that of the reflections in order: from the left, the last one comes first.
    if left != adjoint {
        order.reverse();
    }
    for k in order {
        let factor = if adjoint {
            factors[k].conj()
        } else {
            factors[k]
        };
        let v = vector(a, k, k);
        match left {
            true => {
                let columns = c.columns;
                from_left(&mut c, &v, factor, k, 0..columns);
            }
            false => {
                let rows = c.rows;
                from_right(&mut c, &v, factor, k, 0..rows);
            }
        }
    }
    c
}
