//! Training and evaluation of samples in memory.

use super::batches::Batches;
use super::feeder::{Ready, Samples, Streamed};
use super::history::{History, Logs};
use super::targets::Report;
use super::training::{Stepped, Validation};
use super::{Kind, Model, weighting};
use crate::callbacks::{BackupAndRestore, Callback};
use crate::data::source::Feeding;
use crate::data::{Pipeline, Source};
use crate::engine::Engine;
use crate::error::{Layer, NnError};
use crate::host::Feed;

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
    /// Curves of loss, metrics and learning rate on a terminal of at least 40 by 12, else as `Auto`.
    Live,
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
    /// A weight for every class, by number, in the loss alone; classes beyond have 1.
    pub class_weight: Vec<f32>,
    /// Whether the weights become their moving averages in the end, before callbacks take those of the best epoch.
    /// The optimizer must keep them: [`Tune::moving_average`](crate::optim::Tune::moving_average).
    pub use_averages: bool,
    /// What is printed.
    pub verbose: Verbose,
    /// What is called beside the steps, in this order.
    pub callbacks: Vec<Box<dyn Callback + 'a>>,
    /// Where an interrupted training goes on from.
    pub backup: Option<BackupAndRestore>,
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
            use_averages: false,
            verbose: Verbose::default(),
            callbacks: vec![],
            backup: None,
        }
    }
}

/// What programs report, added up over batches.
pub(crate) struct Totals {
    reports: Vec<Report>,
    pub sums: Vec<Vec<f64>>,
    /// Which of them are sums already, and not means over the samples of a batch.
    pub additive: Vec<bool>,
    pub samples: usize,
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
    pub fn add(&mut self, engine: &Engine, outputs: &[usize], samples: usize) {
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

    pub fn logs(&self) -> Logs {
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
        let judged = options.validation_data.take();
        let judged = judged.map(|(x, y)| Validation::Data(x, y));
        self.fit_samples(x, y, judged.into_iter().collect(), options)
    }

    /// Trains on samples where they are. `watched` is evaluated after every epoch, without weights. Samples in memory
    /// are lent to the steps; those in files, or that are augmented, are made ready on workers: which it is changes
    /// no bit. Of the options, `batch_size` and `shuffle` are those of `how`; `validation_split` and `sample_weight`
    /// have no effect.
    pub fn fit_source(
        &mut self,
        train: &Source,
        how: &Feeding,
        watched: Option<&Source>,
        options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let options = FitOptions {
            batch_size: how.batch_size,
            shuffle: how.shuffle,
            validation_split: 0.0,
            sample_weight: None,
            ..options
        };
        let judged = watched.map(|watched| match watched {
            Source::Memory(data) => Validation::Data(data.inputs().into(), data.labels().into()),
            Source::Files(_) => {
                let batches = watched.batches(&Feeding::in_order(how.batch_size));
                Validation::Feeder(Box::new(Streamed::new(&batches)))
            }
        });
        let judged = judged.into_iter().collect();
        match (train, how.augment) {
            (Source::Memory(data), None) => {
                let (x, y) = ([data.inputs().into()], [data.labels().into()]);
                self.fit_samples(&x, &y, judged, options)
            }
            _ => self.fit_batches(&train.batches(how), judged, options),
        }
    }

    /// Loss and metrics of samples where they are, computed in batches of `batch_size`.
    pub fn evaluate_source(
        &mut self,
        samples: &Source,
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        match samples {
            Source::Memory(data) => {
                let (x, y) = ([data.inputs().into()], [data.labels().into()]);
                self.evaluate_all(&x, &y, batch_size)
            }
            Source::Files(_) => {
                self.evaluate_pipeline(&samples.batches(&Feeding::in_order(batch_size)))
            }
        }
    }

    fn fit_samples(
        &mut self,
        x: &[Feed<'_>],
        y: &[Feed<'_>],
        judged: Vec<Validation<'_>>,
        options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let targets = self.training("fit")?.targets.clone();
        let mut batches = Batches::new(&self.network, x, Some((&targets, y)))?;
        let given = options.sample_weight.as_ref();
        let weights = weighting::weights(given, &options.class_weight, y, batches.samples())?;
        let weights = weights.as_ref().map(Feed::from);
        batches.weigh(weights.as_ref())?;
        let held_out = held_out(options.validation_split, batches.samples())?;
        let kept = batches.samples() - held_out;
        let mut samples = Samples::new(&batches, kept, options.batch_size, options.shuffle)?;
        let mut validation = vec![];
        if held_out > 0 {
            let rows = (kept..batches.samples()).collect();
            validation.push(Validation::Rows(&batches, rows));
        }
        validation.extend(judged);
        self.train(&mut Stepped(&mut samples), validation, options)
    }

    /// Trains on batches of a pipeline: the inputs of the model, then the labels, and then, if it gives one array
    /// more, a weight for every sample. `validation` is evaluated after every epoch, without weights. Of the options,
    /// `batch_size`, `shuffle`, `validation_split` and `sample_weight` are the pipeline's affair and without effect.
    pub fn fit_pipeline(
        &mut self,
        batches: &Pipeline,
        validation: Option<&Pipeline>,
        mut options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let mut judged = vec![];
        if let Some(validation) = validation {
            judged.push(Validation::Feeder(Box::new(Streamed::new(validation))));
        }
        if let Some((x, y)) = options.validation_data.take() {
            judged.push(Validation::Data(x, y));
        }
        self.fit_batches(batches, judged, options)
    }

    fn fit_batches(
        &mut self,
        batches: &Pipeline,
        judged: Vec<Validation<'_>>,
        mut options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        let labels = self.network.inputs.len()..self.labelled_arrays()?;
        let class_weight = std::mem::take(&mut options.class_weight);
        let mut batches = Streamed::new(batches).weighted(labels, class_weight);
        self.train(&mut Stepped(&mut batches), judged, options)
    }

    /// Loss and metrics of the batches of a pipeline.
    pub fn evaluate_pipeline(&mut self, batches: &Pipeline) -> Result<Logs, NnError> {
        self.training("evaluate_pipeline")?;
        self.evaluate_feeder(&mut Streamed::new(batches))
    }

    /// One training step; adds what it reports, and gives the loss of the batch.
    pub(super) fn step_on(
        &mut self,
        ready: Ready<'_>,
        totals: &mut Totals,
    ) -> Result<f32, NnError> {
        match ready {
            Ready::Rows(batches, rows) => self.step(batches, rows, totals),
            Ready::Arrays(arrays) => {
                let feeds: Vec<Feed<'_>> = arrays.iter().map(Feed::from).collect();
                let batches = self.labelled(&feeds)?;
                let rows: Vec<usize> = (0..batches.samples()).collect();
                self.step(&batches, &rows, totals)
            }
        }
    }

    /// How many arrays inputs and labels are.
    fn labelled_arrays(&self) -> Result<usize, NnError> {
        Ok(self.network.inputs.len() + self.training("fit")?.targets.len())
    }

    /// A batch of inputs and labels, checked, and the weights of its samples if there is one array more.
    pub(super) fn labelled<'a>(&self, feeds: &'a [Feed<'_>]) -> Result<Batches<'a>, NnError> {
        let targets = &self.training("fit")?.targets;
        let (inputs, count) = (self.network.inputs.len(), self.labelled_arrays()?);
        if feeds.len() != count && feeds.len() != count + 1 {
            let names = self.network.inputs.iter().map(|(name, _)| name.as_str());
            return Err(NnError::FeedCount {
                expected: count,
                found: feeds.len(),
                inputs: names.chain(["y"]).collect(),
            });
        }
        let (labelled, weights) = feeds.split_at(count);
        let (x, y) = labelled.split_at(inputs);
        let mut batches = Batches::new(&self.network, x, Some((targets, y)))?;
        batches.weigh(weights.first())?;
        Ok(batches)
    }

    /// One training step on some samples; adds what it reports, and gives the loss.
    fn step(
        &mut self,
        batches: &Batches<'_>,
        rows: &[usize],
        totals: &mut Totals,
    ) -> Result<f32, NnError> {
        let weighted = batches.weighted();
        self.put_back();
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
        self.last = Some(index);
        totals.add(&program.engine, &program.reports, rows.len());
        Ok(program.engine.scalar(program.reports[0]))
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

    /// Loss and metrics of samples with these numbers.
    pub(super) fn mean(
        &mut self,
        batches: &Batches<'_>,
        rows: &[usize],
        batch_size: usize,
    ) -> Result<Logs, NnError> {
        let mut totals = self.totals();
        for rows in rows.chunks(batch_size) {
            self.add_evaluated(&mut totals, batches, rows)?;
        }
        Ok(totals.logs())
    }

    /// Adds what the samples of a batch come to.
    pub(super) fn evaluate_on(
        &mut self,
        totals: &mut Totals,
        ready: Ready<'_>,
    ) -> Result<(), NnError> {
        match ready {
            Ready::Rows(batches, rows) => self.add_evaluated(totals, batches, rows),
            Ready::Arrays(arrays) => {
                let feeds: Vec<Feed<'_>> = arrays.iter().map(Feed::from).collect();
                let batches = self.labelled(&feeds[..feeds.len().min(self.labelled_arrays()?)])?;
                let rows: Vec<usize> = (0..batches.samples()).collect();
                self.add_evaluated(totals, &batches, &rows)
            }
        }
    }

    fn add_evaluated(
        &mut self,
        totals: &mut Totals,
        batches: &Batches<'_>,
        rows: &[usize],
    ) -> Result<(), NnError> {
        let index = self.program(Kind::Evaluate, rows.len())?;
        let first = self.network.weights.len();
        let program = &mut self.programs[index];
        batches.set_rows(&mut program.engine, first, rows)?;
        program.engine.run(&[])?;
        totals.add(&program.engine, &program.reports, rows.len());
        Ok(())
    }

    pub(super) fn totals(&self) -> Totals {
        let reports = self.training.iter().flat_map(|t| t.reports(&self.network));
        Totals::new(reports.collect())
    }
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
