//! Training by L-BFGS: all samples in every step.

use super::batches::Batches;
use super::feeder::Ready;
use super::fit::{FitOptions, Totals};
use super::history::History;
use super::training::{Loop, Rounds, Validation};
use super::{Kind, Model};
use crate::error::{Layer, NnError};
use crate::host::Feed;
use crate::layers::Role;
use crate::optim::{Ended, Lbfgs, Minimum, Search};
use craneflow_ir::Array;
use std::time::Duration;

impl Model {
    /// Trains on all samples at once by L-BFGS: for models of few weights. The model is compiled
    /// before for its loss; its optimizer is not used. Layers work as they do outside of training:
    /// nothing is dropped, and statistics stay.
    pub fn fit_lbfgs<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
        options: &Lbfgs,
    ) -> Result<Minimum, NnError> {
        let targets = self.training("fit_lbfgs")?.targets.clone();
        let (x, y) = ([x.into()], [y.into()]);
        let batches = Batches::new(&self.network, &x, Some((&targets, &y)))?;
        let mut loss = Whole::new(self, &batches)?;
        let start = loss.place(self);
        let minimum = options.minimise(start, |at| loss.at(self, at))?;
        loss.take(self, &minimum.at);
        Ok(minimum)
    }

    /// As [`fit_lbfgs`](Model::fit_lbfgs), with what goes along with a training: every epoch is an iteration. Of
    /// the options, `batch_size`, `shuffle`, `validation_split` and weights of samples and classes have no effect, and
    /// `backup` is an error. Ends before all epochs where a tolerance is reached.
    pub fn fit_lbfgs_epochs<'a>(
        &mut self,
        x: impl Into<Feed<'a>>,
        y: impl Into<Feed<'a>>,
        lbfgs: &Lbfgs,
        mut options: FitOptions<'_>,
    ) -> Result<History, NnError> {
        if options.backup.is_some() {
            return Err(NnError::Argument {
                layer: Layer::default(),
                op: "L-BFGS",
                what: "a backup",
                expected: "none: what it knows of past steps is not saved".to_string(),
                found: "one".to_string(),
            });
        }
        let targets = self.training("fit_lbfgs")?.targets.clone();
        let (x, y) = ([x.into()], [y.into()]);
        let batches = Batches::new(&self.network, &x, Some((&targets, &y)))?;
        let mut descent = Descent {
            loss: Whole::new(self, &batches)?,
            options: lbfgs,
            search: None,
        };
        let watched = options.validation_data.take();
        let watched = watched.map(|(x, y)| Validation::Data(x, y));
        self.train(&mut descent, watched.into_iter().collect(), options)
    }
}

/// The loss of all samples as a function of the trained weights.
struct Whole<'b> {
    batches: &'b Batches<'b>,
    /// Which weights are trained.
    trained: Vec<usize>,
}

impl<'b> Whole<'b> {
    fn new(model: &mut Model, batches: &'b Batches<'b>) -> Result<Whole<'b>, NnError> {
        let weights = model.network.weights.iter().enumerate();
        let trained = weights.filter(|(_, w)| w.role == Role::Trainable);
        let whole = Whole {
            batches,
            trained: trained.map(|(i, _)| i).collect(),
        };
        let samples = batches.samples();
        let program = model.program(Kind::Gradient, samples)?;
        let held = model.network.weights.len();
        let engine = &mut model.programs[program].engine;
        batches.set_range(engine, held, 0, samples)?;
        Ok(whole)
    }

    /// The weights as they are.
    fn place(&self, model: &mut Model) -> Vec<f64> {
        model.pull();
        let numbers = self.trained.iter().flat_map(|&i| model.state[i].to_f64());
        numbers.collect()
    }

    /// Weights of a place.
    fn arrays(&self, model: &Model, mut at: &[f64]) -> Vec<(usize, Array)> {
        let array = |&i: &usize| {
            let ty = model.parts[i].ty.clone();
            let (mine, others) = at.split_at(ty.count());
            at = others;
            (i, Array::from_f64(ty, mine))
        };
        self.trained.iter().map(array).collect()
    }

    /// The loss and its gradient at a place. The weights of the model stay.
    fn at(&mut self, model: &mut Model, at: &[f64]) -> Result<(f64, Vec<f64>), NnError> {
        let program = model.program(Kind::Gradient, self.batches.samples())?;
        let arrays = self.arrays(model, at);
        let program = &mut model.programs[program];
        // It no longer holds the weights of the model.
        program.version = 0;
        let engine = &mut program.engine;
        for (index, array) in &arrays {
            engine.set(*index, &array.into())?;
        }
        engine.run(&[])?;
        let gradients = (1..=arrays.len()).flat_map(|o| engine.output(o).to_f64());
        Ok((f64::from(engine.scalar(0)), gradients.collect()))
    }

    /// Makes a place the weights of the model.
    fn take(&self, model: &mut Model, at: &[f64]) {
        model.pull();
        for (index, array) in self.arrays(model, at) {
            model.state[index] = array;
        }
        model.version += 1;
    }
}

/// A search of which every epoch is an iteration.
struct Descent<'b> {
    loss: Whole<'b>,
    options: &'b Lbfgs,
    search: Option<Search>,
}

impl Rounds for Descent<'_> {
    fn steps(&self) -> Option<usize> {
        Some(1)
    }

    fn waits(&self) -> bool {
        false
    }

    fn round(
        &mut self,
        model: &mut Model,
        run: &mut Loop<'_>,
    ) -> Result<(Totals, Duration), NnError> {
        run.begin(Some(1));
        let mut search = match self.search.take() {
            Some(search) => search,
            None => {
                let start = self.loss.place(model);
                Search::begin(start, &mut |at: &[f64]| self.loss.at(model, at))?
            }
        };
        let ended = search.iterate(self.options, &mut |at: &[f64]| self.loss.at(model, at))?;
        self.loss.take(model, &search.x);
        self.search = Some(search);
        model.steps += 1;
        let rows: Vec<usize> = (0..self.loss.batches.samples()).collect();
        let mut totals = model.totals();
        model.evaluate_on(&mut totals, Ready::Rows(self.loss.batches, &rows))?;
        let logs = totals.logs();
        run.each(model, |c, run| c.on_batch_end(run, 0, &logs))?;
        if let Some(ended) = ended {
            run.end(match ended {
                Ended::There | Ended::Gradient => "the gradient is within its tolerance",
                Ended::Value => "the loss falls by less than its tolerance",
                Ended::Stuck => "no lower loss was found along the way down",
            });
        }
        Ok((totals, Duration::ZERO))
    }
}
