//! Optimizers: how a step changes the weights, as nodes of the step's graph.
//!
//! All state is explicit: slots (arrays for each weight) and counters (numbers of the whole
//! optimizer). The learning rate is an input of the program, so that changing it needs no
//! compilation. What is the same for all rules, such as clipping, schedules and averages, is in
//! [`Tuned`].

mod ada;
mod adafactor;
mod adam;
mod adamax;
mod described;
mod ftrl;
mod lamb;
mod lbfgs;
mod lion;
mod muon;
mod nadam;
mod rms_prop;
mod schedule;
mod schedule_free;
mod sgd;
mod tuned;

pub use ada::{Adadelta, Adagrad};
pub use adafactor::Adafactor;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub(crate) use lbfgs::{Ended, Search};
pub use lbfgs::{Lbfgs, Minimum};
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rms_prop::RmsProp;
pub use schedule::Schedule;
pub use schedule_free::ScheduleFreeAdamW;
pub use sgd::Sgd;
pub use tuned::{Tune, Tuned};

pub use described::{from_name, names};

pub(crate) use described::{described_lbfgs, optimizer};
pub(crate) use tuned::{AVERAGE, Job};

use crate::error::NnError;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Scalar, Shape, Type};

/// The rule of an optimizer.
pub trait Optimizer: Send + Sync {
    /// The name in Keras's form.
    fn name(&self) -> &'static str;
    /// The learning rate to begin with.
    fn learning_rate(&self) -> f32;
    /// The slots of a weight of this shape.
    fn slots(&self, shape: &Shape) -> Vec<Slot>;
    /// Names of the counters and what they start from; none unless a rule counts.
    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![]
    }
    /// What all updates of one step share: the next counters, and numbers that `update` gets; the learning rate
    /// alone for rules that do not count.
    fn step(&self, _tracer: &Tracer, rate: &Tensor, _counters: &[Tensor]) -> Shared {
        Shared {
            counters: vec![],
            factors: vec![rate.clone()],
        }
    }
    /// The new weight and slots, from a weight, its gradient and its slots.
    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated;
}

/// An array that an optimizer keeps for a weight.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    /// Its name, different from those of the other slots of the weight.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// What it starts from.
    pub start: Start,
}

impl Slot {
    /// What it starts from, for a weight that starts from what `weight` gives.
    pub fn array(&self, weight: impl FnOnce() -> Array) -> Array {
        let ty = Type::new(DType::F32, self.shape.clone());
        match self.start {
            Start::Number(x) => Array::splat(ty, Scalar::f32(x)),
            Start::Weight => weight(),
        }
    }
}

/// What a slot starts from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Start {
    /// This number everywhere.
    Number(f32),
    /// The weight, whose shape the slot has.
    Weight,
}

/// Slots like the weight that start from 0.
pub fn slots(shape: &Shape, names: &[&'static str]) -> Vec<Slot> {
    let slot = |&name: &&'static str| Slot {
        name,
        shape: shape.clone(),
        start: Start::Number(0.0),
    };
    names.iter().map(slot).collect()
}

/// What the updates of one step share.
pub struct Shared {
    /// The counters after the step.
    pub counters: Vec<Tensor>,
    /// Scalars that every update uses.
    pub factors: Vec<Tensor>,
}

/// A weight after a step.
pub struct Updated {
    /// The weight.
    pub weight: Tensor,
    /// Its slots.
    pub slots: Vec<Tensor>,
}
