//! `craneflow train`

use crate::saved::{Choice, DEFAULT_FILE, Optimizer, labels, shape_text};
use anyhow::{Context, Result, bail};
use craneflow::nn::data;
use craneflow::nn::{FitOptions, Verbose};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Trains, and saves when all epochs are done.
#[derive(clap::Args)]
pub struct Args {
    /// A built-in model (`craneflow summary --list`); default: the one that fits the data
    #[arg(long)]
    model: Option<String>,
    /// A data set by name (`craneflow data list`), or a file or folder
    #[arg(long, default_value = "digits")]
    data: String,
    /// Passes over the data; default: 20 for the digits, 5 for others
    #[arg(long)]
    epochs: Option<usize>,
    /// Samples in a step
    #[arg(long, default_value_t = 32, value_parser = positive)]
    batch: usize,
    /// Decides about weights, shuffling and dropout
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Learning rate; default: what suits the optimizer
    #[arg(long, value_parser = rate)]
    lr: Option<f32>,
    /// Which optimizer; default: what suits the model
    #[arg(long, value_enum)]
    optimizer: Option<Optimizer>,
    /// Threads; 0 is one for each core. No result depends on it
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Where to save the weights and the state of the training
    #[arg(long, value_name = "PATH", default_value = DEFAULT_FILE)]
    save: PathBuf,
    /// Go on from a saved file, to the bit as if it had never stopped
    #[arg(long, value_name = "PATH")]
    resume: Option<PathBuf>,
    /// Print one line for each epoch, no bar
    #[arg(long)]
    lines: bool,
}

pub fn run(args: &Args) -> Result<()> {
    check_folder(&args.save)?;
    let split = data::load(&args.data)?;
    let (train, test) = (&split.train, &split.test);
    let choice = Choice::of(args.model.as_deref(), train)?;
    let mut model = choice.build(args.seed, args.threads)?;
    choice.compile(&mut model, args.optimizer, args.lr)?;
    if let Some(path) = &args.resume {
        model.load(path)?;
        if let Some(rate) = args.lr {
            model.set_learning_rate(rate);
        }
    }
    let (parameters, _) = model.parameters();
    println!(
        "Training {} ({parameters} parameters) on {}: {} samples of {}, {} held out",
        choice.entry.name,
        train.name(),
        train.len(),
        shape_text(&choice.input),
        test.len()
    );
    let few = if train.name() == "digits" { 20 } else { 5 };
    let epochs = args.epochs.unwrap_or(few);
    let start = Instant::now();
    let options = FitOptions {
        batch_size: args.batch,
        epochs,
        validation_data: Some((test.inputs().into(), labels(test))),
        verbose: match args.lines {
            true => Verbose::Lines,
            false => Verbose::Auto,
        },
        ..FitOptions::default()
    };
    model.fit(train.inputs(), labels(train), options)?;
    let time = start.elapsed().as_secs_f64();
    let found = model.evaluate(test.inputs(), labels(test))?;
    println!("{epochs} epochs in {time:.1} s");
    for (name, value) in &found {
        match name.as_str() {
            "accuracy" => println!("held-out accuracy: {:.2} %", 100.0 * value),
            name => println!("held-out {name}: {value:.5}"),
        }
    }
    choice.save(&mut model, train, &args.save)?;
    next_steps(args, train.name());
    Ok(())
}

fn next_steps(args: &Args, data: &str) {
    let file = args.save.display();
    let known = data::NAMES.contains(&data) && data != "digits";
    let from = match args.data == "digits" || (known && args.data == data) {
        true => String::new(),
        false => format!(" --data {}", args.data),
    };
    println!("saved {file}");
    println!();
    println!("Next:");
    for (command, what) in [
        (
            format!("predict {file}{from}"),
            "what the model says about held-out samples",
        ),
        (format!("evaluate {file}{from}"), "loss and metrics again"),
        (
            "dump --after fuse".to_string(),
            "what the compiler made of a training step",
        ),
        ("data list".to_string(), "other data sets"),
    ] {
        println!("  craneflow {command:38}  {what}");
    }
    if std::env::var_os("CARGO").is_some() {
        println!("(with `cargo run --release -p craneflow-cli --` for `craneflow`)");
    }
}

/// Finds out before a long training that its result could not be saved.
fn check_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        bail!(
            "--save {}: there is no folder {}; make it first",
            path.display(),
            folder.display()
        );
    }
    if path.is_dir() {
        bail!(
            "--save {}: is a folder; give the name of a file",
            path.display()
        );
    }
    tempfile::tempfile_in(folder)
        .with_context(|| format!("--save {}: cannot write there", path.display()))?;
    Ok(())
}

/// Reads a number above 0.
pub fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a whole number above 0 is needed".to_string()),
    }
}

fn rate(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(x) if x >= 0.0 && x.is_finite() => Ok(x),
        _ => Err("a number of at least 0 is needed".to_string()),
    }
}
