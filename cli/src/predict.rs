//! `craneflow predict`

use crate::arrays;
use crate::saved::{self, DEFAULT_FILE, Loaded};
use anyhow::{Context, Result, bail};
use craneflow::nn::data::{self, Dataset, Labels, NpyArray};
use craneflow::nn::loss::Loss;
use ndarray::{ArrayD, Axis, IxDyn, Slice};
use std::path::PathBuf;

/// Classes with their probabilities, or numbers.
#[derive(clap::Args)]
pub struct Args {
    /// What `craneflow train` saved
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Held-out samples of this data set; default: the one the model was trained on
    #[arg(long)]
    data: Option<String>,
    /// Samples from an array `[samples, ...]` in a .npy file instead
    #[arg(long, value_name = "X.npy", conflicts_with = "data")]
    input: Option<PathBuf>,
    /// How many samples
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Save all outputs of the model as a .npy file
    #[arg(long, value_name = "Y.npy")]
    save: Option<PathBuf>,
    /// Threads; 0 is one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

pub fn run(args: &Args) -> Result<()> {
    let mut loaded = saved::load(&args.file, args.threads)?;
    let (x, held_out) = match &args.input {
        Some(path) => (samples(path)?, None),
        None => {
            let split = data::load(args.data.as_ref().unwrap_or(&loaded.data))?;
            (split.test.inputs().clone(), Some(split.test))
        }
    };
    let count = args.limit.min(x.shape()[0]);
    let x = x.slice_axis(Axis(0), Slice::from(0..count));
    let outputs = loaded.model.predict(&x)?;
    show(&loaded, &outputs, held_out.as_ref());
    if let Some(path) = &args.save {
        data::npy::write(path, &NpyArray::from(outputs))?;
        println!("saved {}", path.display());
    }
    Ok(())
}

fn samples(path: &PathBuf) -> Result<ArrayD<f32>> {
    let array = arrays::from_npy(&data::npy::read(path)?);
    if array.ty.rank() == 0 {
        bail!(
            "{}: a single number; samples are [samples, ...]",
            path.display()
        );
    }
    let floats: Vec<f32> = array.to_f64().into_iter().map(|x| x as f32).collect();
    let shape = IxDyn(&array.ty.shape);
    ArrayD::from_shape_vec(shape, floats).context("the array has the elements of its shape")
}

fn show(loaded: &Loaded, outputs: &ArrayD<f32>, held_out: Option<&Dataset>) {
    for (i, row) in outputs.axis_iter(Axis(0)).enumerate() {
        let row: Vec<f32> = row.iter().copied().collect();
        let (answer, right) = match &loaded.choice.entry.loss {
            Loss::MeanSquaredError => (format!("{row:.4?}"), held_out.map(|d| value(d, i))),
            Loss::BinaryCrossentropy { .. } => {
                let p = 1.0 / (1.0 + (-row[0]).exp());
                let yes = usize::from(p > 0.5);
                let sure = if yes == 1 { p } else { 1.0 - p };
                class(loaded, held_out, i, yes, sure)
            }
            _ => {
                let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                let best = best.unwrap_or(0);
                let sum: f32 = row.iter().map(|x| (x - row[best]).exp()).sum();
                class(loaded, held_out, i, best, 1.0 / sum)
            }
        };
        match right {
            Some(right) => println!("{i:>5}  {answer}  (label: {right})"),
            None => println!("{i:>5}  {answer}"),
        }
    }
}

/// The class and how sure the model is, and the right one.
fn class(
    loaded: &Loaded,
    held_out: Option<&Dataset>,
    sample: usize,
    class: usize,
    sure: f32,
) -> (String, Option<String>) {
    let name = |i: usize| {
        let known = loaded.classes.get(i).cloned();
        known.unwrap_or_else(|| i.to_string())
    };
    let right = held_out.and_then(Dataset::class_ids);
    let right = right.map(|ids| name(ids.as_slice().map_or(0, |s| s[sample]) as usize));
    (format!("{}  {:5.1} %", name(class), 100.0 * sure), right)
}

fn value(data: &Dataset, sample: usize) -> String {
    match data.labels() {
        Labels::Values(y) => format!("{:.4}", y.index_axis(Axis(0), sample)),
        Labels::Classes(ids) => ids.index_axis(Axis(0), sample).to_string(),
    }
}
