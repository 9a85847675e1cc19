//! Adafactor.
use super::{Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// Adafactor: Adam-like steps with a mean square kept as row and column means, for little memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Adafactor {
    /// Learning rate.
    pub rate: f32,
    /// Power of the step count in the share of the mean square that is kept.
    pub beta2_decay: f64,
    /// Added to squares of the gradient.
    pub epsilon1: f64,
    /// The least scale of a weight.
    pub epsilon2: f64,
    /// Root mean square that steps are kept to.
    pub clip_threshold: f64,
    /// Whether the rate is at most `1 / sqrt(step)`.
    pub relative_step: bool,
}

impl Adafactor {
    /// With the usual constants.
    pub fn new(rate: f32) -> Adafactor {
        Adafactor {
            rate,
            beta2_decay: -0.8,
            epsilon1: 1e-30,
            epsilon2: 1e-3,
            clip_threshold: 1.0,
            relative_step: true,
        }
    }
}

impl Default for Adafactor {
    fn default() -> Adafactor {
        Adafactor::new(0.001)
    }
}

impl Optimizer for Adafactor {
    fn name(&self) -> &'static str {
        "adafactor"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    /// Of a matrix, the means over columns and over rows; a mean square for every element otherwise.
    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        if shape.rank() < 2 {
            return slots(shape, &["velocity"]);
        }
        let [rows, columns] = [shape.rank() - 1, shape.rank() - 2].map(|axis| {
            let mut shape = shape.clone();
            shape.0.remove(axis);
            shape
        });
        let all = [slots(&rows, &["row"]), slots(&columns, &["column"])];
        all.into_iter().flatten().collect()
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![("step", 0.0)]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let step = &counters[0] + 1.0;
        let root = step.rsqrt();
        let rate = match self.relative_step {
            true => rate.minimum(&root),
            false => rate.clone(),
        };
        let kept = 1.0 - step.power(self.beta2_decay);
        Shared {
            factors: vec![rate.minimum(root), kept],
            counters: vec![step],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let kept = &shared[1];
        let follow = |old: &Tensor, new: Tensor| kept * old + (1.0 - kept) * new;
        let square = g.square() + self.epsilon1;
        let (slots, scaled) = match slots {
            [rows, columns] => {
                let rows = follow(rows, square.mean(&[-1]));
                let columns = follow(columns, square.mean(&[-2]));
                let share = &rows / rows.mean(&[-1]).keep(&rows, &[-1]);
                let v = share.expand_dims(-1) * columns.expand_dims(-2);
                (vec![rows, columns], g / v.sqrt())
            }
            _ => {
                let v = follow(&slots[0], square);
                let scaled = g / v.sqrt();
                (vec![v], scaled)
            }
        };
        let rms = |x: &Tensor| x.square().mean(&[]).sqrt();
        let clipped = &scaled / (rms(&scaled) / self.clip_threshold).maximum(1.0);
        let rate = rms(p).maximum(self.epsilon2) * &shared[0];
        Updated {
            weight: p - rate * clipped,
            slots,
        }
    }
}
