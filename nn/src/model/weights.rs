//! The weights of a model: read, set, frozen.

use super::{Model, summary};
use crate::error::NnError;
use crate::host::{Feed, to_ndarray};
use crate::layers::Weight;
use crate::optim::AVERAGE;
use craneflow_ir::Array;
use ndarray::ArrayD;

impl Model {
    /// What describes the weights, in the order of the layers.
    pub fn weights(&self) -> &[Weight] {
        &self.network.weights
    }

    /// How many numbers the weights hold, and how many of them are trained.
    pub fn parameters(&self) -> (usize, usize) {
        summary::parameters(&self.network)
    }

    /// A copy of the weight of this name.
    pub fn weight(&mut self, name: &str) -> Result<ArrayD<f32>, NnError> {
        self.pull();
        let index = self.weight_index(name)?;
        Ok(to_ndarray(&self.state[index]).expect("weights are f32"))
    }

    /// Replaces the weight of this name.
    pub fn set_weight<'a>(
        &mut self,
        name: &str,
        value: impl Into<Feed<'a>>,
    ) -> Result<(), NnError> {
        self.pull();
        let index = self.weight_index(name)?;
        let value = value.into();
        if *value.ty() != self.parts[index].ty {
            return Err(NnError::Feed {
                name: name.to_string(),
                expected: self.parts[index].ty.clone(),
                found: value.ty().clone(),
            });
        }
        self.state[index] = value.array();
        self.unaveraged.clear();
        self.version += 1;
        Ok(())
    }

    /// Copies of all weights.
    pub(crate) fn weight_arrays(&mut self) -> Vec<(String, Array)> {
        self.pull();
        let weights = self.network.weights.iter().zip(&self.state);
        weights.map(|(w, x)| (w.name.clone(), x.clone())).collect()
    }

    /// Replaces weights by copies that were made of them.
    pub(crate) fn set_weight_arrays(&mut self, copies: &[(String, Array)]) -> Result<(), NnError> {
        for (name, array) in copies {
            self.set_weight(name, array)?;
        }
        Ok(())
    }

    /// Sets whether the weights of a layer are trained, by its name, or by the path `outer/inner` of
    /// a layer within another. The optimizer starts anew.
    pub fn set_trainable(&mut self, layer: &str, trainable: bool) -> Result<(), NnError> {
        self.pull();
        let within = format!("{}.", layer.replace('/', "."));
        let weights = self.network.weights.iter();
        if !weights.clone().any(|w| w.name.starts_with(&within)) {
            let layers = weights.filter_map(|w| Some(w.name.rsplit_once('.')?.0.to_string()));
            let mut known: Vec<String> = layers.collect();
            known.dedup();
            return Err(NnError::Unknown {
                what: "layer with weights called",
                name: layer.to_string(),
                known: known.iter().collect(),
            });
        }
        let mut frozen = (*self.network.frozen).clone();
        match trainable {
            true => frozen.remove(layer),
            false => frozen.insert(layer.to_string()),
        };
        self.network.freeze(frozen)?;
        self.renew_training();
        Ok(())
    }

    /// Puts the moving averages of the weights in their place, if the optimizer keeps them. A training that goes on,
    /// from a file too, does so from the weights as they were.
    pub fn use_averages(&mut self) -> Result<(), NnError> {
        self.pull();
        let trained = self.state[..self.network.weights.len()].to_vec();
        let mut found = false;
        for index in 0..self.network.weights.len() {
            let average = format!("{}.{AVERAGE}", self.network.weights[index].name);
            let part = self.parts.iter().position(|p| p.name == average);
            if let Some(part) = part {
                self.state[index] = self.state[part].clone();
                found = true;
            }
        }
        self.version += 1;
        match found {
            true => {
                if self.unaveraged.is_empty() {
                    self.unaveraged = trained;
                }
                Ok(())
            }
            false => Err(NnError::Empty {
                what: "moving averages; compile it with an optimizer.moving_average(..)",
            }),
        }
    }

    /// Puts the weights back that [`Model::use_averages`] has replaced, to be trained.
    pub(super) fn put_back(&mut self) {
        if !self.unaveraged.is_empty() {
            self.pull();
            let trained = std::mem::take(&mut self.unaveraged);
            self.state[..trained.len()].clone_from_slice(&trained);
            self.version += 1;
        }
    }

    fn weight_index(&self, name: &str) -> Result<usize, NnError> {
        let weights = &self.network.weights;
        let index = weights.iter().position(|w| w.name == name);
        index.ok_or_else(|| NnError::Unknown {
            what: "weight",
            name: name.to_string(),
            known: weights.iter().map(|w| &w.name).collect(),
        })
    }
}
