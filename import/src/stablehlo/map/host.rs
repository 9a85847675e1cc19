//! Operations that functions of the host compute: transforms, factorisations, and custom calls by name.

use super::control::SAME;
use super::value::Val;
use super::{Cx, Fault, exactly, lapack};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::Value;
use craneflow_ir::host::find;
use craneflow_ir::ops::CustomCall;

/// The results of a function of the host. `complex` is said by the operands.
pub fn call(cx: &mut Cx, target: &str, config: &str, x: &[&Val]) -> Result<Vec<Value>, Fault> {
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
pub fn vals(flat: &mut impl Iterator<Item = Value>, like: &Val) -> Result<Val, Fault> {
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
        "ApproxTopK" => super::sort::approx_top_k(cx, node, x),
        // Keeps what is computed for it from being removed, in XLA.
        "dce_sink" => Ok(vec![]),
        "Qr" => qr(cx, x),
        "tridiagonal_solve_perturbed_ffi" => lapack::tridiagonal_solve(cx, "perturb", x),
        "ProductOfElementaryHouseholderReflectors" => householder_product(cx, x),
        super::callback::TARGET => super::callback::call(cx, node, x),
        _ => match target
            .strip_prefix("lapack_")
            .and_then(|t| t.strip_suffix("_ffi"))
        {
            Some(name) if name.is_char_boundary(1) => lapack::call(cx, node, &name[1..], x),
            _ => Err(format!("no function is called {target}").into()),
        },
    }
}

pub fn qr(cx: &mut Cx, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a] = exactly(x)?;
    let mut flat = call(cx, "qr", "", &[a])?.into_iter();
    Ok(vec![vals(&mut flat, a)?, vals(&mut flat, a)?])
}

pub fn householder_product(cx: &mut Cx, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, factors] = exactly(x)?;
    let mut flat = call(cx, "householder_product", "", &[a, factors])?.into_iter();
    Ok(vec![vals(&mut flat, a)?])
}
