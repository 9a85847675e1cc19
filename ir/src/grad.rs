//! Reverse-mode differentiation: a walk over the nodes of a graph from last to first that asks each
//! op for its `vjp` and adds up what reaches each value.
//!
//! Nodes it appends belong to the scope `<layer>/grad` of the forward node they come from.

mod softmax;

use crate::build::Builder;
use crate::error::GradError;
use crate::graph::{Graph, NodeId, Value};
use crate::ops::{Concatenate, Op};
use softmax::Softmax;

/// Appends the gradient of the scalar `y` with respect to each of `wrt`; zeros where `y` does not
/// depend on it. A value of `wrt` may be any float value of the graph, inputs or not; its gradient
/// counts every way in which `y` depends on it.
pub fn append_gradient(b: &mut Builder, y: Value, wrt: &[Value]) -> Result<Vec<Value>, GradError> {
    let ty = b.ty(y).clone();
    if !ty.dtype.is_float() || ty.rank() != 0 {
        return Err(GradError::NotScalar { found: ty });
    }
    let one = b.splat(&ty, 1.0);
    let grads = append_vjp(b, &[(y, one)], wrt)?;
    let or_zero = |(&x, g): (&Value, Option<Value>)| g.unwrap_or_else(|| b.like(x, 0.0));
    Ok(wrt.iter().zip(grads).map(or_zero).collect())
}

/// Appends the product of the transposed Jacobian with the given gradients of results: `seeds` pairs
/// each result with its gradient, of the same type. `None` for a value of `wrt` that none of them
/// depends on.
pub fn append_vjp(
    b: &mut Builder,
    seeds: &[(Value, Value)],
    wrt: &[Value],
) -> Result<Vec<Option<Value>>, GradError> {
    for &x in wrt {
        if !b.ty(x).dtype.is_float() {
            let found = b.ty(x).clone();
            return Err(GradError::NotFloat { found });
        }
    }
    let active = depends_on(b.graph(), wrt);
    let mut grads: Grads = vec![vec![]; active.len()];
    for &(y, dy) in seeds {
        accumulate(b, &mut grads, y, dy);
    }
    let defining = |&(y, _): &(Value, Value)| b.graph().values[y.0 as usize].node.0 + 1;
    let end = seeds.iter().map(defining).max().unwrap_or(0);
    for id in (0..end).rev().map(NodeId) {
        pull_back(b, id, wrt, &active, &mut grads)?;
    }
    Ok(wrt.iter().map(|&x| total(b, &mut grads, x)).collect())
}

/// The gradient pass: the graph with its outputs, followed by the gradient of output `output` with
/// respect to each of the inputs `wrt`, named `grad.<input>` (positions; they must exist).
pub fn gradient(graph: &Graph, output: usize, wrt: &[usize]) -> Result<Graph, GradError> {
    let y = graph.outputs[output].value;
    let values: Vec<Value> = wrt.iter().map(|&i| graph.inputs[i].value).collect();
    let mut b = Builder::resume(graph.clone());
    let grads = append_gradient(&mut b, y, &values)?;
    for (&i, g) in wrt.iter().zip(grads) {
        let mut name = format!("grad.{}", graph.inputs[i].name);
        while b.graph().outputs.iter().any(|o| o.name == name) {
            name.insert_str(0, "grad.");
        }
        b.output(&name, g);
    }
    Ok(b.finish())
}

/// The graph `(inputs.., gradients of the outputs in `of`..) -> gradients of the inputs in `wrt`,
/// which computes the forward values it needs again.
pub fn vjp_graph(graph: &Graph, of: &[usize], wrt: &[usize]) -> Result<Graph, GradError> {
    let mut b = Builder::new(&format!("{}.grad", graph.name));
    let mut inputs = vec![];
    for input in &graph.inputs {
        inputs.push(b.input(&input.name, graph.ty(input.value).clone()));
    }
    let mut gradients = vec![];
    for (i, &o) in of.iter().enumerate() {
        let ty = graph.ty(graph.outputs[o].value).clone();
        gradients.push(b.input(&format!("gradient.{i}"), ty));
    }
    let results = b.inline(graph, &inputs);
    let seeds: Vec<_> = of.iter().map(|&o| results[o]).zip(gradients).collect();
    let wrt: Vec<Value> = wrt.iter().map(|&i| inputs[i]).collect();
    let grads = append_vjp(&mut b, &seeds, &wrt)?;
    for (i, (&x, g)) in wrt.iter().zip(grads).enumerate() {
        let g = g.unwrap_or_else(|| b.like(x, 0.0));
        b.output(&format!("result.{i}"), g);
    }
    Ok(b.finish())
}

/// Which values depend on one of `wrt`, itself included.
fn depends_on(graph: &Graph, wrt: &[Value]) -> Vec<bool> {
    let mut active = vec![false; graph.values.len()];
    for x in wrt {
        active[x.0 as usize] = true;
    }
    for node in &graph.nodes {
        if node.operands.iter().any(|x| active[x.0 as usize]) {
            for y in &node.results {
                active[y.0 as usize] = true;
            }
        }
    }
    active
}

/// What reaches each value, to be added up.
type Grads = Vec<Vec<Value>>;

fn pull_back(
    b: &mut Builder,
    id: NodeId,
    wrt: &[Value],
    active: &[bool],
    grads: &mut Grads,
) -> Result<(), GradError> {
    let node = b.graph().node(id);
    let live = |y: &Value| active[y.0 as usize] && !grads[y.0 as usize].is_empty();
    if matches!(node.op, Op::Input(_)) || !node.results.iter().any(live) {
        return Ok(());
    }
    let node = node.clone();
    let scope = match b.graph().scope_name(node.scope) {
        "" => b.enter("grad"),
        layer => b.enter(&format!("{layer}/grad")),
    };
    let results = node.results.iter();
    let dy: Vec<Option<Value>> = results.map(|&y| total(b, grads, y)).collect();
    if let Some(softmax) = Softmax::of(b.graph(), &node)
        && !softmax.between.iter().any(|v| wrt.contains(v))
        && let [Some(dy)] = dy[..]
    {
        let dz = softmax.gradient(b, node.results[0], dy);
        accumulate(b, grads, softmax.z, dz);
        b.leave(scope);
        return Ok(());
    }
    let dx = node.op.rules().vjp(b, &node.operands, &node.results, &dy);
    for (x, dx) in node.operands.iter().zip(dx?) {
        if let Some(dx) = dx
            && active[x.0 as usize]
        {
            accumulate(b, grads, *x, dx);
        }
    }
    b.leave(scope);
    Ok(())
}

fn accumulate(b: &mut Builder, grads: &mut Grads, x: Value, dx: Value) {
    if !b.ty(x).dtype.is_float() {
        return;
    }
    assert_eq!(b.ty(x), b.ty(dx), "type of the gradient of %{}", x.0);
    grads[x.0 as usize].push(dx);
}

/// The sum of what has reached a value.
fn total(b: &mut Builder, grads: &mut Grads, x: Value) -> Option<Value> {
    let parts = std::mem::take(&mut grads[x.0 as usize]);
    let sum = match joined(b, &parts) {
        Some(whole) => whole,
        None => parts.into_iter().reduce(|sum, dx| b.add(sum, dx))?,
    };
    grads[x.0 as usize] = vec![sum];
    Some(sum)
}

/// The parts side by side, when each is something padded with zeros along one axis to a place of its own
/// and together they fill it: the gradient of a value that is cut into slices.
fn joined(b: &mut Builder, parts: &[Value]) -> Option<Value> {
    let (first, true) = (padded(b, *parts.first()?)?, parts.len() > 1) else {
        return None;
    };
    let mut places: Vec<Padded> = vec![first];
    for &part in &parts[1..] {
        places.push(padded(b, part)?);
    }
    places.sort_by_key(|p| p.from);
    let axis = places[0].axis;
    let mut end = 0;
    for p in &places {
        if p.axis != axis || p.from != end {
            return None;
        }
        end = p.to;
    }
    let full = end == b.shape(parts[0])[axis];
    let values: Vec<Value> = places.iter().map(|p| p.value).collect();
    full.then(|| b.op(Concatenate { axis }, &values))
}

/// A value padded with zeros along one axis, where it fills `from..to`.
struct Padded {
    value: Value,
    axis: usize,
    from: usize,
    to: usize,
}

fn padded(b: &Builder, v: Value) -> Option<Padded> {
    let node = b.graph().def(v);
    let Op::Pad(pad) = &node.op else { return None };
    let zero = match &b.graph().def(node.operands[1]).op {
        Op::Constant(c) => c.value.get(0).bits == 0,
        _ => false,
    };
    let plain = pad.interior.iter().all(|&i| i == 0)
        && pad.low.iter().chain(&pad.high).all(|&edge| edge >= 0);
    let grows = |axis: &usize| pad.low[*axis] + pad.high[*axis] > 0;
    let mut axes = (0..pad.low.len()).filter(grows);
    let (axis, None) = (axes.next()?, axes.next()) else {
        return None;
    };
    let value = node.operands[0];
    let from = pad.low[axis] as usize;
    let to = from + b.shape(value)[axis];
    (zero && plain).then_some(Padded {
        value,
        axis,
        from,
        to,
    })
}
