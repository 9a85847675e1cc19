//! Two convolutions on CIFAR-10.
//!
//! `cargo run --release --example cifar_cnn [FOLDER]`; without the folder of the full data set, or
//! `CRANEFLOW_DATA`, it trains on small made-up images.

mod common;

use craneflow::prelude::*;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let data = common::images("cifar-10", [32, 32, 3])?;
    let model = Sequential::new(Input::new([32, 32, 3]))
        .add(conv(32))
        .add(MaxPool2D::new([2, 2]))
        .add(conv(64))
        .add(MaxPool2D::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(10))
        .build()?
        .seed(1);
    common::train(model, data, 10)
}

fn conv(filters: usize) -> Conv2D {
    Conv2D::new(filters, [3, 3]).activation(Activation::Relu)
}
