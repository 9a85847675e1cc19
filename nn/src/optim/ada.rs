//! Adagrad and Adadelta: steps divided by what the gradients were so far.
use super::{Optimizer, Slot, Start, Updated, slots};
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// Adagrad: descent along the gradient over the root of the sum of its squares.
#[derive(Clone, Debug, PartialEq)]
pub struct Adagrad {
    /// Learning rate.
    pub rate: f32,
    /// What the sums of squares start from.
    pub initial: f32,
    /// Added to the sum.
    pub epsilon: f64,
}

impl Adagrad {
    /// With the usual constants: 0.1, 1e-7.
    pub fn new(rate: f32) -> Adagrad {
        Adagrad {
            rate,
            initial: 0.1,
            epsilon: 1e-7,
        }
    }
}

impl Default for Adagrad {
    fn default() -> Adagrad {
        Adagrad::new(0.001)
    }
}

impl Optimizer for Adagrad {
    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        let mut slots = slots(shape, &["accumulator"]);
        slots[0].start = Start::Number(self.initial);
        slots
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let sum = &slots[0] + g.square();
        Updated {
            weight: p - &shared[0] * g / (&sum + self.epsilon).sqrt(),
            slots: vec![sum],
        }
    }
}

/// Adadelta: descent along the gradient over the root of the mean of its square, times the root of
/// the mean of the square of past steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Adadelta {
    /// Learning rate.
    pub rate: f32,
    /// Share of the means that a step keeps.
    pub rho: f64,
    /// Added to the means.
    pub epsilon: f64,
}

impl Adadelta {
    /// With the usual constants: 0.95, 1e-7.
    pub fn new(rate: f32) -> Adadelta {
        Adadelta {
            rate,
            rho: 0.95,
            epsilon: 1e-7,
        }
    }
}

impl Default for Adadelta {
    fn default() -> Adadelta {
        Adadelta::new(0.001)
    }
}

impl Optimizer for Adadelta {
    fn name(&self) -> &'static str {
        "adadelta"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        slots(shape, &["accumulated_grad", "accumulated_delta_var"])
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let follow = |old: &Tensor, x: &Tensor| old * self.rho + x.square() * (1.0 - self.rho);
        let root = |x: &Tensor| (x + self.epsilon).sqrt();
        let gradients = follow(&slots[0], g);
        let step = root(&slots[1]) * g / root(&gradients);
        Updated {
            weight: p - &shared[0] * &step,
            slots: vec![gradients, follow(&slots[1], &step)],
        }
    }
}
