//! One corpus, every engine: each op with operands, and its gradient graph.

#[path = "../ir/tests/common/mod.rs"]
mod common;
mod engines;
#[path = "../ir/tests/ops/rows.rs"]
mod rows;

use craneflow_ir::grad::gradient;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::{DotGeneral, Scatter};
use craneflow_ir::{Array, Builder, DType, Graph, Pointwise, Scalar, Type, Value};
use rows::{Numbers, Row};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn pointwise() {
    all(rows::pointwise());
}

#[test]
fn structural() {
    all(rows::structural());
    all(rows::others());
}

#[test]
fn convolutions() {
    all(rows::convolutions());
}

/// Every row in two types, forward and backward; all failures are listed.
fn all(rows: Vec<Row>) {
    let mut failures = vec![];
    for (i, row) in rows.iter().enumerate() {
        for dtype in [DType::F64, DType::F32] {
            let Some(row) = convert(row, dtype) else {
                continue;
            };
            for (what, graph) in [("forward", forward(&row)), ("gradient", backward(&row))] {
                let Some(graph) = graph else { continue };
                let run = AssertUnwindSafe(|| engines::agree(&graph, &row.x));
                if catch_unwind(run).is_err() {
                    failures.push(format!("row {i}: {what} of {:?} in {dtype}", row.op));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The row with its floats in another type; `None` where the op fixes the type.
fn convert(row: &Row, to: DType) -> Option<Row> {
    let x = row.x.iter().map(|x| match x.ty.dtype.is_float() {
        true => Array::from_fn(x.ty.with_dtype(to), |i| {
            Scalar::from_f64(to, x.get(i).to_f64())
        }),
        false => x.clone(),
    });
    let x: Vec<Array> = x.collect();
    let types: Vec<Type> = x.iter().map(|x| x.ty.clone()).collect();
    let op = row.op.clone();
    op.rules().infer(&types).ok()?;
    Some(Row { op, x })
}

fn inputs(b: &mut Builder, row: &Row) -> Vec<Value> {
    let types = row.x.iter().zip(0..);
    types
        .map(|(x, i)| b.input(&format!("x{i}"), x.ty.clone()))
        .collect()
}

fn forward(row: &Row) -> Option<Graph> {
    let mut b = Builder::new("forward");
    let x = inputs(&mut b, row);
    let y = b.push(row.op.clone(), &x).expect("operands fit");
    for (i, &y) in y.iter().enumerate() {
        b.output(&format!("y{i}"), y);
    }
    Some(b.finish())
}

/// The gradient of a weighted sum of the results; `None` when it has none.
fn backward(row: &Row) -> Option<Graph> {
    let float = |ty: &Type| ty.dtype.is_float();
    let mut b = Builder::new("gradient");
    let x = inputs(&mut b, row);
    let y = b.push(row.op.clone(), &x).expect("operands fit");
    let mut numbers = Numbers(3);
    let mut parts = vec![];
    for y in y {
        let ty = b.ty(y).clone();
        if float(&ty) {
            let weights = numbers.array(&ty);
            let weights = Array::from_fn(ty.clone(), |i| {
                Scalar::from_f64(ty.dtype, weights.get(i).to_f64())
            });
            let weights = b.constant(weights);
            let y = b.mul(y, weights);
            let axes: Vec<usize> = (0..ty.rank()).collect();
            let part = b.sum(y, &axes);
            parts.push(b.convert(part, DType::F32));
        }
    }
    let loss = parts.into_iter().reduce(|p, q| b.add(p, q))?;
    b.output("loss", loss);
    let wrt: Vec<usize> = (0..x.len()).filter(|&i| float(&row.x[i].ty)).collect();
    gradient(&b.finish(), 0, &wrt).ok()
}

/// Products whose rows end within a register tile, at every width of vectors, stored over what their epilogue reads.
#[test]
fn ragged_products() {
    for (m, k, n) in [
        (5, 33, 37),
        (16, 700, 67),
        (3, 1300, 101),
        (1, 50, 77),
        (2, 70, 19),
        (1030, 9, 35),
    ] {
        for dtype in [DType::F32, DType::F64] {
            let types = [[m, k], [k, n], [m, n]].map(|shape| Type::new(dtype, shape));
            let mut b = Builder::new("ragged");
            let x = b.input("x", types[0].clone());
            let y = b.input("y", types[1].clone());
            let z = b.input("z", types[2].clone());
            let product = b.op(DotGeneral::matmul(2), &[x, y]);
            let sum = b.add(z, product);
            b.output("z", sum);
            b.donate(2, 0);
            let value = |i: usize| ((i * 7919 % 1009) as f64 - 500.0) / 97.0;
            let array = |ty: Type| Array::from_fn(ty, |i| Scalar::from_f64(dtype, value(i)));
            engines::agree(&b.finish(), &types.map(array));
        }
    }
}

/// Rows added to a table that is larger than they are: few of them, some twice, some outside.
#[test]
fn rows_added_to_a_table() {
    for update in [Some(Reducer::Sum), None] {
        let mut b = Builder::new("table");
        let table = Type::new(DType::F32, [68, 256]);
        let x = b.input("x", table.clone());
        let rows = b.input("rows", Type::new(DType::I32, [6]));
        let updates = Type::new(DType::F32, [6, 256]);
        let u = b.input("u", updates.clone());
        let scatter = Scatter {
            update,
            update_window_dims: vec![1],
            inserted_window_dims: vec![0],
            input_batching_dims: vec![],
            scatter_indices_batching_dims: vec![],
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
        };
        let y = b.op(scatter, &[x, rows, u]);
        b.output("y", y);
        let numbers = |ty: Type| Array::from_fn(ty, |i| Scalar::from_f64(DType::F32, i as f64));
        let rows = Array::from_fn(Type::new(DType::I32, [6]), |i| {
            Scalar::int(DType::I32, [67, 3, -1, 17, 3, 68][i])
        });
        engines::agree(&b.finish(), &[numbers(table), rows, numbers(updates)]);
    }
}

/// Pointwise functions on the values where they are special, in every type that they take.
#[test]
fn special_values() {
    let special = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -2.5,
        3.5,
        1e-40,
        6e4,
        -3e38,
        127.0,
        -128.0,
        1e19,
    ];
    let mut rows = vec![];
    for op in Pointwise::all() {
        for dtype in DType::ALL {
            let ty = Type::new(dtype, [256]);
            let column = |shift: usize| {
                let value = |i: usize| special[(i >> (4 * (shift % 2))) % 16];
                Array::from_f64(ty.clone(), &(0..256).map(value).collect::<Vec<_>>())
            };
            let mut x: Vec<Array> = (0..op.arity()).map(column).collect();
            if op == Pointwise::Select {
                x[0] = Array::from_fn(ty.with_dtype(DType::Bool), |i| Scalar::bool(i % 3 == 0));
            }
            let types: Vec<DType> = x.iter().map(|x| x.ty.dtype).collect();
            if op.infer_dtype(&types).is_some() {
                rows.push(Row { op: op.into(), x });
            }
        }
    }
    let mut failures = vec![];
    for row in rows {
        let graph = forward(&row).expect("a graph");
        if catch_unwind(AssertUnwindSafe(|| engines::agree(&graph, &row.x))).is_err() {
            failures.push(format!("{:?} of {}", row.op, row.x[0].ty));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
