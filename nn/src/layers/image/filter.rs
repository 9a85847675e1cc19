//! Changes that look at a pixel's surroundings or at a whole picture.

use super::colour::{RandomBrightness, RandomContrast, RandomHue, RandomSaturation};
use super::{between, sometimes};
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Layer, Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{Array, Cmp, DType, Type};

/// Stretches every channel of every picture to the whole range. Not only while training.
#[derive(Clone, Debug)]
pub struct AutoContrast {
    meta: Meta,
    max_value: f64,
}

impl AutoContrast {
    /// To values from 0 to 255.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> AutoContrast {
        AutoContrast {
            meta: Meta::new("auto_contrast"),
            max_value: 255.0,
        }
    }
}

options!(AutoContrast {
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(AutoContrast, |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("auto_contrast", 4, axes_of(2)) {
        return x.clone();
    }
    let low = x.min(&[1, 2]).keep(x, &[1, 2]);
    let range = x.max(&[1, 2]).keep(x, &[1, 2]) - &low;
    // A channel of one value stays.
    let flat = range.compare(Cmp::Le, 0.0).broadcast_to(x.shape());
    let stretched = (x - low) * (self.max_value / range.maximum(1e-12));
    flat.select(x, &stretched)
});

/// Moves every picture away from its blurred self, or towards it, by a random share.
#[derive(Clone, Debug)]
pub struct RandomSharpness {
    meta: Meta,
    factor: f64,
    max_value: f64,
}

impl RandomSharpness {
    /// By a factor within `factor` of 1: 0 is blurred, 2 is sharpened as much.
    pub fn new(factor: f64) -> RandomSharpness {
        RandomSharpness {
            meta: Meta::new("random_sharpness"),
            factor,
            max_value: 255.0,
        }
    }
}

options!(RandomSharpness {
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(RandomSharpness, |self, cx, x| {
    let x = &x[0];
    let rank = x.must_have_rank("random_sharpness", 4, axes_of(2));
    if !cx.training() || !rank || x.dim(1) < 3 || x.dim(2) < 3 {
        return x.clone();
    }
    let part = |dy: usize, dx: usize| {
        x.slice_axis(1, dy..dy + x.dim(1) - 2)
            .slice_axis(2, dx..dx + x.dim(2) - 2)
    };
    let middle = part(1, 1);
    let all = (0..9).map(|i| part(i / 3, i % 3));
    let sum = all.reduce(|a, b| a + b).unwrap_or_else(|| middle.clone());
    let blurred = (sum + &middle * 4.0) / 13.0;
    // The edge of a picture has no surroundings and stays.
    let edge = [(0, 0), (1, 1), (1, 1), (0, 0)];
    let towards = (blurred - middle).pad(&edge, 0.0);
    let factor = between(cx, x, 1.0 - self.factor, 1.0 + self.factor);
    (x + towards * (1.0 - factor)).clamp(0.0, self.max_value)
});

/// Blurs pictures by a bell of random width.
#[derive(Clone, Debug)]
pub struct RandomGaussianBlur {
    meta: Meta,
    rate: f64,
    kernel_size: usize,
    sigma: f64,
}

impl RandomGaussianBlur {
    /// With probability `rate`, over windows of `kernel_size` pixels (odd), with a standard deviation
    /// of up to `sigma` pixels.
    pub fn new(rate: f64, kernel_size: usize, sigma: f64) -> RandomGaussianBlur {
        RandomGaussianBlur {
            meta: Meta::new("random_gaussian_blur"),
            rate,
            kernel_size,
            sigma,
        }
    }

    /// The pictures, blurred with standard deviations `[batch, 1, 1, 1]`.
    pub(super) fn blurred(&self, x: &Tensor, sigma: &Tensor) -> Tensor {
        self.along(&self.along(x, 1, sigma), 2, sigma)
    }

    /// Blurs along an axis; what is beyond the ends does not count.
    fn along(&self, x: &Tensor, axis: usize, sigma: &Tensor) -> Tensor {
        let radius = self.kernel_size / 2;
        let extent = x.shape()[axis];
        let mut edges = [(0, 0); 4];
        edges[axis] = (radius as i64, radius as i64);
        let padded = x.pad(&edges, 0.0);
        let mut shape = [1; 4];
        shape[axis] = extent;
        let parts = (0..2 * radius + 1).map(|i| {
            let distance = i as f64 - radius as f64;
            let weight = (-0.5 * distance * distance / sigma.square()).exp();
            let inside = |at: usize| (radius..radius + extent).contains(&(at + i));
            let known: Vec<f64> = (0..extent)
                .map(|at| f64::from(u8::from(inside(at))))
                .collect();
            let known = Array::from_f64(Type::new(DType::F32, shape), &known);
            let known = x.tracer().constant(known) * &weight;
            (
                padded.slice_axis(axis as isize, i..i + extent) * weight,
                known,
            )
        });
        let sums = parts.reduce(|(a, b), (c, d)| (a + c, b + d));
        sums.map_or(x.clone(), |(sum, weights)| sum / weights)
    }
}

layer!(RandomGaussianBlur, |self, cx, x| {
    let x = &x[0];
    if !cx.training() || !x.must_have_rank("random_gaussian_blur", 4, axes_of(2)) {
        return x.clone();
    }
    let sigma = between(cx, x, 0.0, self.sigma).maximum(1e-3);
    let blurred = self.blurred(x, &sigma);
    sometimes(cx, x, &blurred, self.rate)
});

/// Changes brightness, contrast, saturation and hue, one after the other.
#[derive(Clone, Debug)]
pub struct RandomColorJitter {
    meta: Meta,
    brightness: f64,
    contrast: f64,
    saturation: f64,
    hue: f64,
    max_value: f64,
}

impl RandomColorJitter {
    /// By up to these factors, as in the layers of their names; 0 leaves one out.
    pub fn new(brightness: f64, contrast: f64, saturation: f64, hue: f64) -> RandomColorJitter {
        RandomColorJitter {
            meta: Meta::new("random_color_jitter"),
            brightness,
            contrast,
            saturation,
            hue,
            max_value: 255.0,
        }
    }
}

options!(RandomColorJitter {
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(RandomColorJitter, |self, cx, x| {
    let mut apply = |x: Tensor, factor: f64, name: &str, layer: &dyn Layer| match factor {
        0.0 => x,
        _ => cx.call(name, layer, &[x]),
    };
    let max = self.max_value;
    let brightness = RandomBrightness::new(self.brightness).max_value(max);
    let y = apply(x[0].clone(), self.brightness, "brightness", &brightness);
    let contrast = RandomContrast::new(self.contrast).max_value(max);
    let y = apply(y, self.contrast, "contrast", &contrast);
    let saturation = RandomSaturation::new(self.saturation).max_value(max);
    let y = apply(y, self.saturation, "saturation", &saturation);
    let hue = RandomHue::new(self.hue).max_value(max);
    apply(y, self.hue, "hue", &hue)
});

described!(AutoContrast "AutoContrast", AutoContrast::new(), |self, k| {
    k.key("max_value", &mut self.max_value)?;
});

described!(RandomSharpness "RandomSharpness", RandomSharpness::new(0.5), |self, k| {
    k.need("factor", &mut self.factor)?;
    k.key("max_value", &mut self.max_value)?;
});

described!(RandomGaussianBlur "RandomGaussianBlur", RandomGaussianBlur::new(1.0, 3, 1.0), |self, k| {
    k.key("rate", &mut self.rate)?;
    k.key("kernel_size", &mut self.kernel_size)?;
    k.key("sigma", &mut self.sigma)?;
});

described!(RandomColorJitter "RandomColorJitter", RandomColorJitter::new(0.0, 0.0, 0.0, 0.0), |self, k| {
    k.key("brightness_factor", &mut self.brightness)?;
    k.key("contrast_factor", &mut self.contrast)?;
    k.key("saturation_factor", &mut self.saturation)?;
    k.key("hue_factor", &mut self.hue)?;
    k.key("max_value", &mut self.max_value)?;
});
