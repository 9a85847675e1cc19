//! Changes that leave a picture what it is: a training sees another one in every epoch.

use super::images::floats;
use crate::rng::{Rng, cos_turns};
use craneflow_ir::Array;

/// Random changes of pictures `f32[height, width, channels]` with values in 0..1. What is drawn
/// follows from the random numbers alone.
///
/// ```
/// use craneflow_nn::data::augment::Augment;
/// let augment = Augment { flip_horizontal: true, crop: 4, ..Augment::default() };
/// # let image = craneflow_ir::Array::f32([8, 8, 1], &[0.5; 64]);
/// let changed = augment.apply(&image, &mut craneflow_nn::rng::Rng::new(1));
/// assert_eq!(changed.ty, image.ty);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Augment {
    /// Whether half of them are mirrored left to right.
    pub flip_horizontal: bool,
    /// Whether half of them are mirrored top to bottom.
    pub flip_vertical: bool,
    /// Moves by up to so many pixels in each direction; what comes in is black.
    pub crop: usize,
    /// Turns by up to so many degrees either way.
    pub rotate: f64,
    /// Zooms by up to this share in or out.
    pub zoom: f64,
    /// Adds up to this much either way.
    pub brightness: f32,
    /// Stretches the distance from the mean by up to this share either way.
    pub contrast: f32,
    /// Stretches the distance from grey by up to this share either way.
    pub saturation: f32,
}

impl Augment {
    /// A changed picture.
    pub fn apply(&self, image: &Array, rng: &mut Rng) -> Array {
        let [height, width, channels] = image.ty.shape.0[..] else {
            return image.clone();
        };
        let pixels: Vec<f32> = floats(image).collect();
        // All is drawn always, so that one setting does not change what another draws.
        let mirror = [self.flip_horizontal, self.flip_vertical].map(|on| {
            let half = rng.below(2) == 1;
            on && half
        });
        let either = |rng: &mut Rng, x: f64| f64::from(rng.uniform_in(-1.0, 1.0)) * x;
        let shift = [(); 2].map(|()| rng.below(2 * self.crop as u64 + 1) as f64 - self.crop as f64);
        let turns = either(rng, self.rotate) / 360.0;
        let zoom = 1.0 + either(rng, self.zoom);
        let brightness = either(rng, f64::from(self.brightness)) as f32;
        let contrast = 1.0 + either(rng, f64::from(self.contrast)) as f32;
        let saturation = 1.0 + either(rng, f64::from(self.saturation)) as f32;

        let angle = (turns * 4_294_967_296.0) as i64 as u32;
        let (cos, sin) = (cos_turns(angle), cos_turns(angle.wrapping_sub(1 << 30)));
        let middle = [(height as f64 - 1.0) / 2.0, (width as f64 - 1.0) / 2.0];
        let from = |row: usize, column: usize| {
            let y = row as f64 - middle[0];
            let x = column as f64 - middle[1];
            let (y, x) = ((cos * y + sin * x) / zoom, (cos * x - sin * y) / zoom);
            let side = |x: f64, mirror: bool| if mirror { -x } else { x };
            (
                side(y, mirror[1]) + middle[0] + shift[0],
                side(x, mirror[0]) + middle[1] + shift[1],
            )
        };
        let mut data = vec![0.0; pixels.len()];
        for row in 0..height {
            for column in 0..width {
                let (y, x) = from(row, column);
                let at = (row * width + column) * channels;
                for c in 0..channels {
                    data[at + c] = between(&pixels, [height, width, channels], y, x, c);
                }
            }
        }
        colour(&mut data, channels, brightness, contrast, saturation);
        Array::f32([height, width, channels], &data)
    }
}

/// The picture at a place between pixels; black outside.
fn between(pixels: &[f32], shape: [usize; 3], y: f64, x: f64, c: usize) -> f32 {
    let [height, width, channels] = shape;
    let get = |row: f64, column: f64| {
        let inside = row >= 0.0 && column >= 0.0 && row < height as f64 && column < width as f64;
        match inside {
            true => pixels[(row as usize * width + column as usize) * channels + c],
            false => 0.0,
        }
    };
    let (top, left) = (y.floor(), x.floor());
    let (down, across) = ((y - top) as f32, (x - left) as f32);
    let mix = |a: f32, b: f32, t: f32| if t == 0.0 { a } else { a + (b - a) * t };
    let above = mix(get(top, left), get(top, left + 1.0), across);
    let below = mix(get(top + 1.0, left), get(top + 1.0, left + 1.0), across);
    mix(above, below, down)
}

fn colour(data: &mut [f32], channels: usize, brightness: f32, contrast: f32, saturation: f32) {
    let mean = data.iter().sum::<f32>() / data.len().max(1) as f32;
    for pixel in data.chunks_exact_mut(channels) {
        let grey = pixel.iter().sum::<f32>() / channels as f32;
        for x in pixel {
            let mut value = *x;
            if channels > 1 && saturation != 1.0 {
                value = grey + (value - grey) * saturation;
            }
            if contrast != 1.0 {
                value = mean + (value - mean) * contrast;
            }
            *x = (value + brightness).clamp(0.0, 1.0);
        }
    }
}
