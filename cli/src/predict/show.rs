//! Answers as text, CSV or lines of JSON.

use super::{Answer, Format, Said};
use crate::saved::Loaded;
use anyhow::Result;
use craneflow::nn::data::front::Front;
use craneflow::nn::report::short;
use std::io::{Write, stdout};

/// Prints the answers.
pub(super) fn show(format: Format, loaded: &Loaded, answers: &[Answer]) -> Result<()> {
    let columns = columns(loaded, answers);
    match format {
        Format::Text => text(answers),
        Format::Csv => csv(&columns, answers),
        Format::Json => json(loaded, answers),
    }
}

/// What the columns after the name of the sample are called.
fn columns(loaded: &Loaded, answers: &[Answer]) -> Vec<String> {
    let count = |answer: &Answer| match &answer.said {
        Said::Outputs { numbers, .. } => Some(numbers.len()),
        Said::Broken(_) => None,
    };
    let numbers = answers.iter().find_map(count).unwrap_or(0);
    let classes = &loaded.classes;
    if !classes.is_empty() {
        let name = |i: usize| match classes.get(i) {
            Some(class) => format!("p({class})"),
            None => format!("p({i})"),
        };
        return ["class".to_string()]
            .into_iter()
            .chain((0..numbers).map(name))
            .collect();
    }
    match &loaded.front {
        Front::Table { prepared, .. } if numbers == 1 => vec![prepared.target().to_string()],
        _ => (0..numbers).map(|i| format!("value{i}")).collect(),
    }
}

fn text(answers: &[Answer]) -> Result<()> {
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let name = widest(&mut answers.iter().map(|a| a.name.chars().count())).max(5);
    let class = widest(&mut answers.iter().map(|a| match &a.said {
        Said::Outputs { class: Some(c), .. } => c.chars().count(),
        _ => 0,
    }));
    let mut out = stdout().lock();
    for a in answers {
        let said = match &a.said {
            Said::Outputs {
                class: said,
                numbers,
                label,
            } => {
                let said = match said {
                    Some(said) => {
                        let sure = numbers.iter().copied().fold(0.0, f64::max);
                        format!("{said:class$}  {:5.1} %", 100.0 * sure)
                    }
                    None => values(numbers),
                };
                let label = label.as_ref().map(|l| format!("  (label: {l})"));
                said + &label.unwrap_or_default()
            }
            Said::Broken(_) => "could not be read".to_string(),
        };
        writeln!(out, "{:>name$}  {said}", a.name)?;
    }
    Ok(())
}

fn values(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|&x| short(x)).collect();
    numbers.join(", ")
}

/// Samples that could not be read have a row of empty cells.
fn csv(columns: &[String], answers: &[Answer]) -> Result<()> {
    let mut out = stdout().lock();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|c| quoted(&c)).collect();
        writeln!(out, "{}", cells.join(","))
    };
    line(
        &mut ["sample".to_string()]
            .into_iter()
            .chain(columns.iter().cloned()),
    )?;
    for a in answers {
        let said: Vec<String> = match &a.said {
            Said::Outputs { class, numbers, .. } => {
                let numbers = numbers.iter().map(|&x| (x as f32).to_string());
                class.iter().cloned().chain(numbers).collect()
            }
            Said::Broken(_) => vec![String::new(); columns.len()],
        };
        line(&mut [a.name.clone()].into_iter().chain(said))?;
    }
    Ok(())
}

fn json(loaded: &Loaded, answers: &[Answer]) -> Result<()> {
    let mut out = stdout().lock();
    for a in answers {
        let mut object = serde_json::json!({ "sample": a.name });
        match &a.said {
            Said::Outputs {
                class,
                numbers,
                label,
            } => {
                let numbers = numbers.iter().map(|&x| shortest(x));
                match class {
                    Some(class) => {
                        object["class"] = class.as_str().into();
                        let named = numbers.enumerate().map(|(i, p)| {
                            let class = loaded.classes.get(i).cloned();
                            (class.unwrap_or(i.to_string()), p)
                        });
                        object["probabilities"] = serde_json::Value::Object(named.collect());
                    }
                    None => object["values"] = numbers.collect(),
                }
                if let Some(label) = label {
                    object["label"] = label.as_str().into();
                }
            }
            Said::Broken(error) => object["error"] = error.to_string().into(),
        }
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// The number of the fewest digits that is the same in 32 bits, with which models compute.
fn shortest(x: f64) -> serde_json::Value {
    let digits: Result<f64, _> = (x as f32).to_string().parse();
    digits.unwrap_or(x).into()
}

/// A cell, in quotes if it needs them.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_string(),
    }
}
