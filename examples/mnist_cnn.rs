//! Three convolutions on MNIST.
//!
//! `cargo run --release --example mnist_cnn [FOLDER]`; without the folder of the full data set, or
//! `CRANEFLOW_DATA`, it trains on small made-up images.

mod common;

use craneflow::prelude::*;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let data = common::images("mnist", [28, 28, 1])?;
    let model = Sequential::new(Input::new([28, 28, 1]))
        .add(conv(32))
        .add(MaxPool2D::new([2, 2]))
        .add(conv(64))
        .add(MaxPool2D::new([2, 2]))
        .add(conv(64))
        .add(Flatten::new())
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(10))
        .build()?
        .seed(1);
    common::train(model, data, 5)
}

fn conv(filters: usize) -> Conv2D {
    Conv2D::new(filters, [3, 3]).activation(Activation::Relu)
}
