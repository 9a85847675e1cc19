//! Three convolutions on MNIST.
//!
//! `cargo run --release --example mnist_cnn [FOLDER]`; without the folder of the full data set, or
//! `CRANEFLOW_DATA`, it trains on small made-up images.

mod common;

use craneflow::prelude::*;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let (data, full) = common::images("mnist", [28, 28, 1])?;
    let mut model = Sequential::new(Input::new([28, 28, 1]))
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
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model.compile(Adam::new(1e-3), loss, &[Metric::Accuracy])?;
    print!("{}", model.summary());

    let classes = "the labels are classes";
    let (x, y) = (data.train.inputs(), data.train.class_ids().expect(classes));
    let (test_x, test_y) = (data.test.inputs(), data.test.class_ids().expect(classes));
    let options = FitOptions {
        batch_size: 64,
        epochs: if full { 5 } else { 6 },
        validation_data: Some((test_x.into(), test_y.into())),
        ..FitOptions::default()
    };
    let history = model.fit(x, y, options)?;
    let accuracy = history.last("val_accuracy").unwrap_or(0.0);
    println!("accuracy on held-out images: {:.2} %", 100.0 * accuracy);
    assert!(full || accuracy > 0.9, "the patterns are easy");
    Ok(())
}

fn conv(filters: usize) -> Conv2D {
    Conv2D::new(filters, [3, 3]).activation(Activation::Relu)
}
