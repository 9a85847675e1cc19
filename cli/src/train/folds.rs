//! Cross-validation: a training for each part of the samples that is held out in turn.

use super::{Args, Job, evaluated, fit, job_of, percent, recipe_of};
use anyhow::{Result, bail};
use craneflow::nn::data::front::Front;
use std::io::Write;
use std::path::Path;

/// What the models came to by one loss or metric.
struct Row {
    name: String,
    /// One for each part so far, in the units of the data where these are known.
    values: Vec<f64>,
    /// The column whose units they are in.
    target: Option<String>,
}

/// Trains a model for each of `folds` parts, and prints what each comes to, their mean and their deviation. No model is
/// kept.
pub fn run(args: &Args, path: &Path, folds: usize) -> Result<()> {
    alone(args)?;
    let recipe = recipe_of(args, path)?;
    say!(
        "Cross-validation of {} in {folds} parts, each held out in turn",
        path.display()
    );
    let mut rows: Vec<Row> = vec![];
    for fold in 0..folds {
        let loaded = recipe.load_fold(fold, folds)?;
        if fold == 0 {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
        }
        let mut job = job_of(args, recipe_of(args, path)?, loaded)?;
        job.backup = None;
        job.callbacks = recipe.callbacks_without_files()?;
        say!(
            "Part {} of {folds}: {} samples, {} held out",
            fold + 1,
            job.split.train.len(),
            job.split.test.len()
        );
        fit(&mut job, args, None)?;
        note(&mut rows, &mut job)?;
        let found: Vec<String> = rows.iter().map(|r| r.shown(r.values[fold])).collect();
        say!("part {}: {}", fold + 1, found.join(", "));
    }
    say!();
    for row in &rows {
        let (mean, deviation) = moments(&row.values);
        say!(
            "{} of {folds} parts: mean {}, standard deviation {}",
            row.name,
            row.number(mean),
            row.number(deviation)
        );
    }
    say!("No model was saved; `--folds 1` trains one");
    Ok(())
}

/// Refuses what belongs to a single training.
fn alone(args: &Args) -> Result<()> {
    let single = [
        ("--resume", args.resume.is_some()),
        ("--backup", args.backup.is_some()),
        ("--log", args.log.is_some()),
        ("--report", args.report.is_some()),
        ("--tensorboard", args.tensorboard.is_some()),
    ];
    match single.iter().find(|(_, given)| *given) {
        Some((option, _)) => bail!(
            "{option} belongs to a single training, and a cross-validation is several: leave it out, or give --folds 1"
        ),
        None => Ok(()),
    }
}

/// Adds what a model comes to on its held-out part.
fn note(rows: &mut Vec<Row>, job: &mut Job) -> Result<()> {
    let found = evaluated(job)?;
    for (i, (name, value)) in found.into_iter().enumerate() {
        let units = match &job.front {
            Front::Table { prepared, .. } => prepared.units(&name).map(|u| (u, prepared.target())),
            _ => None,
        };
        if i == rows.len() {
            rows.push(Row {
                name,
                values: vec![],
                target: units.map(|(_, target)| target.to_string()),
            });
        }
        rows[i].values.push(value * units.map_or(1.0, |(u, _)| u));
    }
    Ok(())
}

impl Row {
    fn number(&self, x: f64) -> String {
        match (self.name.as_str(), &self.target) {
            ("accuracy", _) => percent(x),
            (_, Some(target)) => format!("{x:.5} in `{target}`"),
            _ => format!("{x:.5}"),
        }
    }

    fn shown(&self, x: f64) -> String {
        format!("{} {}", self.name, self.number(x))
    }
}

/// Mean and standard deviation of a sample.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (values.len() as f64 - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::moments;

    #[test]
    fn deviations_are_those_of_a_sample() {
        assert_eq!(moments(&[1.0, 2.0, 3.0]), (2.0, 1.0));
        assert_eq!(moments(&[4.0, 4.0]), (4.0, 0.0));
    }
}
