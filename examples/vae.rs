//! A variational auto-encoder: pictures become points of a plane of a few axes, and points pictures.
//!
//! `cargo run --release --example vae [DATA] [EPOCHS] [SEED]`; DATA is what `craneflow train --data` takes,
//! the bundled digits unless given.

use craneflow::nn::data;
use craneflow::nn::layers::{Call, Cx, Layer, Meta, Reshape};
use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{Array2, ArrayView2};
use std::error::Error;

/// Axes of the plane.
const LATENT: usize = 8;

/// A point near the mean, `[batch, axes]` from mean and logarithm of the variance; adds the divergence
/// from a standard normal distribution to the loss, for each pixel.
#[derive(Clone)]
struct Sampling {
    meta: Meta,
    pixels: usize,
}

impl Layer for Sampling {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let (mean, log_variance) = (&x[0], &x[1]);
        let divergence = (mean.square() + log_variance.exp() - log_variance - 1.0) * 0.5;
        cx.add_loss(divergence.sum(&[-1]).mean(&[]) / self.pixels as f64);
        match cx.training() {
            true => {
                let noise = cx.normal(mean.shape());
                mean + (log_variance * 0.5).exp() * noise
            }
            false => mean.clone(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n| std::env::args().nth(n);
    let name = argument(1).unwrap_or("digits".to_string());
    let epochs = argument(2).map_or(Ok(10), |n| n.parse())?;
    let seed = argument(3).map_or(Ok(1), |n| n.parse())?;
    let data = data::load(&name)?;
    let shape = data.train.input_shape().to_vec();
    let pixels: usize = shape.iter().product();

    let hidden = |name: &str| Dense::new(256).activation(Activation::Relu).name(name);
    let (decode, draw) = (hidden("decode"), Dense::new(pixels).name("draw"));
    let picture = |point| Reshape::new(shape.clone()).call(&draw.call(&decode.call(point)));

    let input = Input::new(shape.clone()).symbol();
    let encoded = hidden("encode").call(&Flatten::new().call(&input));
    let mean = Dense::new(LATENT).name("mean").call(&encoded);
    let log_variance = Dense::new(LATENT).name("log_variance").call(&encoded);
    let sampling = Sampling {
        meta: Meta::new("sampling"),
        pixels,
    };
    let point = sampling.call_all(&[&mean, &log_variance]);
    let mut model = Model::new(&[&input], &[&picture(&point)])?.seed(seed);
    let loss = Loss::BinaryCrossentropy { from_logits: true };
    model.compile(Adam::new(1e-3), loss, &[])?;

    let (x, test) = (data.train.inputs(), data.test.inputs());
    let options = FitOptions {
        epochs,
        batch_size: 64,
        validation_data: Some((test.into(), test.into())),
        verbose: Verbose::Lines,
        ..FitOptions::default()
    };
    let start = std::time::Instant::now();
    let history = model.fit(x, x, options)?;
    let nats = |epoch: Option<&f64>| epoch.map_or(f64::NAN, |loss| loss * pixels as f64);
    let losses = history.get("val_loss");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "seed {seed}: {:.2} nats for a picture not seen, {seconds:.1} s",
        nats(losses.last())
    );
    assert!(
        losses.len() < 2 || losses.last() < losses.first(),
        "it learns"
    );

    // The layers behind the point alone make pictures of any point.
    let point = Input::new([LATENT]).symbol();
    let mut decoder = Model::new(&[&point], &[&picture(&point)])?;
    let names: Vec<String> = decoder.weights().iter().map(|w| w.name.clone()).collect();
    for name in &names {
        let weight = model.weight(name)?;
        decoder.set_weight(name, &weight)?;
    }
    let mut rng = Rng::new(seed);
    let points = Array2::from_shape_simple_fn((4, LATENT), || rng.normal());
    let pictures = decoder.predict(&points)?;
    println!("{} pictures of points drawn at random:", points.nrows());
    for picture in pictures.outer_iter() {
        let rows = (shape[0], pixels / shape[0]);
        println!("{}", shaded(picture.to_shape(rows)?.view()));
    }
    Ok(())
}

/// A picture of logits, a character for a pixel.
fn shaded(picture: ArrayView2<'_, f32>) -> String {
    let shade = |x: &f32| [' ', '.', ':', '+', '#'][(5.0 / (1.0 + (-x).exp())).min(4.0) as usize];
    let line = |row: ndarray::ArrayView1<'_, f32>| row.iter().map(shade).collect::<String>() + "\n";
    picture.outer_iter().map(line).collect()
}
