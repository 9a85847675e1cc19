//! Which layer a number stopped being finite in.

use super::batches::Batches;
use super::feeder::{Feeder, Ready};
use super::{Model, programs};
use crate::engine::Engine;
use crate::error::NnError;
use crate::host::Feed;
use craneflow_ir::{Array, Graph, Verified};

/// What is needed to run an epoch again.
#[derive(Default)]
pub(crate) struct Journal {
    /// The state before its first step here.
    state: Vec<Array>,
    /// Steps before that.
    skipped: usize,
    /// The learning rate of every step since.
    pub rates: Vec<f32>,
}

impl Journal {
    pub fn begin(&mut self, state: &[Array], skipped: usize) {
        self.state = state.to_vec();
        self.skipped = skipped;
        self.rates.clear();
    }
}

impl Model {
    /// Runs the epoch again up to step `step`, whose loss is not finite, and looks at every layer
    /// there. Gives the error that says so. The model is left as it was before that step.
    pub(super) fn find_non_finite(
        &mut self,
        feeder: &mut dyn Feeder,
        journal: Journal,
        step: usize,
    ) -> NnError {
        let place = self.replay(feeder, &journal, step);
        match place {
            Err(error) => error,
            Ok(place) => NnError::NonFinite {
                place,
                epoch: self.epochs + 1,
                step: step + 1,
                rate: self.rate,
            },
        }
    }

    fn replay(
        &mut self,
        feeder: &mut dyn Feeder,
        journal: &Journal,
        step: usize,
    ) -> Result<String, NnError> {
        self.ahead = None;
        self.state.clone_from(&journal.state);
        self.version += 1;
        self.steps -= journal.rates.len() as u64;
        feeder.begin(self.seed, self.epochs, journal.skipped)?;
        let mut totals = self.totals();
        let last = step - journal.skipped;
        for &rate in &journal.rates[..last] {
            self.rate = rate;
            if let Some(ready) = feeder.next()? {
                self.step_on(ready, &mut totals)?;
            }
        }
        self.rate = journal.rates[last];
        self.pull();
        match feeder.next()? {
            None => Ok("nothing that a second run of the step could find".to_string()),
            Some(Ready::Rows(batches, rows)) => self.inspect(batches, rows),
            Some(Ready::Arrays(arrays)) => {
                let feeds: Vec<Feed<'_>> = arrays.iter().map(Feed::from).collect();
                let batches = self.labelled(&feeds)?;
                let rows: Vec<usize> = (0..batches.samples()).collect();
                self.inspect(&batches, &rows)
            }
        }
    }

    /// The program that shows all that a step sees.
    pub(super) fn inspected(
        &self,
        samples: usize,
        weighted: bool,
    ) -> Result<Verified<Graph>, NnError> {
        let training = self.training("fit")?;
        let state = &self.parts[self.network.weights.len()..];
        programs::inspect(&self.network, training, state, samples, weighted)
    }

    /// The first thing of a step that is not finite, in words.
    fn inspect(&mut self, batches: &Batches<'_>, rows: &[usize]) -> Result<String, NnError> {
        for (part, array) in self.parts.iter().zip(&self.state) {
            if !finite(array) {
                let name = &part.name;
                return Ok(format!("{name}, before the step: the update made it so"));
            }
        }
        let graph = self.inspected(rows.len(), batches.weighted())?;
        let mut engine = Engine::compile(graph, &self.options)?;
        for (i, array) in self.state.iter().enumerate() {
            engine.set(i, &array.into())?;
        }
        batches.set_rows(&mut engine, self.state.len(), rows)?;
        engine.run(&[])?;
        for (i, port) in engine.outputs().iter().enumerate() {
            if !finite(&engine.output(i)) {
                return Ok(match port.name.split_once('.') {
                    Some(("input", name)) => format!("input {name}"),
                    Some(("gradient", name)) => format!("the gradient of {name}"),
                    Some((_, name)) => format!("the output of layer {name}"),
                    None => format!("the {}", port.name),
                });
            }
        }
        Ok("the sum of the losses of the samples".to_string())
    }
}

fn finite(array: &Array) -> bool {
    !array.ty.dtype.is_float() || array.to_f64().iter().all(|x| x.is_finite())
}
