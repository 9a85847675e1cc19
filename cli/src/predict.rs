//! `craneflow predict`

mod show;

use crate::saved::{self, DEFAULT_FILE, Loaded};
use anyhow::{Context, Error, Result, bail};
use craneflow::nn::data::front::Unlabelled;
use craneflow::nn::data::{self, Labels, NpyArray, Source};
use craneflow::nn::report::{probabilities_of, short};
use ndarray::{ArrayD, Axis, Slice};
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

/// Classes with their probabilities, or numbers. Files that cannot be read are named among the others, and the exit
/// code is 1 then.
#[derive(clap::Args)]
pub struct Args {
    /// What `craneflow train` saved
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Files or folders of samples (with the folders in them): pictures, tables without the label, texts with one
    /// sample a line, .npy arrays `[samples, ...]`; `-` is standard input
    #[arg(value_name = "INPUT", conflicts_with_all = ["data", "input"])]
    inputs: Vec<PathBuf>,
    /// Held-out samples of this data set; default: the one the model was trained on
    #[arg(long)]
    data: Option<String>,
    /// Samples from an array `[samples, ...]` in a .npy file instead
    #[arg(long, value_name = "X.npy", conflicts_with = "data")]
    input: Option<PathBuf>,
    /// How many samples; default: 10 of a data set, all of files
    #[arg(long)]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Save all outputs of the model as a .npy file
    #[arg(long, value_name = "Y.npy")]
    save: Option<PathBuf>,
    /// Threads; 0 is one for each core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// How predictions are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// A table with a header
    Csv,
    /// One JSON object a line
    Json,
}

/// What is said about a sample.
struct Answer {
    name: String,
    said: Said,
}

enum Said {
    /// By the model.
    Outputs {
        /// The class, for classes.
        class: Option<String>,
        /// Probabilities of the classes, or values.
        numbers: Vec<f64>,
        label: Option<String>,
    },
    /// About a sample that could not be read.
    Broken(Error),
}

/// Samples, and files that are none, each after so many samples.
struct Samples {
    x: ArrayD<f32>,
    names: Vec<String>,
    broken: Vec<(usize, Answer)>,
}

pub fn run(args: &Args) -> Result<()> {
    let mut loaded = saved::load(&args.file, args.threads)?;
    let files: Vec<&PathBuf> = args.inputs.iter().chain(&args.input).collect();
    let (samples, held_out) = if files.is_empty() {
        let test = loaded.samples(args.data.as_deref(), false)?;
        let count = args.limit.unwrap_or(10).min(test.len());
        let rows: Vec<usize> = (0..count).collect();
        let samples = Samples {
            x: test.select(&rows).dataset()?.inputs().clone(),
            names: rows
                .iter()
                .map(|&i| test.place(i).unwrap_or(i.to_string()))
                .collect(),
            broken: vec![],
        };
        (samples, Some(test))
    } else {
        (read_all(&loaded, &files)?, None)
    };
    let count = args.limit.unwrap_or(usize::MAX).min(samples.x.shape()[0]);
    let x = samples.x.slice_axis(Axis(0), Slice::from(0..count));
    let outputs = loaded.model.predict(&x)?;
    let mut answers = answers(&loaded, &outputs, samples.names, held_out.as_ref());
    let broken = samples.broken.into_iter().filter(|(at, _)| *at <= count);
    let broken: Vec<(usize, Answer)> = broken.collect();
    let lost = broken.len();
    for (i, (at, answer)) in broken.into_iter().enumerate() {
        answers.insert(at + i, answer);
    }
    show::show(args.format, &loaded, &answers)?;
    if let Some(path) = &args.save {
        data::npy::write(path, &NpyArray::from(outputs))?;
        if args.format == Format::Text {
            println!("saved {}", path.display());
        }
    }
    match lost {
        0 => Ok(()),
        _ => bail!("{lost} of {} samples could not be read", count + lost),
    }
}

/// The samples of all inputs. It is an error if none can be read.
fn read_all(loaded: &Loaded, paths: &[&PathBuf]) -> Result<Samples> {
    let mut found: Vec<Unlabelled> = vec![];
    let mut names: Vec<String> = vec![];
    let mut broken = vec![];
    for path in paths {
        match read(loaded, path) {
            Ok(mut samples) => {
                let place = match path.as_os_str() == "-" {
                    true => "standard input".to_string(),
                    false => path.display().to_string(),
                };
                for warning in &samples.warnings {
                    eprintln!("warning: {place}: {warning}");
                }
                for file in samples.broken.drain(..) {
                    let at = names.len() + file.before;
                    broken.push((at, unread(file.name, file.error.into())));
                }
                names.append(&mut samples.names);
                found.push(samples);
            }
            Err(error) => broken.push((names.len(), unread(path.display().to_string(), error))),
        }
    }
    if found.is_empty() {
        return Err(match broken.swap_remove(0).1.said {
            Said::Broken(error) => error,
            Said::Outputs { .. } => unreachable!("what is broken has no outputs"),
        });
    }
    for (_, answer) in &broken {
        if let Said::Broken(error) = &answer.said {
            eprintln!("error: {error}");
        }
    }
    let views: Vec<_> = found.iter().map(|u| u.inputs.view()).collect();
    let x = ndarray::concatenate(Axis(0), &views)
        .context("the inputs have samples of different shapes")?;
    Ok(Samples { x, names, broken })
}

fn unread(name: String, error: Error) -> Answer {
    Answer {
        name,
        said: Said::Broken(error),
    }
}

fn read(loaded: &Loaded, path: &Path) -> Result<Unlabelled> {
    if path == Path::new("-") {
        let mut bytes = vec![];
        stdin().lock().read_to_end(&mut bytes)?;
        return Ok(loaded.front.parse(&bytes, Path::new("standard input"))?);
    }
    if !path.exists() {
        bail!("{}: no such file or folder", path.display());
    }
    Ok(loaded.front.read(path)?)
}

fn answers(
    loaded: &Loaded,
    outputs: &ArrayD<f32>,
    names: Vec<String>,
    held_out: Option<&Source>,
) -> Vec<Answer> {
    let loss = loaded.model.loss();
    let classes = &loaded.classes;
    let answer = |(i, (row, name)): (usize, (ndarray::ArrayViewD<'_, f32>, String))| {
        let row: Vec<f32> = row.iter().copied().collect();
        let numbers = probabilities_of(loss.as_ref(), row, classes.len());
        let best = (0..numbers.len()).max_by(|&a, &b| {
            // Of equals the first.
            numbers[a].total_cmp(&numbers[b]).then(b.cmp(&a))
        });
        let class = best.filter(|_| !classes.is_empty());
        let class = class.map(|b| classes.get(b).cloned().unwrap_or(b.to_string()));
        let number = |x: f32| match class {
            Some(_) => f64::from(x),
            None => loaded.front.value(x),
        };
        let said = Said::Outputs {
            numbers: numbers.into_iter().map(number).collect(),
            class,
            label: held_out.map(|d| label(loaded, d, i)),
        };
        Answer { name, said }
    };
    let rows = outputs.axis_iter(Axis(0)).zip(names);
    rows.enumerate().map(answer).collect()
}

fn label(loaded: &Loaded, data: &Source, sample: usize) -> String {
    match data.labels() {
        Labels::Values(y) => {
            let values = y.index_axis(Axis(0), sample);
            let values = values.iter().map(|&x| short(loaded.front.value(x)));
            values.collect::<Vec<_>>().join(", ")
        }
        Labels::Classes(ids) => {
            let id = ids[[sample]] as usize;
            data.classes().get(id).cloned().unwrap_or(id.to_string())
        }
    }
}
