//! FTRL.
use super::{Optimizer, Slot, Start, Updated, slots};
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// Follow the regularised leader: for sparse linear models.
#[derive(Clone, Debug, PartialEq)]
pub struct Ftrl {
    /// Learning rate.
    pub rate: f32,
    /// Power of the sums of squares in the learning rate, at most 0.
    pub power: f64,
    /// What the sums of squares start from.
    pub initial: f32,
    /// Penalty on sizes: small weights become exactly 0.
    pub l1: f64,
    /// Penalty on squares.
    pub l2: f64,
    /// Penalty on squares, in the gradient.
    pub l2_shrinkage: f64,
    /// Further penalty on squares: `beta / (2 * rate)`.
    pub beta: f64,
}

impl Ftrl {
    /// With Keras's constants: power -0.5, 0.1, no penalties.
    pub fn new(rate: f32) -> Ftrl {
        Ftrl {
            rate,
            power: -0.5,
            initial: 0.1,
            l1: 0.0,
            l2: 0.0,
            l2_shrinkage: 0.0,
            beta: 0.0,
        }
    }
}

impl Default for Ftrl {
    fn default() -> Ftrl {
        Ftrl::new(0.001)
    }
}

impl Optimizer for Ftrl {
    fn name(&self) -> &'static str {
        "ftrl"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        let mut slots = slots(shape, &["accumulator", "linear"]);
        slots[0].start = Start::Number(self.initial);
        slots
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let rate = &shared[0];
        let sum = &slots[0] + g.square();
        let root = |x: &Tensor| match self.power == -0.5 {
            true => x.sqrt(),
            false => x.power(-self.power),
        };
        let gradient = match self.l2_shrinkage == 0.0 {
            true => g.clone(),
            false => g + p * (2.0 * self.l2_shrinkage),
        };
        let linear = &slots[1] + gradient - (root(&sum) - root(&slots[0])) / rate * p;
        let mut quadratic = root(&sum) / rate + 2.0 * self.l2;
        if self.beta != 0.0 {
            quadratic = quadratic + rate.tracer().full(rate.ty(), self.beta) / rate;
        }
        Updated {
            weight: (linear.clamp(-self.l1, self.l1) - &linear) / quadratic,
            slots: vec![sum, linear],
        }
    }
}
