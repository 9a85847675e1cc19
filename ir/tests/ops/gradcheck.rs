//! Gradient rules against finite differences in `f64`, one row per op: `<w, J v>` by a central
//! difference of the loss `<w, op(x)>` along `v`, and `<J^T w, v>` by the gradient graph. Along every
//! coordinate when there are few, and along random directions. Then the same for the gradient itself.

use crate::common;
use crate::rows::{self, Numbers, Row};
use craneflow_ir::eval::eval_graph;
use craneflow_ir::grad::{append_gradient, gradient};
use craneflow_ir::ops::{Op, While};
use craneflow_ir::{Array, Builder, DType, GradError, Graph, Pointwise, Scalar, Type, Value};

#[test]
fn pointwise() {
    rows::pointwise().iter().for_each(check);
}

#[test]
fn structural() {
    rows::structural().iter().for_each(check);
}

#[test]
fn convolution() {
    rows::convolutions().iter().for_each(check);
}

/// Ops without a row, and why.
const WITHOUT: [(&str, &str); 6] = [
    ("input", "has no operands"),
    ("constant", "has no operands"),
    ("iota", "has no operands"),
    ("rng_bit_generator", "takes and returns integers"),
    ("bitcast_convert", "is no function of real numbers"),
    ("while", "is not differentiable"),
];

#[test]
fn every_op_has_a_row() {
    let rows: Vec<Row> = rows::structural()
        .into_iter()
        .chain(rows::convolutions())
        .collect();
    for name in Op::STRUCTURAL {
        let has = rows.iter().any(|r| r.op.name() == *name);
        let without = WITHOUT.iter().any(|w| w.0 == *name);
        assert!(has != without, "{name}");
    }
    let rows = rows::pointwise();
    for op in Pointwise::all() {
        let floats = op.infer_dtype(&vec![DType::F64; op.arity()]) == Some(DType::F64);
        if floats || op == Pointwise::Select {
            assert!(rows.iter().any(|r| r.op == op.into()), "{op:?}");
        }
    }
}

#[test]
fn no_gradient_through_while() {
    let mut b = Builder::new("body");
    let x = b.input("x", Type::scalar(DType::F64));
    b.output("x", x);
    let body = Box::new(b.finish());
    let mut b = Builder::new("cond");
    let x = b.input("x", Type::scalar(DType::F64));
    let stop = b.compare(craneflow_ir::Cmp::Lt, x, x);
    b.output("stop", stop);
    let cond = Box::new(b.finish());
    let mut b = Builder::new("graph");
    let x = b.input("x", Type::scalar(DType::F64));
    let y = b.op(While { cond, body }, &[x]);
    let message = append_gradient(&mut b, y, &[x]).unwrap_err().to_string();
    assert!(message.starts_with("while has no reverse-mode derivative: how often"));
}

#[test]
fn wrong_outputs_and_inputs() {
    let mut b = Builder::new("graph");
    let x = b.input("x", Type::new(DType::F32, [2]));
    let i = b.input("i", Type::scalar(DType::I32));
    let s = b.sum(x, &[0]);
    let found = Type::new(DType::F32, [2]);
    let result = append_gradient(&mut b, x, &[x]);
    assert_eq!(result, Err(GradError::NotScalar { found }));
    let found = Type::scalar(DType::I32);
    let result = append_gradient(&mut b, s, &[i]);
    assert_eq!(result, Err(GradError::NotFloat { found }));
    // An input that the output does not depend on has gradient zero.
    let other = b.input("other", Type::new(DType::F32, [3]));
    let g = append_gradient(&mut b, s, &[other]).unwrap()[0];
    b.output("g", g);
    let x = common::array("f32[2]", &[1., 2.]);
    let (i, other) = (
        common::array("i32[]", &[0.]),
        common::array("f32[3]", &[1., 2., 3.]),
    );
    assert_eq!(eval_graph(&b.finish(), &[x, i, other])[0].to_f64(), [0.; 3]);
}

fn check(row: &Row) {
    let mut numbers = Numbers(7);
    let types: Vec<Type> = row.x.iter().map(|a| a.ty.clone()).collect();
    let mut b = Builder::new("loss");
    let name = |i: usize| format!("x{i}");
    let x: Vec<Value> = types
        .iter()
        .zip(0..)
        .map(|(t, i)| b.input(&name(i), t.clone()))
        .collect();
    let y = b.push(row.op.clone(), &x).unwrap_or_else(|e| panic!("{e}"));
    let loss = weighted_sum(&mut b, &y, &mut numbers);
    b.output("loss", loss);
    let wrt: Vec<usize> = (0..x.len())
        .filter(|&i| types[i].dtype.is_float())
        .collect();
    let loss = b.finish();
    let first = gradient(&loss, 0, &wrt).unwrap_or_else(|e| panic!("{e}"));
    compare(row, "gradient", &loss, &first, &wrt);
    let mut b = Builder::resume(first);
    let grads: Vec<Value> = b.graph().outputs[1..].iter().map(|o| o.value).collect();
    let loss = weighted_sum(&mut b, &grads, &mut numbers);
    let mut graph = b.finish();
    graph.outputs.truncate(1);
    graph.outputs[0].value = loss;
    let second = gradient(&graph, 0, &wrt).unwrap_or_else(|e| panic!("{e}"));
    compare(row, "second derivative", &graph, &second, &wrt);
}

/// The sum of all elements of the float values, with random weights.
fn weighted_sum(b: &mut Builder, y: &[Value], numbers: &mut Numbers) -> Value {
    let mut sum = b.constant(Array::scalar(Scalar::f64(0.0)));
    for &y in y {
        let ty = b.ty(y).clone();
        if ty.dtype.is_float() {
            let w = b.constant(numbers.array(&ty));
            let product = b.mul(y, w);
            let axes: Vec<usize> = (0..ty.rank()).collect();
            let part = b.sum(product, &axes);
            sum = b.add(sum, part);
        }
    }
    sum
}

/// Compares `grads`, which has the gradients after the loss, with differences of `loss`.
fn compare(row: &Row, what: &str, loss: &Graph, grads: &Graph, wrt: &[usize]) {
    let g = eval_graph(grads, &row.x);
    let count: usize = wrt.iter().map(|&i| row.x[i].ty.count()).sum();
    let mut numbers = Numbers(11);
    let mut directions: Vec<Vec<f64>> = vec![];
    for _ in 0..2 {
        directions.push((0..count).map(|_| numbers.next()).collect());
    }
    for i in 0..count.min(24) {
        directions.push((0..count).map(|j| (i == j) as u8 as f64).collect());
    }
    for v in directions {
        let at = |h: f64| {
            let mut rest = v.iter();
            let moved = row.x.iter().zip(0..).map(|(x, i)| match wrt.contains(&i) {
                true => Array::from_fn(x.ty.clone(), |e| {
                    Scalar::f64(x.get(e).to_f64() + h * rest.next().expect("as many"))
                }),
                false => x.clone(),
            });
            let moved: Vec<Array> = moved.collect();
            eval_graph(loss, &moved)[0].get(0).to_f64()
        };
        const STEP: f64 = 1e-5;
        let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let flat = g[1..].iter().flat_map(|g| g.to_f64());
        let product: f64 = flat.zip(&v).map(|(g, v)| g * v).sum();
        let scale = 1.0 + difference.abs();
        assert!(
            (difference - product).abs() < 1e-6 * scale,
            "{what} of {:?} at {:?} along {v:?}: {product}, by differences {difference}",
            row.op,
            row.x
        );
    }
}
