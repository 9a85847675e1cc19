//! Loops over an axis, and recurrent networks.

use crate::error::NnError;
use crate::tensor::{Region, Tensor};
use craneflow_ir::ops::{DynamicSlice, DynamicUpdateSlice, While};
use craneflow_ir::{Cmp, DType, Type};

/// Which end of the outermost axis a [`scan`] starts at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// From index 0 on.
    #[default]
    Forward,
    /// From the last index down.
    Backward,
}

/// Calls `body` once for each of the `turns` indices of the outermost axis of `xs`, in the compiled
/// program: `body(carry, x) -> (carry, y)`. The carry starts as `initial` and keeps its types; `x` is one
/// slice of each of `xs`, without the outermost axis. Gives the last carry, and the `y` of all turns,
/// stacked along a new outermost axis at the index of their `x`.
///
/// `body` is traced once and may use any tensor from outside. What it computes from those alone, it
/// computes in every turn: do that before. A scan has a gradient like any other function.
///
/// # Panics
/// When there is neither an initial carry nor anything to scan over.
pub fn scan(
    initial: &[Tensor],
    xs: &[Tensor],
    turns: usize,
    direction: Direction,
    body: impl FnOnce(&[Tensor], &[Tensor]) -> (Vec<Tensor>, Vec<Tensor>),
) -> (Vec<Tensor>, Vec<Tensor>) {
    let tracer = initial.iter().chain(xs).next().map(Tensor::tracer);
    let tracer = tracer.expect("scan: neither a carry nor anything to scan over");
    for x in xs {
        let length = x.shape().first().copied();
        if length != Some(turns) && tracer.ok() {
            let error = NnError::Argument {
                layer: tracer.current(),
                op: "scan",
                what: "the outermost axis of what is scanned",
                expected: turns.to_string(),
                found: x.shape().to_string(),
            };
            tracer.fail(x.ty().clone(), error);
        }
    }
    let region = Region::new(tracer, "body");
    let index = Type::scalar(DType::I32);
    let turn = region.input(&tracer.scalar(DType::I32, 0.0));
    let carry: Vec<Tensor> = initial.iter().map(|x| region.input(x)).collect();
    let whole: Vec<Tensor> = xs.iter().map(|x| region.input(x)).collect();
    let at = match direction {
        Direction::Forward => turn.clone(),
        Direction::Backward => -(&turn - (turns as f64 - 1.0)),
    };
    let slices: Vec<Tensor> = whole.iter().map(|x| slice(x, &at)).collect();
    let (next, ys) = body(&carry, &slices);
    check(&carry, &next);
    let mut results = vec![&turn + 1.0];
    results.extend(next);
    let mut stacks = vec![];
    for y in &ys {
        let shape = [&[turns], &y.shape()[..]].concat();
        let zeros = tracer.full(&y.ty().with_shape(shape), 0.0);
        stacks.push((region.input(&zeros), y));
    }
    let stacked: Vec<Tensor> = stacks.iter().map(|(s, y)| update(s, y, &at)).collect();
    // What the loop does not change: the slices' sources, and tensors from outside.
    let changed = 1 + carry.len();
    let mut outputs = results;
    outputs.extend(whole);
    outputs.extend(region.captured());
    outputs.extend(stacked);
    // Inputs are in the order in which they were added, stacks last.
    let (body, operands) = region.finish(&outputs);
    let cond = Region::new(tracer, "cond");
    let inputs: Vec<Tensor> = operands.iter().map(|x| cond.input(x)).collect();
    let going = inputs[0].compare(Cmp::Lt, turns as f64);
    let (cond, _) = cond.finish(&[going]);
    let guess: Vec<Type> = operands.iter().map(|x| x.ty().clone()).collect();
    let op = While {
        cond: Box::new(cond),
        body: Box::new(body),
    };
    debug_assert_eq!(guess[0], index);
    let refs: Vec<&Tensor> = operands.iter().collect();
    let all = tracer.push_all(op.into(), &refs, guess);
    let carry = all[1..changed].to_vec();
    (carry, all[all.len() - ys.len()..].to_vec())
}

/// Notes an error unless the carry keeps its types.
fn check(carry: &[Tensor], next: &[Tensor]) {
    let types = |x: &[Tensor]| -> Vec<String> { x.iter().map(|x| x.ty().to_string()).collect() };
    let (expected, found) = (types(carry), types(next));
    if let Some(x) = carry.iter().chain(next).next()
        && expected != found
    {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op: "scan",
            what: "the carry of the next turn",
            expected: expected.join(", "),
            found: found.join(", "),
        };
        x.tracer().fail(x.ty().clone(), error);
    }
}

/// Index `at` of the outermost axis.
fn slice(x: &Tensor, at: &Tensor) -> Tensor {
    let sizes = [&[1], x.shape().get(1..).unwrap_or_default()].concat();
    let ty = x.ty().with_shape(sizes.clone());
    let starts = starts(x, at);
    let operands: Vec<&Tensor> = std::iter::once(x).chain(&starts).collect();
    let row = x
        .tracer()
        .push(DynamicSlice { sizes }.into(), &operands, ty);
    row.reshape(&row.shape()[1..])
}

/// `x` with `y` at index `at` of the outermost axis.
fn update(x: &Tensor, y: &Tensor, at: &Tensor) -> Tensor {
    let row = y.expand_dims(0);
    let starts = starts(x, at);
    let operands: Vec<&Tensor> = [x, &row].into_iter().chain(&starts).collect();
    let guess = x.ty().clone();
    x.tracer().push(DynamicUpdateSlice.into(), &operands, guess)
}

fn starts(x: &Tensor, at: &Tensor) -> Vec<Tensor> {
    let zero = at.tracer().scalar(DType::I32, 0.0);
    let mut starts = vec![zero; x.rank()];
    if let Some(first) = starts.first_mut() {
        *first = at.clone();
    }
    starts
}

/// One step of an LSTM: `x` is the projected input with bias, `[batch, 4 * units]` for the gates
/// input, forget, candidate, output; `h` and `c` are `[batch, units]`, `recurrent` is
/// `[units, 4 * units]`. Gives the new `h` and `c`.
pub fn lstm_cell(x: &Tensor, h: &Tensor, c: &Tensor, recurrent: &Tensor) -> (Tensor, Tensor) {
    let gates = (x + h.matmul(recurrent)).split(-1, 4);
    let c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
    let h = gates[3].sigmoid() * c.tanh();
    (h, c)
}
