//! Schedule-free AdamW.
use super::{Optimizer, Shared, Slot, Start, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// AdamW without a schedule: the weight is a mix of a fast sequence and of its mean.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleFreeAdamW {
    /// Learning rate.
    pub rate: f32,
    /// Share of the mean in the weight.
    pub beta1: f64,
    /// Share of the mean square that a step keeps.
    pub beta2: f64,
    /// Added to the root.
    pub epsilon: f64,
    /// Steps over which the rate grows from 0.
    pub warmup_steps: u32,
}

impl ScheduleFreeAdamW {
    /// With the usual constants: 0.9, 0.999, 1e-8, no warm-up.
    pub fn new(rate: f32) -> ScheduleFreeAdamW {
        ScheduleFreeAdamW {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            warmup_steps: 0,
        }
    }
}

impl Default for ScheduleFreeAdamW {
    fn default() -> ScheduleFreeAdamW {
        ScheduleFreeAdamW::new(0.0025)
    }
}

impl Optimizer for ScheduleFreeAdamW {
    fn name(&self) -> &'static str {
        "schedule_free_adamw"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        let mut slots = slots(shape, &["momentum", "velocity"]);
        slots[0].start = Start::Weight;
        slots
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![("beta2_power", 1.0), ("step", 0.0)]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let power = &counters[0] * self.beta2;
        let step = &counters[1] + 1.0;
        let rate = match self.warmup_steps {
            0 => rate.clone(),
            n => rate * (&step / f64::from(n)).minimum(1.0),
        };
        let share = rate.tracer().full(step.ty(), 1.0) / &step;
        Shared {
            factors: vec![rate, (1.0 - &power).sqrt(), share],
            counters: vec![power, step],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let v = &slots[1] * self.beta2 + g.square() * (1.0 - self.beta2);
        let step = &shared[0] * g / (v.sqrt() / &shared[1] + self.epsilon);
        // The mean, recovered from the mix; then mean and mix move on.
        let mean = (p - &slots[0] * (1.0 - self.beta1)) / self.beta1;
        let fast = &slots[0] - step;
        let mean = (1.0 - &shared[2]) * mean + &shared[2] * &fast;
        Updated {
            weight: &fast * (1.0 - self.beta1) + mean * self.beta1,
            slots: vec![fast, v],
        }
    }
}
