//! Gradient rules against central differences in `f64`.

mod common;

use common::ty;
use craneflow_ir::grad::append_gradient;
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, Cmp, DType, Scalar, Type, eval_graph};

/// A scalar from the first result of `op`: a sum of its elements with different weights.
/// Then its gradient with respect to operand `wrt`.
fn loss(op: &Op, x: &[Array], wrt: Option<usize>) -> Vec<Array> {
    let mut b = Builder::new("loss");
    let values: Vec<_> = (x.iter().enumerate())
        .map(|(i, a)| b.input(&format!("x{i}"), a.ty.clone()))
        .collect();
    let y = b
        .push(op.clone(), &values)
        .unwrap_or_else(|e| panic!("{e}"))[0];
    let shape = b.shape(y);
    let weights = Type::new(DType::F64, shape.clone());
    let weights = Array::from_fn(weights, |i| Scalar::f64((i as f64 * 0.7).sin() + 1.5));
    let w = b.constant(weights);
    let product = b.mul(y, w);
    let axes: Vec<usize> = (0..shape.rank()).collect();
    let loss = b.sum(product, &axes);
    b.output("loss", loss);
    if let Some(i) = wrt {
        let g = append_gradient(&mut b, loss, &[values[i]]).unwrap_or_else(|e| panic!("{e}"));
        b.output("gradient", g[0]);
    }
    eval_graph(&b.finish(), x)
}

/// Compares the gradients with respect to all float operands with central differences.
fn check(op: impl Into<Op>, x: &[Array]) {
    let op = op.into();
    for i in (0..x.len()).filter(|&i| x[i].ty.dtype == DType::F64) {
        let gradient = loss(&op, x, Some(i))[1].to_f64();
        for (e, &found) in gradient.iter().enumerate() {
            let h = 1e-4;
            let value = |by: f64| {
                let mut moved = x.to_vec();
                let old = &x[i];
                moved[i] = Array::from_fn(old.ty.clone(), |k| {
                    Scalar::f64(old.get(k).to_f64() + if k == e { by } else { 0.0 })
                });
                loss(&op, &moved, None)[0].to_f64()[0]
            };
            let expected = (value(h) - value(-h)) / (2.0 * h);
            let close = (found - expected).abs() <= 1e-6 * expected.abs().max(1.0);
            assert!(
                close,
                "{op:?}\noperand {i} element {e}: {found}, differences {expected}"
            );
        }
    }
}

/// Different numbers, far apart from one another.
fn distinct(text: &str) -> Array {
    let ty = ty(text);
    let n = ty.count();
    Array::from_fn(ty, |i| Scalar::f64((i * 11 % n.max(1)) as f64 * 0.37 - 1.1))
}

fn ints(text: &str, data: &[i64]) -> Array {
    let ty = ty(text);
    Array::from_fn(ty.clone(), |i| Scalar::int(ty.dtype, data[i]))
}

#[test]
fn moving_elements() {
    let x = distinct("f64[2,3]");
    check(
        BroadcastInDim {
            shape: [3, 4, 2].into(),
            axes: vec![2, 0],
        },
        std::slice::from_ref(&x),
    );
    let one = distinct("f64[2,1]");
    check(
        BroadcastInDim {
            shape: [3, 4, 2].into(),
            axes: vec![2, 0],
        },
        std::slice::from_ref(&one),
    );
    check(
        BroadcastInDim {
            shape: [2, 1].into(),
            axes: vec![0, 1],
        },
        &[one],
    );
    check(
        Reshape {
            shape: [3, 2].into(),
        },
        std::slice::from_ref(&x),
    );
    check(
        Transpose {
            permutation: vec![2, 0, 1],
        },
        &[distinct("f64[2,3,4]")],
    );
    let slice = Slice {
        start: vec![0, 1],
        limit: vec![2, 6],
        stride: vec![1, 3],
    };
    check(slice, &[distinct("f64[2,7]")]);
    let none = Slice {
        start: vec![1],
        limit: vec![1],
        stride: vec![3],
    };
    check(none, &[distinct("f64[4]")]);
    for (low, high, interior) in [(1, 2, 0), (-1, 0, 2), (0, -1, 1), (-2, 3, 1)] {
        let pad = Pad {
            low: vec![0, low],
            high: vec![1, high],
            interior: vec![1, interior],
        };
        check(pad, &[x.clone(), distinct("f64[]")]);
    }
    check(
        Concatenate { axis: 1 },
        &[x.clone(), distinct("f64[2,2]"), distinct("f64[2,0]")],
    );
    check(Reverse { axes: vec![1] }, std::slice::from_ref(&x));
    for (i, j) in [(0, 1), (9, 9)] {
        let at = [ints("i32[]", &[i]), ints("i32[]", &[j])];
        let big = distinct("f64[3,4]");
        let operands = [vec![big.clone()], at.to_vec()].concat();
        check(DynamicSlice { sizes: vec![2, 3] }, &operands);
        let operands = [vec![big, x.clone()], at.to_vec()].concat();
        check(DynamicUpdateSlice, &operands);
    }
}

#[test]
fn reductions() {
    for kind in [Reducer::Sum, Reducer::Product, Reducer::Max, Reducer::Min] {
        for axes in [vec![0], vec![1], vec![0, 2], vec![0, 1, 2]] {
            let op = Reduce {
                kind: kind.clone(),
                axes,
            };
            check(op, &[distinct("f64[2,3,2]")]);
        }
    }
    // Zeros do not harm products.
    let zeros = common::array("f64[2,4]", &[0., 2., 0., 3., 5., 0., 1., 2.]);
    check(
        Reduce {
            kind: Reducer::Product,
            axes: vec![1],
        },
        &[zeros],
    );
    check(
        Reduce {
            kind: Reducer::Product,
            axes: vec![1],
        },
        &[distinct("f64[2,0]")],
    );
}

#[test]
fn ties_share_the_gradient() {
    let mut b = Builder::new("ties");
    let x = b.input("x", ty("f64[4]"));
    let y = b.reduce(Reducer::Max, x, &[0]);
    let g = append_gradient(&mut b, y, &[x]).unwrap();
    b.output("g", g[0]);
    let x = common::array("f64[4]", &[1., 3., 2., 3.]);
    assert_eq!(
        eval_graph(&b.finish(), &[x])[0].to_f64(),
        [0., 0.5, 0., 0.5]
    );
}

fn window(size: usize, stride: usize, padding: (i64, i64)) -> Window {
    Window {
        size: vec![1, size],
        stride: vec![1, stride],
        padding: vec![(0, 0), padding],
        ..Window::new(&[1, 1])
    }
}

#[test]
fn windows() {
    let x = distinct("f64[2,7]");
    for (size, stride, padding) in [
        (2, 2, (0, 0)),
        (3, 2, (1, 1)),
        (3, 1, (0, 2)),
        (2, 3, (0, 0)),
        (7, 1, (6, 0)),
        (2, 2, (-1, -2)),
        (9, 1, (0, 0)),
    ] {
        for kind in [Reducer::Sum, Reducer::Max, Reducer::Min] {
            let window = window(size, stride, padding);
            check(ReduceWindow { kind, window }, std::slice::from_ref(&x));
        }
    }
    let dilated = Window {
        base_dilation: vec![1, 3],
        window_dilation: vec![1, 2],
        ..window(3, 2, (1, 4))
    };
    check(
        ReduceWindow {
            kind: Reducer::Sum,
            window: dilated,
        },
        &[x],
    );
}

#[test]
fn select_and_scatter() {
    for (select, w, n) in [
        (Cmp::Ge, window(2, 2, (0, 0)), 3),
        (Cmp::Le, window(3, 1, (1, 1)), 7),
        (Cmp::Ge, window(3, 2, (1, 1)), 4),
    ] {
        let s = distinct(&format!("f64[2,{n}]"));
        check(
            SelectAndScatter { select, window: w },
            &[distinct("f64[2,7]"), s],
        );
    }
}

#[test]
fn indexing() {
    let rows = Gather {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: vec![1, 3],
    };
    for i in [
        ints("i32[5]", &[2, 0, 9, -1, 2]),
        ints("u8[5,1]", &[2, 0, 250, 1, 2]),
    ] {
        check(rows.clone(), &[distinct("f64[4,3]"), i]);
    }
    let windows = Gather {
        offset_dims: vec![0, 2],
        collapsed_slice_dims: vec![],
        start_index_map: vec![1, 0],
        index_vector_dim: 0,
        slice_sizes: vec![2, 2],
        ..rows
    };
    let places = ints("i64[2,3]", &[1, 9, 0, 0, 2, -4]);
    check(windows, &[distinct("f64[4,3]"), places.clone()]);
    for update in [Some(Reducer::Sum), None] {
        let rows = Scatter {
            update: update.clone(),
            update_window_dims: vec![1],
            inserted_window_dims: vec![0],
            input_batching_dims: vec![],
            scatter_indices_batching_dims: vec![],
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
        };
        for i in [
            ints("i32[5]", &[2, 0, 9, -1, 2]),
            ints("u64[5]", &[2, 0, -1, 1, 2]),
        ] {
            check(
                rows.clone(),
                &[distinct("f64[4,3]"), i, distinct("f64[5,3]")],
            );
        }
        let windows = Scatter {
            update_window_dims: vec![0, 2],
            inserted_window_dims: vec![],
            scatter_dims_to_operand_dims: vec![1, 0],
            index_vector_dim: 0,
            ..rows.clone()
        };
        let u = distinct("f64[2,3,2]");
        check(windows, &[distinct("f64[4,3]"), places.clone(), u]);
        let batched = Scatter {
            update_window_dims: vec![],
            inserted_window_dims: vec![1],
            input_batching_dims: vec![0],
            scatter_indices_batching_dims: vec![0],
            scatter_dims_to_operand_dims: vec![1],
            ..rows
        };
        let i = ints("i32[4]", &[0, 2, 5, 1]);
        check(batched, &[distinct("f64[4,3]"), i, distinct("f64[4]")]);
    }
}

#[test]
fn integers_have_no_gradient() {
    let mut b = Builder::new("ints");
    let x = b.input("x", ty("i32[4]"));
    let y = b.sum(x, &[0]);
    let dy = b.like(y, 1.0);
    let reduce = Reduce {
        kind: Reducer::Sum,
        axes: vec![0],
    };
    assert_eq!(reduce.vjp(&mut b, &[x], &[y], &[Some(dy)]), Ok(vec![None]));
}
