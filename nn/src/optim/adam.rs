//! Adam, and Adam with weight decay.

use super::{Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// Adam: descent along the mean of the gradient over the root of the mean of its square, both
/// corrected for having started at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean that a step keeps.
    pub beta1: f64,
    /// Share of the mean square that a step keeps.
    pub beta2: f64,
    /// Added to the root before its correction, as in Keras: gradients of its size move weights little in
    /// the first steps.
    pub epsilon: f64,
}

impl Adam {
    /// With the usual constants: 0.9, 0.999, 1e-7.
    pub fn new(rate: f32) -> Adam {
        Adam {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
        }
    }

    /// Sets what is added to the root.
    pub fn epsilon(mut self, epsilon: f64) -> Adam {
        self.epsilon = epsilon;
        self
    }

    /// The step without decay: `(rate * sqrt(c2) / c1) * m / (sqrt(v) + epsilon)` with the corrections
    /// `c = 1 - beta^t`, so that all that depends on the step count is one scalar.
    pub(super) fn down(
        &self,
        shared: &[Tensor],
        g: &Tensor,
        slots: &[Tensor],
    ) -> (Tensor, Vec<Tensor>) {
        let m = &slots[0] * self.beta1 + g * (1.0 - self.beta1);
        let v = &slots[1] * self.beta2 + g.square() * (1.0 - self.beta2);
        let down = &shared[0] * &m / (v.sqrt() + self.epsilon);
        (down, vec![m, v])
    }
}

impl Default for Adam {
    fn default() -> Adam {
        Adam::new(0.001)
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        slots(shape, &["momentum", "velocity"])
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![("beta1_power", 1.0), ("beta2_power", 1.0)]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let power1 = &counters[0] * self.beta1;
        let power2 = &counters[1] * self.beta2;
        let rate = rate * (1.0 - &power2).sqrt() / (1.0 - &power1);
        Shared {
            factors: vec![rate],
            counters: vec![power1, power2],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let (down, slots) = self.down(shared, g, slots);
        Updated {
            weight: p - down,
            slots,
        }
    }
}

/// Adam with weight decay apart from the gradient: `p -= rate * decay * p` besides.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// The rest of it.
    pub adam: Adam,
    /// Share of the weight that a step of rate 1 would take.
    pub decay: f64,
}

impl AdamW {
    /// With the usual constants, and decay 0.004.
    pub fn new(rate: f32) -> AdamW {
        AdamW {
            adam: Adam::new(rate),
            decay: 0.004,
        }
    }

    /// Sets the decay.
    pub fn decay(mut self, decay: f64) -> AdamW {
        self.decay = decay;
        self
    }
}

impl Default for AdamW {
    fn default() -> AdamW {
        AdamW::new(0.001)
    }
}

impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn learning_rate(&self) -> f32 {
        self.adam.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        self.adam.slots(shape)
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        self.adam.counters()
    }

    fn step(&self, tracer: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let mut shared = self.adam.step(tracer, rate, counters);
        shared.factors.push(1.0 - rate * self.decay);
        shared
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let (down, slots) = self.adam.down(shared, g, slots);
        Updated {
            weight: p * &shared[1] - down,
            slots,
        }
    }
}
