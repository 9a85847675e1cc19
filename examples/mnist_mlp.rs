//! The perceptron 784-128-10 on MNIST.
//!
//! `cargo run --release --example mnist_mlp [FOLDER]`; without the folder of the full data set, or
//! `CRANEFLOW_DATA`, it trains on small made-up images.

mod common;

use craneflow::prelude::*;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let data = common::images("mnist", [28, 28, 1])?;
    let model = Sequential::new(Input::new([28, 28, 1]))
        .add(Flatten::new())
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(10))
        .build()?
        .seed(1);
    common::train(model, data, 10)
}
