//! Factorisations by what their results multiply to, over real and complex batches of several sizes.

mod common;

use common::{Matrix, call, close, identity, matrices, random, real};
use craneflow_ir::{Array, DType, Type};

const SIZES: [usize; 6] = [0, 1, 2, 3, 6, 17];

/// Each matrix of a batch, real and complex, of every size.
fn squares(check: impl Fn(&[Array], bool, usize)) {
    for n in SIZES {
        for complex in [false, true] {
            check(&random(&[2, n, n], complex, n as u64), complex, n);
        }
    }
}

fn config(words: &str, complex: bool) -> String {
    format!("{words}{}", if complex { " complex" } else { "" })
}

#[test]
fn schur_forms_are_triangular_and_similar() {
    squares(|a, complex, n| {
        let found = call("schur", &config("", complex), a);
        let (t, z) = found.split_at(a.len());
        for ((a, t), z) in matrices(a).iter().zip(matrices(t)).zip(matrices(z)) {
            close(&(&(&z * &t) * &z.adjoint()), a, 1e-12);
            close(&(&z.adjoint() * &z), &identity(n), 1e-13);
            for i in 2..n {
                (0..i - 1).for_each(|j| assert_eq!(t.at(i, j).norm(), 0.0));
            }
            for i in 1..n {
                let below = t.at(i, i - 1);
                if complex {
                    assert_eq!(below.norm(), 0.0);
                } else if below.re != 0.0 {
                    assert_eq!(t.at(i, i), t.at(i - 1, i - 1), "diagonal of a pair");
                    assert!(
                        below.re * t.at(i - 1, i).re < 0.0,
                        "a pair of complex numbers"
                    );
                }
            }
        }
    });
}

#[test]
fn eigenvectors_are_those_of_their_eigenvalues() {
    squares(|a, complex, n| {
        let found = call("eig", &config("left right", complex), a);
        let (w, left, right) = (matrices_of_rows(&found[..2]), &found[2..4], &found[4..]);
        let all = matrices(a)
            .into_iter()
            .zip(w)
            .zip(matrices(left))
            .zip(matrices(right));
        for (((a, w), left), right) in all {
            let scaled = Matrix::new(n, n, |i, j| right.at(i, j) * w.at(0, j));
            close(&(&a * &right), &scaled, 1e-11);
            let scaled = Matrix::new(n, n, |i, j| left.at(j, i).conj() * w.at(0, i));
            close(&(&left.adjoint() * &a), &scaled, 1e-11);
            for v in [&left, &right] {
                for j in 0..n {
                    let length: f64 = (0..n).map(|i| v.at(i, j).norm_sqr()).sum();
                    assert!((length - 1.0).abs() < 1e-12, "length {length}");
                }
            }
        }
    });
}

fn matrices_of_rows(x: &[Array]) -> Vec<Matrix> {
    let rows = |a: &Array| {
        let shape = &a.ty.shape;
        a.reshaped(a.ty.with_shape([shape[0], 1, shape[1]]))
    };
    matrices(&x.iter().map(rows).collect::<Vec<_>>())
}

#[test]
fn rotations_have_exact_pairs_of_eigenvalues() {
    let a = real(&[1, 2, 2], &[3.0, -2.0, 2.0, 3.0]);
    let w = call("eig", "", &[a]);
    assert_eq!(w[0].to_f64(), [3.0, 3.0]);
    let im = w[1].to_f64();
    assert!((im[0] - 2.0).abs() < 1e-15 && im[1] == -im[0], "{im:?}");
}

#[test]
fn what_is_no_number_has_no_schur_form() {
    let a = real(&[1, 2, 2], &[1.0, f64::NAN, 0.0, 1.0]);
    for x in call("schur", "", &[a]) {
        assert!(x.to_f64().iter().all(|v| v.is_nan()));
    }
}

/// The product of reflections that are left below the diagonal `below` rows down.
fn product(a: &Matrix, factors: &Matrix, below: usize) -> Matrix {
    let mut q = identity(a.rows);
    for k in 0..factors.columns {
        let v = Matrix::new(a.rows, 1, |i, _| match i.cmp(&(k + below)) {
            std::cmp::Ordering::Less => 0.0.into(),
            std::cmp::Ordering::Equal => 1.0.into(),
            std::cmp::Ordering::Greater => a.at(i, k),
        });
        let outer = &v * &v.adjoint();
        let h = Matrix::new(a.rows, a.rows, |i, j| {
            identity(a.rows).at(i, j) - factors.at(0, k) * outer.at(i, j)
        });
        q = &q * &h;
    }
    q
}

#[test]
fn hessenberg_forms_are_similar() {
    squares(|a, complex, n| {
        let found = call("hessenberg", &config("", complex), a);
        let (h, factors) = found.split_at(a.len());
        let all = matrices(a)
            .into_iter()
            .zip(matrices(h))
            .zip(matrices_of_rows(factors));
        for ((a, h), factors) in all {
            let q = product(&h, &factors, 1);
            let upper = |i: usize, j: usize| if i <= j + 1 { h.at(i, j) } else { 0.0.into() };
            close(
                &(&(&q * &Matrix::new(n, n, upper)) * &q.adjoint()),
                &a,
                1e-12,
            );
        }
    });
}

#[test]
fn tridiagonal_forms_are_similar() {
    squares(|a, complex, n| {
        let found = call("tridiagonal", &config("lower", complex), a);
        let wide = a.len();
        let rows = |x: &[Array]| matrices_of_rows(x);
        let (r, d, e) = (
            matrices(&found[..wide]),
            rows(&found[wide..=wide]),
            rows(&found[wide + 1..wide + 2]),
        );
        let factors = rows(&found[wide + 2..]);
        for (b, a) in matrices(a).iter().enumerate() {
            let hermitian = Matrix::new(n, n, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Greater => a.at(i, j),
                std::cmp::Ordering::Equal => a.at(i, i).re.into(),
                std::cmp::Ordering::Less => a.at(j, i).conj(),
            });
            let t = Matrix::new(n, n, |i, j| match i.abs_diff(j) {
                0 => d[b].at(0, i),
                1 => e[b].at(0, i.min(j)),
                _ => 0.0.into(),
            });
            let q = product(&r[b], &factors[b], 1);
            close(&(&(&q * &t) * &q.adjoint()), &hermitian, 1e-12);
        }
        // The upper triangle is that of the matrix with rows and columns in reverse.
        let turn = |x: &Array| {
            let flat = x.to_f64();
            let size = (n * n).max(1);
            let at = |i: usize| flat[i / size * size + size - 1 - i % size];
            Array::from_f64(x.ty.clone(), &(0..flat.len()).map(at).collect::<Vec<_>>())
        };
        let turned: Vec<Array> = a.iter().map(turn).collect();
        let upper = call("tridiagonal", &config("upper", complex), &turned);
        let back = matrices_of_rows(&upper[wide..=wide]);
        for (b, back) in back.iter().enumerate() {
            close(
                back,
                &Matrix::new(1, n, |_, j| d[b].at(0, n - 1 - j)),
                1e-12,
            );
        }
    });
}

#[test]
fn pivoted_factors_are_those_of_the_columns_in_order() {
    for (rows, columns) in [(5, 3), (3, 5), (4, 4), (0, 2)] {
        for complex in [false, true] {
            let mut x = random(&[2, rows, columns], complex, 7);
            let mut fixed = vec![0.0; columns];
            fixed[columns - 1] = 1.0;
            let order = Array::from_f64(Type::new(DType::I32, [2, columns]), &fixed.repeat(2));
            let a = matrices(&x);
            x.push(order);
            let found = call("pivoted_qr", &config("", complex), &x);
            let wide = 1 + complex as usize;
            let (r, factors) = (
                matrices(&found[..wide]),
                matrices_of_rows(&found[wide + 1..]),
            );
            let order = found[wide].to_f64();
            for b in 0..2 {
                let order = &order[b * columns..(b + 1) * columns];
                assert_eq!(order[0] as usize, columns, "the fixed column is first");
                let q = product(&r[b], &factors[b], 0);
                let upper = Matrix::new(rows, columns, |i, j| {
                    if i <= j { r[b].at(i, j) } else { 0.0.into() }
                });
                let sorted = Matrix::new(rows, columns, |i, j| a[b].at(i, order[j] as usize - 1));
                close(&(&q * &upper), &sorted, 1e-13);
                for k in 2..rows.min(columns) {
                    let (above, here) = (upper.at(k - 1, k - 1).norm(), upper.at(k, k).norm());
                    assert!(here <= above * (1.0 + 1e-12), "pivots get smaller");
                }
            }
        }
    }
}

#[test]
fn products_with_reflections_are_those_of_their_matrix() {
    for complex in [false, true] {
        let wide = 1 + complex as usize;
        let qr = call("qr", &config("", complex), &random(&[1, 5, 3], complex, 3));
        let (r, factors) = qr.split_at(wide);
        let q = product(&matrices(r)[0], &matrices_of_rows(factors)[0], 0);
        for (words, shape) in [("left", [1, 5, 2]), ("", [1, 2, 5])] {
            for adjoint in ["", " adjoint"] {
                let c = random(&shape, complex, 4);
                let x = [r, factors, &c].concat();
                let found = call(
                    "householder_multiply",
                    &config(&format!("{words}{adjoint}"), complex),
                    &x,
                );
                let q = if adjoint.is_empty() {
                    q.clone()
                } else {
                    q.adjoint()
                };
                let c = &matrices(&c)[0];
                let expected = if words == "left" { &q * c } else { c * &q };
                close(&matrices(&found)[0], &expected, 1e-13);
            }
        }
    }
}

#[test]
fn tridiagonal_systems_are_solved() {
    for n in SIZES {
        for complex in [false, true] {
            let bands: Vec<Vec<Array>> = (0..3).map(|i| random(&[2, n], complex, i)).collect();
            let b = random(&[2, n, 3], complex, 9);
            let x = [bands.concat(), b.clone()].concat();
            let found = matrices(&call("tridiagonal_solve", &config("", complex), &x));
            let bands: Vec<Vec<Matrix>> = bands.iter().map(|band| matrices_of_rows(band)).collect();
            for (k, b) in matrices(&b).iter().enumerate() {
                let t = Matrix::new(n, n, |i, j| match (i + 1).wrapping_sub(j) {
                    2 => bands[0][k].at(0, i),
                    1 => bands[1][k].at(0, i),
                    0 => bands[2][k].at(0, i),
                    _ => 0.0.into(),
                });
                close(&(&t * &found[k]), b, 1e-10);
            }
        }
    }
    // Without swapping rows, the first pivot would be 0.
    let bands = [[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]].map(|b| real(&[1, 2], &b));
    let x = [bands.to_vec(), vec![real(&[1, 2, 1], &[6.0, 5.0])]].concat();
    assert_eq!(call("tridiagonal_solve", "", &x)[0].to_f64(), [5.0, 3.0]);
    // Singular, and still without infinities.
    let bands = [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]].map(|b| real(&[1, 2], &b));
    let x = [bands.to_vec(), vec![real(&[1, 2, 1], &[1.0, 1.0])]].concat();
    assert!(
        call("tridiagonal_solve", "perturb", &x)[0]
            .to_f64()
            .iter()
            .all(|v| v.is_finite())
    );
}

#[test]
fn operands_that_do_not_fit_are_errors() {
    let ty = |shape: &[usize]| Type::new(DType::F64, shape);
    let wrong: [(&str, Vec<Type>); 7] = [
        ("schur", vec![ty(&[2, 3])]),
        ("eig", vec![ty(&[4])]),
        ("hessenberg", vec![ty(&[2, 3])]),
        ("tridiagonal", vec![ty(&[3, 2])]),
        ("pivoted_qr", vec![ty(&[3, 2]), ty(&[2])]),
        (
            "householder_multiply",
            vec![ty(&[3, 2]), ty(&[2]), ty(&[2, 2])],
        ),
        (
            "tridiagonal_solve",
            vec![ty(&[3]), ty(&[3]), ty(&[2]), ty(&[3, 1])],
        ),
    ];
    craneflow_host::install();
    for (name, types) in wrong {
        let function = craneflow_ir::host::find(name).expect(name);
        assert!((function.infer)("", &types).is_err(), "{name}");
        assert!((function.infer)("complex", &types).is_err(), "{name}");
        assert!((function.infer)("", &[]).is_err(), "{name}");
    }
}
