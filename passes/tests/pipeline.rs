//! Whole graphs through the pipeline: the lowered program has the bits of the graph.

use craneflow_ir::graph::Graph;
use craneflow_ir::loops::eval::eval_program;
use craneflow_ir::ops::DotGeneral;
use craneflow_ir::{Array, Builder, DType, Type, Verified, eval};
use craneflow_passes::{Options, compile};

fn f32s(shape: &[usize]) -> Type {
    Type::new(DType::F32, shape)
}

/// Small distinct values, some negative.
fn sample(ty: &Type, seed: usize) -> Array {
    let value = |i: usize| ((i * 37 + seed * 101) % 53) as f64 / 16.0 - 1.5;
    Array::from_f64(ty.clone(), &(0..ty.count()).map(value).collect::<Vec<_>>())
}

fn check(graph: Graph) {
    let verified = Verified::graph(graph.clone()).expect("right");
    let inputs: Vec<Array> = graph
        .inputs
        .iter()
        .enumerate()
        .map(|(i, input)| sample(graph.ty(input.value), i))
        .collect();
    let expect = eval::eval_graph(&graph, &inputs);
    for options in [
        Options::default(),
        Options {
            plain: true,
            vector_bits: 0,
            threads: 2,
            sharing: 2,
        },
    ] {
        let (program, _) = compile(verified.clone(), &options, &mut |pass, unit, _| {
            if let craneflow_passes::Unit::Graph(g) = unit {
                let after = eval::eval_graph(g, &inputs);
                assert_eq!(expect, after, "{} changed the result", pass.name);
            }
        });
        let found = eval_program(&program, &inputs).expect("a verified program runs");
        assert_eq!(found, expect, "{program:#?}");
    }
}

fn dot() -> DotGeneral {
    DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        lhs_contract: vec![1],
        rhs_contract: vec![0],
    }
}

#[test]
fn a_dense_layer_with_its_epilogue() {
    let mut b = Builder::new("dense");
    let (x, w, bias) = (
        b.input("x", f32s(&[5, 7])),
        b.input("w", f32s(&[7, 18])),
        b.input("b", f32s(&[18])),
    );
    let y = b.op(dot(), &[x, w]);
    let shape = b.shape(y);
    let bias = b.broadcast(bias, &[1], &shape);
    let y = b.add(y, bias);
    let zero = b.like(y, 0.0);
    let y = b.max(y, zero);
    b.output("y", y);
    let g = b.finish();
    assert_eq!(
        craneflow_passes::fuse::fuse(&g).groups.len(),
        1,
        "bias and relu join the product"
    );
    check(g);
}

#[test]
fn softmax_over_rows_and_sums_over_columns() {
    let mut b = Builder::new("softmax");
    let x = b.input("x", f32s(&[6, 21]));
    let shape = b.shape(x);
    let top = b.reduce(craneflow_ir::ops::common::Reducer::Max, x, &[1]);
    let top = b.unreduce(top, &[1], &shape);
    let e = b.sub(x, top);
    let e = b.exp(e);
    let s = b.sum(e, &[1]);
    let s = b.unreduce(s, &[1], &shape);
    let y = b.div(e, s);
    let columns = b.sum(y, &[0]);
    b.output("y", y);
    b.output("columns", columns);
    check(b.finish());
}

/// A norm over the last two axes of rows that are counted by two axes, and its parts as results.
#[test]
fn rows_of_several_axes_with_results_of_each_kind() {
    for width in [3, 16, 33] {
        let mut b = Builder::new("norm");
        let x = b.input("x", f32s(&[2, 3, width, 7]));
        let (shape, axes) = (b.shape(x), [2, 3]);
        let cube = b.mul(x, x);
        let cube = b.mul(cube, x);
        let e = b.exp(cube);
        let sum = b.sum(e, &axes);
        let mean = b.unreduce(sum, &axes, &shape);
        let centred = b.sub(e, mean);
        let square = b.mul(centred, centred);
        let spread = b.sum(square, &axes);
        let wide = b.unreduce(spread, &axes, &shape);
        let y = b.div(centred, wide);
        let kept = b.reshape(sum, &[2, 3, 1, 1]);
        for (name, v) in [("y", y), ("e", e), ("spread", spread), ("kept", kept)] {
            b.output(name, v);
        }
        let g = b.finish();
        let groups = craneflow_passes::fuse::fuse(&g).groups;
        let rows =
            |k: &craneflow_passes::fuse::Group| k.kind == craneflow_passes::fuse::GroupKind::Rows;
        assert_eq!(groups.iter().filter(|k| rows(k)).count(), 1, "{groups:?}");
        check(g);
    }
}

#[test]
fn a_momentum_update_is_one_kernel_in_place() {
    let mut b = Builder::new("update");
    let (w, m, g) = (
        b.input("w", f32s(&[3, 9])),
        b.input("m", f32s(&[3, 9])),
        b.input("g", f32s(&[3, 9])),
    );
    let rate = b.input("rate", f32s(&[]));
    let half = b.like(m, 0.5);
    let m = b.mul(m, half);
    let m = b.add(m, g);
    let shape = b.shape(m);
    let rate = b.broadcast(rate, &[], &shape);
    let step = b.mul(m, rate);
    let w = b.sub(w, step);
    b.output("w", w);
    b.output("m", m);
    b.donate(0, 0);
    b.donate(1, 1);
    let g = b.finish();
    let verified = Verified::graph(g.clone()).expect("right");
    let (program, _) = compile(verified, &Options::default(), &mut |_, _, _| {});
    assert_eq!(program.steps.len(), 1, "{:#?}", program.steps);
    check(g);
}

#[test]
fn results_that_are_inputs_constants_or_twice_the_same() {
    let mut b = Builder::new("odd");
    let x = b.input("x", f32s(&[4]));
    let zero = b.splat(&f32s(&[2, 3]), 0.0);
    let y = b.neg(x);
    for (name, v) in [("x", x), ("zero", zero), ("y", y), ("again", y)] {
        b.output(name, v);
    }
    check(b.finish());
}

#[test]
fn transposes_walk_tiles() {
    for (shape, permutation) in [
        (&[64, 80][..], &[1, 0][..]),
        (&[100, 48], &[1, 0]),
        (&[6, 40, 33], &[2, 0, 1]),
        (&[6, 40, 33], &[0, 2, 1]),
        (&[61, 97], &[1, 0]),
        (&[150, 192], &[1, 0]),
    ] {
        let mut b = Builder::new("transpose");
        let x = b.input("x", f32s(shape));
        let t = b.transpose(x, permutation);
        let y = b.input("y", b.ty(t).clone());
        let sum = b.add(t, y);
        b.output("t", t);
        b.output("sum", sum);
        check(b.finish());
    }
}

#[test]
fn a_product_reads_a_reshaped_input_as_a_view() {
    let mut b = Builder::new("flatten");
    let (x, w) = (
        b.input("x", f32s(&[6, 2, 3, 2])),
        b.input("w", f32s(&[12, 9])),
    );
    let x = b.reshape(x, &[6, 12]);
    let y = b.op(dot(), &[x, w]);
    b.output("y", y);
    let g = b.finish();
    assert_eq!(craneflow_passes::fuse::fuse(&g).groups.len(), 1);
    check(g);
}
