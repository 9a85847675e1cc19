//! Optimizers: how a step changes the weights, as nodes of the step's graph.
//!
//! All state is explicit: slots (an array like the weight, starting at 0, for each weight) and
//! counters (numbers of the whole optimizer). The learning rate is an input of the program, so that
//! changing it needs no compilation.

use crate::tensor::{Tensor, Tracer};

/// An optimizer.
pub trait Optimizer: Send + Sync {
    /// The name in Keras's form.
    fn name(&self) -> &'static str;
    /// The learning rate to begin with.
    fn learning_rate(&self) -> f32;
    /// Names of the slots of every weight.
    fn slots(&self) -> Vec<&'static str>;
    /// Names of the counters and what they start from.
    fn counters(&self) -> Vec<(&'static str, f32)>;
    /// What all updates of one step share: the next counters, and numbers that `update` gets.
    fn step(&self, tracer: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared;
    /// The new weight and slots, from a weight, its gradient and its slots.
    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated;
}

/// What the updates of one step share.
pub struct Shared {
    /// The counters after the step.
    pub counters: Vec<Tensor>,
    /// Scalars that every update uses.
    pub factors: Vec<Tensor>,
}

/// A weight after a step.
pub struct Updated {
    /// The weight.
    pub weight: Tensor,
    /// Its slots.
    pub slots: Vec<Tensor>,
}

/// Gradient descent: `p -= rate * g`; with momentum, `v = momentum * v - rate * g` and `p += v`, or
/// `p += momentum * v - rate * g` in Nesterov's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub rate: f32,
    /// Share of the velocity that a step keeps; 0 is plain descent.
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
}

impl Sgd {
    /// Plain descent.
    pub fn new(rate: f32) -> Sgd {
        Sgd {
            rate,
            momentum: 0.0,
            nesterov: false,
        }
    }

    /// Sets the momentum.
    pub fn momentum(mut self, momentum: f64) -> Sgd {
        self.momentum = momentum;
        self
    }

    /// Takes Nesterov's form.
    pub fn nesterov(mut self) -> Sgd {
        self.nesterov = true;
        self
    }
}

impl Default for Sgd {
    fn default() -> Sgd {
        Sgd::new(0.01)
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn learning_rate(&self) -> f32 {
        self.rate
    }

    fn slots(&self) -> Vec<&'static str> {
        match self.momentum == 0.0 {
            true => vec![],
            false => vec!["momentum"],
        }
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, _: &[Tensor]) -> Shared {
        Shared {
            counters: vec![],
            factors: vec![rate.clone()],
        }
    }

    fn update(&self, shared: &[Tensor], p: &Tensor, g: &Tensor, slots: &[Tensor]) -> Updated {
        let down = &shared[0] * g;
        let Some(v) = slots.first() else {
            return Updated {
                weight: p - down,
                slots: vec![],
            };
        };
        let v = v * self.momentum - &down;
        let weight = match self.nesterov {
            true => p + (&v * self.momentum - down),
            false => p + &v,
        };
        Updated {
            weight,
            slots: vec![v],
        }
    }
}

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
    /// Added to the root.
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

    /// The step without decay: `rate * (m / c1) / (sqrt(v / c2) + epsilon)` with the corrections
    /// `c = 1 - beta^t`, written as `(rate * sqrt(c2) / c1) * m / (sqrt(v) + epsilon * sqrt(c2))` so
    /// that all that depends on the step count is two scalars.
    fn down(&self, shared: &[Tensor], g: &Tensor, slots: &[Tensor]) -> (Tensor, Vec<Tensor>) {
        let m = &slots[0] * self.beta1 + g * (1.0 - self.beta1);
        let v = &slots[1] * self.beta2 + g.square() * (1.0 - self.beta2);
        let down = &shared[0] * &m / (v.sqrt() + &shared[1]);
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

    fn slots(&self) -> Vec<&'static str> {
        vec!["momentum", "velocity"]
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![("beta1_power", 1.0), ("beta2_power", 1.0)]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, counters: &[Tensor]) -> Shared {
        let power1 = &counters[0] * self.beta1;
        let power2 = &counters[1] * self.beta2;
        let root = (1.0 - &power2).sqrt();
        let rate = rate * &root / (1.0 - &power1);
        Shared {
            factors: vec![rate, root * self.epsilon],
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

    fn slots(&self) -> Vec<&'static str> {
        self.adam.slots()
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
            weight: p * &shared[2] - down,
            slots,
        }
    }
}

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

    fn slots(&self) -> Vec<&'static str> {
        match self.momentum == 0.0 {
            true => vec!["velocity"],
            false => vec!["velocity", "momentum"],
        }
    }

    fn counters(&self) -> Vec<(&'static str, f32)> {
        vec![]
    }

    fn step(&self, _: &Tracer, rate: &Tensor, _: &[Tensor]) -> Shared {
        Shared {
            counters: vec![],
            factors: vec![rate.clone()],
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
