//! Operations on elements.

use super::value::Val;
use super::{Cx, Fault, complex, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::native::Cmp;
use craneflow_ir::{CompareType, Op, Pointwise, Value};

/// `op` on real or complex operands.
pub fn apply(cx: &mut Cx, node: &Node, x: &[Val], op: Pointwise) -> Result<Vec<Val>, Fault> {
    if x.iter().any(|v| matches!(v, Val::Complex(..))) {
        return Ok(vec![complex::apply(cx, op, x)?]);
    }
    let x: Vec<Value> = x.iter().map(Val::real).collect::<Result<_, _>>()?;
    let y = match logistic(cx, op, &x) {
        Some(x) => cx.push(Pointwise::Logistic, &[x])?,
        None => cx.push(op, &x)?,
    };
    let (element, _) = cx.result(node, 0)?;
    Ok(vec![Val::Real(cx.narrowed(y, element)?)])
}

/// The argument of the logistic function, where a division is `1 / (1 + exp(-x))`: one division by a number that may
/// overflow less.
fn logistic(cx: &Cx, op: Pointwise, x: &[Value]) -> Option<Value> {
    let one = |v: Value| cx.known_splat(v).is_some_and(|c| c.to_f64() == 1.0);
    let args = |v: Value, op: Pointwise| {
        let node = cx.b.graph().def(v);
        (node.op == Op::Pointwise(op)).then_some(&node.operands[..])
    };
    if op != Pointwise::Divide || !cx.ty(x[0]).dtype.is_float() || !one(x[0]) {
        return None;
    }
    let power = match *args(x[1], Pointwise::Add)? {
        [a, b] if one(a) => b,
        [a, b] if one(b) => a,
        _ => return None,
    };
    let &[negative] = args(power, Pointwise::Exp)? else {
        return None;
    };
    args(negative, Pointwise::Negate)?.first().copied()
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
