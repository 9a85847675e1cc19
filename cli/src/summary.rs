//! `craneflow summary`

use crate::choice::{Choice, parse_shape, shape_text};
use crate::saved;
use crate::train::positive;
use anyhow::Result;
use craneflow::nn::models::{BuiltIn, MODELS};
use craneflow::runtime::{Options, Step};
use std::io::{Write, stdout};
use std::path::PathBuf;

/// The table of a model's layers, and what a training step of it takes.
#[derive(clap::Args)]
pub struct Args {
    /// A built-in model, or a file that `craneflow train` saved
    #[arg(default_value = "digits_cnn")]
    model: String,
    /// The shape of a sample, such as 28x28x1; default: what the model is meant for
    #[arg(long)]
    input: Option<String>,
    /// How many outputs
    #[arg(long, value_parser = positive)]
    outputs: Option<usize>,
    /// Samples in a training step
    #[arg(long, default_value_t = 64, value_parser = positive)]
    batch: usize,
    /// List the built-in models
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Result<()> {
    if args.list {
        for m in &MODELS {
            let input = shape_text(m.input);
            writeln!(
                stdout(),
                "{:12} {input:>8} -> {:<3} {}",
                m.name,
                m.outputs,
                m.about
            )?;
        }
        return Ok(());
    }
    let model = match PathBuf::from(&args.model) {
        path if path.is_file() => saved::load(&path, 0)?.model,
        _ => {
            let entry = BuiltIn::find(&args.model)?;
            let input = match &args.input {
                Some(text) => parse_shape(text).map_err(anyhow::Error::msg)?,
                None => entry.input.to_vec(),
            };
            let choice = Choice {
                entry,
                input,
                outputs: args.outputs.unwrap_or(entry.outputs),
            };
            let mut model = choice.build(0, 0)?;
            choice.compile(&mut model, None, None)?;
            model
        }
    };
    write!(stdout(), "{}", model.summary())?;
    if model.loss().is_none() {
        return Ok(());
    }
    let options = Options::default();
    let start = std::time::Instant::now();
    let step = Step::compile(&model.train_graph(args.batch)?, &options)?;
    println!(
        "training step of {} samples: {} kernels, {:.2} MiB at most with {} threads; compiled in {:.0} ms",
        args.batch,
        step.program().kernels.len(),
        step.peak_bytes() as f64 / f64::from(1 << 20),
        options.threads,
        start.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}
