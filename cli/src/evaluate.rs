//! `craneflow evaluate`

use crate::saved::{self, DEFAULT_FILE};
use crate::train::positive;
use anyhow::Result;
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
    let part = loaded.samples(args.data.as_deref(), args.train)?;
    let found = loaded.model.evaluate_source(&part, args.batch)?;
    println!(
        "{} on {} samples of {}",
        loaded.origin.name(&args.file),
        part.len(),
        part.name()
    );
    for (name, value) in found {
        let units = loaded.front.in_units(&name, value).unwrap_or_default();
        println!("{name}: {value:.5}{units}");
    }
    Ok(())
}
