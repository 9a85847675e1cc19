//! Random layers chosen at random.

use super::mix::beta;
use super::{
    AutoContrast, Equalization, RandomBrightness, RandomContrast, RandomPosterization,
    RandomRotation, RandomSaturation, RandomSharpness, RandomShear, RandomTranslation,
    Solarization,
};
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Cx, Layer, Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Changes every picture by a few layers that are chosen for it at random: shear, translation, rotation,
/// brightness, saturation, contrast, sharpness, posterization, solarization, auto-contrast, equalization. Each of
/// them is computed for the whole batch.
#[derive(Clone, Debug)]
pub struct RandAugment {
    meta: Meta,
    layers: usize,
    factor: f64,
    max_value: f64,
}

impl RandAugment {
    /// Two layers, whose changes are up to half as strong as they can be.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> RandAugment {
        RandAugment {
            meta: Meta::new("rand_augment"),
            layers: 2,
            factor: 0.5,
            max_value: 255.0,
        }
    }
}

/// What may be done to a picture, each up to the strength `by` of what it can do, from 0 to 1.
fn choices(by: f64, max: f64) -> Vec<(&'static str, Box<dyn Layer>)> {
    let bits = 8.0 - (by * 7.0).round();
    vec![
        ("shear", Box::new(RandomShear::new(by, by))),
        ("translation", Box::new(RandomTranslation::new(by, by))),
        ("rotation", Box::new(RandomRotation::new(by))),
        (
            "brightness",
            Box::new(RandomBrightness::new(by).max_value(max)),
        ),
        (
            "saturation",
            Box::new(RandomSaturation::new(by).max_value(max)),
        ),
        ("contrast", Box::new(RandomContrast::new(by).max_value(max))),
        (
            "sharpness",
            Box::new(RandomSharpness::new(by).max_value(max)),
        ),
        (
            "posterization",
            Box::new(RandomPosterization::new(bits).max_value(max)),
        ),
        (
            "solarization",
            Box::new(Solarization::new((1.0 - by) * max).max_value(max)),
        ),
        (
            "auto_contrast",
            Box::new(AutoContrast::new().max_value(max)),
        ),
        ("equalization", Box::new(Equalization::new().max_value(max))),
    ]
}

/// Every picture after one of the layers, or after none if `spare`; `round` tells the names of layers apart.
fn one_of(
    cx: &mut Cx,
    x: &Tensor,
    layers: &[(&'static str, Box<dyn Layer>)],
    spare: bool,
    round: &str,
) -> Tensor {
    let count = layers.len() + usize::from(spare);
    let which = (cx.uniform(&[x.dim(0), 1, 1, 1]) * count as f64).floor();
    let which = which.broadcast_to(x.shape());
    let mut changed = x.clone();
    for (number, (name, layer)) in layers.iter().enumerate() {
        let name = format!("{name}_{round}");
        let other = cx.call(&name, &**layer, std::slice::from_ref(x));
        changed = which
            .compare(Cmp::Eq, number as f64)
            .select(&other, &changed);
    }
    changed
}

options!(RandAugment {
    /// Sets how many layers a picture goes through.
    layers: usize,
    /// Sets how strong changes are, from 0 to 1.
    factor: f64,
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(RandAugment, |self, cx, x| {
    let mut y = x[0].clone();
    if !cx.training() || !y.must_have_rank("rand_augment", 4, axes_of(2)) {
        return y;
    }
    let choices = choices(self.factor, self.max_value);
    for round in 0..self.layers {
        y = one_of(cx, &y, &choices, false, &round.to_string());
    }
    y
});

/// Mixes every picture with changed ones: several chains of layers, chosen as [`RandAugment`] chooses them, begin
/// at the picture; what they come to is mixed in random shares, and the picture with it. Each layer of
/// each chain is computed for the whole batch: the 3 chains of 3 are 99 layers.
#[derive(Clone, Debug)]
pub struct AugMix {
    meta: Meta,
    chains: usize,
    depth: usize,
    factor: f64,
    alpha: f64,
    max_value: f64,
}

impl AugMix {
    /// Three chains of up to three layers, whose changes are up to 0.3 of what they can be.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> AugMix {
        AugMix {
            meta: Meta::new("aug_mix"),
            chains: 3,
            depth: 3,
            factor: 0.3,
            alpha: 1.0,
            max_value: 255.0,
        }
    }
}

options!(AugMix {
    /// Sets how many chains are mixed.
    chains: usize,
    /// Sets how many layers a chain has at most.
    depth: usize,
    /// Sets how strong changes are, from 0 to 1.
    factor: f64,
    /// Sets the parameter of the distributions of the shares: greater ones are more alike.
    alpha: f64,
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(AugMix, |self, cx, x| {
    let x = &x[0];
    if !cx.training() || !x.must_have_rank("aug_mix", 4, axes_of(2)) || self.chains == 0 {
        return x.clone();
    }
    let choices = choices(self.factor, self.max_value);
    let mut mixed = x * 0.0;
    // A Dirichlet distribution, broken off piece by piece.
    let mut left = cx
        .tracer()
        .full(&Type::new(DType::F32, [x.dim(0), 1, 1, 1]), 1.0);
    for chain in 0..self.chains {
        let mut y = x.clone();
        for step in 0..self.depth {
            y = one_of(cx, &y, &choices, true, &format!("{chain}_{step}"));
        }
        let others = (self.chains - 1 - chain) as f64;
        let share = match others {
            0.0 => left.clone(),
            _ => &left * beta(cx, x, self.alpha, self.alpha * others),
        };
        left = &left - &share;
        mixed = mixed + y * share;
    }
    let kept = beta(cx, x, self.alpha, self.alpha);
    (x * &kept + mixed * (1.0 - kept)).clamp(0.0, self.max_value)
});

described!(RandAugment "RandAugment", RandAugment::new(), |self, k| {
    k.key("num_ops", &mut self.layers)?;
    k.key("factor", &mut self.factor)?;
    k.key("max_value", &mut self.max_value)?;
});

described!(AugMix "AugMix", AugMix::new(), |self, k| {
    k.key("num_chains", &mut self.chains)?;
    k.key("chain_depth", &mut self.depth)?;
    k.key("factor", &mut self.factor)?;
    k.key("alpha", &mut self.alpha)?;
    k.key("max_value", &mut self.max_value)?;
});
