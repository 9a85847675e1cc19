//! RMSprop.

use super::{Optimizer, Slot, Updated, slots};
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// RMSprop: descent along the gradient over the root of the mean of its square.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean square that a step keeps.
    pub rho: f64,
    /// Share of the velocity that a step keeps; 0 is none.
    pub momentum: f64,
    /// Added to the mean square.
    pub epsilon: f64,
}

impl RmsProp {
    /// With the usual constants: rho 0.9, no momentum, 1e-7.
    pub fn new(rate: f32) -> RmsProp {
        RmsProp {
            rate,
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
        }
    }

    /// Sets the momentum.
    pub fn momentum(mut self, momentum: f64) -> RmsProp {
        self.momentum = momentum;
        self
    }
}

impl Default for RmsProp {
    fn default() -> RmsProp {
        RmsProp::new(0.001)
    }
}

impl Optimizer for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        match self.momentum == 0.0 {
            true => slots(shape, &["velocity"]),
            false => slots(shape, &["velocity", "momentum"]),
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let v = &slots[0] * self.rho + g.square() * (1.0 - self.rho);
        let down = &shared[0] * g / (&v + self.epsilon).sqrt();
        match slots.get(1) {
            None => Updated {
                weight: p - down,
                slots: vec![v],
            },
            Some(m) => {
                let m = m * self.momentum + down;
                Updated {
                    weight: p - &m,
                    slots: vec![v, m],
                }
            }
        }
    }
}
