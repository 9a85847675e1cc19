//! Training and evaluation loops.

use super::batches::Batches;
use super::programs::Report;
use super::progress::Progress;
use super::{Kind, Model};
use crate::engine::Engine;
use crate::error::{Layer, NnError};
use crate::host::Feed;
use crate::rng::Rng;
use craneflow_ir::{Array, DType, Type};
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
    /// A weight for every sample, in the loss alone.
    pub sample_weight: Option<Feed<'a>>,
    /// A weight for every class, by number; classes beyond have 1.
    pub class_weight: Vec<f32>,
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
            sample_weight: None,
            class_weight: vec![],
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

/// What programs report, added up over batches.
struct Totals {
    reports: Vec<Report>,
    sums: Vec<Vec<f64>>,
    /// Which of them are sums already, and not means over the samples of a batch.
    additive: Vec<bool>,
    samples: usize,
}

impl Totals {
    fn new(reports: Vec<Report>) -> Totals {
        Totals {
            sums: vec![vec![0.0]; reports.len()],
            additive: vec![false; reports.len()],
            reports,
            samples: 0,
        }
    }

    /// Adds what a program reports of a batch, in the outputs of these positions.
    fn add(&mut self, engine: &Engine, outputs: &[usize], samples: usize) {
        for (i, &output) in outputs.iter().enumerate() {
            if engine.outputs()[output].ty.rank() == 0 {
                self.sums[i][0] += f64::from(engine.scalar(output)) * samples as f64;
                continue;
            }
            let values = engine.output(output).to_f64();
            self.additive[i] = true;
            self.sums[i].resize(values.len(), 0.0);
            let pairs = self.sums[i].iter_mut().zip(values);
            pairs.for_each(|(sum, value)| *sum += value);
        }
        self.samples += samples;
    }

    fn logs(&self) -> Logs {
        let number = |i: usize| -> f64 {
            let mean = [self.sums[i][0] / self.samples.max(1) as f64];
            let sums = if self.additive[i] {
                &self.sums[i][..]
            } else {
                &mean
            };
            match &self.reports[i].metric {
                Some(metric) => metric.result(sums),
                None => sums[0],
            }
        };
        let names = self.reports.iter().map(|r| r.name.clone());
        names
            .enumerate()
            .map(|(i, name)| (name, number(i)))
            .collect()
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
        self.fit_all(&[x.into()], &[y.into()], options)
    }

    /// `fit` for a model of several inputs or trained outputs.
    pub fn fit_all(
        &mut self,
        x: &[Feed<'_>],
        y: &[Feed<'_>],
        mut options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let targets = self.training("fit")?.targets.clone();
        let mut batches = Batches::new(&self.network, x, Some((&targets, y)))?;
        let weights = sample_weights(&options, y, batches.samples())?;
        let weights = weights.as_ref().map(Feed::from);
        batches.weigh(weights.as_ref())?;
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
                let (x, y) = (std::slice::from_ref(x), std::slice::from_ref(y));
                let found = self.evaluate_all(x, y, options.batch_size)?;
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
        let mut totals = self.totals();
        let count = order.len().div_ceil(batch_size);
        progress.begin(count);
        for (done, rows) in order.chunks(batch_size).enumerate() {
            self.step(batches, rows, &mut totals)?;
            progress.step(done + 1, || totals.logs());
        }
        Ok(totals.logs())
    }

    /// One training step on some samples; adds what it reports.
    fn step(
        &mut self,
        batches: &Batches<'_>,
        rows: &[usize],
        totals: &mut Totals,
    ) -> Result<(), NnError> {
        let weighted = batches.weighted();
        let index = self.program(Kind::Train { weighted }, rows.len())?;
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
        totals.add(&program.engine, &program.reports, rows.len());
        Ok(())
    }

    /// Trains one step on one batch; gives loss and metrics of the batch before the update.
    pub fn train_on_batch<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
    ) -> Result<Logs, NnError> {
        let targets = self.training("train_on_batch")?.targets.clone();
        let (x, y) = ([x.into()], [y.into()]);
        let batches = Batches::new(&self.network, &x, Some((&targets, &y)))?;
        let rows: Vec<usize> = (0..batches.samples()).collect();
        let mut totals = self.totals();
        self.step(&batches, &rows, &mut totals)?;
        Ok(totals.logs())
    }

    /// Loss and metrics of samples, computed in batches of 32.
    pub fn evaluate<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
    ) -> Result<Logs, NnError> {
        self.evaluate_all(&[x.into()], &[y.into()], 32)
    }

    /// `evaluate` for a model of several inputs or trained outputs.
    pub fn evaluate_all(
        &mut self,
        x: &[Feed<'_>],
        y: &[Feed<'_>],
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        let targets = self.training("evaluate")?.targets.clone();
        let batches = Batches::new(&self.network, x, Some((&targets, y)))?;
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
        let mut totals = self.totals();
        for rows in rows.chunks(batch_size) {
            let index = self.program(Kind::Evaluate, rows.len())?;
            let first = self.network.weights.len();
            let program = &mut self.programs[index];
            batches.set_rows(&mut program.engine, first, rows)?;
            program.engine.run(&[])?;
            totals.add(&program.engine, &program.reports, rows.len());
        }
        Ok(totals.logs())
    }

    fn totals(&self) -> Totals {
        let reports = self.training.iter().flat_map(|t| t.reports(&self.network));
        Totals::new(reports.collect())
    }
}

fn validation(logs: Logs) -> impl Iterator<Item = (String, f64)> {
    logs.into_iter().map(|(name, x)| (format!("val_{name}"), x))
}

/// The weight of every sample: what the options give, times the weight of its class.
fn sample_weights(
    options: &FitOptions<'_>,
    y: &[Feed<'_>],
    samples: usize,
) -> Result<Option<Array>, NnError> {
    let given = options.sample_weight.as_ref().map(|w| w.array().to_f64());
    if let Some(given) = given.as_ref().filter(|given| given.len() != samples) {
        return Err(NnError::Samples {
            x: samples,
            y: given.len(),
        });
    }
    if given.is_none() && options.class_weight.is_empty() {
        return Ok(None);
    }
    let mut weights = given.unwrap_or_else(|| vec![1.0; samples]);
    if let (false, Some(y)) = (options.class_weight.is_empty(), y.first()) {
        let labels = y.array().to_f64();
        let width = (labels.len() / samples.max(1)).max(1);
        for (weight, row) in weights.iter_mut().zip(labels.chunks(width)) {
            // A number is the class; of several, the greatest shows it.
            let class = match row {
                [class] => *class as usize,
                _ => (1..width).fold(0, |best, i| if row[i] > row[best] { i } else { best }),
            };
            *weight *= f64::from(options.class_weight.get(class).copied().unwrap_or(1.0));
        }
    }
    Ok(Some(Array::from_f64(
        Type::new(DType::F32, [samples]),
        &weights,
    )))
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
