//! What a layer sees while its model is traced: weights, state, randomness.

use crate::functional::random_bits;
use crate::init::Init;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{DType, Shape, Type};

/// What the program is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Dropout drops, batch normalisation normalises by the batch and updates its statistics.
    Training,
    /// The model as it is used.
    Inference,
}

/// What a weight is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Trained by the optimizer.
    Trainable,
    /// State that the layer itself updates, such as running statistics.
    State,
}

/// A weight of a model: `f32`.
#[derive(Clone, PartialEq, Debug)]
pub struct Weight {
    /// `<layer>.<weight>`, unique in the model.
    pub name: String,
    /// Extents.
    pub shape: Shape,
    /// How it starts.
    pub init: Init,
    /// What it is for.
    pub role: Role,
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
    fixed: bool,
}

impl Cx {
    /// For a first trace, which finds out what weights there are.
    pub fn new(tracer: &Tracer, mode: Mode) -> Cx {
        Cx {
            tracer: tracer.clone(),
            mode,
            weights: vec![],
            random: None,
            updates: vec![],
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
            tracer: tracer.clone(),
            mode,
            weights,
            random,
            updates: vec![],
            fixed: true,
        }
    }

    /// The trace.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Whether the program trains.
    pub fn training(&self) -> bool {
        self.mode == Mode::Training
    }

    /// The trainable weight `name` of the current layer.
    pub fn weight(&mut self, name: &str, shape: &[usize], init: Init) -> Tensor {
        let index = self.index(name, shape, init, Role::Trainable);
        self.weights[index].1.clone()
    }

    /// The state `name` of the current layer, as it was before the step.
    pub fn state(&mut self, name: &str, shape: &[usize], init: Init) -> Tensor {
        let index = self.index(name, shape, init, Role::State);
        self.weights[index].1.clone()
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

    fn index(&mut self, name: &str, shape: &[usize], init: Init, role: Role) -> usize {
        let name = self.full_name(name);
        if let Some(index) = self.weights.iter().position(|(w, _)| w.name == name) {
            return index;
        }
        assert!(
            !self.fixed,
            "the first trace of a model sees all weights: {name}"
        );
        let weight = Weight {
            name: name.clone(),
            shape: shape.into(),
            init,
            role,
        };
        let input = self.tracer.input(&name, Type::new(DType::F32, shape));
        self.weights.push((weight, input));
        self.weights.len() - 1
    }
}
