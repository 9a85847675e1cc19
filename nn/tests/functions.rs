//! Functions, losses and optimizers against numbers worked out by hand, and gradients against
//! finite differences.

#[path = "functions/calls.rs"]
mod calls;
#[path = "functions/training.rs"]
mod training;

use craneflow_ir::{Array, DType, Type};
use craneflow_nn::Tensor;
use craneflow_nn::functional as f;
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::Metric;
use craneflow_nn::optim::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use craneflow_nn::trace::{Function, donate, f32s, grad, i32s, jit, trace, value_and_grad};
use ndarray::{array, s};

type Input<'a> = (Type, &'a [f64]);

/// What `g` gives for these inputs, one list of numbers for each result.
fn run(inputs: &[Input<'_>], g: impl FnOnce(&[Tensor]) -> Vec<Tensor>) -> Vec<Vec<f64>> {
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let types = inputs.iter().map(|(ty, _)| ty.clone());
    let ports: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(types).collect();
    let graph = trace("test", &ports, g).unwrap_or_else(|e| panic!("{e}"));
    let mut function =
        Function::compile(graph, &Default::default()).unwrap_or_else(|e| panic!("{e}"));
    let arrays: Vec<Array> = inputs
        .iter()
        .map(|(ty, x)| Array::from_f64(ty.clone(), x))
        .collect();
    let feeds: Vec<_> = arrays.iter().map(Into::into).collect();
    let outputs = function.call(&feeds).unwrap_or_else(|e| panic!("{e}"));
    outputs.arrays().iter().map(Array::to_f64).collect()
}

fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{found:?} and {expected:?}"
        );
    }
}

/// Checks the value of `g`, in `f32`.
fn check(inputs: &[Input<'_>], g: impl FnOnce(&[Tensor]) -> Tensor, expected: &[f64]) {
    near(&run(inputs, |x| vec![g(x)])[0], expected, 1e-6);
}

/// Checks the gradient of the sum of `g(x) * weights` against finite differences, in `f64`.
fn check_gradient(shape: &[usize], x: &[f64], g: impl Fn(&Tensor) -> Tensor) {
    let ty = Type::new(DType::F64, shape);
    let scalar = |x: &Tensor| {
        let y = g(x);
        // Uneven weights, so that no part of the gradient cancels.
        let weights = y
            .tracer()
            .iota(&Type::new(DType::F64, [y.shape().count()]), 0)
            * 0.3
            + 0.7;
        (y.reshape(&[y.shape().count()]) * weights).sum(&[])
    };
    let gradient = run(&[(ty.clone(), x)], |x| scalar(&x[0]).gradient(&[&x[0]])).remove(0);
    let h = 1e-5;
    for i in 0..x.len() {
        let at = |d: f64| {
            let mut x = x.to_vec();
            x[i] += d;
            run(&[(ty.clone(), &x)], |x| vec![scalar(&x[0])])[0][0]
        };
        let expected = (at(h) - at(-h)) / (2.0 * h);
        let found = gradient[i];
        let close = (found - expected).abs() <= 1e-6 * expected.abs().max(1.0);
        assert!(close, "element {i}: {found}, by differences {expected}");
    }
}

const X: [f64; 6] = [-2.0, -0.7, 0.1, 0.4, 1.3, 3.0];

#[test]
fn activations() {
    let x = || (f32s([4]), &[-1.0, 0.0, 1.0, 30.0][..]);
    check(&[x()], |x| f::relu(&x[0]), &[0.0, 0.0, 1.0, 30.0]);
    check(
        &[x()],
        |x| f::sigmoid(&x[0]),
        &[0.26894142, 0.5, 0.73105858, 1.0],
    );
    check(
        &[x()],
        |x| f::silu(&x[0]),
        &[-0.26894142, 0.0, 0.73105858, 30.0],
    );
    check(
        &[x()],
        |x| f::leaky_relu(&x[0], 0.2),
        &[-0.2, 0.0, 1.0, 30.0],
    );
    check(
        &[x()],
        |x| f::elu(&x[0], 2.0),
        &[-1.26424112, 0.0, 1.0, 30.0],
    );
    check(
        &[x()],
        |x| f::softplus(&x[0]),
        &[0.31326169, std::f64::consts::LN_2, 1.31326169, 30.0],
    );
    check(
        &[x()],
        |x| f::gelu(&x[0]),
        &[-0.15865526, 0.0, 0.84134475, 30.0],
    );
    check(
        &[x()],
        |x| f::gelu_tanh(&x[0]),
        &[-0.15880801, 0.0, 0.84119199, 30.0],
    );
    for g in [
        f::sigmoid,
        f::silu,
        f::softplus,
        f::gelu,
        f::gelu_tanh,
        f::relu,
    ] {
        check_gradient(&[6], &X, g);
    }
    check_gradient(&[6], &X, |x| f::elu(x, 1.5));
    check_gradient(&[6], &X, |x| f::leaky_relu(x, 0.2));
    check_gradient(&[6], &X, |x| x.abs() + x.square().sqrt() * x.maximum(0.25));
}

/// Worked out by hand: of 0.5, 0.2 and -1, two are in the support, and the level is -0.15. (Keras's
/// own adds up too much when the support has several elements.)
#[test]
fn sparsemax_projects_on_probabilities() {
    let x = (f32s([2, 3]), &[0.5, 0.2, -1.0, 1.0, 2.0, 0.5][..]);
    let expected = [0.65, 0.35, 0.0, 0.0, 1.0, 0.0];
    check(&[x], |x| f::sparsemax(&x[0]), &expected);
    check_gradient(&[2, 3], &[0.5, 0.2, -1.0, 0.3, 0.1, 0.15], f::sparsemax);
}

#[test]
fn rows() {
    let x = || (f32s([2, 3]), &[0.0, 0.0, 0.0, 100.0, 101.0, 102.0][..]);
    let third = 1.0 / 3.0;
    let p = [third, third, third, 0.09003057, 0.24472847, 0.66524096];
    check(&[x()], |x| f::softmax(&x[0], -1), &p);
    check(&[x()], |x| f::log_softmax(&x[0], 1), &p.map(f64::ln));
    check(&[x()], |x| f::softmax(&x[0].t(), 0).t(), &p);
    check(&[x()], |x| x[0].argmax(-1).convert(DType::F32), &[0.0, 2.0]);
    let norm = |x: &Tensor| {
        let ones = x.tracer().full(&Type::new(x.dtype(), [3]), 1.0);
        f::layer_norm(x, &ones, &(&ones * 2.0), 1e-3)
    };
    let s = 1.0 / (2.0f64 / 3.0 + 1e-3).sqrt();
    check(
        &[x()],
        |x| norm(&x[0]),
        &[2.0, 2.0, 2.0, 2.0 - s, 2.0, 2.0 + s],
    );
    check_gradient(&[2, 3], &X, |x| f::softmax(x, -1));
    check_gradient(&[2, 3], &X, |x| f::log_softmax(x, 0));
    check_gradient(&[2, 3], &X, norm);
}

#[test]
fn images() {
    let image: Vec<f64> = (1..=9).map(f64::from).collect();
    let image = || (f32s([1, 3, 3, 1]), &image[..]);
    let pool = |padding| f::Pool {
        size: [2, 2],
        strides: [2, 2],
        padding,
    };
    let (valid, same) = (pool(f::Padding::Valid), pool(f::Padding::Same));
    check(&[image()], |x| f::max_pool2d(&x[0], &valid), &[5.0]);
    check(
        &[image()],
        |x| f::max_pool2d(&x[0], &same),
        &[5.0, 6.0, 8.0, 9.0],
    );
    check(&[image()], |x| f::avg_pool2d(&x[0], &valid), &[3.0]);
    check(
        &[image()],
        |x| f::avg_pool2d(&x[0], &same),
        &[3.0, 4.5, 7.5, 9.0],
    );
    check(&[image()], |x| f::global_avg_pool2d(&x[0]), &[5.0]);
    let kernel = || (f32s([2, 2, 1, 1]), &[1.0, 0.0, 0.0, -1.0][..]);
    let conv = |options: f::Conv| move |x: &[Tensor]| f::conv2d(&x[0], &x[1], &options);
    check(&[image(), kernel()], conv(f::Conv::default()), &[-4.0; 4]);
    let padded = f::Conv {
        padding: f::Padding::Same,
        ..Default::default()
    };
    // The odd padding goes to the end, where the image is then 0.
    let expected = [-4.0, -4.0, 3.0, -4.0, -4.0, 6.0, 7.0, 8.0, 9.0];
    check(&[image(), kernel()], conv(padded.clone()), &expected);
    let wide = f::Conv {
        dilation: [2, 2],
        ..Default::default()
    };
    check(&[image(), kernel()], conv(wide), &[1.0 - 9.0]);
    let strided = f::Conv {
        strides: [2, 2],
        ..padded
    };
    check(&[image(), kernel()], conv(strided), &[-4.0, 3.0, 7.0, 9.0]);
    let channels = (f32s([1, 1, 1, 2]), &[3.0, 5.0][..]);
    let depthwise = (f32s([1, 1, 1, 4]), &[1.0, 2.0, 3.0, 4.0][..]);
    let groups = f::Conv {
        groups: 2,
        ..Default::default()
    };
    check(
        &[channels, depthwise],
        conv(groups),
        &[3.0, 6.0, 15.0, 20.0],
    );
}

#[test]
fn attention_and_recurrence() {
    let q = (f32s([1, 1, 2, 1]), &[1.0, 2.0][..]);
    let v = (f32s([1, 1, 2, 1]), &[10.0, 20.0][..]);
    // Position 0 sees itself alone; position 1 weighs by exp(2 * 1) and exp(2 * 2).
    let w = 1.0 / (1.0 + 2.0f64.exp());
    let expected = [10.0, 10.0 * w + 20.0 * (1.0 - w)];
    check(
        &[q.clone(), v],
        |x| f::attention(&x[0], &x[0], &x[1], true),
        &expected,
    );
    let x = (f32s([1, 4]), &[0.0, 0.0, 1.0, 0.0][..]);
    let c = (f32s([1, 1]), &[2.0][..]);
    let recurrent = (f32s([1, 4]), &[0.0; 4][..]);
    let c1 = 0.5 * 2.0 + 0.5 * 1.0f64.tanh();
    let found = run(&[x, c.clone(), c, recurrent], |x| {
        let (h, c) = f::lstm_cell(&x[0], &x[1], &x[2], &x[3]);
        vec![h, c]
    });
    near(&found.concat(), &[0.5 * c1.tanh(), c1], 1e-6);
}

#[test]
fn dropout_keeps_the_expectation_and_draws_anew() {
    let state = (Type::new(DType::U64, [3]), &[7.0, 0.0, 0.0][..]);
    let found = run(&[state], |x| {
        let ones = x[0].tracer().full(&f32s([4096]), 1.0);
        let (next, bits) = f::random_bits(&x[0], &[4096]);
        let (_, more) = f::random_bits(&next, &[4096]);
        vec![
            f::dropout(&ones, 0.25, &bits),
            f::dropout(&ones, 0.25, &more),
        ]
    });
    for y in &found {
        let kept = y.iter().filter(|&&y| y != 0.0).count();
        assert!(y.iter().all(|&y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-6));
        assert!((2950..3200).contains(&kept), "{kept}");
    }
    assert_ne!(found[0], found[1]);
}
