//! Training and evaluation loops.

use super::batches::Batches;
use super::progress::Progress;
use super::{Kind, Model};
use crate::error::{Layer, NnError};
use crate::host::Feed;
use crate::rng::Rng;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Numbers by name, in the order of a report: `loss`, then the metrics, then those of the validation
/// data as `val_loss` and so on.
pub type Logs = Vec<(String, f64)>;

/// What is printed while training.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verbose {
    /// Nothing.
    Silent,
    /// A progress bar on a terminal, else one line for each epoch.
    #[default]
    Auto,
    /// One line for each epoch.
    Lines,
}

/// Options of [`Model::fit`].
pub struct FitOptions<'a> {
    /// Samples in a step.
    pub batch_size: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// Whether every epoch has an order of its own. It follows from the model's seed.
    pub shuffle: bool,
    /// Share of the samples at the end that are held out for validation.
    pub validation_split: f64,
    /// Samples and labels for validation, evaluated after every epoch.
    pub validation_data: Option<(Feed<'a>, Feed<'a>)>,
    /// What is printed.
    pub verbose: Verbose,
    /// The learning rate of each epoch, counted from 0 over the life of the model; else it stays.
    #[allow(clippy::type_complexity, reason = "said once")]
    pub schedule: Option<Box<dyn Fn(u64) -> f32 + 'a>>,
    /// Called after every epoch; `Break` ends the training.
    #[allow(clippy::type_complexity, reason = "said once")]
    pub on_epoch: Option<Box<dyn FnMut(&Epoch) -> ControlFlow<()> + 'a>>,
}

impl Default for FitOptions<'_> {
    fn default() -> Self {
        FitOptions {
            batch_size: 32,
            epochs: 1,
            shuffle: true,
            validation_split: 0.0,
            validation_data: None,
            verbose: Verbose::default(),
            schedule: None,
            on_epoch: None,
        }
    }
}

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 0 over the life of the model.
    pub number: u64,
    /// Means over the samples.
    pub logs: Logs,
    /// Wall time, validation included.
    pub time: Duration,
}

/// What a training came to, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
}

impl History {
    /// One number of every epoch; empty when there is none of this name.
    pub fn get(&self, name: &str) -> Vec<f64> {
        let logs = self.epochs.iter().flat_map(|e| &e.logs);
        logs.filter(|(n, _)| n == name).map(|(_, x)| *x).collect()
    }

    /// One number of the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name).last().copied()
    }
}

/// Means of what programs report, weighted by the sizes of the batches.
struct Means {
    names: Vec<String>,
    sums: Vec<f64>,
    samples: usize,
}

impl Means {
    fn add(&mut self, values: impl Iterator<Item = f32>, samples: usize) {
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += f64::from(value) * samples as f64;
        }
        self.samples += samples;
    }

    fn logs(&self) -> Logs {
        let mean = |sum: &f64| sum / self.samples.max(1) as f64;
        let means = self.sums.iter().map(mean);
        self.names.iter().cloned().zip(means).collect()
    }
}

impl Model {
    /// Trains on samples `x` with labels `y`, whose first axes count the samples.
    pub fn fit<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
        options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        self.fit_all(&[x.into()], &y.into(), options)
    }

    /// `fit` for a model of several inputs.
    pub fn fit_all(
        &mut self,
        x: &[Feed<'_>],
        y: &Feed<'_>,
        mut options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let loss = self.training("fit")?.loss;
        let batches = Batches::new(&self.network, x, Some((loss, y)))?;
        let held_out = held_out(options.validation_split, batches.samples())?;
        let kept = batches.samples() - held_out;
        let order: Vec<usize> = (0..kept).collect();
        let mut progress = Progress::new(options.verbose, options.epochs);
        let mut history = History::default();
        for _ in 0..options.epochs {
            let start = Instant::now();
            if let Some(schedule) = &options.schedule {
                self.rate = schedule(self.epochs);
            }
            let order = match options.shuffle {
                false => order.clone(),
                // Weights use the streams from 0 on.
                true => Rng::stream(self.seed, (1 << 63) | self.epochs).permutation(kept),
            };
            let mut logs = self.epoch(&batches, &order, options.batch_size, &mut progress)?;
            if held_out > 0 {
                let rows: Vec<usize> = (kept..batches.samples()).collect();
                logs.extend(validation(self.mean(
                    &batches,
                    &rows,
                    options.batch_size,
                )?));
            }
            if let Some((x, y)) = &options.validation_data {
                let found = self.evaluate_all(std::slice::from_ref(x), y, options.batch_size)?;
                logs.extend(validation(found));
            }
            let epoch = Epoch {
                number: self.epochs,
                logs,
                time: start.elapsed(),
            };
            self.epochs += 1;
            progress.end(&epoch);
            let decision = options.on_epoch.as_mut().map(|f| f(&epoch));
            history.epochs.push(epoch);
            if decision == Some(ControlFlow::Break(())) {
                break;
            }
        }
        self.pull();
        Ok(history)
    }

    /// One pass over the samples in `order`.
    fn epoch(
        &mut self,
        batches: &Batches<'_>,
        order: &[usize],
        batch_size: usize,
        progress: &mut Progress,
    ) -> Result<Logs, NnError> {
        batches.ranges(batch_size)?;
        let mut means = self.means();
        let count = order.len().div_ceil(batch_size);
        progress.begin(count);
        for (done, rows) in order.chunks(batch_size).enumerate() {
            let values = self.step(batches, rows)?;
            means.add(values.into_iter(), rows.len());
            progress.step(done + 1, || means.logs());
        }
        Ok(means.logs())
    }

    /// One training step on some samples; gives what it reports.
    fn step(&mut self, batches: &Batches<'_>, rows: &[usize]) -> Result<Vec<f32>, NnError> {
        let index = self.program(Kind::Train, rows.len())?;
        let first = self.state.len();
        let rate = self.rate;
        let program = &mut self.programs[index];
        program.engine.set(first, &Feed::scalar(&rate))?;
        batches.set_rows(&mut program.engine, first + 1, rows)?;
        program.engine.run(&[])?;
        self.version += 1;
        self.steps += 1;
        program.version = self.version;
        self.ahead = Some(index);
        let report = |&output: &usize| program.engine.scalar(output);
        Ok(program.reports.iter().map(report).collect())
    }

    /// Trains one step on one batch; gives loss and metrics of the batch before the update.
    pub fn train_on_batch<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
    ) -> Result<Logs, NnError> {
        let loss = self.training("train_on_batch")?.loss;
        let (x, y) = ([x.into()], y.into());
        let batches = Batches::new(&self.network, &x, Some((loss, &y)))?;
        let rows: Vec<usize> = (0..batches.samples()).collect();
        let values = self.step(&batches, &rows)?;
        let mut means = self.means();
        means.add(values.into_iter(), rows.len());
        Ok(means.logs())
    }

    /// Loss and metrics of samples, computed in batches of 32.
    pub fn evaluate<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
    ) -> Result<Logs, NnError> {
        self.evaluate_all(&[x.into()], &y.into(), 32)
    }

    /// `evaluate` for a model of several inputs.
    pub fn evaluate_all(
        &mut self,
        x: &[Feed<'_>],
        y: &Feed<'_>,
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        let loss = self.training("evaluate")?.loss;
        let batches = Batches::new(&self.network, x, Some((loss, y)))?;
        batches.ranges(batch_size)?;
        let rows: Vec<usize> = (0..batches.samples()).collect();
        self.mean(&batches, &rows, batch_size)
    }

    fn mean(
        &mut self,
        batches: &Batches<'_>,
        rows: &[usize],
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        let mut means = self.means();
        for rows in rows.chunks(batch_size) {
            let index = self.program(Kind::Evaluate, rows.len())?;
            let first = self.network.weights.len();
            let program = &mut self.programs[index];
            batches.set_rows(&mut program.engine, first, rows)?;
            program.engine.run(&[])?;
            let report = |&output: &usize| program.engine.scalar(output);
            means.add(program.reports.iter().map(report), rows.len());
        }
        Ok(means.logs())
    }

    fn means(&self) -> Means {
        let mut names = vec!["loss".to_string()];
        let metrics = self.training.iter().flat_map(|t| &t.metrics);
        names.extend(metrics.map(|m| m.name().to_string()));
        Means {
            sums: vec![0.0; names.len()],
            names,
            samples: 0,
        }
    }
}

fn validation(logs: Logs) -> impl Iterator<Item = (String, f64)> {
    logs.into_iter().map(|(name, x)| (format!("val_{name}"), x))
}

/// How many samples a share is; at least one must remain.
fn held_out(share: f64, samples: usize) -> Result<usize, NnError> {
    let count = (share * samples as f64).round();
    if (0.0..samples as f64).contains(&count) {
        return Ok(count as usize);
    }
    Err(NnError::Argument {
        layer: Layer::default(),
        op: "fit",
        what: "validation_split",
        expected: "at least 0 and below 1".to_string(),
        found: share.to_string(),
    })
}
