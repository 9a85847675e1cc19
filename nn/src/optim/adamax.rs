//! Adamax.
use super::{Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// Adamax: Adam with the greatest size of the gradient in place of its mean square.
#[derive(Clone, Debug, PartialEq)]
pub struct Adamax {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean that a step keeps.
    pub beta1: f64,
    /// Share of the greatest size that a step keeps.
    pub beta2: f64,
    /// Added to the greatest size.
    pub epsilon: f64,
}

impl Adamax {
    /// With the usual constants: 0.9, 0.999, 1e-7.
    pub fn new(rate: f32) -> Adamax {
        Adamax {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Default for Adamax {
    fn default() -> Adamax {
        Adamax::new(0.001)
    }
}

impl Optimizer for Adamax {
    fn name(&self) -> &'static str {
        "adamax"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        slots(shape, &["momentum", "norm"])
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![("beta1_power", 1.0)]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let power = &counters[0] * self.beta1;
        Shared {
            factors: vec![rate / (1.0 - &power)],
            counters: vec![power],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let m = &slots[0] * self.beta1 + g * (1.0 - self.beta1);
        let u = (&slots[1] * self.beta2).maximum(g.abs());
        Updated {
            weight: p - &shared[0] * &m / (&u + self.epsilon),
            slots: vec![m, u],
        }
    }
}
