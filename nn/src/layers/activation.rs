//! Activation functions, by themselves and inside of other layers.

use super::{Cx, Layer, Meta};
use crate::functional as f;
use crate::tensor::Tensor;

/// An activation function; as a layer, it is applied elementwise (softmax: along the last axis).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `exp(x) / sum(exp(x))`.
    Softmax,
    /// `x * P(N(0, 1) <= x)`.
    Gelu,
    /// `Gelu` approximated by tanh.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `x` where positive, else `x` times the slope (Keras: 0.2).
    LeakyRelu(f64),
    /// `x` where positive, else `alpha * (exp(x) - 1)`.
    Elu(f64),
    /// `log(1 + exp(x))`.
    Softplus,
}

impl Activation {
    /// The function of `x`.
    pub fn apply(self, x: &Tensor) -> Tensor {
        match self {
            Activation::Linear => x.clone(),
            Activation::Relu => f::relu(x),
            Activation::Sigmoid => f::sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Softmax => f::softmax(x, -1),
            Activation::Gelu => f::gelu(x),
            Activation::GeluTanh => f::gelu_tanh(x),
            Activation::Silu => f::silu(x),
            Activation::LeakyRelu(slope) => f::leaky_relu(x, slope),
            Activation::Elu(alpha) => f::elu(x, alpha),
            Activation::Softplus => f::softplus(x),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Activation::Linear => "linear",
            Activation::Relu => "relu",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Softmax => "softmax",
            Activation::Gelu | Activation::GeluTanh => "gelu",
            Activation::Silu => "silu",
            Activation::LeakyRelu(_) => "leaky_relu",
            Activation::Elu(_) => "elu",
            Activation::Softplus => "softplus",
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

impl Layer for ActivationLayer {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, _: &mut Cx, x: &[Tensor]) -> Tensor {
        self.activation.apply(&x[0])
    }
}
