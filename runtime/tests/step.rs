//! Compiled steps against the reference interpreter.

use craneflow_ir::ops::DotGeneral;
use craneflow_ir::{Array, Builder, DType, Graph, Type, Value, Verified, eval, grad};
use craneflow_runtime::arena::AlignedBuf;
use craneflow_runtime::{Argument, Options, Profile, Step, Workspace};

fn f32s(shape: &[usize]) -> Type {
    Type::new(DType::F32, shape)
}

fn sample(ty: &Type, seed: usize) -> Array {
    let value = |i: usize| ((i * 37 + seed * 101) % 53) as f64 / 64.0 - 0.4;
    Array::from_f64(ty.clone(), &(0..ty.count()).map(value).collect::<Vec<_>>())
}

/// Mean squared error of a hidden layer of 24, and gradient descent on both kernels.
fn training_step() -> Verified<Graph> {
    let mut b = Builder::new("step");
    let (w, v) = (b.input("w", f32s(&[13, 24])), b.input("v", f32s(&[24, 3])));
    let (x, y) = (b.input("x", f32s(&[10, 13])), b.input("y", f32s(&[10, 3])));
    let hidden = b.op(DotGeneral::matmul(2), &[x, w]);
    let zero = b.like(hidden, 0.0);
    let hidden = b.max(hidden, zero);
    let out = b.op(DotGeneral::matmul(2), &[hidden, v]);
    let error = b.sub(out, y);
    let square = b.mul(error, error);
    let loss = b.sum(square, &[0, 1]);
    let grads = grad::append_gradient(&mut b, loss, &[w, v]).expect("differentiable");
    let descend = |b: &mut Builder, p: Value, g: Value| {
        let rate = b.like(g, 0.01);
        let step = b.mul(g, rate);
        b.sub(p, step)
    };
    let new = [descend(&mut b, w, grads[0]), descend(&mut b, v, grads[1])];
    b.output("w", new[0]);
    b.output("v", new[1]);
    b.output("loss", loss);
    b.donate(0, 0);
    b.donate(1, 1);
    Verified::graph(b.finish()).expect("right")
}

#[test]
fn a_training_step_has_the_bits_of_the_reference_and_keeps_its_state() {
    let graph = training_step();
    let mut inputs: Vec<Array> = graph
        .inputs
        .iter()
        .enumerate()
        .map(|(i, input)| sample(graph.ty(input.value), i))
        .collect();
    for vector_bits in [0, 128, 256, 512] {
        for threads in [1, 3] {
            let mut options = Options {
                threads,
                ..Options::default()
            };
            options.passes.vector_bits = vector_bits;
            let mut step = Step::compile(&graph, &options).expect("compiles");
            for (i, array) in inputs.iter().enumerate() {
                step.set_array(i, array).expect("fits");
            }
            let mut expect = inputs.clone();
            for _ in 0..3 {
                step.run();
                let outputs = eval::eval_graph(&graph, &expect);
                expect[..2].clone_from_slice(&outputs[..2]);
                assert_eq!(step.output_array(2), outputs[2], "loss");
                assert_eq!(step.output_array(0), outputs[0], "w");
                assert_eq!(step.output_array(1), outputs[1], "v");
            }
        }
    }
    inputs.pop();
    let mut step = Step::compile(&graph, &Options::default()).expect("compiles");
    let error = step.run_arrays(&inputs).expect_err("too few");
    assert_eq!(error.to_string(), "the program takes 4 inputs, found 3");
}

/// Rows times the columns of weights, which are laid out for it.
fn layer(rows: usize, inner: usize, columns: usize) -> Verified<Graph> {
    let mut b = Builder::new("layer");
    let x = b.input("x", f32s(&[rows, inner]));
    let w = b.input("w", f32s(&[columns, inner]));
    let by_rows = DotGeneral {
        rhs_contract: vec![1],
        ..DotGeneral::matmul(2)
    };
    let y = b.op(by_rows, &[x, w]);
    b.output("y", y);
    Verified::graph(b.finish()).expect("right")
}

/// The second run gets other memory for what lies between inputs and outputs, where that is as much as here.
#[test]
fn large_weights_stay_laid_out() {
    let graph = layer(256, 1536, 2048);
    let mut step = Step::compile(&graph, &Options::default()).expect("compiles");
    assert!(step.executable().keeps());
    assert!(step.plan().arena_bytes >= 12 << 20);
    let w = sample(&f32s(&[2048, 1536]), 7);
    step.set_array(1, &w).expect("fits");
    for seed in 0..3 {
        let x = sample(&f32s(&[256, 1536]), seed);
        step.set_array(0, &x).expect("fits");
        step.run();
        let mut first = Step::new(step.executable().clone()).expect("memory");
        let expected = first.run_arrays(&[x, w.clone()]).expect("fits");
        assert!(step.output_array(0) == expected[0], "run {seed}");
    }
}

/// A product with weights that are laid out for it, and the inputs of three runs: the second has new rows, the third new weights.
#[test]
fn weights_are_laid_out_again_when_they_change() {
    let graph = layer(16, 32, 10);
    let mut step = Step::compile(&graph, &Options::default()).expect("compiles");
    assert!(step.executable().keeps());
    let mut profile = Profile::new(step.program());
    let given = |x: usize, w: usize| [sample(&f32s(&[16, 32]), x), sample(&f32s(&[10, 32]), w)];
    for (i, (x, w)) in [(1, 2), (3, 2), (3, 4)].into_iter().enumerate() {
        let arrays = given(x, w);
        step.set_array(0, &arrays[0]).expect("fits");
        if i != 1 {
            step.set_array(1, &arrays[1]).expect("fits");
        }
        step.run_profiled(&mut profile);
        assert_eq!(step.output_array(0), eval::eval_graph(&graph, &arrays)[0]);
    }
    let times: Vec<f64> = profile.rows().iter().map(|row| row.count).collect();
    assert_eq!(times, [2.0, 3.0]);
    let mut workspace = Workspace::new(step.executable()).expect("memory");
    let mut run = |arguments: &mut [Argument<'_>]| {
        let mut y = AlignedBuf::zeroed(16 * 10 * 4).expect("memory");
        (workspace.run(arguments, &mut [y.bytes_mut()])).expect("fits");
        Array::from_bytes(f32s(&[16, 10]), y.bytes()).expect("all bytes")
    };
    let aligned = |a: &Array| {
        let mut buf = AlignedBuf::zeroed(a.bytes().len()).expect("memory");
        buf.bytes_mut().copy_from_slice(a.bytes());
        buf
    };
    for (x, w) in [(1, 2), (3, 2), (3, 4)] {
        let arrays = given(x, w);
        let bufs = [0, 1].map(|i| aligned(&arrays[i]));
        let expected = eval::eval_graph(&graph, &arrays).remove(0);
        let [x, w] = [bufs[0].bytes(), bufs[1].bytes()];
        assert_eq!(
            run(&mut [Argument::Borrowed(x), Argument::Borrowed(w)]),
            expected
        );
        assert_eq!(
            run(&mut [Argument::Borrowed(x), Argument::Same(w)]),
            expected
        );
    }
}
