//! Where a training is, and how it gets there again.

use super::Model;
use super::fit::Totals;
use super::history::{History, exact, inexact};
use crate::callbacks::{BackupAndRestore, Callback};
use crate::checkpoint::{Checkpoint, read};
use crate::error::NnError;
use serde_json::{Value, json};
use std::path::Path;

/// Where a call of `fit` is.
#[derive(Default)]
pub(crate) struct Position {
    /// Epochs that are done.
    pub epochs: usize,
    /// Steps of the current epoch that are done.
    pub steps: usize,
    /// Sums over these steps, and over how many samples.
    sums: Vec<Vec<f64>>,
    additive: Vec<bool>,
    samples: usize,
    /// Whether a callback ended the training.
    pub stop: bool,
    pub history: History,
}

const POSITION: &str = "position";

/// What the states of callbacks begin with.
fn callback(index: usize) -> String {
    format!("callback{index}:")
}

impl Position {
    fn to_json(&self) -> Value {
        let words = |sums: &Vec<f64>| sums.iter().map(|&x| exact(x)).collect();
        let sums: Vec<Vec<String>> = self.sums.iter().map(words).collect();
        json!({
            "epochs": self.epochs,
            "steps": self.steps,
            "sums": sums,
            "additive": self.additive,
            "samples": self.samples,
            "stop": self.stop,
            "history": self.history.to_json(true),
        })
    }

    fn from_json(text: &str) -> Option<Position> {
        let value: Value = serde_json::from_str(text).ok()?;
        let count = |key: &str| usize::try_from(value.get(key)?.as_u64()?).ok();
        let numbers = |v: &Value| v.as_array()?.iter().map(inexact).collect();
        let sums = value.get("sums")?.as_array()?.iter().map(numbers);
        let additive = value.get("additive")?.as_array()?.iter();
        Some(Position {
            epochs: count("epochs")?,
            steps: count("steps")?,
            sums: sums.collect::<Option<_>>()?,
            additive: additive.map(Value::as_bool).collect::<Option<_>>()?,
            samples: count("samples")?,
            stop: value.get("stop")?.as_bool()?,
            history: History::from_json(value.get("history")?)?,
        })
    }

    /// Takes the totals of the steps that are done.
    pub fn note(&mut self, steps: usize, totals: &Totals) {
        self.steps = steps;
        self.sums = totals.sums.clone();
        self.additive = totals.additive.clone();
        self.samples = totals.samples;
    }

    /// Gives back what `note` took.
    pub fn put(&self, totals: &mut Totals) {
        totals.sums.clone_from(&self.sums);
        totals.additive.clone_from(&self.additive);
        totals.samples = self.samples;
    }
}

impl Model {
    /// Writes the backup of a training.
    pub(crate) fn back_up(
        &mut self,
        backup: &BackupAndRestore,
        position: &Position,
        callbacks: &[Box<dyn Callback + '_>],
    ) -> Result<(), NnError> {
        let mut file = self.checkpoint();
        for (i, c) in callbacks.iter().enumerate() {
            file.nest(&callback(i), c.state());
        }
        let position = position.to_json().to_string();
        file.metadata.insert(POSITION.to_string(), position);
        file.write(backup.file())
    }

    /// Goes back to where a backup was made, if there is one.
    pub(crate) fn restore(
        &mut self,
        backup: &BackupAndRestore,
        callbacks: &mut [Box<dyn Callback + '_>],
    ) -> Result<Option<Position>, NnError> {
        let path = backup.file();
        if !path.exists() {
            std::fs::create_dir_all(&backup.folder).map_err(|source| NnError::Io {
                path: backup.folder.clone(),
                source,
            })?;
            return Ok(None);
        }
        let mut file = read(&path)?;
        let position = file.metadata.get(POSITION);
        let position = position.and_then(|text| Position::from_json(text));
        let position = position.ok_or_else(|| foreign(&path, "a position"))?;
        let states: Vec<Checkpoint> = (0..callbacks.len())
            .map(|i| file.unnest(&callback(i)))
            .collect();
        let metrics = self.totals().sums.len();
        let fits = position.sums.len() == metrics && position.additive.len() == metrics;
        if position.steps > 0 && !fits {
            return Err(foreign(&path, &format!("{metrics} losses and metrics")));
        }
        let optimizer = self.training("fit")?.optimizer.name();
        if file.metadata.get("optimizer").map(String::as_str) != Some(optimizer) {
            return Err(foreign(&path, &format!("the optimizer {optimizer}")));
        }
        self.load_checkpoint(&path, &file, true)?;
        for (callback, state) in callbacks.iter_mut().zip(&states) {
            callback.restore(state)?;
        }
        Ok(Some(position))
    }
}

fn foreign(path: &Path, expected: &str) -> NnError {
    NnError::Weight {
        path: path.to_path_buf(),
        name: "backup of another training (remove it to begin anew)".to_string(),
        expected: expected.to_string(),
        found: "none".to_string(),
    }
}
