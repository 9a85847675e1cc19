//! `craneflow train`

/// Prints a line, if anybody still reads.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

mod folds;

use crate::choice::{Choice, Optimizer, shape_text};
use crate::saved::{self, DEFAULT_FILE, Origin};
use anyhow::{Context, Result, bail};
use craneflow::nn::callbacks::{BackupAndRestore, Callback, CsvLogger, TensorBoard};
use craneflow::nn::data::front::Front;
use craneflow::nn::data::source::Feeding;
use craneflow::nn::data::{self, Source, Split, Table};
use craneflow::nn::model::Logs;
use craneflow::nn::optim::Lbfgs;
use craneflow::nn::recipe::{Loaded, Recipe};
use craneflow::nn::report::Report;
use craneflow::nn::{FitOptions, Model, Verbose};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Trains, and saves when all epochs are done.
#[derive(clap::Args)]
pub struct Args {
    /// A description of data, layers and training (`craneflow init` writes one)
    #[arg(value_name = "MODEL.toml", conflicts_with_all = ["model", "data", "optimizer"])]
    recipe: Option<PathBuf>,
    /// A built-in model (`craneflow summary --list`); default: the one that fits the data
    #[arg(long)]
    model: Option<String>,
    /// A data set by name (`craneflow data list`), or a file or folder
    #[arg(long, default_value = "digits")]
    data: String,
    /// Passes over the data; default: 20 for the digits, 5 for others, or as described
    #[arg(long)]
    epochs: Option<usize>,
    /// Samples in a step; default: 32, or as described
    #[arg(long, value_parser = positive)]
    batch: Option<usize>,
    /// Decides about weights, shuffling and dropout; default: 1, or as described
    #[arg(long)]
    seed: Option<u64>,
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
    /// Train a saved file for as many epochs more, to the bit as if it had not stopped in between
    #[arg(long, value_name = "PATH")]
    resume: Option<PathBuf>,
    /// Keep in this folder what a training that is killed goes on from; the same command goes on
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Steps between backups; default: once an epoch
    #[arg(long, value_name = "N", value_parser = positive, requires = "backup")]
    backup_every: Option<usize>,
    /// Divide the samples into so many parts, train a model for each part that is held out in turn, and print how good
    /// they are on average; default: as described. 1 trains one model
    #[arg(long, value_name = "N", value_parser = positive, requires = "recipe")]
    folds: Option<usize>,
    /// Write the numbers of each epoch to a CSV file
    #[arg(long, value_name = "CSV")]
    log: Option<PathBuf>,
    /// Write a page with curves, mistakes and a drawing of the model to a folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write event files for TensorBoard below a folder, another one for each training
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Show curves, learning rate and speed on the terminal while it trains
    #[arg(long)]
    live: bool,
    /// Print one line for each epoch, no bar
    #[arg(long, conflicts_with = "live")]
    lines: bool,
}

/// What is trained.
struct Job {
    origin: Origin,
    model: Model,
    split: Split<Source>,
    /// What the training is watched by, else the held-out part.
    validation: Option<Source>,
    front: Front,
    /// The held-out rows, where the data are a table.
    rows: Option<Table>,
    epochs: usize,
    feeding: Feeding,
    class_weight: Vec<f32>,
    averages: bool,
    lbfgs: Option<Lbfgs>,
    backup: Option<BackupAndRestore>,
    callbacks: Vec<Box<dyn Callback>>,
}

pub fn run(args: &Args) -> Result<()> {
    check_folder(&args.save)?;
    let mut job = match &args.recipe {
        Some(path) => {
            let recipe = recipe_of(args, path)?;
            let described = || recipe.folds().unwrap_or(1);
            match args.folds.unwrap_or_else(described) {
                1 => described_job(args, recipe)?,
                folds => return folds::run(args, path, folds),
            }
        }
        None => built_in(args)?,
    };
    if let Some(path) = &args.resume {
        job.model.load(path)?;
    }
    if let Some(path) = &args.log {
        job.callbacks.push(Box::new(CsvLogger::new(path)));
    }
    let board = args.tensorboard.as_ref().map(TensorBoard::new);
    let mut board = board.map(|board| board.histogram_freq(1));
    if let Some(folder) = &args.backup {
        let backup = BackupAndRestore::new(folder);
        job.backup = Some(match args.backup_every {
            Some(steps) => backup.save_freq(steps),
            None => backup,
        });
    }
    let (parameters, _) = job.model.parameters();
    let name = job
        .origin
        .name(args.recipe.as_deref().unwrap_or(&args.save));
    let validation = job.validation.as_ref();
    let validation = validation.map(|part| format!(", {} for validation", part.len()));
    say!(
        "Training {name} ({parameters} parameters) on {}: {} samples of {}, {} held out{}{}",
        job.split.train.name(),
        job.split.train.len(),
        shape_text(&job.split.train.input_shape()),
        job.split.test.len(),
        validation.unwrap_or_default(),
        match job.split.train {
            Source::Memory(_) => "",
            Source::Files(_) => ", read from their files in every epoch",
        }
    );
    saved::describe(&mut job.model, &job.origin, &job.front, &job.split.train);
    let start = Instant::now();
    let before = job.model.epochs();
    fit(&mut job, args, board.as_mut())?;
    let epochs = job.model.epochs() - before;
    let time = start.elapsed().as_secs_f64();
    let found = evaluated(&mut job)?;
    say!("{epochs} epochs in {time:.1} s");
    for (name, value) in &found {
        match name.as_str() {
            "accuracy" => say!("held-out accuracy: {}", percent(*value)),
            name => {
                let units = job.front.in_units(name, *value).unwrap_or_default();
                say!("held-out {name}: {value:.5}{units}");
            }
        }
    }
    job.model.save(&args.save)?;
    if args.report.is_some() || board.is_some() {
        let (train, test) = (&job.split.train, &job.split.test);
        let title = format!("{name} on {}", train.name());
        let (front, rows) = (&job.front, job.rows.as_ref());
        let batch = job.feeding.batch_size;
        let report = Report::collect(&title, &mut job.model, train, test, front, rows, batch)?;
        if let Some(folder) = &args.report {
            report.write(folder)?;
            say!("wrote {}", folder.join("index.html").display());
        }
        if let Some(board) = &mut board {
            report.write_events(board, job.model.epochs().saturating_sub(1))?;
        }
    }
    next_steps(args, job.split.train.name());
    Ok(())
}

fn built_in(args: &Args) -> Result<Job> {
    let split = saved::known(&args.data)?;
    let choice = Choice::of(args.model.as_deref(), &split.train)?;
    let mut model = choice.build(args.seed.unwrap_or(1), args.threads)?;
    choice.compile(&mut model, args.optimizer, args.lr)?;
    let few = if split.train.name() == "digits" {
        20
    } else {
        5
    };
    Ok(Job {
        origin: Origin::BuiltIn(choice),
        model,
        split: split.into(),
        validation: None,
        front: Front::Arrays,
        rows: None,
        epochs: args.epochs.unwrap_or(few),
        feeding: Feeding {
            shuffle: true,
            ..Feeding::in_order(args.batch.unwrap_or(32))
        },
        class_weight: vec![],
        averages: false,
        lbfgs: None,
        backup: None,
        callbacks: vec![],
    })
}

/// Loss and metrics on the held-out part.
fn evaluated(job: &mut Job) -> Result<Logs> {
    Ok(job.model.evaluate_source(&job.split.test, 32)?)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn recipe_of(args: &Args, path: &Path) -> Result<Recipe> {
    if !path.is_file() {
        bail!(
            "{}: no such file; `craneflow init` writes a description to start from",
            path.display()
        );
    }
    let recipe = Recipe::read(path)?;
    Ok(match args.seed {
        Some(seed) => recipe.seed(seed),
        None => recipe,
    })
}

fn described_job(args: &Args, recipe: Recipe) -> Result<Job> {
    let loaded = recipe.load_data()?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    job_of(args, recipe, loaded)
}

/// What a description trains on these samples.
fn job_of(args: &Args, recipe: Recipe, loaded: Loaded) -> Result<Job> {
    let mut model = recipe.build(&loaded.split.train)?;
    if args.threads > 0 {
        model = model.options(crate::choice::threads(args.threads));
    }
    Ok(Job {
        class_weight: recipe.class_weights(&loaded.split.train)?,
        model,
        split: loaded.split,
        validation: loaded.validation,
        front: loaded.front,
        rows: loaded.rows,
        epochs: args.epochs.unwrap_or(recipe.training().epochs),
        feeding: recipe.feeding(args.batch.unwrap_or(recipe.training().batch_size)),
        averages: recipe.training().averages,
        lbfgs: recipe.training().lbfgs.clone(),
        backup: recipe.training().backup.clone(),
        callbacks: recipe.callbacks()?,
        origin: Origin::Recipe(Box::new(recipe)),
    })
}

/// Trains as the job says.
fn fit(job: &mut Job, args: &Args, board: Option<&mut TensorBoard>) -> Result<()> {
    let mut callbacks: Vec<Box<dyn Callback + '_>> = vec![];
    for callback in std::mem::take(&mut job.callbacks) {
        callbacks.push(callback);
    }
    if let Some(board) = board {
        callbacks.push(Box::new(board));
    }
    if let Some(rate) = args.lr {
        job.model.set_learning_rate(rate);
    }
    let train = &job.split.train;
    let watched = job.validation.as_ref().unwrap_or(&job.split.test);
    let parts = match &job.lbfgs {
        Some(_) => Some((train.dataset()?, watched.dataset()?)),
        None => None,
    };
    let options = FitOptions {
        batch_size: job.feeding.batch_size,
        epochs: job.epochs,
        verbose: match (args.lines, args.live) {
            (true, _) => Verbose::Lines,
            (_, true) => Verbose::Live,
            _ => Verbose::Auto,
        },
        callbacks,
        class_weight: std::mem::take(&mut job.class_weight),
        use_averages: job.averages,
        backup: job.backup.take(),
        ..FitOptions::default()
    };
    if let (Some(lbfgs), Some((train, watched))) = (&job.lbfgs, &parts) {
        let options = FitOptions {
            validation_data: Some((watched.inputs().into(), watched.labels().into())),
            ..options
        };
        let (x, y) = (train.inputs(), train.labels());
        job.model.fit_lbfgs_epochs(x, y, lbfgs, options)?;
        return Ok(());
    }
    job.model
        .fit_source(train, &job.feeding, Some(watched), options)?;
    Ok(())
}

fn next_steps(args: &Args, data: &str) {
    let file = args.save.display();
    let known = data::NAMES.contains(&data) && data != "digits";
    let from = match args.recipe.is_some() || args.data == "digits" || (known && args.data == data)
    {
        true => String::new(),
        false => format!(" --data {}", args.data),
    };
    say!("saved {file}");
    say!();
    say!("Next:");
    let mut next = vec![
        (
            format!("predict {file}{from}"),
            "what the model says about held-out samples",
        ),
        (format!("evaluate {file}{from}"), "loss and metrics again"),
    ];
    match args.recipe.is_some() {
        true => next.extend([
            (
                format!("predict {file} INPUT"),
                "what it says about files and folders",
            ),
            (format!("summary {file}"), "its layers, shapes and memory"),
        ]),
        false => next.extend([
            (
                "dump --after fuse".to_string(),
                "what the compiler made of a training step",
            ),
            ("data list".to_string(), "other data sets"),
        ]),
    }
    for (command, what) in next {
        say!("  craneflow {command:38}  {what}");
    }
    if std::env::var_os("CARGO").is_some() {
        say!("(with `cargo run --release -p craneflow-cli --` for `craneflow`)");
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
