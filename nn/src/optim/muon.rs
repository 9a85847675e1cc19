//! Muon.
use super::{AdamW, Optimizer, Shared, Slot, Updated, slots};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::Shape;

/// Muon: steps along the momentum made orthogonal, for matrices; AdamW for all else.
#[derive(Clone, Debug, PartialEq)]
pub struct Muon {
    /// Learning rate.
    pub rate: f32,
    /// Share of the momentum that a step keeps.
    pub momentum: f64,
    /// Whether the gradient is looked at once more.
    pub nesterov: bool,
    /// Newton-Schulz iterations.
    pub iterations: u32,
    /// Root mean square of the steps of a square matrix.
    pub rms_rate: f64,
    /// Share of matrices that a step of rate 1 takes.
    pub decay: f64,
    /// For weights that are not matrices; its learning rate is not used.
    pub adam: AdamW,
}

impl Muon {
    /// With the usual constants.
    pub fn new(rate: f32) -> Muon {
        Muon {
            rate,
            momentum: 0.95,
            nesterov: true,
            iterations: 5,
            rms_rate: 0.2,
            decay: 0.004,
            adam: AdamW::new(0.001),
        }
    }
}

impl Default for Muon {
    fn default() -> Muon {
        Muon::new(0.001)
    }
}

impl Optimizer for Muon {
    fn name(&self) -> &'static str {
        "muon"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self, shape: &Shape) -> Vec<Slot> {
        match shape.rank() {
            2 => slots(shape, &["momentum"]),
            _ => self.adam.slots(shape),
        }
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        self.adam.counters()
    }

    fn step(&self, tracer: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let mut shared = self.adam.step(tracer, rate, counters);
        shared.factors.push(rate.clone());
        shared
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let [momentum] = slots else {
            return self.adam.update(shared, p, g, slots);
        };
        let rate = shared.last().unwrap_or(&shared[0]);
        let m = momentum * self.momentum + g;
        let along = match self.nesterov {
            true => g + &m * self.momentum,
            false => m.clone(),
        };
        let longest = p.shape().iter().copied().max().unwrap_or(1) as f64;
        let step = orthogonal(&along, self.iterations) * (longest.sqrt() * self.rms_rate);
        Updated {
            weight: p * (1.0 - rate * self.decay) - rate * step,
            slots: vec![m],
        }
    }
}

/// The orthogonal matrix nearest to `x`, roughly: singular values go to between 0.7 and 1.2.
fn orthogonal(x: &Tensor, iterations: u32) -> Tensor {
    let tall = x.dim(0) > x.dim(1);
    let wide = if tall { x.t() } else { x.clone() };
    let norm = wide.square().sum(&[]).sqrt() + 1e-7;
    let (a, b, c) = (3.4445, -4.775, 2.0315);
    let x = (0..iterations).fold(wide / norm, |x, _| {
        let square = x.matmul(&x.t());
        let polynomial = &square * b + (&square * c).matmul(&square);
        &x * a + polynomial.matmul(&x)
    });
    if tall { x.t() } else { x }
}
