//! LAMB.
use super::{Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Cmp, Shape};

/// LAMB: Adam's step, made as long as the weight is, for large batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Lamb {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean that a step keeps.
    pub beta1: f64,
    /// Share of the mean square that a step keeps.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
}

impl Lamb {
    /// With the usual constants: 0.9, 0.999, 1e-7.
    pub fn new(rate: f32) -> Lamb {
        Lamb {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Default for Lamb {
    fn default() -> Lamb {
        Lamb::new(0.001)
    }
}

impl Optimizer for Lamb {
    fn name(&self) -> &'static str {
        "lamb"
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
        let (power1, power2) = (&counters[0] * self.beta1, &counters[1] * self.beta2);
        Shared {
            factors: vec![rate.clone(), 1.0 - &power1, (1.0 - &power2).sqrt()],
            counters: vec![power1, power2],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let m = &slots[0] * self.beta1 + g * (1.0 - self.beta1);
        let v = &slots[1] * self.beta2 + g.square() * (1.0 - self.beta2);
        let step = (&m / &shared[1]) / (v.sqrt() / &shared[2] + self.epsilon);
        let (weight, length) = (norm(p), norm(&step));
        let one = p.tracer().full(weight.ty(), 1.0);
        let both = weight.minimum(&length).compare(Cmp::Gt, 0.0);
        let ratio = both.select(&(weight / length), &one);
        Updated {
            weight: p - ratio * &shared[0] * step,
            slots: vec![m, v],
        }
    }
}

fn norm(x: &Tensor) -> Tensor {
    x.square().sum(&[]).sqrt()
}
