//! A sigmoid layer with a 2x3 weight, fitted by gradient descent that is written by hand: the program
//! gives loss and gradient, and the loop below moves the weight.
//!
//! `cargo run --release --example sigmoid_2x3`

use craneflow::nn::functional::sigmoid;
use craneflow::prelude::*;
use ndarray::{Array2, Ix2, array};

fn main() -> Result<(), NnError> {
    // Every pair of bits, and what to find: the first bit, the second, and whether any is set.
    let x = array![[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let y = array![
        [0.0f32, 0.0, 0.0],
        [0.0, 1.0, 1.0],
        [1.0, 0.0, 1.0],
        [1.0, 1.0, 1.0]
    ];

    // Compiled when it is first called.
    let mut loss_and_slopes = jit(&["w", "b", "x", "y"], |a| {
        let (w, b, x, y) = (&a[0], &a[1], &a[2], &a[3]);
        let loss = (sigmoid(&(x.matmul(w) + b)) - y).square().mean(&[]);
        let slopes = loss.gradient(&[w, b]);
        vec![loss, slopes[0].clone(), slopes[1].clone()]
    });

    let mut w = Array2::<f32>::zeros((2, 3));
    let mut b = Array2::<f32>::zeros((1, 3));
    let mut loss = f32::INFINITY;
    for i in 0..2000 {
        let feeds = [
            ("w", (&w).into()),
            ("b", (&b).into()),
            ("x", (&x).into()),
            ("y", (&y).into()),
        ];
        let results = loss_and_slopes.call_named(&feeds)?;
        loss = results.get::<f32>(0)?[[]];
        let slope = |i| {
            let slope = results.get::<f32>(i)?.into_dimensionality::<Ix2>();
            Ok::<_, NnError>(slope.expect("a gradient has the shape of its weight"))
        };
        w = w - slope(1)? * 10.0;
        b = b - slope(2)? * 10.0;
        if i % 400 == 0 {
            println!("step {i:4}: loss {loss:.5}");
        }
    }
    println!("weight\n{w:.2}\nbias {b:.2}");
    assert!(loss < 0.005, "the loss is still {loss}");
    assert_eq!(loss_and_slopes.compiled(), 1);
    Ok(())
}
