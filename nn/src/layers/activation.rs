//! Activation functions, by themselves and inside of other layers.

use super::{Cx, Meta, Regularizer, WeightSpec, layer, weight_options};
use crate::describe::{Keys, Variant, described};
use crate::functional as f;
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;

/// An activation function; as a layer, it is applied elementwise (those of the softmax family: along
/// the last axis).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `x` limited to `0..=6`.
    Relu6,
    /// Keras's `ReLU` with all its options.
    ClippedRelu {
        /// Slope below the threshold.
        negative_slope: f64,
        /// The greatest value.
        max_value: Option<f64>,
        /// Below it, the negative slope begins.
        threshold: f64,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `exp(x) / sum(exp(x))`.
    Softmax,
    /// The logarithm of softmax.
    LogSoftmax,
    /// Like softmax, with exact zeros.
    Sparsemax,
    /// `x * P(N(0, 1) <= x)`.
    Gelu,
    /// `Gelu` approximated by tanh.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `x` where positive, else `x` times the slope (Keras: 0.2, as a layer 0.3).
    LeakyRelu(f64),
    /// `x` where positive, else `alpha * (exp(x) - 1)`.
    Elu(f64),
    /// `x` where positive, else `alpha * (exp(x / alpha) - 1)`.
    Celu(f64),
    /// The exponential linear unit that keeps mean 0 and variance 1.
    Selu,
    /// `log(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `exp(x)`.
    Exponential,
    /// The first half of the channels times the sigmoid of the second.
    Glu,
    /// `x` where `|x|` is above the threshold (Keras: 0.5), else 0.
    HardShrink(f64),
    /// `x / 6 + 1 / 2` limited to `0..=1`.
    HardSigmoid,
    /// `x * hard_sigmoid(x)`.
    HardSilu,
    /// `x` limited to `-1..=1`.
    HardTanh,
    /// `log(sigmoid(x))`.
    LogSigmoid,
    /// `x * tanh(softplus(x))`.
    Mish,
    /// `x` moved by the threshold (Keras: 0.5) towards 0.
    SoftShrink(f64),
    /// 0 below -1, `x` above 1, `(x + 1)^2 / 4` between.
    SparsePlus,
    /// `(x + 1) / 2` limited to `0..=1`.
    SparseSigmoid,
    /// `(x + sqrt(x^2 + b)) / 2` (Keras: 4).
    Squareplus(f64),
    /// `x - tanh(x)`.
    TanhShrink,
    /// `x` where above the threshold, else the value.
    Threshold {
        /// The threshold.
        threshold: f64,
        /// The value below.
        value: f64,
    },
}

impl Activation {
    /// The function of `x`.
    pub fn apply(self, x: &Tensor) -> Tensor {
        match self {
            Activation::Linear => x.clone(),
            Activation::Relu => f::relu(x),
            Activation::Relu6 => f::relu6(x),
            Activation::ClippedRelu {
                negative_slope,
                max_value,
                threshold,
            } => f::leaky_clipped_relu(x, negative_slope, max_value, threshold),
            Activation::Sigmoid => f::sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Softmax => f::softmax(x, -1),
            Activation::LogSoftmax => f::log_softmax(x, -1),
            Activation::Sparsemax => f::sparsemax(x),
            Activation::Gelu => f::gelu(x),
            Activation::GeluTanh => f::gelu_tanh(x),
            Activation::Silu => f::silu(x),
            Activation::LeakyRelu(slope) => f::leaky_relu(x, slope),
            Activation::Elu(alpha) => f::elu(x, alpha),
            Activation::Celu(alpha) => f::celu(x, alpha),
            Activation::Selu => f::selu(x),
            Activation::Softplus => f::softplus(x),
            Activation::Softsign => f::softsign(x),
            Activation::Exponential => x.exp(),
            Activation::Glu => f::glu(x, -1),
            Activation::HardShrink(threshold) => f::hard_shrink(x, threshold),
            Activation::HardSigmoid => f::hard_sigmoid(x),
            Activation::HardSilu => f::hard_silu(x),
            Activation::HardTanh => f::hard_tanh(x),
            Activation::LogSigmoid => f::log_sigmoid(x),
            Activation::Mish => f::mish(x),
            Activation::SoftShrink(threshold) => f::soft_shrink(x, threshold),
            Activation::SparsePlus => f::sparse_plus(x),
            Activation::SparseSigmoid => f::sparse_sigmoid(x),
            Activation::Squareplus(b) => f::squareplus(x, b),
            Activation::TanhShrink => f::tanh_shrink(x),
            Activation::Threshold { threshold, value } => f::threshold(x, threshold, value),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Activation::Linear => "linear",
            Activation::Relu | Activation::ClippedRelu { .. } => "relu",
            Activation::Relu6 => "relu6",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Softmax => "softmax",
            Activation::LogSoftmax => "log_softmax",
            Activation::Sparsemax => "sparsemax",
            Activation::Gelu | Activation::GeluTanh => "gelu",
            Activation::Silu => "silu",
            Activation::LeakyRelu(_) => "leaky_relu",
            Activation::Elu(_) => "elu",
            Activation::Celu(_) => "celu",
            Activation::Selu => "selu",
            Activation::Softplus => "softplus",
            Activation::Softsign => "softsign",
            Activation::Exponential => "exponential",
            Activation::Glu => "glu",
            Activation::HardShrink(_) => "hard_shrink",
            Activation::HardSigmoid => "hard_sigmoid",
            Activation::HardSilu => "hard_silu",
            Activation::HardTanh => "hard_tanh",
            Activation::LogSigmoid => "log_sigmoid",
            Activation::Mish => "mish",
            Activation::SoftShrink(_) => "soft_shrink",
            Activation::SparsePlus => "sparse_plus",
            Activation::SparseSigmoid => "sparse_sigmoid",
            Activation::Squareplus(_) => "squareplus",
            Activation::TanhShrink => "tanh_shrink",
            Activation::Threshold { .. } => "threshold",
        }
    }

    /// As a layer of its own.
    pub fn layer(self) -> ActivationLayer {
        ActivationLayer {
            meta: Meta::new(self.kind()),
            activation: self,
        }
    }
}

/// An [`Activation`] as a layer.
#[derive(Clone, Debug)]
pub struct ActivationLayer {
    meta: Meta,
    activation: Activation,
}

layer!(ActivationLayer, |self, _cx, x| self.activation.apply(&x[0]));

/// `x` where positive, else `x` times a slope that is learned for every element of a sample.
#[derive(Clone, Debug)]
pub struct PRelu {
    meta: Meta,
    alpha: WeightSpec,
    shared_axes: Vec<usize>,
}

impl PRelu {
    /// Slopes that start from 0.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> PRelu {
        PRelu {
            meta: Meta::new("p_re_lu"),
            alpha: Init::Zeros.into(),
            shared_axes: vec![],
        }
    }

    /// Sets the axes along which slopes are shared; the batch is axis 0.
    pub fn shared_axes(mut self, axes: &[usize]) -> PRelu {
        self.shared_axes = axes.to_vec();
        self
    }
}

weight_options!(PRelu { alpha: "the slope" alpha_init alpha_regularizer alpha_constraint });

layer!(PRelu, |self, cx, x| {
    let x = &x[0];
    let extent = |(axis, &d): (usize, &usize)| match self.shared_axes.contains(&axis) {
        true => 1,
        false => d,
    };
    let shape: Vec<usize> = x.shape().iter().enumerate().skip(1).map(extent).collect();
    let alpha = cx.weight("alpha", &shape, self.alpha.clone());
    f::relu(x) - alpha * f::relu(&-x)
});

/// Passes its input on, and adds a penalty on it to the loss, divided by the size of the batch.
#[derive(Clone, Debug)]
pub struct ActivityRegularization {
    meta: Meta,
    regularizer: Regularizer,
}

impl ActivityRegularization {
    /// With factors of the sum of sizes and of the sum of squares.
    pub fn new(l1: f64, l2: f64) -> ActivityRegularization {
        ActivityRegularization {
            meta: Meta::new("activity_regularization"),
            regularizer: Regularizer::L1L2 { l1, l2 },
        }
    }
}

layer!(ActivityRegularization, |self, cx, x| {
    penalise(cx, Some(self.regularizer), &x[0]);
    x[0].clone()
});

/// Adds the penalty on an activity to the loss, divided by the size of the batch.
pub(super) fn penalise(cx: &mut Cx, regularizer: Option<Regularizer>, y: &Tensor) {
    if let Some(regularizer) = regularizer {
        let batch = y.dim(0).max(1) as f64;
        cx.add_loss(regularizer.penalty(y) / batch);
    }
}

impl Variant for Activation {
    fn table() -> Vec<(&'static str, Activation)> {
        use Activation::*;
        let clipped = ClippedRelu {
            negative_slope: 0.0,
            max_value: None,
            threshold: 0.0,
        };
        let threshold = Threshold {
            threshold: 0.0,
            value: 0.0,
        };
        vec![
            ("linear", Linear),
            ("relu", Relu),
            ("relu6", Relu6),
            ("clipped_relu", clipped),
            ("sigmoid", Sigmoid),
            ("tanh", Tanh),
            ("softmax", Softmax),
            ("log_softmax", LogSoftmax),
            ("sparsemax", Sparsemax),
            ("gelu", Gelu),
            ("gelu_tanh", GeluTanh),
            ("silu", Silu),
            ("swish", Silu),
            ("leaky_relu", LeakyRelu(0.2)),
            ("elu", Elu(1.0)),
            ("celu", Celu(1.0)),
            ("selu", Selu),
            ("softplus", Softplus),
            ("softsign", Softsign),
            ("exponential", Exponential),
            ("glu", Glu),
            ("hard_shrink", HardShrink(0.5)),
            ("hard_sigmoid", HardSigmoid),
            ("hard_silu", HardSilu),
            ("hard_swish", HardSilu),
            ("hard_tanh", HardTanh),
            ("log_sigmoid", LogSigmoid),
            ("mish", Mish),
            ("soft_shrink", SoftShrink(0.5)),
            ("sparse_plus", SparsePlus),
            ("sparse_sigmoid", SparseSigmoid),
            ("squareplus", Squareplus(4.0)),
            ("tanh_shrink", TanhShrink),
            ("threshold", threshold),
        ]
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Activation::LeakyRelu(slope) => k.key("negative_slope", slope),
            Activation::Elu(alpha) | Activation::Celu(alpha) => k.key("alpha", alpha),
            Activation::HardShrink(threshold) | Activation::SoftShrink(threshold) => {
                k.key("threshold", threshold)
            }
            Activation::Squareplus(b) => k.key("b", b),
            Activation::Threshold { threshold, value } => {
                k.key("threshold", threshold)?;
                k.key("value", value)
            }
            Activation::ClippedRelu {
                negative_slope,
                max_value,
                threshold,
            } => {
                k.key("negative_slope", negative_slope)?;
                k.may("max_value", max_value)?;
                k.key("threshold", threshold)
            }
            _ => Ok(()),
        }
    }
}

described!(ActivationLayer "Activation", Activation::Linear.layer(), |self, k| {
    k.need("activation", &mut self.activation)?;
    self.meta.kind = self.activation.kind();
});

described!(PRelu "PReLU", PRelu::new(), |self, k| {
    k.weight("alpha", &mut self.alpha)?;
    k.key("shared_axes", &mut self.shared_axes)?;
});

described!(ActivityRegularization "ActivityRegularization", ActivityRegularization::new(0.0, 0.0), |self, k| {
    k.key("regularizer", &mut self.regularizer)?;
});
