//! Layers of several inputs, and layers made of a closure.

use super::{Cx, Layer, Meta, layer, options, plain};
use crate::describe::described;
use crate::error::NnError;
use crate::functional::unit_norm;
use crate::tensor::Tensor;
use std::sync::Arc;

/// The inputs one after the other.
fn folded(x: &[Tensor], f: impl Fn(Tensor, &Tensor) -> Tensor) -> Tensor {
    x[1..].iter().fold(x[0].clone(), f)
}

/// Notes an error unless there are two inputs.
fn two(op: &'static str, x: &[Tensor]) -> bool {
    if x.len() != 2 {
        let error = NnError::Argument {
            layer: x[0].tracer().current(),
            op,
            what: "the number of inputs",
            expected: "2".to_string(),
            found: x.len().to_string(),
        };
        x[0].fail(x[0].ty().clone(), error);
    }
    x.len() == 2
}

plain!(
    /// The sum of its inputs.
    Add "add", |self, _cx, x| folded(x, |sum, x| sum + x)
);
plain!(
    /// The first of two inputs less the second.
    Subtract "subtract", |self, _cx, x| match two("subtract", x) {
        true => &x[0] - &x[1],
        false => x[0].clone(),
    }
);
plain!(
    /// The product of its inputs, elementwise.
    Multiply "multiply", |self, _cx, x| folded(x, |product, x| product * x)
);
plain!(
    /// The mean of its inputs.
    Average "average", |self, _cx, x| folded(x, |sum, x| sum + x) / x.len() as f64
);
plain!(
    /// The greatest of its inputs, elementwise.
    Maximum "maximum", |self, _cx, x| folded(x, |a, b| a.maximum(b))
);
plain!(
    /// The least of its inputs, elementwise.
    Minimum "minimum", |self, _cx, x| folded(x, |a, b| a.minimum(b))
);

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

/// The sums of products of two inputs along an axis of each, sample by sample.
#[derive(Clone, Debug)]
pub struct Dot {
    meta: Meta,
    axes: [isize; 2],
    normalize: bool,
}

impl Dot {
    /// Over these axes of the two inputs, negative from the end; the batch is axis 0.
    pub fn new(axes: [isize; 2]) -> Dot {
        Dot {
            meta: Meta::new("dot"),
            axes,
            normalize: false,
        }
    }
}

options!(Dot {
    /// Sets whether vectors are brought to length 1 first, which gives cosines.
    normalize: bool,
});

layer!(Dot, |self, _cx, x| {
    if !two("dot", x) {
        return x[0].clone();
    }
    let (Some(left), Some(right)) = (
        x[0].axis("dot", self.axes[0]),
        x[1].axis("dot", self.axes[1]),
    ) else {
        return x[0].poisoned(x[0].ty().clone());
    };
    let vectors = |x: &Tensor, axis: isize| match self.normalize {
        true => unit_norm(x, &[axis], 1e-6),
        false => x.clone(),
    };
    let (a, b) = (vectors(&x[0], self.axes[0]), vectors(&x[1], self.axes[1]));
    let y = a.dot(&b, &[0], &[0], left, right);
    // As in Keras, a result of one number for each sample is a column.
    match y.rank() {
        1 => y.expand_dims(1),
        _ => y,
    }
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

    /// Names the layer; else it is called by its kind and a number.
    pub fn name(mut self, name: &str) -> Lambda {
        self.meta.name = Some(name.to_string());
        self
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

described!(Concatenate "Concatenate", Concatenate::new(-1), |self, k| {
    k.key("axis", &mut self.axis)?;
});

described!(Dot "Dot", Dot::new([-1, -1]), |self, k| {
    k.need("axes", &mut self.axes)?;
    k.key("normalize", &mut self.normalize)?;
});
