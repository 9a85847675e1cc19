//! `craneflow predict`

use crate::saved::{self, DEFAULT_FILE, Loaded};
use anyhow::{Context, Result, bail};
use craneflow::nn::data::front::{Front, Unlabelled};
use craneflow::nn::data::{self, Dataset, Labels, NpyArray};
use craneflow::nn::report::probabilities_of;
use ndarray::{ArrayD, Axis, Slice};
use std::io::{Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};

/// Classes with their probabilities, or numbers.
#[derive(clap::Args)]
pub struct Args {
    /// What `craneflow train` saved
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Files or folders of samples: pictures, tables without the label, texts with one sample a line,
    /// .npy arrays `[samples, ...]`; `-` is standard input
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

/// What a model says about a sample.
struct Answer {
    name: String,
    /// The class, for classes.
    class: Option<String>,
    /// Probabilities of the classes, or values.
    numbers: Vec<f32>,
    label: Option<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let mut loaded = saved::load(&args.file, args.threads)?;
    let files = args.inputs.iter().chain(&args.input);
    let (x, names, held_out) = if files.clone().next().is_some() {
        let found = files.map(|path| samples(&loaded, path));
        let found: Vec<Unlabelled> = found.collect::<Result<_>>()?;
        let views: Vec<_> = found.iter().map(|u| u.inputs.view()).collect();
        let x = ndarray::concatenate(Axis(0), &views)
            .context("the inputs have samples of different shapes")?;
        let names = found.iter().flat_map(|u| u.names.clone()).collect();
        (x, names, None)
    } else {
        let test = loaded.samples(args.data.as_deref(), false)?;
        let names = (0..test.len()).map(|i| i.to_string()).collect();
        (test.inputs().clone(), names, Some(test))
    };
    let default = if held_out.is_some() { 10 } else { usize::MAX };
    let count = args.limit.unwrap_or(default).min(x.shape()[0]);
    let x = x.slice_axis(Axis(0), Slice::from(0..count));
    let outputs = loaded.model.predict(&x)?;
    let answers = answers(&loaded, &outputs, names, held_out.as_ref());
    show(args.format, &loaded, &answers)?;
    if let Some(path) = &args.save {
        data::npy::write(path, &NpyArray::from(outputs))?;
        if args.format == Format::Text {
            println!("saved {}", path.display());
        }
    }
    Ok(())
}

fn samples(loaded: &Loaded, path: &Path) -> Result<Unlabelled> {
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
    held_out: Option<&Dataset>,
) -> Vec<Answer> {
    let loss = loaded.model.loss();
    let answer = |(i, (row, name)): (usize, (ndarray::ArrayViewD<'_, f32>, String))| {
        let row: Vec<f32> = row.iter().copied().collect();
        let label = held_out.map(|d| label(d, i));
        let numbers = probabilities_of(loss.as_ref(), row, loaded.classes.len());
        let best = (0..numbers.len()).max_by(|&a, &b| {
            // Of equals the first.
            numbers[a].total_cmp(&numbers[b]).then(b.cmp(&a))
        });
        let class = best.filter(|_| !loaded.classes.is_empty());
        let class = class.map(|b| loaded.classes.get(b).cloned().unwrap_or(b.to_string()));
        Answer {
            name,
            class,
            numbers,
            label,
        }
    };
    let rows = outputs.axis_iter(Axis(0)).zip(names);
    rows.enumerate().map(answer).collect()
}

fn label(data: &Dataset, sample: usize) -> String {
    match data.labels() {
        Labels::Values(y) => format!("{:.4}", y.index_axis(Axis(0), sample)),
        Labels::Classes(ids) => {
            let id = ids[[sample]] as usize;
            data.classes().get(id).cloned().unwrap_or(id.to_string())
        }
    }
}

fn show(format: Format, loaded: &Loaded, answers: &[Answer]) -> Result<()> {
    let classes = &loaded.classes;
    let mut out = stdout().lock();
    let width = answers
        .iter()
        .map(|a| a.name.len())
        .max()
        .unwrap_or(0)
        .max(5);
    let numbers = answers.first().map_or(0, |a| a.numbers.len());
    if format == Format::Csv {
        let mut names = vec!["sample".to_string()];
        match classes.is_empty() {
            true => match &loaded.front {
                Front::Table { prepared, .. } if numbers == 1 => {
                    names.push(prepared.target().to_string());
                }
                _ => names.extend((0..numbers).map(|i| format!("value{i}"))),
            },
            false => {
                names.push("class".to_string());
                names.extend((0..numbers).map(|i| match classes.get(i) {
                    Some(class) => format!("p({class})"),
                    None => format!("p({i})"),
                }));
            }
        }
        let names: Vec<String> = names.iter().map(|n| quoted(n)).collect();
        writeln!(out, "{}", names.join(","))?;
    }
    for a in answers {
        match format {
            Format::Text => {
                let label = a.label.as_ref().map(|l| format!("  (label: {l})"));
                let said = match &a.class {
                    Some(class) => {
                        let sure = a.numbers.iter().copied().fold(0.0, f32::max);
                        format!("{class}  {:5.1} %", 100.0 * sure)
                    }
                    None => format!("{:.4?}", a.numbers),
                };
                writeln!(
                    out,
                    "{:>width$}  {said}{}",
                    a.name,
                    label.unwrap_or_default()
                )?;
            }
            Format::Csv => {
                let cells = [a.name.clone()].into_iter().chain(a.class.clone());
                let cells = cells.map(|c| quoted(&c));
                let cells = cells.chain(a.numbers.iter().map(f32::to_string));
                writeln!(out, "{}", cells.collect::<Vec<_>>().join(","))?;
            }
            Format::Json => {
                let mut object = serde_json::json!({ "sample": a.name });
                if let Some(class) = &a.class {
                    object["class"] = class.as_str().into();
                    let named = a.numbers.iter().enumerate().map(|(i, p)| {
                        let class = classes.get(i).cloned().unwrap_or(i.to_string());
                        (class, serde_json::Value::from(*p))
                    });
                    object["probabilities"] = serde_json::Value::Object(named.collect());
                } else {
                    object["values"] = serde_json::json!(a.numbers);
                }
                if let Some(label) = &a.label {
                    object["label"] = label.as_str().into();
                }
                writeln!(out, "{object}")?;
            }
        }
    }
    Ok(())
}

/// A cell, in quotes if it needs them.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_string(),
    }
}
