//! `gather` and `scatter`.

use super::region::{named_reducers, takes_second};
use super::value::{Form, Val};
use super::{Cx, Fault, exactly, scatter_each};
use crate::stablehlo::tree::Node;
use craneflow_ir::native::{Cmp, Scalar};
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::{Gather, Scatter};
use craneflow_ir::{Array, Pointwise, Type, Value};

pub fn gather(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, indices] = exactly(x)?;
    gathered(cx, node, x, indices, node.axes("slice_sizes")?)
}

/// A gather of slices of these sizes.
pub fn gathered(
    cx: &mut Cx,
    node: &Node,
    x: &Val,
    indices: &Val,
    slice_sizes: Vec<usize>,
) -> Result<Vec<Val>, Fault> {
    let indices = indices.real()?;
    let op = Gather {
        offset_dims: node.axes("offset_dims")?,
        collapsed_slice_dims: node.axes("collapsed_slice_dims")?,
        operand_batching_dims: node.axes("operand_batching_dims")?,
        start_indices_batching_dims: node.axes("start_indices_batching_dims")?,
        start_index_map: node.axes("start_index_map")?,
        index_vector_dim: node.size_or("index_vector_dim", 0)?,
        slice_sizes,
    };
    Ok(vec![x.each(|v| cx.push(op.clone(), &[v, indices]))?])
}

pub fn scatter(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    if x.len() < 3 || x.len().is_multiple_of(2) {
        return Err("takes tensors, indices and as many updates".into());
    }
    let n = x.len() / 2;
    let (tensors, updates) = (&x[..n], &x[n + 1..]);
    let forms: Vec<Form> = tensors.iter().map(|v| cx.form(v)).collect();
    let args = [forms.as_slice(), &forms].concat();
    let body = cx.scalar_graph("body", node.region(0)?, &args)?;
    let flat = |vals: &[Val]| vals.iter().flat_map(Val::flat).collect::<Vec<Value>>();
    let (tensors, updates) = (flat(tensors), flat(updates));
    if body.outputs.len() != tensors.len() || updates.len() != tensors.len() {
        return Err("takes as many updates as tensors".into());
    }
    let op = Scatter {
        update: None,
        update_window_dims: node.axes("update_window_dims")?,
        inserted_window_dims: node.axes("inserted_window_dims")?,
        input_batching_dims: node.axes("input_batching_dims")?,
        scatter_indices_batching_dims: node.axes("scatter_indices_batching_dims")?,
        scatter_dims_to_operand_dims: node.axes("scatter_dims_to_operand_dims")?,
        index_vector_dim: node.size_or("index_vector_dim", 0)?,
    };
    let indices = x[n].real()?;
    let kinds: Vec<Option<Reducer>> = match named_reducers(&body) {
        Some(kinds) => kinds.into_iter().map(Some).collect(),
        None if replaces(&body) => vec![None; tensors.len()],
        None if tensors.len() == 1 => vec![Some(Reducer::Body(Box::new(body)))],
        None => {
            let results = scatter_each::scatter(cx, &op, &tensors, indices, &updates, &body)?;
            return Ok(super::reduce::values(&forms, results));
        }
    };
    let indices = whole_windows(cx, &op, tensors[0], indices, updates[0])?;
    let mut results = vec![];
    for (kind, (&v, &u)) in kinds.into_iter().zip(tensors.iter().zip(&updates)) {
        let op = Scatter {
            update: kind,
            ..op.clone()
        };
        results.push(cx.push(op, &[v, indices, u])?);
    }
    Ok(super::reduce::values(&forms, results))
}

/// Whether every result of a body is the update.
fn replaces(body: &craneflow_ir::Graph) -> bool {
    let n = body.outputs.len();
    takes_second(body)
        || (body.inputs.len() == 2 * n
            && (0..n).all(|i| body.outputs[i].value == body.inputs[n + i].value))
}

/// Indices in which those of windows that are not wholly inside are far outside: such updates are
/// left out as a whole. A window of one element is outside or inside anyway.
fn whole_windows(
    cx: &mut Cx,
    op: &Scatter,
    x: Value,
    indices: Value,
    updates: Value,
) -> Result<Value, Fault> {
    let types = [x, indices, updates].map(|v| cx.ty(v).clone());
    craneflow_ir::Rules::infer(op, &types)?;
    let [x, ty, _] = &types;
    let window = op.window(x.rank(), &types[2]);
    let axes = &op.scatter_dims_to_operand_dims;
    if axes.iter().all(|&axis| window[axis] == 1) {
        return Ok(indices);
    }
    let vector = Type::new(ty.dtype, [axes.len()]);
    let component = |cx: &mut Cx, of: &dyn Fn(usize) -> usize| {
        let array = Array::from_fn(vector.clone(), |c| {
            Scalar::int(ty.dtype, of(axes[c]) as i64)
        });
        let constant = cx.b.constant(array);
        match op.index_vector_dim < ty.rank() {
            true => cx.b.broadcast(constant, &[op.index_vector_dim], &ty.shape),
            false => {
                let scalar = cx.b.reshape(constant, &[]);
                cx.b.broadcast(scalar, &[], &ty.shape)
            }
        }
    };
    let last = component(cx, &|axis| x.shape[axis] - window[axis]);
    let outside = component(cx, &|axis| x.shape[axis]);
    let zero = cx.int_like(indices, 0);
    let (low, high) = (
        cx.b.compare(Cmp::Ge, indices, zero),
        cx.b.compare(Cmp::Le, indices, last),
    );
    let mut inside = cx.b.and(low, high);
    if op.index_vector_dim < ty.rank() {
        let axis = [op.index_vector_dim];
        let all = cx.b.reduce(Reducer::And, inside, &axis);
        inside = cx.b.unreduce(all, &axis, &ty.shape);
    }
    cx.push(Pointwise::Select, &[inside, indices, outside])
}
