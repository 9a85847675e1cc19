//! Fourier transforms of short frames as kernels of convolutions: windows, and the waves under them.

use crate::describe::words;
use std::f64::consts::PI;

/// What the samples of a frame are multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Window {
    /// One.
    None,
    /// A wave that is 0 at both ends.
    #[default]
    Hann,
    /// A wave that is 0.08 at both ends.
    Hamming,
}

/// What the window is divided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scaling {
    /// The root of the sum of its squares.
    #[default]
    Density,
    /// The sum of its sizes.
    Spectrum,
    /// One.
    None,
}

/// A part of a complex number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    /// The cosines.
    #[default]
    Real,
    /// The negative sines.
    Imag,
}

impl Window {
    /// The factors of a frame; a periodic window ends one sample before it would repeat.
    pub(crate) fn factors(self, length: usize, periodic: bool) -> Vec<f64> {
        let (a, period) = match self {
            Window::None => return vec![1.0; length],
            Window::Hann => (0.5, length),
            Window::Hamming => (0.54, length),
        };
        let period = if periodic { period } else { period.max(2) - 1 };
        let wave = |n: usize| a - (1.0 - a) * (2.0 * PI * n as f64 / period as f64).cos();
        match length {
            1 => vec![1.0],
            _ => (0..length).map(wave).collect(),
        }
    }

    /// The factors of a frame, divided as `scaling` says.
    pub(crate) fn scaled(self, length: usize, periodic: bool, scaling: Scaling) -> Vec<f64> {
        let mut factors = self.factors(length, periodic);
        let by = match scaling {
            // As in Keras, frames without a window are not scaled.
            _ if self == Window::None => 1.0,
            Scaling::None => 1.0,
            Scaling::Density => factors.iter().map(|w| w * w).sum::<f64>().sqrt(),
            Scaling::Spectrum => factors.iter().map(|w| w.abs()).sum(),
        };
        factors.iter_mut().for_each(|w| *w /= by);
        factors
    }
}

/// A part of a transform of `size` points, of samples that have these factors and begin `start` points
/// in: `[samples, bins]`, row by row, where `bins` are the lowest frequencies.
pub(crate) fn waves(
    part: Part,
    factors: &[f64],
    size: usize,
    start: usize,
    bins: usize,
) -> Vec<f64> {
    let f = match part {
        Part::Real => f64::cos,
        Part::Imag => f64::sin,
    };
    let mut numbers = Vec::with_capacity(factors.len() * bins);
    for (n, factor) in factors.iter().enumerate() {
        for k in 0..bins {
            // The angle is reduced while it is a whole number of parts of a turn.
            let parts = ((n + start) * k) % size.max(1);
            numbers.push(factor * f(-2.0 * PI * parts as f64 / size as f64));
        }
    }
    numbers
}

words!(Window, "hann" => Window::Hann, "hamming" => Window::Hamming, "none" => Window::None);
words!(Scaling,
    "density" => Scaling::Density,
    "spectrum" => Scaling::Spectrum,
    "none" => Scaling::None,
);
words!(Part, "real" => Part::Real, "imag" => Part::Imag);
