//! Pictures mixed with others of their batch, and their labels with them.

use super::between;
use crate::describe::{Description, described, description};
use crate::layers::{Cx, Layer, Meta};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Pairs that are drawn for a number. Each serves with probability `a! b! / (a + b)!`, at least a third for 1 and
/// 2; where none does, the number is 0.
const PAIRS: usize = 16;

/// Numbers of the beta distribution with these parameters, one for each sample: `[batch, 1, 1, 1]`.
pub(super) fn beta(cx: &mut Cx, x: &Tensor, alpha: f64, beta: f64) -> Tensor {
    // Jöhnk: the share of one of two powers whose sum is at most 1.
    let shape = [x.dim(0), PAIRS];
    let mut power = |of: f64| cx.uniform(&shape).power(1.0 / of.max(1e-3));
    let (a, b) = (power(alpha), power(beta));
    let sum = &a + b;
    let zero = x.tracer().full(sum.ty(), 0.0);
    let serves = sum.compare(Cmp::Gt, 0.0).and(&sum.compare(Cmp::Le, 1.0));
    let number = x.tracer().iota(sum.ty(), 1);
    let none = x.tracer().full(sum.ty(), PAIRS as f64);
    let place = serves.select(&number, &none);
    let first = place.min(&[1]).keep(&place, &[1]).broadcast_to(&shape);
    let chosen = place.compare(Cmp::Eq, &first).and(&serves);
    let share = a / sum.maximum(1e-30);
    let drawn = chosen.select(&share, &zero).sum(&[1]);
    drawn.reshape(&[x.dim(0), 1, 1, 1])
}

/// The samples of a batch, each in the place of the one before it: batches are shuffled, so any other order
/// serves as well.
fn others(x: &Tensor) -> Tensor {
    let n = x.dim(0);
    Tensor::concat(&[&x.slice_axis(0, n - 1..n), &x.slice_axis(0, 0..n - 1)], 0)
}

/// `kept * x + (1 - kept) * other`, where `kept` is a number for each sample.
fn mixed(x: &Tensor, kept: &Tensor) -> Tensor {
    let mut shape = vec![1; x.rank()];
    shape[0] = x.dim(0);
    let kept = kept.reshape(&shape);
    x * &kept + others(x) * (1.0 - kept)
}

/// A layer of pictures and, if there is a second input, labels, which are distributions of classes.
macro_rules! mixing {
    ($Layer:ident $key:literal, |$self:ident, $cx:ident, $x:ident| $changed:expr) => {
        crate::layers::layer!(@common [] $Layer[]);

        impl Layer for $Layer {
            fn meta(&self) -> &Meta {
                &self.meta
            }

            fn results(&self) -> usize {
                2
            }

            fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
                self.forward_all(cx, x).swap_remove(0)
            }

            fn forward_all(&$self, $cx: &mut Cx, x: &[Tensor]) -> Vec<Tensor> {
                let $x = &x[0];
                let labels = x.get(1).unwrap_or($x);
                let axes = crate::functional::axes_of(2);
                if !$cx.training() || !$x.must_have_rank($key, 4, axes) {
                    return vec![$x.clone(), labels.clone()];
                }
                let (pictures, kept) = $changed;
                let labels = match x.get(1) {
                    Some(labels) => mixed(labels, &kept),
                    None => pictures.clone(),
                };
                vec![pictures, labels]
            }

            fn description(&self) -> Option<Description> {
                description(self)
            }
        }
    };
}

/// Mixes every picture with another of its batch, and their labels in the same shares: `[pictures,
/// labels]` gives both; labels are distributions of classes.
#[derive(Clone, Debug)]
pub struct MixUp {
    meta: Meta,
    alpha: f64,
}

impl MixUp {
    /// With shares drawn from the beta distribution with both parameters `alpha` (Keras: 0.2).
    pub fn new(alpha: f64) -> MixUp {
        MixUp {
            meta: Meta::new("mix_up"),
            alpha,
        }
    }
}

mixing!(MixUp "mix_up", |self, cx, x| {
    let kept = beta(cx, x, self.alpha, self.alpha);
    (mixed(x, &kept), kept)
});

/// Puts a rectangle of another picture of the batch into every picture, and mixes their labels by the
/// areas: `[pictures, labels]` gives both; labels are distributions of classes.
#[derive(Clone, Debug)]
pub struct CutMix {
    meta: Meta,
    factor: f64,
}

impl CutMix {
    /// With areas drawn from the beta distribution with both parameters `factor` (Keras: 1).
    pub fn new(factor: f64) -> CutMix {
        CutMix {
            meta: Meta::new("cut_mix"),
            factor,
        }
    }
}

mixing!(CutMix "cut_mix", |self, cx, x| {
    let side = (1.0 - beta(cx, x, self.factor, self.factor)).sqrt();
    let mut inside = |axis: usize| {
        let extent = x.shape()[axis] as f64;
        let length = (&side * extent).round();
        let start = (between(cx, x, 0.0, 1.0) * (extent - &length)).round();
        let grid = Type::new(DType::F32, [x.dim(0), x.dim(1), x.dim(2), 1]);
        let at = x.tracer().iota(&grid, axis);
        let end = (&start + length).broadcast_to(at.shape());
        let start = start.broadcast_to(at.shape());
        at.compare(Cmp::Ge, &start).and(&at.compare(Cmp::Lt, &end))
    };
    let cut = inside(1).and(&inside(2));
    let share = cut.convert(DType::F32).mean(&[1, 2, 3]);
    let pictures = cut.broadcast_to(x.shape()).select(&others(x), x);
    (pictures, (1.0 - share).reshape(&[x.dim(0), 1, 1, 1]))
});

described!(MixUp "MixUp", MixUp::new(0.2), |self, k| {
    k.key("alpha", &mut self.alpha)?;
});

described!(CutMix "CutMix", CutMix::new(1.0), |self, k| {
    k.key("factor", &mut self.factor)?;
});
