//! Normalisation.

use super::{Meta, layer};
use crate::functional::{batch_norm, layer_norm};
use crate::init::Init;

/// Normalises every channel (last axis) over all other axes. While training, by the moments of the
/// batch, which the running statistics follow; else by the running statistics.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    meta: Meta,
    momentum: f64,
    epsilon: f64,
}

impl BatchNorm {
    /// Momentum 0.99, epsilon 0.001.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> BatchNorm {
        BatchNorm {
            meta: Meta::new("batch_normalization"),
            momentum: 0.99,
            epsilon: 1e-3,
        }
    }

    /// Sets the share of the running statistics that a step keeps.
    pub fn momentum(mut self, momentum: f64) -> BatchNorm {
        self.momentum = momentum;
        self
    }

    /// Sets what is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> BatchNorm {
        self.epsilon = epsilon;
        self
    }
}

layer!(BatchNorm, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("batch_norm", 2, "(batch, .., channels)");
        return x.clone();
    }
    let channels = [x.dim(-1)];
    let gamma = cx.weight("gamma", &channels, Init::Ones);
    let beta = cx.weight("beta", &channels, Init::Zeros);
    let mean = cx.state("moving_mean", &channels, Init::Zeros);
    let variance = cx.state("moving_variance", &channels, Init::Ones);
    if !cx.training() {
        return batch_norm(x, &mean, &variance, &gamma, &beta, self.epsilon);
    }
    let axes: Vec<isize> = (0..x.rank() as isize - 1).collect();
    let batch_mean = x.mean(&axes);
    let batch_variance = (x - &batch_mean).square().mean(&axes);
    let follow = |old, new: &_| old * self.momentum + new * (1.0 - self.momentum);
    cx.set_state("moving_mean", follow(mean, &batch_mean));
    cx.set_state("moving_variance", follow(variance, &batch_variance));
    batch_norm(x, &batch_mean, &batch_variance, &gamma, &beta, self.epsilon)
});

/// Normalises over the last axis of every position.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    meta: Meta,
    epsilon: f64,
}

impl LayerNorm {
    /// Epsilon 0.001.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> LayerNorm {
        LayerNorm {
            meta: Meta::new("layer_normalization"),
            epsilon: 1e-3,
        }
    }

    /// Sets what is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> LayerNorm {
        self.epsilon = epsilon;
        self
    }
}

layer!(LayerNorm, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("layer_norm", 2, "(batch, .., channels)");
        return x.clone();
    }
    let channels = [x.dim(-1)];
    let gamma = cx.weight("gamma", &channels, Init::Ones);
    let beta = cx.weight("beta", &channels, Init::Zeros);
    layer_norm(x, &gamma, &beta, self.epsilon)
});
