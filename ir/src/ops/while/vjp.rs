//! Gradient of a counted loop: a loop that keeps what the gradient needs, and one that runs backwards.
//!
//! The first is the loop itself with one more carry per kept value, a stack with a row for each turn. What
//! only moves elements, or follows from fixed carries and the turn, is computed again instead.
//!
//! The second carries the gradients of what the loop computes anew. Gradients of fixed carries are sums
//! over all turns. Where such a sum is of products, of sums, or of parts in different places, its terms are
//! stacked and added up after the loop by one contraction, one reduction, or nothing at all.

mod body;
mod sum;

use super::While;
use crate::array::Array;
use crate::build::Builder;
use crate::counted::Counted;
use crate::error::GradError;
use crate::graph::Value;
use crate::native::Cmp;
use crate::ops::{DynamicSlice, DynamicUpdateSlice, Op};
use crate::types::Type;
use body::Backward;
use sum::Stack;

/// Gradients of the carries a loop starts with.
pub(super) fn vjp(
    w: &While,
    b: &mut Builder,
    x: &[Value],
    dy: &[Option<Value>],
) -> Result<Vec<Option<Value>>, GradError> {
    let constant = |&v: &Value| match &b.graph().def(v).op {
        Op::Constant(c) => Some(c.value.clone()),
        _ => None,
    };
    let initial: Vec<Option<Array>> = x.iter().map(constant).collect();
    let Some(counted) = Counted::of(w, &initial) else {
        return Err(GradError::NotDifferentiable {
            op: "while",
            reason: "how often its body runs is not known, so its values cannot be kept",
        });
    };
    if counted.turns == 0 {
        return Ok(dy.to_vec());
    }
    let backward = Backward::of(w, &counted, dy)?;
    let stacks = keep(w, b, x, &backward);
    Ok(run_back(b, x, dy, &backward, &stacks))
}

/// The type of a stack of `turns` values.
fn stacked(ty: &Type, turns: usize) -> Type {
    ty.with_shape([&[turns], &ty.shape[..]].concat())
}

/// Writes a value to its row of a stack.
fn store(b: &mut Builder, stack: Value, turn: Value, value: Value) -> Value {
    let row = b.reshape(value, &[&[1], &b.shape(value)[..]].concat());
    let starts = starts(b, stack, turn);
    b.op(DynamicUpdateSlice, &[&[stack, row], &starts[..]].concat())
}

/// The row of a stack that belongs to a turn.
fn load(b: &mut Builder, stack: Value, turn: Value) -> Value {
    let shape = b.shape(stack);
    let sizes = [&[1], &shape[1..]].concat();
    let starts = starts(b, stack, turn);
    let row = b.op(DynamicSlice { sizes }, &[&[stack], &starts[..]].concat());
    b.reshape(row, &shape[1..])
}

fn starts(b: &mut Builder, stack: Value, turn: Value) -> Vec<Value> {
    let zero = b.int(0);
    let mut starts = vec![zero; b.shape(stack).rank()];
    starts[0] = turn;
    starts
}

/// The loop with stacks of the values that the gradient needs; returns these.
fn keep(w: &While, b: &mut Builder, x: &[Value], backward: &Backward) -> Vec<Value> {
    if backward.kept.is_empty() {
        return vec![];
    }
    let n = x.len();
    let types: Vec<Type> = (backward.kept.iter())
        .map(|&v| stacked(w.body.ty(v), backward.counted.turns))
        .collect();
    let mut operands = x.to_vec();
    operands.push(b.int(0));
    for ty in &types {
        operands.push(b.splat(ty, 0.0));
    }
    let all = b.graph().types(&operands);
    let cond = Builder::region(&w.cond.name, &all, |b, x| b.inline(&w.cond, &x[..n]));
    let body = Builder::region(&w.body.name, &all, |b, x| {
        let (mut y, values) = b.inline_all(&w.body, &x[..n]);
        let one = b.int(1);
        y.push(b.add(x[n], one));
        for (&stack, &v) in x[n + 1..].iter().zip(&backward.kept) {
            let value = values[v.0 as usize];
            y.push(store(b, stack, x[n], value));
        }
        y
    });
    let op = Op::from(While { cond, body });
    let results = b.push(op, &operands).expect("carries of known types");
    results[n + 1..].to_vec()
}

/// Runs the turns backwards; returns the gradient of each carry.
fn run_back(
    b: &mut Builder,
    x: &[Value],
    dy: &[Option<Value>],
    backward: &Backward,
    stacks: &[Value],
) -> Vec<Option<Value>> {
    // Carries: the turn, gradients that are computed anew, sums and stacks; then what is only read.
    let mut operands = vec![b.int(backward.counted.turns as i64 - 1)];
    for &k in &backward.carried {
        operands.push(dy[k].unwrap_or_else(|| b.like(x[k], 0.0)));
    }
    let held = operands.len();
    for ty in backward.held() {
        operands.push(b.splat(&ty, 0.0));
    }
    let fixed = operands.len();
    operands.extend(stacks);
    operands.extend(backward.read.iter().map(|&k| x[k]));
    operands.extend(backward.rows.iter().filter_map(|&k| dy[k]));
    let types = b.graph().types(&operands);
    let cond = Builder::region("cond", &types, |b, x| {
        let zero = b.int(0);
        vec![b.compare(Cmp::Ge, x[0], zero)]
    });
    let body = Builder::region("body", &types, |b, x| {
        let mut y = vec![];
        let one = b.int(1);
        y.push(b.sub(x[0], one));
        let (anew, new) = backward.turn(b, x[0], &x[1..held], &x[fixed..]);
        y.extend(anew);
        let mut carries = x[held..fixed].iter();
        for sum in backward.sums.iter().filter(|s| s.term.is_carried()) {
            let carry = carries.next().expect("a carry per sum");
            y.push(sum.next(b, *carry, &new));
        }
        for (v, &stack) in backward.stacked.iter().zip(carries) {
            y.push(store(b, stack, x[0], new[v]));
        }
        y.extend(&x[fixed..]);
        y
    });
    let op = Op::from(While { cond, body });
    let results = b.push(op, &operands).expect("carries of known types");
    let mut dx: Vec<Option<Value>> = vec![None; x.len()];
    for (i, &k) in backward.carried.iter().enumerate() {
        dx[k] = Some(results[1 + i]);
    }
    for &k in &backward.fixed {
        dx[k] = dy[k];
    }
    let own = held + backward.carry_of(backward.sums.len());
    let filled = |sum: usize| results[held + backward.carry_of(sum)];
    let stack = |b: &mut Builder, v: Value| {
        let ty = stacked(backward.ty(v), backward.counted.turns);
        match backward.stack_of(v).expect("a stack for each value") {
            Stack::Kept(i) => stacks[i],
            Stack::Filled(i) => b.reshape(filled(i), &ty.shape),
            Stack::Own(i) => results[own + i],
        }
    };
    for (i, sum) in backward.sums.iter().enumerate() {
        let total = match sum.term.is_carried() {
            true => filled(i),
            false => sum.total(b, stack),
        };
        dx[sum.carry] = Some(match dx[sum.carry] {
            Some(so_far) => b.add(so_far, total),
            None => total,
        });
    }
    dx
}
