//! `scatter` whose region combines several values at once, such as the parts of complex numbers: a loop
//! over the updates, in row-major order.

use super::lift::lifted;
use super::{Cx, Fault};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::{
    Concatenate, DynamicSlice, DynamicUpdateSlice, Iota, Scatter, Slice, While,
};
use craneflow_ir::{Array, Builder, DType, Graph, Scalar, Shape, Type, Value};

/// The updates as one list.
struct List {
    /// Where each window starts, `i64[n, rank]`.
    starts: Value,
    /// `[n, window..]` each.
    updates: Vec<Value>,
    /// Extents of a window along every axis of the tensors.
    window: Vec<usize>,
    n: usize,
}

/// `tensors` with `updates` combined in by `body`, `(old.., update..) -> (new..)` over scalars.
pub fn scatter(
    cx: &mut Cx,
    op: &Scatter,
    tensors: &[Value],
    indices: Value,
    updates: &[Value],
    body: &Graph,
) -> Result<Vec<Value>, Fault> {
    let shape = cx.ty(tensors[0]).shape.clone();
    for (&v, &u) in tensors.iter().zip(updates) {
        let types = [v, indices, u].map(|v| cx.ty(v).clone());
        craneflow_ir::Rules::infer(
            &Scatter {
                update: None,
                ..op.clone()
            },
            &types,
        )?;
        if types[0].shape != shape || types[2].shape != cx.ty(updates[0]).shape {
            return Err("takes tensors of one shape and updates of one shape".into());
        }
    }
    let list = list(cx, op, &shape, indices, updates)?;
    let zero = cx.b.constant(Array::scalar(Scalar::int(DType::I64, 0)));
    let carries = [&[zero], tensors, &[list.starts], &list.updates].concat();
    let types: Vec<Type> = carries.iter().map(|&v| cx.ty(v).clone()).collect();
    let turn = While {
        cond: Box::new(condition(&types, list.n)),
        body: Box::new(turn(&types, &list, body, &shape)?),
    };
    let results = cx.b.push(turn, &carries)?;
    Ok(results[1..=tensors.len()].to_vec())
}

fn list(
    cx: &mut Cx,
    op: &Scatter,
    shape: &Shape,
    indices: Value,
    updates: &[Value],
) -> Result<List, Fault> {
    let ty = cx.ty(updates[0]).clone();
    let window = op.window(shape.rank(), &ty);
    let apart: Vec<usize> = (0..ty.rank())
        .filter(|a| !op.update_window_dims.contains(a))
        .collect();
    let n = apart.iter().map(|&a| ty.shape[a]).product();
    let order = [apart, op.update_window_dims.clone()].concat();
    let flat = [&[n], &*window].concat();
    let one = |&u: &Value| {
        let sorted = cx.b.transpose(u, &order);
        cx.b.reshape(sorted, &flat)
    };
    let updates = updates.iter().map(one).collect();
    let starts = starts(cx, op, shape, indices, n)?;
    Ok(List {
        starts,
        updates,
        window,
        n,
    })
}

/// Where windows start along every axis, `i64[n, rank]`.
fn starts(
    cx: &mut Cx,
    op: &Scatter,
    shape: &Shape,
    indices: Value,
    n: usize,
) -> Result<Value, Fault> {
    let indices = cx.b.convert(indices, DType::I64);
    let mut batch = cx.ty(indices).shape.0.clone();
    let rank = batch.len();
    let vector = op.index_vector_dim;
    let mut order: Vec<usize> = (0..rank).filter(|&a| a != vector).collect();
    let components = if vector < rank {
        batch.remove(vector)
    } else {
        1
    };
    order.extend((vector < rank).then_some(vector));
    let sorted = cx.b.transpose(indices, &order);
    let rows = cx.b.reshape(sorted, &[n, components]);
    let mut columns = vec![];
    for axis in 0..shape.rank() {
        let named = op
            .scatter_dims_to_operand_dims
            .iter()
            .position(|&a| a == axis);
        let batched = op.input_batching_dims.iter().position(|&a| a == axis);
        let column = match (named, batched) {
            (Some(c), _) => {
                let slice = Slice {
                    start: vec![0, c],
                    limit: vec![n, c + 1],
                    stride: vec![1, 1],
                };
                cx.push(slice, &[rows])?
            }
            (_, Some(i)) => {
                let along = op.scatter_indices_batching_dims[i];
                let axis = along - (vector < along) as usize;
                let ty = Type::new(DType::I64, batch.as_slice());
                let positions = cx.push(Iota { ty, axis }, &[])?;
                cx.b.reshape(positions, &[n, 1])
            }
            _ => cx.b.splat(&Type::new(DType::I64, [n, 1]), 0.0),
        };
        columns.push(column);
    }
    match &columns[..] {
        [] => Ok(cx.b.splat(&Type::new(DType::I64, [n, 0]), 0.0)),
        [only] => Ok(*only),
        _ => cx.push(Concatenate { axis: 1 }, &columns),
    }
}

fn inputs(b: &mut Builder, types: &[Type]) -> Vec<Value> {
    let one = |(i, ty): (usize, &Type)| b.input(&format!("x{i}"), ty.clone());
    types.iter().enumerate().map(one).collect()
}

fn int(b: &mut Builder, i: i64) -> Value {
    b.constant(Array::scalar(Scalar::int(DType::I64, i)))
}

fn condition(types: &[Type], n: usize) -> Graph {
    let mut b = Builder::new("cond");
    let x = inputs(&mut b, types);
    let end = int(&mut b, n as i64);
    let more = b.compare(Cmp::Lt, x[0], end);
    b.output("more", more);
    b.finish()
}

/// One update; those whose windows are not wholly inside change nothing.
fn turn(types: &[Type], list: &List, combine: &Graph, shape: &Shape) -> Result<Graph, Fault> {
    let mut b = Builder::new("body");
    let x = inputs(&mut b, types);
    let (count, rank) = (list.updates.len(), shape.rank());
    let (tensors, starts, updates) = (&x[1..=count], x[count + 1], &x[count + 2..]);
    let (i, zero) = (x[0], int(&mut b, 0));
    let row = b.push1(
        DynamicSlice {
            sizes: vec![1, rank],
        },
        &[starts, i, zero],
    )?;
    let mut at = vec![];
    for axis in 0..rank {
        let slice = Slice {
            start: vec![0, axis],
            limit: vec![1, axis + 1],
            stride: vec![1, 1],
        };
        let one = b.push1(slice, &[row])?;
        at.push(b.reshape(one, &[]));
    }
    let mut inside = b.splat(&Type::scalar(DType::Bool), 1.0);
    for (axis, &start) in at.iter().enumerate() {
        let last = int(&mut b, shape[axis] as i64 - list.window[axis] as i64);
        let (low, high) = (
            b.compare(Cmp::Ge, start, zero),
            b.compare(Cmp::Le, start, last),
        );
        let both = b.and(low, high);
        inside = b.and(inside, both);
    }
    let window: Shape = list.window.as_slice().into();
    let mut args = vec![];
    for &t in tensors {
        let sizes = list.window.clone();
        args.push(b.push1(DynamicSlice { sizes }, &[&[t], &*at].concat())?);
    }
    for &u in updates {
        let sizes = [&[1], &*list.window].concat();
        let from = [&[u, i], &*vec![zero; rank]].concat();
        let one = b.push1(DynamicSlice { sizes }, &from)?;
        args.push(b.reshape(one, &window));
    }
    let new = lifted(&mut b, combine, &args, &window)?;
    let inside = b.broadcast(inside, &[], &window);
    let one = int(&mut b, 1);
    let next = b.add(i, one);
    b.output("y0", next);
    for (k, (&t, &new)) in tensors.iter().zip(&new).enumerate() {
        let kept = b.select(inside, new, args[k]);
        let y = b.push1(DynamicUpdateSlice, &[&[t, kept], &*at].concat())?;
        b.output(&format!("y{}", k + 1), y);
    }
    for (k, &v) in x.iter().enumerate().skip(count + 1) {
        b.output(&format!("y{k}"), v);
    }
    Ok(b.finish())
}
