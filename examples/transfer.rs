//! What was learnt from plenty helps where there is little: convolutions trained on the digits 0 to 4
//! are frozen, and a new head learns 5 to 9 from a few pictures of each.
//!
//! `cargo run --release --example transfer [DATA] [SEED]`; DATA is what `craneflow train --data` takes, the
//! bundled digits unless given.

use craneflow::nn::data::{self, Dataset};
use craneflow::nn::functional::Padding;
use craneflow::nn::layers::Call;
use craneflow::prelude::*;
use ndarray::{Array1, ArrayD, Axis};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n| std::env::args().nth(n);
    let name = argument(1).unwrap_or("digits".to_string());
    let seed = argument(2).map_or(Ok(1), |n| n.parse())?;
    let data = data::load(&name)?;
    let full = data.train.len() > 10_000;
    // Passes over the first five digits, and pictures of each other one for the new head.
    let (passes, few) = if full { (2, 10) } else { (30, 3) };
    let shape = data.train.input_shape().to_vec();

    let input = Input::new(shape.clone()).symbol();
    let convolution = |filters, name: &str| {
        let layer = Conv2D::new(filters, [3, 3]).name(name);
        layer.padding(Padding::Same).activation(Activation::Relu)
    };
    let y = MaxPool2D::new([2, 2]).call(&convolution(16, "first").call(&input));
    let base = Flatten::new().call(&convolution(32, "second").call(&y));
    let hidden = || Dense::new(64).activation(Activation::Relu);
    let head = Dense::new(5).call(&hidden().call(&base));

    let start = std::time::Instant::now();
    let (x, labels) = part(&data.train, 0, usize::MAX);
    let mut first = Model::new(&[&input], &[&head])?.seed(seed);
    train(&mut first, &x, &labels, passes)?;

    // The trained base, without its head, as one frozen layer of a new model.
    let mut features = Model::new(&[&input], &[&base])?;
    let names: Vec<String> = features.weights().iter().map(|w| w.name.clone()).collect();
    for name in &names {
        let weight = first.weight(name)?;
        features.set_weight(name, &weight)?;
    }
    let (seen, seen_labels) = part(&data.train, 5, few);
    let (test, test_labels) = part(&data.test, 5, usize::MAX);
    let judge = |mut model: Model| -> Result<f64, NnError> {
        train(&mut model, &seen, &seen_labels, 60)?;
        Ok(100.0 * model.evaluate(&test, &test_labels)?[1].1)
    };
    let frozen = features.layer().name("base").trainable(false);
    let transferred = Sequential::new(Input::new(shape)).add(frozen).add(hidden());
    let transferred = transferred.add(Dense::new(5));
    let transferred = judge(transferred.build()?.seed(seed))?;
    let scratch = judge(Model::new(&[&input], &[&head])?.seed(seed))?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "seed {seed}: digits 5 to 9 from {few} pictures of each: {transferred:.2} % with the base of 0 to 4, \
         {scratch:.2} % from nothing, {seconds:.1} s"
    );
    assert!(transferred > 60.0);
    Ok(())
}

fn train(
    model: &mut Model,
    x: &ArrayD<f32>,
    y: &Array1<i32>,
    epochs: usize,
) -> Result<(), NnError> {
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model.compile(Adam::new(1e-3), loss, &[Metric::Accuracy])?;
    let options = FitOptions {
        epochs,
        batch_size: if x.shape()[0] > 1000 { 64 } else { 10 },
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    model.fit(x, y, options).map(|_| ())
}

/// The first `most` pictures of each of the five classes from `first` on, and their numbers within
/// them.
fn part(data: &Dataset, first: i32, most: usize) -> (ArrayD<f32>, Array1<i32>) {
    let mut left = [most; 5];
    let (mut rows, mut labels) = (vec![], vec![]);
    for (row, id) in data.class_ids().into_iter().flatten().enumerate() {
        let class = id - first;
        if (0..5).contains(&class) && left[class as usize] > 0 {
            left[class as usize] -= 1;
            rows.push(row);
            labels.push(class);
        }
    }
    (data.inputs().select(Axis(0), &rows), labels.into())
}
