//! Layers: functions of tensors with weights of their own. Names and defaults are those of Keras;
//! images are `[batch, height, width, channels]`.

mod activation;
mod conv;
mod cx;
mod dense;
mod merge;
mod norm;
mod pool;
mod regularise;
mod symbol;

pub use activation::Activation;
pub use conv::Conv2D;
pub use cx::{Cx, Mode, Role, Weight};
pub use dense::{Dense, Embedding};
pub use merge::{Add, Concatenate, Lambda};
pub use norm::{BatchNorm, LayerNorm};
pub use pool::{AveragePool2D, Flatten, GlobalAveragePool2D, MaxPool2D, Reshape};
pub use regularise::Dropout;
pub use symbol::{Call, Input, Symbol};

pub(crate) use symbol::Source;

use crate::tensor::Tensor;
use std::sync::atomic::{AtomicU64, Ordering};

/// A layer. Clones are the same layer: they share their weights.
pub trait Layer: Send + Sync {
    /// Who it is.
    fn meta(&self) -> &Meta;
    /// What it does to its inputs. Weights are asked of `cx`, which declares them at first sight.
    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor;
}

/// Identity and name of a layer.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Unique in the process; clones share it.
    pub id: u64,
    /// The kind, in the form that names are made of: `conv2d`.
    pub kind: &'static str,
    /// The name that the user gave.
    pub name: Option<String>,
}

impl Meta {
    /// A new identity.
    pub fn new(kind: &'static str) -> Meta {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Meta {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            name: None,
        }
    }
}

/// What every layer has: the trait, and a method `name`.
macro_rules! layer {
    ($Layer:ident, |$self:ident, $cx:ident, $x:ident| $forward:expr) => {
        impl $Layer {
            /// Names the layer; else it is called by its kind and a number.
            pub fn name(mut self, name: &str) -> Self {
                self.meta.name = Some(name.to_string());
                self
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn meta(&self) -> &$crate::layers::Meta {
                &self.meta
            }

            fn forward(
                &$self,
                $cx: &mut $crate::layers::Cx,
                $x: &[$crate::tensor::Tensor],
            ) -> $crate::tensor::Tensor {
                $forward
            }
        }
    };
}
pub(crate) use layer;
