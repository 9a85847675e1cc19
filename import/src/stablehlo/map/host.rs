//! Operations that functions of the host compute: transforms, factorisations, and custom calls by name.

use super::control::SAME;
use super::value::{Form, Val};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::Value;
use craneflow_ir::host::find;
use craneflow_ir::ops::CustomCall;

/// The results of a function of the host. `complex` is said by the operands.
fn call(cx: &mut Cx, target: &str, config: &str, x: &[&Val]) -> Result<Vec<Value>, Fault> {
    let complex = x.iter().any(|v| matches!(v, Val::Complex(..)));
    let config = match complex {
        true => format!("{config} complex"),
        false => config.to_string(),
    };
    let operands: Vec<Value> = x.iter().flat_map(|v| v.flat()).collect();
    let types: Vec<_> = operands.iter().map(|&v| cx.ty(v).clone()).collect();
    let function = find(target).ok_or_else(|| format!("the host has no function {target}"))?;
    let op = CustomCall {
        target: target.to_string(),
        results: (function.infer)(&config, &types)?,
        config,
    };
    Ok(cx.b.push(op, &operands)?)
}

/// Values made up of the first of `flat`, complex like `like` or real.
fn vals(flat: &mut impl Iterator<Item = Value>, like: &Val) -> Result<Val, Fault> {
    let mut next = || flat.next().ok_or("the function returns too little");
    Ok(match like {
        Val::Complex(..) => Val::Complex(next()?, next()?),
        _ => Val::Real(next()?),
    })
}

pub fn fft(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let lengths = node.axes("fft_length")?;
    let axes = lengths.len();
    if axes == 0 {
        return Ok(vec![x.clone()]);
    }
    let kind = match node.text("fft_type")? {
        "FFT" => "forward",
        "IFFT" => "inverse",
        "RFFT" => "real",
        "IRFFT" => "half",
        other => return Err(format!("there is no transform {other}").into()),
    };
    let mut config = format!("{kind} axes={axes}");
    if kind == "half" {
        config += &format!(" length={}", lengths[axes - 1]);
    }
    let flat = call(cx, "fft", &config, &[x])?;
    Ok(vec![match flat[..] {
        [re, im] => Val::Complex(re, im),
        _ => Val::Real(flat[0]),
    }])
}

pub fn cholesky(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a] = exactly(x)?;
    let config = if node.flag("lower") { "lower" } else { "upper" };
    let flat = call(cx, "cholesky", config, &[a])?;
    Ok(vec![vals(&mut flat.into_iter(), a)?])
}

pub fn triangular_solve(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, b] = exactly(x)?;
    let mut words = vec![];
    let flags = [
        ("left_side", "left"),
        ("lower", "lower"),
        ("unit_diagonal", "unit"),
    ];
    words.extend(flags.iter().filter(|f| node.flag(f.0)).map(|f| f.1));
    match node.attr("transpose_a").and_then(Attr::text) {
        Some("TRANSPOSE") => words.push("transpose"),
        Some("ADJOINT") => words.push("adjoint"),
        _ => {}
    }
    let flat = call(cx, "triangular_solve", &words.join(" "), &[a, b])?;
    Ok(vec![vals(&mut flat.into_iter(), b)?])
}

pub fn custom_call(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let target = node.text("call_target_name")?;
    match target {
        "Sharding"
        | "SPMDFullToShardShape"
        | "SPMDShardToFullShape"
        | "LayoutConstraint"
        | "annotate_device_placement" => SAME(cx, node, x),
        "Qr" => qr(cx, x),
        "ProductOfElementaryHouseholderReflectors" => householder_product(cx, x),
        _ => match target
            .strip_prefix("lapack_")
            .and_then(|t| t.strip_suffix("_ffi"))
        {
            Some(name) if name.is_char_boundary(1) => lapack(cx, node, &name[1..], x),
            _ => Err(format!("no function is called {target}").into()),
        },
    }
}

fn qr(cx: &mut Cx, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a] = exactly(x)?;
    let mut flat = call(cx, "qr", "", &[a])?.into_iter();
    Ok(vec![vals(&mut flat, a)?, vals(&mut flat, a)?])
}

fn householder_product(cx: &mut Cx, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, factors] = exactly(x)?;
    let mut flat = call(cx, "householder_product", "", &[a, factors])?.into_iter();
    Ok(vec![vals(&mut flat, a)?])
}

/// A letter among the attributes of a LAPACK call.
fn letter(node: &Node, key: &str) -> Option<char> {
    let given = node
        .attr("mhlo.backend_config")
        .or(node.attr("backend_config"))?;
    let code = given.entry(key).and_then(Attr::int)?;
    u8::try_from(code).ok().map(char::from)
}

/// LAPACK's functions as JAX calls them on a CPU; what tells about failure is 0, for the results are
/// no numbers then.
fn lapack(cx: &mut Cx, node: &Node, name: &str, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let a = x.first().ok_or("an operand is missing")?;
    let triangle = if letter(node, "uplo") == Some('U') {
        "upper"
    } else {
        "lower"
    };
    let mut results = match name {
        "geqrf" => return qr(cx, x),
        "orgqr" | "ungqr" => return householder_product(cx, x),
        "trsm" => return trsm(cx, node, triangle, x),
        "potrf" => {
            let mut flat = call(cx, "cholesky", triangle, &[a])?.into_iter();
            vec![vals(&mut flat, a)?]
        }
        "getrf" => {
            let mut flat = call(cx, "lu", "base=1", &[a])?.into_iter();
            vec![
                vals(&mut flat, a)?,
                Val::Real(flat.next().ok_or("no pivots")?),
            ]
        }
        "syevd" | "heevd" => {
            let mut flat = call(cx, "eigh", triangle, &[a])?.into_iter();
            vec![
                vals(&mut flat, a)?,
                Val::Real(flat.next().ok_or("no values")?),
            ]
        }
        "gesdd" => {
            let full = if letter(node, "mode") == Some('A') {
                "full"
            } else {
                ""
            };
            let mut flat = call(cx, "svd", full, &[a])?.into_iter();
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
    let flat = call(cx, "triangular_solve", &config, &[a, b])?;
    Ok(vec![vals(&mut flat.into_iter(), b)?])
}

fn geev(cx: &mut Cx, node: &Node, a: &Val) -> Result<Vec<Val>, Fault> {
    if letter(node, "compute_left") == Some('V') {
        return Err("left eigenvectors are not supported".into());
    }
    let flat = call(cx, "eig", "", &[a])?;
    let [re, im, vectors_re, vectors_im] = flat[..] else {
        return Err("the function returns too little".into());
    };
    let vectors = Val::Complex(vectors_re, vectors_im);
    Ok(match a {
        Val::Complex(..) => vec![Val::Complex(re, im), zeros(cx, node, 1)?, vectors],
        _ => vec![Val::Real(re), Val::Real(im), zeros(cx, node, 2)?, vectors],
    })
}
