//! `map`: a region over scalars, on every element.

use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::tree::Node;
use craneflow_ir::{Builder, Graph, Op, Shape, Value};

pub fn map(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let forms: Vec<Form> = x.iter().map(|v| cx.form(v)).collect();
    let body = cx.scalar_graph("body", node.region(0)?, &forms)?;
    let (element, dims) = cx.result(node, 0)?;
    let args: Vec<Value> = x.iter().flat_map(Val::flat).collect();
    if args.iter().any(|&v| *cx.ty(v).shape != *dims) {
        return Err("takes tensors of the shape of its result".into());
    }
    let flat = lifted(&mut cx.b, &body, &args, &dims.into())?;
    match (element.part(), &flat[..]) {
        (None, &[v]) => Ok(vec![Val::Real(v)]),
        (Some(_), &[re, im]) => Ok(vec![Val::Complex(re, im)]),
        _ => Err("its region returns one value".into()),
    }
}

/// What a graph over scalars returns for every element of `args`, tensors of this shape.
pub fn lifted(
    b: &mut Builder,
    body: &Graph,
    args: &[Value],
    shape: &Shape,
) -> Result<Vec<Value>, Fault> {
    let mut map = vec![Value::default(); body.values.len()];
    for node in &body.nodes {
        let operands: Vec<Value> = node.operands.iter().map(|x| map[x.0 as usize]).collect();
        let scalars = node.results.iter().all(|&v| body.ty(v).rank() == 0);
        let value = match (&node.op, &operands[..]) {
            (Op::Input(input), _) => args[input.index],
            (Op::Constant(_), _) if scalars => {
                let scalar = b.push1(node.op.clone(), &[])?;
                b.broadcast(scalar, &[], shape)
            }
            (Op::Pointwise(_) | Op::BitcastConvert(_), _) if scalars => {
                b.push1(node.op.clone(), &operands)?
            }
            (Op::BroadcastInDim(_) | Op::Reshape(_), &[x]) if scalars => x,
            (op, _) => return Err(format!("its region has {}", op.name()).into()),
        };
        map[node.results[0].0 as usize] = value;
    }
    Ok(body
        .outputs
        .iter()
        .map(|o| map[o.value.0 as usize])
        .collect())
}
