//! `sort`, and the greatest elements by it.

use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::tree::{Attr, Node, Region};
use craneflow_ir::ops::{Slice, Sort};
use craneflow_ir::{Builder, Graph, Type, Value};

pub fn sort(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let first = x.first().ok_or("an operand is missing")?;
    let rank = cx.dims(first)?.len() as i64;
    let axis = node.attr("dimension").and_then(Attr::int).unwrap_or(-1);
    let axis = if axis < 0 { axis + rank } else { axis };
    let axis = usize::try_from(axis).map_err(|_| "there is no such axis")?;
    sorted(cx, node.region(0)?, axis, node.flag("is_stable"), x)
}

/// The custom call `ApproxTopK`, exactly: the first of what is sorted by the comparator that it calls, as
/// many as its results have room for. Its operands are tensors and as many values that are not needed.
pub fn approx_top_k(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let config = node
        .attr("mhlo.backend_config")
        .or(node.attr("backend_config"));
    let axis = config
        .and_then(|c| c.entry("reduction_dim"))
        .and_then(Attr::int);
    let axis = axis
        .and_then(|a| usize::try_from(a).ok())
        .ok_or("entry reduction_dim is missing")?;
    let comparator = match node.attr("called_computations") {
        Some(Attr::List(list)) => list.first().and_then(|a| a.text()),
        _ => None,
    };
    let comparator = comparator.ok_or("it calls no comparator")?;
    let module = cx.module;
    let function = module.func(comparator);
    let function = function.ok_or_else(|| format!("there is no function {comparator}"))?;
    let x = &x[..x.len() / 2];
    let (_, dims) = cx.result(node, 0)?;
    let all = sorted(cx, &module.funcs[function].body, axis, true, x)?;
    let first = Slice {
        start: vec![0; dims.len()],
        stride: vec![1; dims.len()],
        limit: dims.to_vec(),
    };
    let cut = |val: &Val| val.each(|v| cx.push(first.clone(), &[v]));
    all.iter().map(cut).collect()
}

fn sorted(
    cx: &mut Cx,
    comparator: &Region,
    axis: usize,
    stable: bool,
    x: &[Val],
) -> Result<Vec<Val>, Fault> {
    let forms: Vec<Form> = x.iter().map(|v| cx.form(v)).collect();
    let pairs: Vec<Form> = forms.iter().flat_map(|f| [f.clone(), f.clone()]).collect();
    let comparator = cx.scalar_graph("comparator", comparator, &pairs)?;
    let comparator = match forms.iter().any(|f| matches!(f, Form::Complex(_))) {
        true => by_parts(&comparator, &forms),
        false => comparator,
    };
    let op = Sort {
        axis,
        stable,
        comparator: Box::new(comparator),
    };
    let flat: Vec<Value> = x.iter().flat_map(Val::flat).collect();
    let sorted = cx.b.push(op, &flat)?;
    Ok(super::reduce::values(&forms, sorted))
}

/// A comparator that takes the parts of complex numbers in pairs, where the given one takes numbers in
/// pairs.
fn by_parts(comparator: &Graph, forms: &[Form]) -> Graph {
    let mut b = Builder::new(&comparator.name);
    let mut args = vec![];
    for (i, form) in forms.iter().enumerate() {
        let mut sides = [vec![], vec![]];
        for (part, ty) in form.flat().iter().enumerate() {
            for (side, values) in sides.iter_mut().enumerate() {
                let name = format!("{}{i}_{part}", if side == 0 { "a" } else { "b" });
                values.push(b.input(&name, Type::scalar(ty.dtype)));
            }
        }
        args.extend(sides.concat());
    }
    for v in b.inline(comparator, &args) {
        b.output("before", v);
    }
    b.finish()
}
