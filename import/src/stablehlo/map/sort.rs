//! `sort`.

use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::ops::Sort;
use craneflow_ir::{Builder, Graph, Type, Value};

pub fn sort(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let first = x.first().ok_or("an operand is missing")?;
    let rank = cx.dims(first)?.len() as i64;
    let axis = node.attr("dimension").and_then(Attr::int).unwrap_or(-1);
    let axis = if axis < 0 { axis + rank } else { axis };
    let axis = usize::try_from(axis).map_err(|_| "there is no such axis")?;
    let forms: Vec<Form> = x.iter().map(|v| cx.form(v)).collect();
    let pairs: Vec<Form> = forms.iter().flat_map(|f| [f.clone(), f.clone()]).collect();
    let comparator = cx.scalar_graph("comparator", node.region(0)?, &pairs)?;
    let comparator = match forms.iter().any(|f| matches!(f, Form::Complex(_))) {
        true => by_parts(&comparator, &forms),
        false => comparator,
    };
    let op = Sort {
        axis,
        stable: node.flag("is_stable"),
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
