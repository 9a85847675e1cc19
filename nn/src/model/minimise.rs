//! Training by L-BFGS: all samples in every step.

use super::batches::Batches;
use super::{Kind, Model};
use crate::error::NnError;
use crate::host::Feed;
use crate::layers::Role;
use crate::optim::{Lbfgs, Minimum};
use craneflow_ir::Array;

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
        let samples = batches.samples();
        let program = self.program(Kind::Gradient, samples)?;
        let held = self.network.weights.len();
        let weights = self.network.weights.iter().enumerate();
        let trained: Vec<usize> = weights
            .filter(|(_, w)| w.role == Role::Trainable)
            .map(|(i, _)| i)
            .collect();
        let start = trained.iter().flat_map(|&i| self.state[i].to_f64());
        let start: Vec<f64> = start.collect();
        let types: Vec<_> = trained.iter().map(|&i| self.parts[i].ty.clone()).collect();
        let arrays = |at: &[f64]| {
            let mut rest = at;
            let mut arrays = vec![];
            for ty in &types {
                let (mine, others) = rest.split_at(ty.count());
                arrays.push(Array::from_f64(ty.clone(), mine));
                rest = others;
            }
            arrays
        };
        let engine = &mut self.programs[program].engine;
        batches.set_range(engine, held, 0, samples)?;
        let minimum = options.minimise(start, |at| -> Result<_, NnError> {
            for (&index, array) in trained.iter().zip(arrays(at)) {
                engine.set(index, &(&array).into())?;
            }
            engine.run(&[])?;
            let gradients = (1..=types.len()).flat_map(|o| engine.output(o).to_f64());
            Ok((f64::from(engine.scalar(0)), gradients.collect()))
        })?;
        for (&index, array) in trained.iter().zip(arrays(&minimum.at)) {
            self.state[index] = array;
        }
        self.version += 1;
        Ok(minimum)
    }
}
