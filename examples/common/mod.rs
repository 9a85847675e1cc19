//! What the image examples share: the full data set where it is, else a small one; and the training.

use craneflow::nn::data::{Dataset, FOLDER_VARIABLE, Labels, Split, load};
use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{ArrayD, IxDyn};
use std::error::Error;

/// The data set at the path of the first argument, or called `name` in the folder that
/// `CRANEFLOW_DATA` names, and `true`; without either, a small set that is made up, and `false`.
pub fn images(name: &str, shape: [usize; 3]) -> Result<(Split, bool), Box<dyn Error>> {
    if let Some(path) = std::env::args().nth(1) {
        return Ok((load(path)?, true));
    }
    if std::env::var_os(FOLDER_VARIABLE).is_some() {
        return Ok((load(name)?, true));
    }
    println!(
        "No full {name}: training on small made-up images. `craneflow data fetch-hint {name}` tells how to get it;\n\
         then give its folder as argument, or set {FOLDER_VARIABLE}."
    );
    Ok((patterns(shape)?, false))
}

/// Compiles the model and fits it with Adam in batches of 64, and tells how well it does on images
/// it has not seen. The made-up images take 6 epochs.
pub fn train(
    mut model: Model,
    (data, full): (Split, bool),
    epochs: usize,
) -> Result<(), Box<dyn Error>> {
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model.compile(Adam::new(1e-3), loss, &[Metric::Accuracy])?;
    print!("{}", model.summary());

    let classes = "the labels are classes";
    let (x, y) = (data.train.inputs(), data.train.class_ids().expect(classes));
    let (test_x, test_y) = (data.test.inputs(), data.test.class_ids().expect(classes));
    let options = FitOptions {
        batch_size: 64,
        epochs: if full { epochs } else { 6 },
        validation_data: Some((test_x.into(), test_y.into())),
        ..FitOptions::default()
    };
    let history = model.fit(x, y, options)?;
    let accuracy = history.last("val_accuracy").unwrap_or(0.0);
    println!("accuracy on held-out images: {:.2} %", 100.0 * accuracy);
    assert!(full || accuracy > 0.9, "the patterns are easy");
    Ok(())
}

/// Images of ten classes: each has a pattern of its own, moved about and buried in noise.
fn patterns(shape: [usize; 3]) -> Result<Split, Box<dyn Error>> {
    const SAMPLES: usize = 640;
    let [height, width, channels] = shape;
    let mut rng = Rng::new(1);
    let pattern = ArrayD::from_shape_fn(IxDyn(&[10, height, width, channels]), |_| {
        f32::from(u8::from(rng.uniform() < 0.25))
    });
    let class = |sample: usize| sample % 10;
    let moves: Vec<usize> = (0..SAMPLES).map(|_| rng.below(3) as usize).collect();
    let x = ArrayD::from_shape_fn(IxDyn(&[SAMPLES, height, width, channels]), |at| {
        let column = (at[2] + moves[at[0]]) % width;
        0.7 * pattern[[class(at[0]), at[1], column, at[3]]] + 0.3 * rng.uniform()
    });
    let y = ArrayD::from_shape_fn(IxDyn(&[SAMPLES]), |at| class(at[0]) as i32);
    let names = (0..10).map(|c| c.to_string()).collect();
    let data = Dataset::new("patterns", x, Labels::Classes(y), names)?;
    Ok(data.train_test_split_stratified(1, 0.2)?)
}
