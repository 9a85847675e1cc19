//! M1 to M10.

use super::{Start, Workload, random};
use crate::error::NnError;
use crate::functional::{gelu_tanh, layer_norm, softmax};
use crate::rng::Rng;
use crate::tensor::Tensor;
use crate::trace::{donate, f32s, trace};
use craneflow_ir::{Array, Scalar, Type};
use std::sync::Arc;

/// Elements of the long vectors.
const LONG: usize = 1 << 20;

pub(super) fn function(name: &str) -> Result<Workload, NnError> {
    let long = || f32s([LONG]);
    let square = |n: usize| f32s([n, n]);
    let size: Option<usize> = name.strip_prefix("M7_").and_then(|n| n.parse().ok());
    if name == "M2" {
        return adam();
    }
    match (name, size) {
        ("M1", _) => plain(name, &[long(), long(), long()], |x| {
            gelu_tanh(&(&x[0] * &x[1] + &x[2]))
        }),
        ("M3", _) => plain(name, &[square(1024)], |x| softmax(&x[0], -1)),
        ("M4", _) => plain(name, &[f32s([4096, 512]), f32s([512]), f32s([512])], |x| {
            layer_norm(&x[0], &x[1], &x[2], 1e-5)
        }),
        ("M5", _) => plain(name, &[f32s([4 * LONG])], |x| x[0].sum(&[])),
        ("M6", _) => plain(name, &[long()], |x| x[0].tanh()),
        (_, Some(n)) => plain(name, &[square(n), square(n)], |x| x[0].matmul(&x[1])),
        ("M8", _) => plain(
            name,
            &[f32s([64, 784]), f32s([784, 128]), f32s([128])],
            |x| (x[0].matmul(&x[1]) + &x[2]).relu(),
        ),
        ("M9", _) => plain(name, &[square(2048)], |x| x[0].t()),
        _ => plain(name, &[long()], |x| x[0].exp()),
    }
}

/// A function of normal inputs.
fn plain(
    name: &str,
    types: &[Type],
    f: impl FnOnce(&[Tensor]) -> Tensor,
) -> Result<Workload, NnError> {
    let names: Vec<String> = (0..types.len()).map(|i| format!("x{i}")).collect();
    let names = names.iter().map(String::as_str);
    let ports: Vec<(&str, Type)> = names.zip(types.iter().cloned()).collect();
    let starts = (0..).zip(types).map(|(i, ty)| normal(i, ty.clone()));
    Ok(Workload {
        graph: trace(name, &ports, f)?,
        starts: starts.collect(),
        batches: vec![],
        macs: 0,
    })
}

/// Normal values of operand `i`.
fn normal(i: u64, ty: Type) -> Start {
    Arc::new(move || random(&ty, 0, &mut Rng::stream(3, i)))
}

/// Adam's update of a million weights, as it is usually written.
fn adam() -> Result<Workload, NnError> {
    let (beta1, beta2, rate, epsilon) = (0.9, 0.999, 1e-3, 1e-8);
    let long = || f32s([LONG]);
    let names = [
        ("p", long()),
        ("g", long()),
        ("m", long()),
        ("v", long()),
        ("t", f32s([])),
    ];
    let graph = trace("M2", &names, |x| {
        let (g, t) = (&x[1], &x[4]);
        let m = &x[2] * beta1 + g * (1.0 - beta1);
        let v = &x[3] * beta2 + g * (1.0 - beta2) * g;
        let correction = |beta: f64| 1.0 - x[4].tracer().scalar(t.dtype(), beta).power(t);
        let (mean, square) = (&m / correction(beta1), &v / correction(beta2));
        let p = &x[0] - rate * mean / (square.sqrt() + epsilon);
        vec![("p", p), ("m", m), ("v", v)]
    })?;
    let graph = donate(graph, &["p", "m", "v"])?;
    let zeros = || -> Start { Arc::new(move || Array::splat(long(), Scalar::f32(0.0))) };
    let starts = vec![
        normal(0, long()),
        normal(1, long()),
        zeros(),
        zeros(),
        Arc::new(|| Array::scalar(Scalar::f32(10.0))),
    ];
    Ok(Workload {
        graph,
        starts,
        batches: vec![],
        macs: 0,
    })
}
