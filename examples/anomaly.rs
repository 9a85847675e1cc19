//! Finds what it has never seen: an auto-encoder of measurements of benign tumours cannot put malignant
//! ones together again.
//!
//! `cargo run --release --example anomaly [SEED]`

use craneflow::nn::data::prepare::{Preparation, Prepared};
use craneflow::nn::data::table::Table;
use craneflow::prelude::*;
use ndarray::{ArrayD, Axis};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |n| n.parse())?;
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/data/breast_cancer.csv"
    );
    let table = Table::read(path, b',')?;
    let diagnosis = table.column("diagnosis")?.clone();
    let benign = |row: usize| diagnosis.word(row).is_some_and(|word| word == "benign");
    // Every fifth row is held out; of the others those are seen that are benign.
    let held_out: Vec<usize> = (0..table.len()).filter(|row| row % 5 == 0).collect();
    let seen: Vec<usize> = (0..table.len())
        .filter(|&row| row % 5 != 0 && benign(row))
        .collect();
    let prepared = Prepared::fit(&table.select(&seen), &Preparation::new("diagnosis"))?;
    let (x, _) = prepared.inputs(&table.select(&seen))?;
    let (test, _) = prepared.inputs(&table.select(&held_out))?;

    let hidden = |units| Dense::new(units).activation(Activation::Relu);
    let mut model = Sequential::new(Input::new(&x.shape()[1..]))
        .add(hidden(16))
        .add(hidden(6))
        .add(hidden(16))
        .add(Dense::new(x.shape()[1]))
        .build()?
        .seed(seed);
    model.compile(Adam::new(0.003), Loss::MeanSquaredError, &[])?;
    let options = FitOptions {
        epochs: 60,
        batch_size: 16,
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    let start = std::time::Instant::now();
    model.fit(&x, &x, options)?;
    let seconds = start.elapsed().as_secs_f64();

    let limit = quantile(&errors(&mut model, &x)?, 0.95);
    let found = errors(&mut model, &test)?;
    let (mut benign_errors, mut malignant_errors) = (vec![], vec![]);
    for (&row, &error) in held_out.iter().zip(&found) {
        match benign(row) {
            true => benign_errors.push(error),
            false => malignant_errors.push(error),
        }
    }
    let share = |errors: &[f32]| {
        let above = errors.iter().filter(|e| **e > limit).count();
        100.0 * above as f64 / errors.len() as f64
    };
    let area = area(&benign_errors, &malignant_errors);
    println!("seed {seed}: area under the curve {area:.3}, {seconds:.1} s");
    println!(
        "above what 95 % of the seen have: {:.0} % of the malignant, {:.0} % of the benign",
        share(&malignant_errors),
        share(&benign_errors)
    );
    assert!(area > 0.8, "chance would be one half");
    Ok(())
}

/// How far each row is from what the model makes of it.
fn errors(model: &mut Model, x: &ArrayD<f32>) -> Result<Vec<f32>, NnError> {
    let difference = model.predict(x)? - x;
    let rows = difference.axis_iter(Axis(0));
    Ok(rows
        .map(|row| row.iter().map(|d| d * d).sum::<f32>() / row.len() as f32)
        .collect())
}

fn quantile(errors: &[f32], share: f64) -> f32 {
    let mut sorted = errors.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// How often one of the second is above one of the first.
fn area(below: &[f32], above: &[f32]) -> f64 {
    let pairs = above.iter().flat_map(|a| below.iter().map(move |b| a > b));
    let right = pairs.filter(|right| *right).count();
    right as f64 / (below.len() * above.len()) as f64
}
