//! Random changes of colours.

use super::{between, sometimes};
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Cx, Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// A random layer with one number and the greatest value of an element.
macro_rules! colour {
    ($(#[doc = $about:literal])* $Layer:ident $kind:literal $number:ident $what:literal, |$self:ident, $cx:ident, $x:ident| $changed:expr) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $Layer {
            meta: Meta,
            $number: f64,
            max_value: f64,
        }

        impl $Layer {
            #[doc = $what]
            pub fn new($number: f64) -> $Layer {
                $Layer {
                    meta: Meta::new($kind),
                    $number,
                    max_value: 255.0,
                }
            }
        }

        options!($Layer {
            /// Sets the greatest value of an element (Keras: 255).
            max_value: f64,
        });

        layer!($Layer, |$self, $cx, x| {
            let $x = &x[0];
            if !$cx.training() || !$x.must_have_rank($kind, 4, axes_of(2)) {
                return $x.clone();
            }
            $changed
        });
        described!($Layer stringify!($Layer), $Layer::new(0.0), |self, k| {
            k.need(stringify!($number), &mut self.$number)?;
            k.key("max_value", &mut self.max_value)?;
        });
    };
}

colour!(
    /// Adds a number to each image, within `factor` of 0 times the greatest value.
    RandomBrightness "random_brightness" factor "Within this share of the greatest value.",
    |self, cx, x| {
        let shift = between(cx, x, -self.factor, self.factor) * self.max_value;
        (x + shift).clamp(0.0, self.max_value)
    }
);
colour!(
    /// Moves each image away from the mean of its channels or towards it, by a factor within `factor`
    /// of 1.
    RandomContrast "random_contrast" factor "By a factor within this of 1.",
    |self, cx, x| {
        let mean = x.mean(&[1, 2]).keep(x, &[1, 2]);
        let factor = between(cx, x, 1.0 - self.factor, 1.0 + self.factor);
        ((x - &mean) * factor + mean).clamp(0.0, self.max_value)
    }
);
colour!(
    /// Moves each image away from its shades of grey or towards them, by a factor within `factor` of 1.
    RandomSaturation "random_saturation" factor "By a factor within this of 1.",
    |self, cx, x| {
        let grey = grey(x);
        let factor = between(cx, x, 1.0 - self.factor, 1.0 + self.factor);
        ((x - &grey) * factor + grey).clamp(0.0, self.max_value)
    }
);
colour!(
    /// Turns the colours of each image by up to the share `factor` of a full turn, around the axis of
    /// greys; images of other than three channels stay.
    RandomHue "random_hue" factor "By up to this share of a turn.",
    |self, cx, x| match x.dim(3) {
        3 => turned(cx, x, self.factor).clamp(0.0, self.max_value),
        _ => x.clone(),
    }
);
colour!(
    /// Turns images into shades of grey, each with probability `rate`.
    RandomGrayscale "random_grayscale" rate "With this probability.",
    |self, cx, x| {
        let grey = grey(x).broadcast_to(x.shape());
        sometimes(cx, x, &grey, self.rate)
    }
);
colour!(
    /// Turns images into their negatives, each with probability `rate`.
    RandomInvert "random_invert" rate "With this probability.",
    |self, cx, x| {
        let negative = self.max_value - x;
        sometimes(cx, x, &negative, self.rate)
    }
);
colour!(
    /// Turns what is above `threshold` into its negative, in every image.
    Solarization "solarization" threshold "Above this value.",
    |self, _cx, x| {
        let negative = self.max_value - x;
        x.compare(Cmp::Gt, self.threshold).select(&negative, x)
    }
);
colour!(
    /// Leaves `2 ^ bits` values of each channel, rounded down.
    RandomPosterization "random_posterization" bits "This many bits, from 1 to 8.",
    |self, _cx, x| {
        let levels = f64::from(1u32 << (self.bits.clamp(1.0, 8.0) as u32));
        let step = (self.max_value + 1.0) / levels;
        (x / step).floor() * step
    }
);
colour!(
    /// Zeroes a rectangle of each image whose sides are up to the share `factor` of the image's.
    RandomErasing "random_erasing" factor "Up to this share of height and width.",
    |self, cx, x| {
        let inside = |cx: &mut Cx, axis: usize| {
            let extent = x.shape()[axis] as f64;
            let size = between(cx, x, 0.0, self.factor * extent);
            let start = between(cx, x, 0.0, 1.0) * (extent - &size);
            let index = Type::new(DType::F32, [x.dim(0), x.dim(1), x.dim(2), 1]);
            let at = x.tracer().iota(&index, axis);
            let end = &start + size;
            let shape = at.shape().clone();
            at.compare(Cmp::Ge, start.broadcast_to(&shape))
                .and(&at.compare(Cmp::Lt, end.broadcast_to(&shape)))
        };
        let erased = inside(cx, 1).and(&inside(cx, 2)).broadcast_to(x.shape());
        let zero = x.tracer().full(x.ty(), 0.0);
        erased.select(&zero, x)
    }
);

/// Shades of grey `[batch, height, width, 1]`, by the eye's weights of red, green and blue.
fn grey(x: &Tensor) -> Tensor {
    if x.dim(3) != 3 {
        return x.mean(&[3]).keep(x, &[3]);
    }
    let part = |c: usize, weight: f64| x.slice_axis(3, c..c + 1) * weight;
    part(0, 0.2989) + part(1, 0.587) + part(2, 0.114)
}

/// Colours turned around the axis of greys: `x cos + (k x x) sin + k (k . x) (1 - cos)`, where `k` is
/// the unit vector `(1, 1, 1) / sqrt(3)` (Rodrigues).
fn turned(cx: &mut Cx, x: &Tensor, factor: f64) -> Tensor {
    let angle = between(cx, x, -factor, factor) * (2.0 * std::f64::consts::PI);
    let (sin, cos) = (angle.sin(), angle.cos());
    let part = |c: usize| x.slice_axis(3, c..c + 1);
    let (r, g, b) = (part(0), part(1), part(2));
    let across = [&b - &g, &r - &b, &g - &r];
    let across = Tensor::concat(&across.iter().collect::<Vec<_>>(), 3) / 3f64.sqrt();
    let along = (r + g + b) / 3.0;
    x * &cos + across * sin + along * (1.0 - cos)
}
