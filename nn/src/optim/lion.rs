//! Lion.
use super::{Optimizer, Slot, Updated, slots};
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// Lion: steps of equal size along the sign of a mean of gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Lion {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean in the step.
    pub beta1: f64,
    /// Share of the mean that a step keeps.
    pub beta2: f64,
}

impl Lion {
    /// With the usual constants: 0.9, 0.99.
    pub fn new(rate: f32) -> Lion {
        Lion {
            rate,
            beta1: 0.9,
            beta2: 0.99,
        }
    }
}

impl Default for Lion {
    fn default() -> Lion {
        Lion::new(0.001)
    }
}

impl Optimizer for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        slots(shape, &["momentum"])
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let mix = |share: f64| &slots[0] * share + g * (1.0 - share);
        Updated {
            weight: p - &shared[0] * mix(self.beta1).sign(),
            slots: vec![mix(self.beta2)],
        }
    }
}
