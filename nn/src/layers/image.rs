//! Preprocessing of images `[batch, height, width, channels]`: sizes, and random changes while
//! training. Outside of training, the random layers do nothing.

mod boxes;
mod colour;
mod filter;
mod geometry;
mod histogram;
mod mix;
mod policy;
mod warp;

pub use boxes::MaxNumBoundingBoxes;
pub use colour::{
    RandomBrightness, RandomContrast, RandomErasing, RandomGrayscale, RandomHue, RandomInvert,
    RandomPosterization, RandomSaturation, Solarization,
};
pub use filter::{AutoContrast, RandomColorJitter, RandomGaussianBlur, RandomSharpness};
pub use geometry::{
    RandomCrop, RandomFlip, RandomRotation, RandomShear, RandomTranslation, RandomZoom,
};

pub use histogram::{Clahe, Equalization};
pub use mix::{CutMix, MixUp};
pub use policy::{AugMix, RandAugment};
pub use warp::{RandomElasticTransform, RandomPerspective};

use super::{Interpolation, Meta, layer, options};
use crate::describe::described;
use crate::functional::{axes_of, resize};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType};

/// Images of another size.
#[derive(Clone, Debug)]
pub struct Resizing {
    meta: Meta,
    height: usize,
    width: usize,
    interpolation: Interpolation,
    antialias: bool,
    crop_to_aspect_ratio: bool,
}

impl Resizing {
    /// To this height and width; what lies between elements is on a line.
    pub fn new(height: usize, width: usize) -> Resizing {
        Resizing {
            meta: Meta::new("resizing"),
            height,
            width,
            interpolation: Interpolation::Bilinear,
            antialias: false,
            crop_to_aspect_ratio: false,
        }
    }
}

options!(Resizing {
    /// Sets how what lies between elements is estimated.
    interpolation: Interpolation,
    /// Sets whether smaller images take means over what they leave out.
    antialias: bool,
    /// Sets whether the middle of the image in the proportions of the result is taken, else all of it.
    crop_to_aspect_ratio: bool,
});

layer!(Resizing, |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("resizing", 4, axes_of(2)) {
        return x.clone();
    }
    let mut y = x.convert(DType::F32);
    if self.crop_to_aspect_ratio {
        let (h, w) = (x.dim(1), x.dim(2));
        let height = h.min((w * self.height) / self.width.max(1));
        let width = w.min((h * self.width) / self.height.max(1));
        y = middle(&y, height.max(1), width.max(1));
    }
    let y = resize(&y, 1, self.height, self.interpolation, self.antialias);
    resize(&y, 2, self.width, self.interpolation, self.antialias)
});

/// The middle of images.
fn middle(x: &Tensor, height: usize, width: usize) -> Tensor {
    let (top, left) = ((x.dim(1) - height) / 2, (x.dim(2) - width) / 2);
    x.slice_axis(1, top..top + height)
        .slice_axis(2, left..left + width)
}

/// The middle of images; those that are too small are made larger first.
#[derive(Clone, Debug)]
pub struct CenterCrop {
    meta: Meta,
    height: usize,
    width: usize,
}

impl CenterCrop {
    /// Of this height and width.
    pub fn new(height: usize, width: usize) -> CenterCrop {
        CenterCrop {
            meta: Meta::new("center_crop"),
            height,
            width,
        }
    }
}

layer!(CenterCrop, |self, cx, x| {
    let x = &x[0];
    if !x.must_have_rank("center_crop", 4, axes_of(2)) {
        return x.clone();
    }
    match x.dim(1) >= self.height && x.dim(2) >= self.width {
        true => middle(x, self.height, self.width),
        false => {
            let resizing = Resizing::new(self.height, self.width).crop_to_aspect_ratio(true);
            cx.call("resizing", &resizing, std::slice::from_ref(x))
        }
    }
});

/// Whether random images were changed, sample by sample: the images `changed` with probability
/// `rate`, else `x`.
fn sometimes(cx: &mut super::Cx, x: &Tensor, changed: &Tensor, rate: f64) -> Tensor {
    let chosen = cx.uniform(&[x.dim(0), 1, 1, 1]).compare(Cmp::Lt, rate);
    chosen.broadcast_to(x.shape()).select(changed, x)
}

/// Uniform numbers between `low` and `high`, one for each sample: `[batch, 1, 1, 1]`.
fn between(cx: &mut super::Cx, x: &Tensor, low: f64, high: f64) -> Tensor {
    cx.uniform(&[x.dim(0), 1, 1, 1]) * (high - low) + low
}

described!(Resizing "Resizing", Resizing::new(1, 1), |self, k| {
    k.need("height", &mut self.height)?;
    k.need("width", &mut self.width)?;
    k.key("interpolation", &mut self.interpolation)?;
    k.key("antialias", &mut self.antialias)?;
    k.key("crop_to_aspect_ratio", &mut self.crop_to_aspect_ratio)?;
});

described!(CenterCrop "CenterCrop", CenterCrop::new(1, 1), |self, k| {
    k.need("height", &mut self.height)?;
    k.need("width", &mut self.width)?;
});
