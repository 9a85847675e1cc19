//! Many steps of a training in one program.

use super::{Batches, Workload};
use craneflow_ir::ops::{DynamicSlice, DynamicUpdateSlice, While};
use craneflow_ir::{Builder, Cmp, Graph, Type, Value, Verified};

/// A program that does `steps` steps of a training: its state goes from step to step inside of the program,
/// the inputs that change have a batch for each step, and so have the outputs that replace no input.
pub fn steps(load: Workload, steps: usize) -> Workload {
    let step: &Graph = &load.graph;
    let changes = |i: usize| load.batches.iter().any(|b| b.input == i);
    let stacked = |ty: &Type| ty.with_shape([&[steps], &ty.shape[..]].concat());
    let mut b = Builder::new(&step.name);
    let mut operands = vec![b.int(0)];
    for (i, input) in step.inputs.iter().enumerate() {
        let ty = step.ty(input.value).clone();
        let ty = if changes(i) { stacked(&ty) } else { ty };
        operands.push(b.input(&input.name, ty));
    }
    let replaces = |o: usize| step.inputs.iter().position(|i| i.donated == Some(o));
    let kept: Vec<usize> = (0..step.outputs.len())
        .filter(|&o| replaces(o).is_none())
        .collect();
    let first = operands.len();
    for &o in &kept {
        let ty = stacked(step.ty(step.outputs[o].value));
        operands.push(b.splat(&ty, 0.0));
    }
    let types = b.graph().types(&operands);
    let cond = Builder::region("cond", &types, |b, x| {
        let end = b.int(steps as i64);
        vec![b.compare(Cmp::Lt, x[0], end)]
    });
    let body = Builder::region("step", &types, |b, x| {
        let inputs = (0..step.inputs.len()).map(|i| (changes(i), x[1 + i]));
        let inputs: Vec<Value> = inputs
            .map(|(changes, v)| if changes { row(b, v, x[0]) } else { v })
            .collect();
        let outputs = b.inline(step, &inputs);
        let one = b.int(1);
        let mut next = vec![b.add(x[0], one)];
        for (i, input) in step.inputs.iter().enumerate() {
            next.push(input.donated.map_or(x[1 + i], |o| outputs[o]));
        }
        for (&o, &stack) in kept.iter().zip(&x[first..]) {
            next.push(put(b, stack, x[0], outputs[o]));
        }
        next
    });
    let op = While { cond, body };
    let results = b.push(op, &operands).expect("carries of known types");
    for (o, output) in step.outputs.iter().enumerate() {
        let value = match replaces(o) {
            Some(i) => results[1 + i],
            None => results[first + kept.iter().position(|&k| k == o).expect("kept")],
        };
        b.output(&output.name, value);
    }
    for (i, input) in step.inputs.iter().enumerate() {
        if let Some(o) = input.donated {
            b.donate(i, o);
        }
    }
    let graph = Verified::graph(b.finish()).expect("a step in a loop is well-formed");
    let longer = |batches: Batches| Batches { steps, ..batches };
    Workload {
        graph,
        starts: load.starts,
        batches: load.batches.into_iter().map(longer).collect(),
        macs: load.macs * steps,
    }
}

/// Index `at` of the outermost axis.
fn row(b: &mut Builder, x: Value, at: Value) -> Value {
    let shape = b.shape(x);
    let sizes = [&[1], &shape[1..]].concat();
    let starts = starts(b, x, at);
    let row = b.op(DynamicSlice { sizes }, &[&[x], &starts[..]].concat());
    b.reshape(row, &shape[1..])
}

/// `x` with `y` at index `at` of the outermost axis.
fn put(b: &mut Builder, x: Value, at: Value, y: Value) -> Value {
    let row = b.reshape(y, &[&[1], &b.shape(y)[..]].concat());
    let starts = starts(b, x, at);
    b.op(DynamicUpdateSlice, &[&[x, row], &starts[..]].concat())
}

fn starts(b: &mut Builder, x: Value, at: Value) -> Vec<Value> {
    let mut starts = vec![b.int(0); b.shape(x).rank()];
    starts[0] = at;
    starts
}
