//! Gradients of the pointwise operations against central differences in `f64`.

use craneflow_ir::{Array, Builder, Cmp, DType, Pointwise, Scalar, Type, eval_graph, grad};

/// Values of `op` and its gradients at `x`.
fn value_and_gradients(op: Pointwise, x: &[f64]) -> Vec<f64> {
    let mut b = Builder::new("test");
    let ty = Type::scalar(DType::F64);
    let args: Vec<_> = (0..x.len())
        .map(|i| b.input(&format!("x{i}"), ty.clone()))
        .collect();
    let y = b.op(op, &args);
    let gradients = grad::append_gradient(&mut b, y, &args).expect("differentiable");
    b.output("y", y);
    for (i, g) in gradients.into_iter().enumerate() {
        b.output(&format!("g{i}"), g);
    }
    let inputs: Vec<Array> = x.iter().map(|&x| Array::scalar(Scalar::f64(x))).collect();
    eval_graph(&b.finish(), &inputs)
        .iter()
        .map(|a| a.get(0).to_f64())
        .collect()
}

#[track_caller]
fn check(op: Pointwise, x: &[f64]) {
    let found = value_and_gradients(op, x);
    for i in 0..x.len() {
        let h = 1e-5 * x[i].abs().max(0.1);
        let at = |d: f64| {
            let mut x = x.to_vec();
            x[i] += d;
            value_and_gradients(op, &x)[0]
        };
        let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        let error = (found[i + 1] - slope).abs();
        assert!(
            error <= 1e-8 * slope.abs().max(1.0),
            "{op:?} {x:?}: d{i} is {}, not {slope}",
            found[i + 1]
        );
    }
}

#[test]
fn one_argument() {
    use Pointwise::*;
    let everywhere = [
        Negate,
        Abs,
        Sign,
        Floor,
        Ceil,
        RoundNearestEven,
        RoundNearestAfz,
        Cbrt,
        Exp,
        Expm1,
        Tanh,
        Logistic,
        Sine,
        Cosine,
        Tan,
        Erf,
    ];
    for op in everywhere {
        for x in [-1.3, -0.2, 0.3, 0.9, 2.2] {
            check(op, &[x]);
        }
    }
    for op in [Sqrt, Rsqrt, Log, Log1p] {
        for x in [0.1, 0.7, 3.5] {
            check(op, &[x]);
        }
    }
}

#[test]
fn more_arguments() {
    use Pointwise::*;
    for op in [
        Add, Subtract, Multiply, Divide, Remainder, Maximum, Minimum, Atan2,
    ] {
        for x in [[1.3, 0.4], [-1.3, 0.4], [0.2, -0.7], [-2.1, -0.6]] {
            check(op, &x);
        }
    }
    for x in [[1.3, 0.4], [0.3, -2.5], [2.0, 3.0]] {
        check(Power, &x);
    }
    check(Fma, &[1.5, -2.0, 0.3]);
    for x in [-3.0, 0.2, 3.0] {
        check(Clamp, &[-1.0, x, 1.0]);
    }
}

#[test]
fn where_the_formula_has_no_value() {
    // d(x^0) = 0 and d(x^2) = 0 at x = 0; a tie goes to the bound.
    assert_eq!(
        value_and_gradients(Pointwise::Power, &[0.0, 0.0])[1..],
        [0.0, 0.0]
    );
    assert_eq!(
        value_and_gradients(Pointwise::Power, &[0.0, 2.0])[1..],
        [0.0, 0.0]
    );
    assert_eq!(
        value_and_gradients(Pointwise::Maximum, &[0.0, 0.0])[1..],
        [0.0, 1.0]
    );
    assert_eq!(
        value_and_gradients(Pointwise::Clamp, &[0.0, 1.0, 1.0])[1..],
        [0.0, 0.0, 1.0]
    );
}

#[test]
fn select_and_convert() {
    let mut b = Builder::new("test");
    let x = b.input("x", Type::scalar(DType::F32));
    let y = b.input("y", Type::scalar(DType::F32));
    let first = b.compare(Cmp::Lt, x, y);
    let chosen = b.select(first, x, y);
    let wide = b.convert(chosen, DType::F64);
    let gradients = grad::append_gradient(&mut b, wide, &[x, y]).expect("differentiable");
    for (i, g) in gradients.into_iter().enumerate() {
        assert_eq!(*b.ty(g), Type::scalar(DType::F32));
        b.output(&format!("g{i}"), g);
    }
    let inputs = [1.0, 2.0].map(|x| Array::scalar(Scalar::f32(x)));
    let got: Vec<f64> = eval_graph(&b.finish(), &inputs)
        .iter()
        .map(|a| a.get(0).to_f64())
        .collect();
    assert_eq!(got, [1.0, 0.0]);
}
