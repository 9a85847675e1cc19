//! `craneflow evaluate`

use crate::saved::{self, DEFAULT_FILE, labels};
use crate::train::positive;
use anyhow::Result;
use craneflow::nn::data;
use std::path::PathBuf;

/// Loss and metrics on the held-out part of a data set.
#[derive(clap::Args)]
pub struct Args {
    /// What `craneflow train` saved
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Data by name or path; default: what the model was trained on
    #[arg(long)]
    data: Option<String>,
    /// Evaluate on the training part instead of the held-out one
    #[arg(long)]
    train: bool,
    /// Samples in a step
    #[arg(long, default_value_t = 64, value_parser = positive)]
    batch: usize,
    /// Threads; 0 is one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

pub fn run(args: &Args) -> Result<()> {
    let mut loaded = saved::load(&args.file, args.threads)?;
    let split = data::load(args.data.as_ref().unwrap_or(&loaded.data))?;
    let part = if args.train {
        &split.train
    } else {
        &split.test
    };
    let x = [part.inputs().into()];
    let found = loaded.model.evaluate_all(&x, &[labels(part)], args.batch)?;
    println!(
        "{} on {} samples of {}",
        loaded.choice.entry.name,
        part.len(),
        part.name()
    );
    for (name, value) in found {
        println!("{name}: {value:.5}");
    }
    Ok(())
}
