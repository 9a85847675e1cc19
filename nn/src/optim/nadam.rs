//! Nadam.
use super::{Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// How fast the momentum grows to `beta1`.
const DECAY: f64 = 0.96;

/// Nadam: Adam with Nesterov's momentum.
#[derive(Clone, Debug, PartialEq)]
pub struct Nadam {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean that a step keeps.
    pub beta1: f64,
    /// Share of the mean square that a step keeps.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
}

impl Nadam {
    /// With the usual constants: 0.9, 0.999, 1e-7.
    pub fn new(rate: f32) -> Nadam {
        Nadam {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Default for Nadam {
    fn default() -> Nadam {
        Nadam::new(0.001)
    }
}

impl Optimizer for Nadam {
    fn name(&self) -> &'static str {
        "nadam"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        slots(shape, &["momentum", "velocity"])
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        let powers = [("beta2_power", 1.0), ("decay_power", 1.0)];
        powers
            .into_iter()
            .chain([("momentum_product", 1.0)])
            .collect()
    }

    /// The factors are the rate times the shares of mean and gradient in the step, and the root of
    /// the correction of the mean square.
    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let beta2_power = &counters[0] * self.beta2;
        let decay = &counters[1] * DECAY;
        let momentum = |decay: &Tensor| (1.0 - decay * 0.5) * self.beta1;
        let (now, next) = (momentum(&decay), momentum(&(&decay * DECAY)));
        let product = &counters[2] * &now;
        let of_mean = &next / (1.0 - &product * &next);
        let of_gradient = (1.0 - &now) / (1.0 - &product);
        let root = (1.0 - &beta2_power).sqrt();
        Shared {
            factors: vec![rate * of_mean, rate * of_gradient, root],
            counters: vec![beta2_power, decay, product],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let m = &slots[0] * self.beta1 + g * (1.0 - self.beta1);
        let v = &slots[1] * self.beta2 + g.square() * (1.0 - self.beta2);
        let step = &shared[0] * &m + &shared[1] * g;
        Updated {
            weight: p - step / (v.sqrt() / &shared[2] + self.epsilon),
            slots: vec![m, v],
        }
    }
}
