//! Gradient descent.

use super::{Optimizer, Slot, Updated, slots};
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// Gradient descent: `p -= rate * g`; with momentum, `v = momentum * v - rate * g` and `p += v`, or
/// `p += momentum * v - rate * g` in Nesterov's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub rate: f32,
    /// Share of the velocity that a step keeps; 0 is plain descent.
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
}

impl Sgd {
    /// Plain descent.
    pub fn new(rate: f32) -> Sgd {
        Sgd {
            rate,
            momentum: 0.0,
            nesterov: false,
        }
    }

    /// Sets the momentum.
    pub fn momentum(mut self, momentum: f64) -> Sgd {
        self.momentum = momentum;
        self
    }

    /// Takes Nesterov's form.
    pub fn nesterov(mut self) -> Sgd {
        self.nesterov = true;
        self
    }
}

impl Default for Sgd {
    fn default() -> Sgd {
        Sgd::new(0.01)
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        match self.momentum == 0.0 {
            true => vec![],
            false => slots(shape, &["momentum"]),
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let down = &shared[0] * g;
        let Some(v) = slots.first() else {
            return Updated {
                weight: p - down,
                slots: vec![],
            };
        };
        let v = v * self.momentum - &down;
        let weight = match self.nesterov {
            true => p + (&v * self.momentum - down),
            false => p + &v,
        };
        Updated {
            weight,
            slots: vec![v],
        }
    }
}
