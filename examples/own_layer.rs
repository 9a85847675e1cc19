//! A layer, a loss and a metric of the user's, compiled like the built-in ones.
//!
//! `cargo run --release --example own_layer`

use craneflow::nn::init::Init;
use craneflow::nn::layers::{Cx, Layer, Meta};
use craneflow::prelude::*;

/// `x . a * sigmoid(x . b)`: half of the layer decides how much of the other half gets through.
#[derive(Clone)]
struct Gated {
    meta: Meta,
    units: usize,
}

impl Layer for Gated {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let shape = [x[0].dim(-1), self.units];
        let a = cx.weight("a", &shape, Init::GlorotUniform);
        let b = cx.weight("b", &shape, Init::GlorotUniform);
        x[0].matmul(&a) * x[0].matmul(&b).sigmoid()
    }
}

fn main() -> Result<(), NnError> {
    let digits = craneflow::nn::data::digits();
    let gated = Gated {
        meta: Meta::new("gated"),
        units: 64,
    };
    let mut model = Sequential::new(Input::new([8, 8, 1]))
        .add(Flatten::new())
        .add(gated)
        .add(Dense::new(10))
        .build()?
        .seed(1);
    // How far the logits are from 10 at the right class and 0 elsewhere.
    let far = |labels: &Tensor, output: &Tensor| {
        let wanted = labels.one_hot(output.dim(-1), output.dtype()) * 10.0;
        (output - wanted).square()
    };
    let sure = |_: &Tensor, output: &Tensor| output.max(&[-1]);
    let metrics = [Metric::Accuracy, Metric::custom("surest", sure)];
    model.compile(Adam::new(1e-3), Loss::custom_classes("far", far), &metrics)?;
    let options = FitOptions {
        epochs: 20,
        verbose: Verbose::Lines,
        ..FitOptions::default()
    };
    model.fit(digits.train.inputs(), digits.train.labels(), options)?;
    let logs = model.evaluate(digits.test.inputs(), digits.test.labels())?;
    println!("on digits not seen: {logs:?}");
    assert!(logs[1].1 > 0.9);
    Ok(())
}
