//! Normalisation.

use super::{Cx, Layer, Meta, WeightSpec, layer, options, weight_options};
use crate::describe::{Keys, described};
use crate::error::NnError;
use crate::functional::{batch_norm, unit_norm};
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use std::rc::Rc;
use std::sync::Arc;

/// A normalising layer: scale and shift that are learned, and what is added to the variance.
macro_rules! normalising {
    ($Layer:ident) => {
        options!($Layer {
            /// Sets what is added to the variance.
            epsilon: f64,
            /// Sets whether a shift is learned.
            center: bool,
            /// Sets whether a scale is learned.
            scale: bool,
        });

        weight_options!($Layer {
            gamma: "the scale" gamma_init gamma_regularizer gamma_constraint,
            beta: "the shift" beta_init beta_regularizer beta_constraint,
        });

        impl $Layer {
            fn common_keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
                k.key("epsilon", &mut self.epsilon)?;
                k.key("center", &mut self.center)?;
                k.key("scale", &mut self.scale)?;
                k.weight("gamma", &mut self.gamma)?;
                k.weight("beta", &mut self.beta)
            }
        }
    };
}

/// Weights for a scale and a shift of this shape, if they are wanted.
fn scale_and_shift(
    cx: &mut Cx,
    shape: &[usize],
    gamma: Option<&WeightSpec>,
    beta: Option<&WeightSpec>,
) -> [Option<Tensor>; 2] {
    let gamma = gamma.map(|spec| cx.weight("gamma", shape, spec.clone()));
    let beta = beta.map(|spec| cx.weight("beta", shape, spec.clone()));
    [gamma, beta]
}

fn scaled(y: Tensor, [gamma, beta]: [Option<Tensor>; 2]) -> Tensor {
    let y = gamma.map_or(y.clone(), |gamma| y * gamma);
    beta.map_or(y.clone(), |beta| y + beta)
}

/// Normalises every channel (last axis) over all other axes. While training, by the moments of the
/// batch, which the running statistics follow; else, and when frozen, by the running statistics.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    meta: Meta,
    momentum: f64,
    epsilon: f64,
    center: bool,
    scale: bool,
    gamma: WeightSpec,
    beta: WeightSpec,
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
            center: true,
            scale: true,
            gamma: Init::Ones.into(),
            beta: Init::Zeros.into(),
        }
    }
}

normalising!(BatchNorm);

options!(BatchNorm {
    /// Sets the share of the running statistics that a step keeps.
    momentum: f64,
});

layer!(BatchNorm, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("batch_norm", 2, "(batch, .., channels)");
        return x.clone();
    }
    let channels = [x.dim(-1)];
    let (gamma, beta) = (
        self.scale.then_some(&self.gamma),
        self.center.then_some(&self.beta),
    );
    let [gamma, beta] = scale_and_shift(cx, &channels, gamma, beta);
    let constant = |value| cx.tracer().full(&x.ty().with_shape(channels), value);
    let gamma = gamma.unwrap_or_else(|| constant(1.0));
    let beta = beta.unwrap_or_else(|| constant(0.0));
    let mean = cx.state("moving_mean", &channels, Init::Zeros);
    let variance = cx.state("moving_variance", &channels, Init::Ones);
    if !cx.training() || cx.frozen() {
        return batch_norm(x, &mean, &variance, &gamma, &beta, self.epsilon);
    }
    let (batch_mean, batch_variance) = match cx.mask(x) {
        Some(mask) => masked_moments(x, &mask),
        None => {
            let axes: Vec<isize> = (0..x.rank() as isize - 1).collect();
            let mean = x.mean(&axes);
            let variance = (x - &mean).square().mean(&axes);
            (mean, variance)
        }
    };
    let follow = |old, new: &_| old * self.momentum + new * (1.0 - self.momentum);
    cx.set_state("moving_mean", follow(mean, &batch_mean));
    cx.set_state("moving_variance", follow(variance, &batch_variance));
    batch_norm(x, &batch_mean, &batch_variance, &gamma, &beta, self.epsilon)
});

/// Mean and variance over all axes but the last, of the positions that the mask `[batch, time]` keeps.
fn masked_moments(x: &Tensor, mask: &Tensor) -> (Tensor, Tensor) {
    let mut shape = mask.shape().0.clone();
    shape.resize(x.rank(), 1);
    let kept = mask.reshape(&shape).broadcast_to(x.shape());
    let axes: Vec<isize> = (0..x.rank() as isize - 1).collect();
    let zero = x.tracer().full(x.ty(), 0.0);
    // As in Keras, a mask that keeps nothing gives zeros.
    let count = kept.convert(x.dtype()).sum(&axes) + 1e-7;
    let mean = |x: &Tensor| kept.select(x, &zero).sum(&axes) / &count;
    let average = mean(x);
    let variance = mean(&(x - &average).square());
    (average, variance)
}

/// Normalises over the last axis of every position.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    meta: Meta,
    epsilon: f64,
    center: bool,
    scale: bool,
    gamma: WeightSpec,
    beta: WeightSpec,
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
            center: true,
            scale: true,
            gamma: Init::Ones.into(),
            beta: Init::Zeros.into(),
        }
    }
}

normalising!(LayerNorm);

layer!(LayerNorm, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("layer_norm", 2, "(batch, .., channels)");
        return x.clone();
    }
    let (gamma, beta) = (
        self.scale.then_some(&self.gamma),
        self.center.then_some(&self.beta),
    );
    let learned = scale_and_shift(cx, &[x.dim(-1)], gamma, beta);
    let (mean, variance) = x.moments(&[-1]);
    scaled((x - mean) * (variance + self.epsilon).rsqrt(), learned)
});

/// Normalises every group of channels (last axis) of a sample. One group is a layer normalisation of
/// all of the sample, as many groups as channels an instance normalisation.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    meta: Meta,
    groups: usize,
    epsilon: f64,
    center: bool,
    scale: bool,
    gamma: WeightSpec,
    beta: WeightSpec,
}

impl GroupNorm {
    /// `groups` groups (Keras: 32), epsilon 0.001.
    pub fn new(groups: usize) -> GroupNorm {
        GroupNorm {
            meta: Meta::new("group_normalization"),
            groups,
            epsilon: 1e-3,
            center: true,
            scale: true,
            gamma: Init::Ones.into(),
            beta: Init::Zeros.into(),
        }
    }
}

normalising!(GroupNorm);

layer!(GroupNorm, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("group_norm", 2, "(batch, .., channels)");
        return x.clone();
    }
    let channels = x.dim(-1);
    if self.groups == 0 || !channels.is_multiple_of(self.groups) {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op: "group_norm",
            what: "the number of groups",
            expected: format!("a divisor of the {channels} channels"),
            found: self.groups.to_string(),
        };
        return x.fail(x.ty().clone(), error);
    }
    let mut grouped = x.shape().0.clone();
    grouped.pop();
    grouped.extend([self.groups, channels / self.groups]);
    let rank = grouped.len() as isize;
    let axes: Vec<isize> = (1..rank - 2).chain([rank - 1]).collect();
    let parts = x.reshape(&grouped);
    let (mean, variance) = parts.moments(&axes);
    let y = (parts - mean) * (variance + self.epsilon).rsqrt();
    let (gamma, beta) = (
        self.scale.then_some(&self.gamma),
        self.center.then_some(&self.beta),
    );
    let learned = scale_and_shift(cx, &[channels], gamma, beta);
    scaled(y.reshape(x.shape()), learned)
});

/// Divides by the root of the mean square over the last axis, then scales.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    meta: Meta,
    epsilon: f64,
    scale: WeightSpec,
}

impl RmsNorm {
    /// Epsilon 1e-6.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> RmsNorm {
        RmsNorm {
            meta: Meta::new("rms_normalization"),
            epsilon: 1e-6,
            scale: Init::Ones.into(),
        }
    }
}

options!(RmsNorm {
    /// Sets what is added to the mean square.
    epsilon: f64,
});

layer!(RmsNorm, |self, cx, x| {
    let x = &x[0];
    let scale = cx.weight("scale", &[x.dim(-1)], self.scale.clone());
    let square = x.square().mean(&[-1]).keep(x, &[-1]);
    x * (square + self.epsilon).rsqrt() * scale
});

/// Brings vectors along axes to length 1.
#[derive(Clone, Debug)]
pub struct UnitNorm {
    meta: Meta,
    axes: Vec<isize>,
}

impl UnitNorm {
    /// Over these axes (Keras: the last), negative from the end.
    pub fn new(axes: &[isize]) -> UnitNorm {
        UnitNorm {
            meta: Meta::new("unit_normalization"),
            axes: axes.to_vec(),
        }
    }
}

layer!(UnitNorm, |self, _cx, x| unit_norm(&x[0], &self.axes, 1e-12));

/// A layer whose kernel is divided by its greatest singular value, which is followed by power
/// iteration while training. The weight that is saved is the undivided kernel.
#[derive(Clone)]
pub struct SpectralNorm {
    meta: Meta,
    layer: Arc<dyn Layer>,
    power_iterations: usize,
}

impl SpectralNorm {
    /// Around a layer with a weight `kernel` or `embeddings`; one iteration in every step.
    pub fn new(layer: impl Layer + 'static) -> SpectralNorm {
        SpectralNorm {
            meta: Meta::new("spectral_normalization"),
            layer: Arc::new(layer),
            power_iterations: 1,
        }
    }
}

options!(SpectralNorm {
    /// Sets how often the vector is multiplied in a step.
    power_iterations: usize,
});

layer!(SpectralNorm, |self, cx, x| {
    let iterations = self.power_iterations;
    let divided = move |cx: &mut Cx, name: &str, kernel: Tensor| match name {
        "kernel" | "embeddings" => spectral(cx, &kernel, iterations),
        _ => kernel,
    };
    cx.rewriting(Rc::new(divided), |cx| cx.call("layer", &*self.layer, x))
});

/// The kernel over its greatest singular value.
fn spectral(cx: &mut Cx, kernel: &Tensor, iterations: usize) -> Tensor {
    let columns = kernel.dim(-1);
    let rows = kernel.shape().count() / columns.max(1);
    let matrix = kernel.reshape(&[rows, columns]);
    let start = Init::TruncatedNormal {
        mean: 0.0,
        stddev: 0.02,
    };
    let unit = |x: &Tensor| unit_norm(x, &[], 1e-12);
    let mut u = cx.state("vector_u", &[1, columns], start);
    let still = matrix.stop_gradient();
    let mut v = unit(&u.matmul(&still.t()));
    if cx.training() && !cx.frozen() {
        for _ in 0..iterations {
            v = unit(&u.matmul(&still.t()));
            u = unit(&v.matmul(&still));
        }
        cx.set_state("vector_u", u.clone());
    }
    // Outside of training, `u` is as long as it was left; at first it is not yet of length 1.
    let sigma = v.matmul(&matrix).matmul(&unit(&u).t());
    kernel / sigma.reshape(&[])
}

described!(BatchNorm "BatchNormalization", BatchNorm::new(), |self, k| {
    k.key("momentum", &mut self.momentum)?;
    self.common_keys(k)?;
});

described!(LayerNorm "LayerNormalization", LayerNorm::new(), |self, k| {
    self.common_keys(k)?;
});

described!(GroupNorm "GroupNormalization", GroupNorm::new(32), |self, k| {
    k.key("groups", &mut self.groups)?;
    self.common_keys(k)?;
});

described!(RmsNorm "RMSNormalization", RmsNorm::new(), |self, k| {
    k.key("epsilon", &mut self.epsilon)?;
    k.weight("scale", &mut self.scale)?;
});

described!(UnitNorm "UnitNormalization", UnitNorm::new(&[-1]), |self, k| {
    k.key("axis", &mut self.axes)?;
});

described!(SpectralNorm "SpectralNormalization", SpectralNorm::new(super::Identity::new()), |self, k| {
    k.layer(&mut self.layer)?;
    k.key("power_iterations", &mut self.power_iterations)?;
});
