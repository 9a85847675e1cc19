//! The binary classifier 8-10-1 with relu and sigmoid, trained with Adam.
//!
//! `cargo run --release --example binary_classifier`

use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{Array1, Array2, Axis};

const SAMPLES: usize = 1000;

fn main() -> Result<(), NnError> {
    // A sample is a yes where its first four numbers, sign apart, outweigh the others.
    let mut rng = Rng::new(1);
    let x = Array2::from_shape_fn((SAMPLES, 8), |_| rng.normal());
    let y: Array1<f32> = x.map_axis(Axis(1), |row| {
        let first: f32 = (0..4).map(|i| row[i].abs()).sum();
        let second: f32 = (4..8).map(|i| row[i].abs()).sum();
        if first > second { 1.0 } else { 0.0 }
    });

    let mut model = Sequential::new(Input::new([8]))
        .add(Dense::new(10).activation(Activation::Relu))
        .add(Dense::new(1).activation(Activation::Sigmoid))
        .build()?
        .seed(1);
    let loss = Loss::BinaryCrossentropy { from_logits: false };
    model.compile(Adam::new(0.01), loss, &[Metric::Accuracy])?;
    print!("{}", model.summary());

    let options = FitOptions {
        batch_size: 10,
        epochs: 30,
        validation_split: 0.2,
        verbose: Verbose::Lines,
        ..FitOptions::default()
    };
    let history = model.fit(&x, &y, options)?;
    let accuracy = history.last("val_accuracy").unwrap_or(0.0);
    println!("accuracy on the held-out fifth: {:.1} %", 100.0 * accuracy);
    assert!(accuracy > 0.8);
    Ok(())
}
