//! LAPACK's functions, as JAX calls them by name on a CPU.

use super::host::{call as on_host, householder_product, qr, vals};
use super::value::{Form, Val};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::Value;

/// An attribute of a call.
fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Attr> {
    let given = node
        .attr("mhlo.backend_config")
        .or(node.attr("backend_config"))?;
    given.entry(key)
}

/// A letter among the attributes.
fn letter(node: &Node, key: &str) -> Option<char> {
    let code = entry(node, key).and_then(Attr::int)?;
    u8::try_from(code).ok().map(char::from)
}

fn flag(node: &Node, key: &str) -> bool {
    entry(node, key).and_then(Attr::int) == Some(1)
}

/// The results of a function; what tells about failure is 0, for the results are no numbers then.
pub fn call(cx: &mut Cx, node: &Node, name: &str, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let a = x.first().ok_or("an operand is missing")?;
    let triangle = if letter(node, "uplo") == Some('U') {
        "upper"
    } else {
        "lower"
    };
    let mut results = match name {
        "geqrf" => return qr(cx, x),
        "geqp3" => return pivoted_qr(cx, x),
        "orgqr" | "ungqr" => return householder_product(cx, x),
        "ormqr" | "unmqr" => return multiply(cx, node, x),
        "trsm" => return trsm(cx, node, triangle, x),
        "potrf" => {
            let mut flat = on_host(cx, "cholesky", triangle, &[a])?.into_iter();
            vec![vals(&mut flat, a)?]
        }
        "getrf" => {
            let mut flat = on_host(cx, "lu", "base=1", &[a])?.into_iter();
            vec![
                vals(&mut flat, a)?,
                Val::Real(flat.next().ok_or("no pivots")?),
            ]
        }
        "syevd" | "heevd" => {
            let mut flat = on_host(cx, "eigh", triangle, &[a])?.into_iter();
            vec![
                vals(&mut flat, a)?,
                Val::Real(flat.next().ok_or("no values")?),
            ]
        }
        "gehrd" => {
            let mut flat = on_host(cx, "hessenberg", "", &[a])?.into_iter();
            vec![vals(&mut flat, a)?, vals(&mut flat, a)?]
        }
        "sytrd" | "hetrd" => {
            let mut flat = on_host(cx, "tridiagonal", triangle, &[a])?.into_iter();
            let reduced = vals(&mut flat, a)?;
            let mut real = || {
                flat.next()
                    .map(Val::Real)
                    .ok_or("the function returns too little")
            };
            let (diagonal, beside) = (real()?, real()?);
            vec![reduced, diagonal, beside, vals(&mut flat, a)?]
        }
        "gees" => {
            let mut flat = on_host(cx, "schur", "", &[a])?.into_iter();
            let mut results = vec![vals(&mut flat, a)?, vals(&mut flat, a)?];
            // Eigenvalues and how many were selected: JAX reads neither.
            for i in 2..node.results.len().saturating_sub(1) {
                results.push(zeros(cx, node, i)?);
            }
            results
        }
        "gtsv" => {
            let solved = tridiagonal_solve(cx, "", x)?;
            [&x[..x.len() - 1], &solved].concat()
        }
        "gesdd" | "gesvd" => {
            let full = if letter(node, "mode") == Some('A') {
                "full"
            } else {
                ""
            };
            let mut flat = on_host(cx, "svd", full, &[a])?.into_iter();
            let values = Val::Real(flat.next().ok_or("no values")?);
            let (u, v) = (vals(&mut flat, a)?, vals(&mut flat, a)?);
            match letter(node, "mode") {
                Some('N') => vec![a.clone(), values, zeros(cx, node, 2)?, zeros(cx, node, 3)?],
                _ => vec![a.clone(), values, u, v],
            }
        }
        "geev" => geev(cx, node, a)?,
        _ => return Err(format!("LAPACK's {name} is not supported").into()),
    };
    results.push(zeros(cx, node, node.results.len().saturating_sub(1))?);
    Ok(results)
}

/// Zeros of the type that result `i` is declared as.
fn zeros(cx: &mut Cx, node: &Node, i: usize) -> Result<Val, Fault> {
    let id = node.results.get(i).ok_or("a result is missing")?;
    let form = Form::of(cx.module.ty(*id))?;
    let flat: Vec<Value> = form.flat().iter().map(|ty| cx.b.splat(ty, 0.0)).collect();
    Ok(form.val(&mut flat.into_iter()))
}

fn trsm(cx: &mut Cx, node: &Node, triangle: &str, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, b] = exactly(x)?;
    let mut config = triangle.to_string();
    let words = [
        ("side", 'L', " left"),
        ("diag", 'U', " unit"),
        ("trans_x", 'T', " transpose"),
        ("trans_x", 'C', " adjoint"),
    ];
    for (key, value, word) in words {
        if letter(node, key) == Some(value) {
            config += word;
        }
    }
    let flat = on_host(cx, "triangular_solve", &config, &[a, b])?;
    Ok(vec![vals(&mut flat.into_iter(), b)?])
}

fn geev(cx: &mut Cx, node: &Node, a: &Val) -> Result<Vec<Val>, Fault> {
    let asked = [("compute_left", "left"), ("compute_right", "right")];
    let sides: Vec<&str> = asked
        .iter()
        .filter(|s| letter(node, s.0) == Some('V'))
        .map(|s| s.1)
        .collect();
    let mut flat = on_host(cx, "eig", &sides.join(" "), &[a])?.into_iter();
    let mut next = || flat.next().ok_or("the function returns too little");
    let mut results = match a {
        Val::Complex(..) => vec![Val::Complex(next()?, next()?)],
        _ => vec![Val::Real(next()?), Val::Real(next()?)],
    };
    for (_, side) in asked {
        let i = results.len();
        results.push(match sides.contains(&side) {
            true => Val::Complex(next()?, next()?),
            false => zeros(cx, node, i)?,
        });
    }
    Ok(results)
}

fn pivoted_qr(cx: &mut Cx, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, order] = exactly(x)?;
    let mut flat = on_host(cx, "pivoted_qr", "", &[a, order])?.into_iter();
    let reduced = vals(&mut flat, a)?;
    let order = vals(&mut flat, order)?;
    Ok(vec![reduced, order, vals(&mut flat, a)?])
}

fn multiply(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, factors, c] = exactly(x)?;
    let mut config = String::new();
    for (key, word) in [("left", "left "), ("transpose", "adjoint ")] {
        if flag(node, key) {
            config += word;
        }
    }
    let mut flat = on_host(cx, "householder_multiply", &config, &[a, factors, c])?.into_iter();
    Ok(vec![vals(&mut flat, c)?])
}

/// The solution of a tridiagonal system.
pub fn tridiagonal_solve(cx: &mut Cx, config: &str, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [below, diagonal, above, b] = exactly(x)?;
    let operands = [below, diagonal, above, b];
    let mut flat = on_host(cx, "tridiagonal_solve", config, &operands)?.into_iter();
    Ok(vec![vals(&mut flat, b)?])
}
