//! Models: layers with weights, trained by `compile` and `fit` as Keras users know them.
//!
//! A training step is one program: forward, loss, gradient, update and metrics. It is compiled for a
//! batch size; the last, smaller batch of an epoch is compiled for its own.

mod architecture;
mod batches;
mod diagnose;
mod feeder;
mod fit;
mod history;
mod inspect;
mod minimise;
mod nested;
mod network;
mod programs;
mod progress;
mod resume;
mod sequential;
mod state;
mod summary;
mod targets;
mod training;
mod weighting;
mod weights;

pub use fit::{FitOptions, Verbose};
pub use history::{Epoch, History, Logs};
pub use inspect::{Inspection, Wire};
pub(crate) use state::check_version;

use crate::engine::{Engine, Options};
use crate::error::NnError;
use crate::host::{Feed, to_ndarray};
use crate::layers::Symbol;
use crate::loss::Loss;
use crate::metrics::Metric;
use crate::optim::Tuned;
use crate::rng::Rng;
use crate::text::TextVectorization;
use batches::{Batches, fitted_labels};
use craneflow_ir::{Array, Graph, Verified};
use ndarray::{ArrayD, Axis, concatenate};
use network::Network;
use programs::Part;
use std::collections::BTreeMap;
use targets::Training;

pub(crate) use architecture::model as described;
pub use nested::Nested;
pub use sequential::Sequential;
pub use targets::Target;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Train {
        weighted: bool,
    },
    Evaluate,
    Predict,
    Gradient,
    /// All that a step sees, with the gradients.
    Inspect {
        weighted: bool,
    },
}

/// A program with what it was compiled for.
struct Compiled {
    kind: Kind,
    batch: usize,
    engine: Engine,
    /// Positions of the loss and the metrics among the outputs.
    reports: Vec<usize>,
    /// The version of the state that it holds.
    version: u64,
}

/// A model: layers, their weights and, once compiled, how to train them.
pub struct Model {
    network: Network,
    training: Option<Training>,
    options: Options,
    seed: u64,
    rate: f32,
    /// The weights, then the rest of the training state.
    parts: Vec<Part>,
    state: Vec<Array>,
    /// Counts changes of the state.
    version: u64,
    /// The program that holds a newer state than `state`.
    ahead: Option<usize>,
    programs: Vec<Compiled>,
    epochs: u64,
    steps: u64,
    history: History,
    /// What makes numbers of the texts that the model is for, by name.
    texts: BTreeMap<String, TextVectorization>,
    /// What files say besides, for programs that read them.
    notes: BTreeMap<String, String>,
    /// The program of the last training step, whose batch is still in it.
    last: Option<usize>,
    /// The weights that were trained, where averages have taken their place: training goes on from them. Else empty.
    unaveraged: Vec<Array>,
    /// The version of files from which on all of its notes are understood.
    notes_version: u32,
}

impl Model {
    /// The model that computes `outputs` from `inputs`.
    pub fn new(inputs: &[&Symbol], outputs: &[&Symbol]) -> Result<Model, NnError> {
        let mut model = Model {
            network: Network::new(inputs, outputs)?,
            training: None,
            options: Options::default(),
            seed: 0,
            rate: 0.0,
            parts: vec![],
            state: vec![],
            version: 0,
            ahead: None,
            programs: vec![],
            epochs: 0,
            steps: 0,
            history: History::default(),
            texts: BTreeMap::new(),
            notes: BTreeMap::new(),
            last: None,
            unaveraged: vec![],
            notes_version: 0,
        };
        model.reset();
        Ok(model)
    }

    /// Starts anew from the weights of a seed. The seed also decides about shuffling and dropout.
    pub fn seed(mut self, seed: u64) -> Model {
        self.seed = seed;
        self.reset();
        self
    }

    /// Sets how programs are compiled and run, such as the number of threads.
    pub fn options(mut self, options: Options) -> Model {
        self.pull();
        self.options = options;
        self.programs.clear();
        self.last = None;
        self
    }

    /// Says how to train the first output. Keeps the weights; the optimizer starts anew.
    pub fn compile(
        &mut self,
        optimizer: impl Into<Tuned>,
        loss: Loss,
        metrics: &[Metric],
    ) -> Result<(), NnError> {
        self.compile_all(optimizer, vec![Target::new(loss).metrics(metrics)])
    }

    /// `compile` for several trained outputs: a target for each of the first outputs.
    pub fn compile_all(
        &mut self,
        optimizer: impl Into<Tuned>,
        targets: Vec<Target>,
    ) -> Result<(), NnError> {
        let outputs = self.network.outputs.len();
        if targets.is_empty() || targets.len() > outputs {
            return Err(NnError::LabelCount {
                expected: outputs,
                found: targets.len(),
            });
        }
        self.pull();
        let optimizer = optimizer.into();
        self.rate = optimizer.learning_rate();
        self.training = Some(Training { optimizer, targets });
        self.renew_training();
        // Finds what is wrong with loss and metrics now, not at the first batch.
        self.train_graph(1).map(|_| ())
    }

    /// Forgets programs and the state of training, and starts the latter anew.
    fn renew_training(&mut self) {
        self.programs.clear();
        self.last = None;
        let weights = self.network.weights.len();
        self.parts.truncate(weights);
        self.state.truncate(weights);
        self.add_training_state();
    }

    /// The model as a layer of another one, with copies of its weights to start from.
    pub fn layer(&mut self) -> Nested {
        self.pull();
        let weights = self.network.weights.iter().zip(&self.state);
        let values = weights.map(|(w, value)| (w.name.clone(), value.clone()));
        Nested::new(self.network.clone(), values.collect())
    }

    /// Keeps what makes numbers of the texts that the model is for, under a name: it is saved and
    /// loaded with the model.
    pub fn set_text(&mut self, name: &str, text: TextVectorization) {
        self.texts.insert(name.to_string(), text);
    }

    /// What was kept, or loaded, under this name.
    pub fn text(&self, name: &str) -> Option<&TextVectorization> {
        self.texts.get(name)
    }

    /// Writes an entry into the metadata of every file that this model saves from now on, those of callbacks
    /// included. [`read`](crate::checkpoint::read) gives it back; keys that files have anyway stay theirs.
    pub fn set_note(&mut self, key: &str, value: impl Into<String>) {
        self.notes.insert(key.to_string(), value.into());
    }

    /// The learning rate of the next step, before a schedule.
    pub fn learning_rate(&self) -> f32 {
        self.rate
    }

    /// Changes the learning rate; nothing is compiled again.
    pub fn set_learning_rate(&mut self, rate: f32) {
        self.rate = rate;
    }

    /// What its first output is trained for, once compiled.
    pub fn loss(&self) -> Option<Loss> {
        let target = self.training.as_ref()?.targets.first()?;
        Some(target.loss.clone())
    }

    /// Names of what an epoch reports of the samples that are trained on: the loss and the metrics.
    pub(crate) fn reported(&self) -> Vec<String> {
        let reports = self.training.iter().flat_map(|t| t.reports(&self.network));
        reports.map(|report| report.name).collect()
    }

    /// Whether labels are such as it is trained with.
    pub(crate) fn takes_labels(&self, y: Feed<'_>) -> Result<(), NnError> {
        let (targets, samples) = (&self.training("fit")?.targets, y.rows());
        fitted_labels(&self.network, targets, &[y], samples).map(|_| ())
    }

    /// How many epochs it was trained for.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// How many steps it was trained for.
    pub fn steps_done(&self) -> u64 {
        self.steps
    }

    /// What all its epochs came to, those before it was saved and loaded included.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The graph of a training step for a batch of `batch` samples.
    pub fn train_graph(&self, batch: usize) -> Result<Verified<Graph>, NnError> {
        self.train_program(batch, false)
    }

    fn train_program(&self, batch: usize, weighted: bool) -> Result<Verified<Graph>, NnError> {
        let training = self.training("train_graph")?;
        let state = &self.parts[self.network.weights.len()..];
        programs::train(&self.network, training, state, batch, weighted)
    }

    /// The graph of a prediction.
    pub fn predict_graph(&self, batch: usize) -> Result<Verified<Graph>, NnError> {
        programs::predict(&self.network, batch)
    }

    /// The outputs for samples `x`, computed in batches of 32.
    pub fn predict<'a>(&mut self, x: impl Into<Feed<'a>>) -> Result<ArrayD<f32>, NnError> {
        Ok(self.predict_all(&[x.into()], 32)?.remove(0))
    }

    /// All outputs for samples of all inputs.
    pub fn predict_all(
        &mut self,
        x: &[Feed<'_>],
        batch_size: usize,
    ) -> Result<Vec<ArrayD<f32>>, NnError> {
        let batches = Batches::new(&self.network, x, None)?;
        let mut results: Vec<Vec<ArrayD<f32>>> = vec![vec![]; self.network.outputs.len()];
        for (start, end) in batches.ranges(batch_size)? {
            let index = self.program(Kind::Predict, end - start)?;
            let first = self.network.weights.len();
            let engine = &mut self.programs[index].engine;
            batches.set_range(engine, first, start, end)?;
            engine.run(&[])?;
            for (o, result) in results.iter_mut().enumerate() {
                let output = engine.output(o);
                result.push(to_ndarray(&output).expect("outputs are f32"));
            }
        }
        let join = |parts: &Vec<ArrayD<f32>>| {
            let views: Vec<_> = parts.iter().map(|p| p.view()).collect();
            concatenate(Axis(0), &views).expect("batches of one model have one shape")
        };
        Ok(results.iter().map(join).collect())
    }

    fn training(&self, before: &'static str) -> Result<&Training, NnError> {
        self.training
            .as_ref()
            .ok_or(NnError::NotCompiled { before })
    }

    /// The initial state.
    fn reset(&mut self) {
        self.parts.clear();
        self.state.clear();
        for (i, weight) in self.network.weights.iter().enumerate() {
            let mut rng = Rng::stream(self.seed, i as u64);
            let array = weight.spec.start(&weight.shape, &mut rng);
            let (name, ty) = (weight.name.clone(), array.ty.clone());
            self.parts.push(Part { name, ty });
            self.state.push(array);
        }
        self.add_training_state();
        self.ahead = None;
        self.unaveraged.clear();
        self.version += 1;
        self.epochs = 0;
        self.steps = 0;
        self.history = History::default();
    }

    fn add_training_state(&mut self) {
        if let Some(training) = &self.training {
            let state = programs::training_state(&self.network, training, &self.state, self.seed);
            let (parts, arrays): (Vec<_>, Vec<_>) = state.into_iter().unzip();
            self.parts.extend(parts);
            self.state.extend(arrays);
        }
        self.version += 1;
    }

    /// Brings `state` up to date.
    fn pull(&mut self) {
        if let Some(index) = self.ahead.take() {
            let engine = &self.programs[index].engine;
            for (i, array) in self.state.iter_mut().enumerate() {
                *array = engine.get(i);
            }
        }
    }

    /// The program of a kind and batch size, compiled if it is new, with the state in it.
    fn program(&mut self, kind: Kind, batch: usize) -> Result<usize, NnError> {
        let known = |c: &Compiled| c.kind == kind && c.batch == batch;
        let index = match self.programs.iter().position(known) {
            Some(index) => index,
            None => {
                let compiled = self.compiled(kind, batch)?;
                self.programs.push(compiled);
                self.programs.len() - 1
            }
        };
        if self.programs[index].version != self.version {
            self.pull();
            let held = match kind {
                Kind::Train { .. } | Kind::Inspect { .. } => self.state.len(),
                _ => self.network.weights.len(),
            };
            let program = &mut self.programs[index];
            for (i, array) in self.state[..held].iter().enumerate() {
                program.engine.set(i, &array.into())?;
            }
            program.version = self.version;
        }
        Ok(index)
    }

    fn compiled(&self, kind: Kind, batch: usize) -> Result<Compiled, NnError> {
        let graph = match kind {
            Kind::Train { weighted } => self.train_program(batch, weighted)?,
            Kind::Evaluate => programs::evaluate(&self.network, self.training("evaluate")?, batch)?,
            Kind::Predict => self.predict_graph(batch)?,
            Kind::Gradient => programs::gradient(&self.network, self.training("fit")?, batch)?,
            Kind::Inspect { weighted } => self.inspected(batch, weighted)?,
        };
        let outputs = graph.outputs.len();
        let reports = match (&self.training, kind) {
            (Some(t), Kind::Train { .. } | Kind::Evaluate) => {
                outputs - t.reports(&self.network).len()..outputs
            }
            _ => 0..0,
        };
        Ok(Compiled {
            kind,
            batch,
            engine: Engine::compile(graph, &self.options)?,
            reports: reports.collect(),
            version: 0,
        })
    }
}
