//! `reduce_window` and `select_and_scatter`.

use super::contract::padding;
use super::reduce::{identity, values};
use super::region::{named_reducers, predicate};
use super::value::Val;
use super::{Cx, Fault, exactly, select};
use crate::stablehlo::tree::Node;
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::{Pad, ReduceWindow, Reverse, SelectAndScatter, Slice};
use craneflow_ir::{Array, Value};

fn window(node: &Node) -> Result<Window, Fault> {
    let size = node.axes("window_dimensions")?;
    let n = size.len();
    Ok(Window {
        size,
        stride: node.sizes_or("window_strides", 1, n)?,
        padding: padding(node, n)?,
        base_dilation: node.sizes_or("base_dilations", 1, n)?,
        window_dilation: node.sizes_or("window_dilations", 1, n)?,
    })
}

pub fn reduce_window(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let operands = cx.reduced(x)?;
    let window = window(node)?;
    let body = cx.reducer(node, &operands.forms)?;
    let pairs: Vec<(Value, Value)> = operands
        .tensors
        .iter()
        .copied()
        .zip(operands.inits.iter().copied())
        .collect();
    if let Some(kinds) = named_reducers(&body) {
        let mut results = vec![];
        for (kind, &(v, init)) in kinds.iter().zip(&pairs) {
            let folded = windows(cx, kind, &window, v)?;
            // As XLA does it, the initial value counts once, and padding does not.
            results.push(cx.combined(kind, folded, init)?);
        }
        return Ok(values(&operands.forms, results));
    }
    let kind = Reducer::Body(Box::new(body));
    let flat = [operands.tensors, operands.inits].concat();
    let results = cx.b.push(ReduceWindow { kind, window }, &flat)?;
    Ok(values(&operands.forms, results))
}

/// Extent up to which a running fold is computed window by window.
const BLOCK: usize = 16;

fn windows(cx: &mut Cx, kind: &Reducer, window: &Window, v: Value) -> Result<Value, Fault> {
    if let Some((axis, reverse)) = running(window, &cx.ty(v).shape.0) {
        return match reverse {
            false => scan(cx, kind, axis, v),
            true => {
                let flip = Reverse { axes: vec![axis] };
                let v = cx.push(flip.clone(), &[v])?;
                let v = scan(cx, kind, axis, v)?;
                cx.push(flip, &[v])
            }
        };
    }
    let (kind, window) = (kind.clone(), window.clone());
    cx.push(ReduceWindow { kind, window }, &[v])
}

/// The axis along which windows of all elements up to each one fold, and whether from its end.
fn running(w: &Window, shape: &[usize]) -> Option<(usize, bool)> {
    let ones = |list: &[usize]| list.iter().all(|&n| n == 1);
    if w.size.len() != shape.len()
        || !ones(&w.stride)
        || !ones(&w.base_dilation)
        || !ones(&w.window_dilation)
    {
        return None;
    }
    let axis = w.size.iter().position(|&n| n != 1)?;
    let n = shape[axis] as i64;
    let rest = (0..shape.len()).all(|a| a == axis || (w.size[a] == 1 && w.padding[a] == (0, 0)));
    if !rest || w.size[axis] as i64 != n || n <= BLOCK as i64 {
        return None;
    }
    match w.padding[axis] {
        (low, 0) if low == n - 1 => Some((axis, false)),
        (0, high) if high == n - 1 => Some((axis, true)),
        _ => None,
    }
}

/// A running fold along an axis: within blocks, then of the blocks, then both together.
fn scan(cx: &mut Cx, kind: &Reducer, axis: usize, v: Value) -> Result<Value, Fault> {
    let ty = cx.ty(v).clone();
    let n = ty.shape[axis];
    let within = |axis: usize, rank: usize, n: usize| {
        let mut window = Window::new(&vec![1; rank]);
        window.size[axis] = n;
        window.padding[axis] = (n as i64 - 1, 0);
        let kind = kind.clone();
        ReduceWindow { kind, window }
    };
    if n <= BLOCK {
        return cx.push(within(axis, ty.rank(), n.max(1)), &[v]);
    }
    let start = identity(kind, ty.dtype);
    let start = cx.b.constant(Array::scalar(start));
    let along = |low: i64, high: i64, rank: usize| {
        let mut pad = Pad {
            low: vec![0; rank],
            high: vec![0; rank],
            interior: vec![0; rank],
        };
        (pad.low[axis], pad.high[axis]) = (low, high);
        pad
    };
    let blocks = n.div_ceil(BLOCK);
    let missing = (blocks * BLOCK - n) as i64;
    let whole = cx.push(along(0, missing, ty.rank()), &[v, start])?;
    let mut dims = ty.shape.0.clone();
    dims[axis] = blocks;
    let totals_shape = dims.clone();
    dims.insert(axis + 1, BLOCK);
    let split = cx.b.reshape(whole, &dims);
    let split = cx.push(within(axis + 1, dims.len(), BLOCK), &[split])?;
    let mut last = Slice {
        start: vec![0; dims.len()],
        limit: dims.clone(),
        stride: vec![1; dims.len()],
    };
    last.start[axis + 1] = BLOCK - 1;
    let totals = cx.push(last, &[split])?;
    let totals = cx.b.reshape(totals, &totals_shape);
    let totals = scan(cx, kind, axis, totals)?;
    let before = cx.push(along(1, -1, ty.rank()), &[totals, start])?;
    let axes: Vec<usize> = (0..dims.len()).filter(|&a| a != axis + 1).collect();
    let shape = dims.clone().into();
    let before = cx.b.broadcast(before, &axes, &shape);
    let op = kind.pointwise(ty.dtype).expect("a named reducer");
    let both = cx.push(op, &[before, split])?;
    dims.remove(axis + 1);
    dims[axis] = blocks * BLOCK;
    let flat = cx.b.reshape(both, &dims);
    cx.push(along(0, -missing, ty.rank()), &[flat, start])
}

pub fn select_and_scatter(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, source, init] = exactly(x)?;
    let (operand, source, init) = (x.real()?, source.real()?, init.real()?);
    let window = window(node)?;
    let forms = [cx.form(x), cx.form(x)];
    let select = cx.scalar_graph("select", node.region(0)?, &forms)?;
    let scatter = cx.scalar_graph("scatter", node.region(1)?, &forms)?;
    let prefers = match predicate(&select) {
        Some(Cmp::Ge | Cmp::Gt) => Some(Cmp::Ge),
        Some(Cmp::Le | Cmp::Lt) => Some(Cmp::Le),
        _ => None,
    };
    let sums = named_reducers(&scatter) == Some(vec![Reducer::Sum]);
    let y = match prefers {
        Some(select) if sums => {
            let y = cx.push(SelectAndScatter { select, window }, &[operand, source])?;
            cx.combined(&Reducer::Sum, y, init)?
        }
        _ => select::anywhere(cx, &select, scatter, window, (operand, source, init))?,
    };
    Ok(vec![Val::Real(y)])
}
