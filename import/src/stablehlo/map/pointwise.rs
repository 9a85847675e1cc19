//! Operations on elements.

use super::value::Val;
use super::{Cx, Fault, complex, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::native::Cmp;
use craneflow_ir::{CompareType, Pointwise, Value};

/// `op` on real or complex operands.
pub fn apply(cx: &mut Cx, node: &Node, x: &[Val], op: Pointwise) -> Result<Vec<Val>, Fault> {
    if x.iter().any(|v| matches!(v, Val::Complex(..))) {
        return Ok(vec![complex::apply(cx, op, x)?]);
    }
    let x: Vec<Value> = x.iter().map(Val::real).collect::<Result<_, _>>()?;
    let y = cx.push(op, &x)?;
    let (element, _) = cx.result(node, 0)?;
    Ok(vec![Val::Real(cx.narrowed(y, element)?)])
}

/// A rank-0 tensor as one of the shape of `like`.
fn spread(cx: &mut Cx, v: Value, like: Value) -> Value {
    match cx.ty(v).rank() {
        0 => {
            let shape = cx.ty(like).shape.clone();
            cx.b.broadcast(v, &[], &shape)
        }
        _ => v,
    }
}

pub fn compare(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, b] = exactly(x)?;
    let direction = node.text("comparison_direction")?;
    let cmp = Cmp::from_name(&direction.to_ascii_lowercase());
    let cmp = cmp.ok_or_else(|| format!("there is no direction {direction}"))?;
    if let (Val::Complex(..), Val::Complex(..)) = (a, b) {
        let parts = a
            .both(b, |a, b| cx.push(Pointwise::compare(cmp), &[a, b]))?
            .flat();
        let joined = match cmp {
            Cmp::Eq => cx.b.and(parts[0], parts[1]),
            Cmp::Ne => cx.b.or(parts[0], parts[1]),
            _ => return Err("complex numbers have no order".into()),
        };
        return Ok(vec![Val::Real(joined)]);
    }
    let (a, b) = (a.real()?, b.real()?);
    let total = node.attr("compare_type").and_then(|a| a.text()) == Some("TOTALORDER");
    let kind = match total && cx.ty(a).dtype.is_float() {
        true => CompareType::TotalOrder,
        false => CompareType::Normal,
    };
    Ok(vec![Val::Real(
        cx.push(Pointwise::Compare(cmp, kind), &[a, b])?,
    )])
}

pub fn select(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [pred, a, b] = exactly(x)?;
    let pred = pred.real()?;
    let picked = a.both(b, |a, b| {
        let pred = spread(cx, pred, a);
        cx.push(Pointwise::Select, &[pred, a, b])
    })?;
    Ok(vec![picked])
}

pub fn clamp(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [low, x, high] = exactly(x)?;
    let (low, x, high) = (low.real()?, x.real()?, high.real()?);
    let (low, high) = (spread(cx, low, x), spread(cx, high, x));
    Ok(vec![Val::Real(cx.push(Pointwise::Clamp, &[low, x, high])?)])
}

pub fn real(_: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    match exactly(x)? {
        [Val::Complex(re, _)] => Ok(vec![Val::Real(*re)]),
        [other] => Ok(vec![Val::Real(other.real()?)]),
    }
}

pub fn imag(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    match exactly(x)? {
        [Val::Complex(_, im)] => Ok(vec![Val::Real(*im)]),
        [other] => {
            let v = other.real()?;
            Ok(vec![Val::Real(cx.like(v, 0.0))])
        }
    }
}

pub fn complex(_: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [re, im] = exactly(x)?;
    Ok(vec![Val::Complex(re.real()?, im.real()?)])
}
