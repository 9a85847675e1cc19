//! Random layers chosen at random.

use super::{
    AutoContrast, Equalization, RandomBrightness, RandomContrast, RandomPosterization,
    RandomRotation, RandomSaturation, RandomSharpness, RandomShear, RandomTranslation,
    Solarization,
};
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Layer, Meta, layer, options};
use craneflow_ir::Cmp;

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

    fn choices(&self) -> Vec<(&'static str, Box<dyn Layer>)> {
        let (by, max) = (self.factor, self.max_value);
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
    let choices = self.choices();
    for round in 0..self.layers {
        let which = (cx.uniform(&[y.dim(0), 1, 1, 1]) * choices.len() as f64).floor();
        let which = which.broadcast_to(y.shape());
        let mut changed = y.clone();
        for (number, (name, layer)) in choices.iter().enumerate() {
            let name = format!("{name}_{round}");
            let other = cx.call(&name, &**layer, std::slice::from_ref(&y));
            changed = which
                .compare(Cmp::Eq, number as f64)
                .select(&other, &changed);
        }
        y = changed;
    }
    y
});

described!(RandAugment "RandAugment", RandAugment::new(), |self, k| {
    k.key("num_ops", &mut self.layers)?;
    k.key("factor", &mut self.factor)?;
    k.key("max_value", &mut self.max_value)?;
});
