//! Linear regression 2-1: the step is written by hand, traced once, compiled once and run 200 times.
//!
//! `cargo run --release --example linear_regression`

use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{Array2, array};

const SAMPLES: usize = 64;
const RATE: f64 = 0.1;

fn main() -> Result<(), NnError> {
    // y = 2 a - 3 b + 0.5, with a little noise.
    let mut rng = Rng::new(1);
    let x = Array2::from_shape_fn((SAMPLES, 2), |_| rng.normal());
    let y = x.dot(&array![[2.0f32], [-3.0]]) + 0.5;
    let y = y.mapv(|v| v + 0.01 * rng.normal());

    let inputs = [
        ("w", f32s([2, 1])),
        ("b", f32s([1])),
        ("x", f32s([SAMPLES, 2])),
        ("y", f32s([SAMPLES, 1])),
    ];
    let graph = trace("descent", &inputs, |a| {
        let (w, b, x, y) = (&a[0], &a[1], &a[2], &a[3]);
        let loss = (x.matmul(w) + b - y).square().mean(&[]);
        let slopes = loss.gradient(&[w, b]);
        vec![
            ("w", w - &slopes[0] * RATE),
            ("b", b - &slopes[1] * RATE),
            ("loss", loss),
        ]
    })?;
    // The new weights take the place of the old ones.
    let graph = donate(graph, &["w", "b"])?;

    let mut step = Function::compile(graph, &Options::default())?;
    let (w, b) = (Array2::<f32>::zeros((2, 1)), array![0.0f32]);
    let feeds = [
        ("w", (&w).into()),
        ("b", (&b).into()),
        ("x", (&x).into()),
        ("y", (&y).into()),
    ];
    let mut results = step.call_named(&feeds)?;
    for i in 1..200 {
        if i % 40 == 1 {
            println!("step {i:3}: loss {:.6}", results.named::<f32>("loss")?);
        }
        results = step.call_named(&[])?;
    }
    let (w, b) = (results.named::<f32>("w")?, results.named::<f32>("b")?);
    println!("y = {:.3} a + {:.3} b + {:.3}", w[[0, 0]], w[[1, 0]], b[0]);
    assert!((w[[0, 0]] - 2.0).abs() < 0.01 && (w[[1, 0]] + 3.0).abs() < 0.01);
    assert!((b[0] - 0.5).abs() < 0.01);
    Ok(())
}
