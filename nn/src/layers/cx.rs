//! What a layer sees while its model is traced: weights, state, randomness, masks, penalties.

use super::{Layer, Role, Weight, WeightSpec};
use crate::error::NnError;
use crate::functional::random_bits;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// What the program is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Dropout drops, batch normalisation normalises by the batch and updates its statistics.
    Training,
    /// The model as it is used.
    Inference,
}

/// The trace of a model, as layers see it.
pub struct Cx {
    tracer: Tracer,
    mode: Mode,
    weights: Vec<(Weight, Tensor)>,
    /// State of the random generator; `None` until it is needed.
    random: Option<Tensor>,
    /// New values of state, by position in `weights`.
    updates: Vec<(usize, Tensor)>,
    /// Masks of tensors.
    masks: Vec<(Tensor, Tensor)>,
    penalties: Vec<Tensor>,
    /// Whether the current layer is frozen.
    frozen: bool,
    /// Paths of layers that are frozen in this model.
    frozen_layers: Arc<BTreeSet<String>>,
    /// Values that weights start from, by path of the layer they are within.
    starts: Vec<(String, Arc<BTreeMap<String, Array>>)>,
    /// What weights go through before a layer sees them.
    rewrite: Option<Rewrite>,
    fixed: bool,
}

/// A change of a weight, by its name in the layer.
pub(crate) type Rewrite = Rc<dyn Fn(&mut Cx, &str, Tensor) -> Tensor>;

impl Cx {
    /// For a first trace, which finds out what weights there are.
    pub fn new(tracer: &Tracer, mode: Mode) -> Cx {
        Cx {
            tracer: tracer.clone(),
            mode,
            weights: vec![],
            random: None,
            updates: vec![],
            masks: vec![],
            penalties: vec![],
            frozen: false,
            frozen_layers: Arc::default(),
            starts: vec![],
            rewrite: None,
            fixed: false,
        }
    }

    /// For a trace over weights that are known, and the random state if one is needed.
    pub fn with(
        tracer: &Tracer,
        mode: Mode,
        weights: Vec<(Weight, Tensor)>,
        random: Option<Tensor>,
    ) -> Cx {
        Cx {
            weights,
            random,
            fixed: true,
            ..Cx::new(tracer, mode)
        }
    }

    /// Sets the paths of the layers that are frozen.
    pub(crate) fn freeze(mut self, layers: &Arc<BTreeSet<String>>) -> Cx {
        self.frozen_layers = layers.clone();
        self
    }

    /// The trace.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Whether the program trains.
    pub fn training(&self) -> bool {
        self.mode == Mode::Training
    }

    /// Whether the current layer is frozen: its weights are not trained, and statistics stay.
    pub fn frozen(&self) -> bool {
        self.frozen
    }

    /// The trainable weight `name` of the current layer.
    pub fn weight(&mut self, name: &str, shape: &[usize], spec: impl Into<WeightSpec>) -> Tensor {
        let role = match self.frozen {
            true => Role::Frozen,
            false => Role::Trainable,
        };
        let weight = self.declared(name, shape, spec.into(), role);
        match self.rewrite.clone() {
            Some(rewrite) => rewrite(self, name, weight),
            None => weight,
        }
    }

    /// The state `name` of the current layer, as it was before the step.
    pub fn state(&mut self, name: &str, shape: &[usize], spec: impl Into<WeightSpec>) -> Tensor {
        self.declared(name, shape, spec.into(), Role::State)
    }

    /// Gives the state `name` of the current layer, which exists, its value after the step. The last
    /// one counts.
    pub fn set_state(&mut self, name: &str, value: Tensor) {
        let name = self.full_name(name);
        if let Some(index) = self.weights.iter().position(|(w, _)| w.name == name) {
            self.updates.retain(|(i, _)| *i != index);
            self.updates.push((index, value));
        }
    }

    /// Uniform random bits (`u32`), other ones at every call and step.
    pub fn random_bits(&mut self, shape: &[usize]) -> Tensor {
        let state = self.random.take().unwrap_or_else(|| {
            let ty = Type::new(DType::U64, [3]);
            self.tracer.input("random", ty)
        });
        let (next, bits) = random_bits(&state, shape);
        self.random = Some(next);
        bits
    }

    /// Uniform random numbers in `[0, 1)`.
    pub fn uniform(&mut self, shape: &[usize]) -> Tensor {
        crate::functional::uniform(&self.random_bits(shape), DType::F32)
    }

    /// Standard normal random numbers.
    pub fn normal(&mut self, shape: &[usize]) -> Tensor {
        let (radius, angle) = (self.random_bits(shape), self.random_bits(shape));
        crate::functional::normal(&radius, &angle, DType::F32)
    }

    /// Adds a scalar to the loss.
    pub fn add_loss(&mut self, penalty: Tensor) {
        self.penalties.push(penalty);
    }

    /// What was added to the loss.
    pub fn penalties(&self) -> &[Tensor] {
        &self.penalties
    }

    /// Which positions of `x` count: `bool[batch, time]`, if anything said so.
    pub fn mask(&self, x: &Tensor) -> Option<Tensor> {
        let value = x.value()?;
        let found = self.masks.iter().find(|(of, _)| of.value() == Some(value));
        found.map(|(_, mask)| mask.clone())
    }

    /// Says which positions of `x` count.
    pub fn set_mask(&mut self, x: &Tensor, mask: Tensor) {
        self.masks.retain(|(of, _)| of.value() != x.value());
        self.masks.push((x.clone(), mask));
    }

    /// Applies a layer under a name: what a layer that holds others does with them. A mask goes from
    /// an input on to results that keep its batch and time.
    pub fn call_all(&mut self, name: &str, layer: &dyn Layer, x: &[Tensor]) -> Vec<Tensor> {
        let outer = self.frozen;
        let tracer = self.tracer.clone();
        let results = tracer.layer(name, || {
            let path = self.tracer.current().0;
            self.frozen |= !layer.meta().trainable || self.frozen_layers.contains(&path);
            layer.forward_all(self, x)
        });
        self.frozen = outer;
        let masked = x.iter().find_map(|x| Some((x, self.mask(x)?)));
        if let Some((x, mask)) = masked {
            for y in &results {
                let keeps = y.rank() == x.rank() && y.shape().starts_with(mask.shape());
                if keeps && self.mask(y).is_none() {
                    self.set_mask(y, mask.clone());
                }
            }
        }
        results
    }

    /// `call_all` for a layer of one result.
    pub fn call(&mut self, name: &str, layer: &dyn Layer, x: &[Tensor]) -> Tensor {
        self.call_all(name, layer, x).swap_remove(0)
    }

    /// Runs `f` with values that the weights within the current layer start from.
    pub(crate) fn starting<T>(
        &mut self,
        values: &Arc<BTreeMap<String, Array>>,
        f: impl FnOnce(&mut Cx) -> T,
    ) -> T {
        let within = self.full_name("");
        self.starts.push((within, values.clone()));
        let result = f(self);
        self.starts.pop();
        result
    }

    /// Runs `f` with weights that go through `rewrite` before a layer sees them.
    pub(crate) fn rewriting<T>(&mut self, rewrite: Rewrite, f: impl FnOnce(&mut Cx) -> T) -> T {
        let outer = self.rewrite.replace(rewrite);
        let result = f(self);
        self.rewrite = outer;
        result
    }

    /// All weights in order of declaration.
    pub fn weights(&self) -> &[(Weight, Tensor)] {
        &self.weights
    }

    /// The random state after the last use, if there was one or one was given.
    pub fn random(&self) -> Option<&Tensor> {
        self.random.as_ref()
    }

    /// New values of state, by position among the weights.
    pub fn updates(&self) -> &[(usize, Tensor)] {
        &self.updates
    }

    fn full_name(&self, name: &str) -> String {
        match self.tracer.current().0.as_str() {
            "" => name.to_string(),
            layer => format!("{}.{name}", layer.replace('/', ".")),
        }
    }

    fn declared(&mut self, name: &str, shape: &[usize], spec: WeightSpec, role: Role) -> Tensor {
        let name = self.full_name(name);
        if let Some((_, tensor)) = self.weights.iter().find(|(w, _)| w.name == name) {
            return tensor.clone();
        }
        let ty = Type::new(DType::F32, shape);
        if self.fixed {
            let error = NnError::Unknown {
                what: "weight in the first trace of the model called",
                name,
                known: self.weights.iter().map(|(w, _)| &w.name).collect(),
            };
            return self.tracer.fail(ty, error);
        }
        let started = self.starts.iter().find_map(|(within, values)| {
            let value = values.get(name.strip_prefix(within.as_str())?)?;
            Some(Arc::new(value.clone()))
        });
        let weight = Weight {
            name: name.clone(),
            shape: shape.into(),
            spec: WeightSpec {
                value: started.or(spec.value.clone()),
                ..spec
            },
            role,
        };
        let input = self.tracer.input(&name, ty);
        self.weights.push((weight, input.clone()));
        input
    }
}
