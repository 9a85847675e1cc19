//! Layers of several inputs, and layers made of a closure.

use super::{Cx, Layer, Meta, layer};
use crate::tensor::Tensor;
use std::sync::Arc;

/// The sum of its inputs.
#[derive(Clone, Debug)]
pub struct Add {
    meta: Meta,
}

impl Add {
    /// The layer.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> Add {
        Add {
            meta: Meta::new("add"),
        }
    }
}

layer!(Add, |self, _cx, x| {
    x[1..].iter().fold(x[0].clone(), |sum, x| sum + x)
});

/// Its inputs joined along an axis.
#[derive(Clone, Debug)]
pub struct Concatenate {
    meta: Meta,
    axis: isize,
}

impl Concatenate {
    /// Along `axis`, negative from the end; the batch is axis 0.
    pub fn new(axis: isize) -> Concatenate {
        Concatenate {
            meta: Meta::new("concatenate"),
            axis,
        }
    }
}

layer!(Concatenate, |self, _cx, x| {
    Tensor::concat(&x.iter().collect::<Vec<_>>(), self.axis)
});

/// What a `Lambda` does.
type Function = dyn Fn(&[Tensor]) -> Tensor + Send + Sync;

/// A layer without weights that is a function of tensors.
#[derive(Clone)]
pub struct Lambda {
    meta: Meta,
    f: Arc<Function>,
}

impl Lambda {
    /// Applies `f` to the inputs of the layer, batches included.
    pub fn new(f: impl Fn(&[Tensor]) -> Tensor + Send + Sync + 'static) -> Lambda {
        Lambda {
            meta: Meta::new("lambda"),
            f: Arc::new(f),
        }
    }
}

impl Layer for Lambda {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, _: &mut Cx, x: &[Tensor]) -> Tensor {
        (self.f)(x)
    }
}
