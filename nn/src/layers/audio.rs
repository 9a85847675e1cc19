//! Sounds as pictures: how strong each frequency is over time. Frames are multiplied by matrices of
//! sines and cosines, so these layers have gradients and are compiled like any other.

mod mel;

pub use crate::fourier::{Scaling, Window};
pub use mel::MelSpectrogram;

use super::{Meta, layer, options};
use crate::describe::{described, words};
use crate::error::NnError;
use crate::fourier::{Part, waves};
use crate::functional::{Conv, Padding, conv};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Type};

/// Real and imaginary parts of a Fourier transform of `size` points, each of `factors.len()` samples
/// that begin `start` points in: two kernels `[samples, 1, size / 2 + 1]`.
fn kernels(tracer: &Tracer, factors: &[f64], size: usize, start: usize) -> [Tensor; 2] {
    let bins = size / 2 + 1;
    [Part::Real, Part::Imag].map(|part| {
        let ty = Type::new(DType::F32, [factors.len(), 1, bins]);
        let numbers = waves(part, factors, size, start, bins);
        tracer.constant(Array::from_f64(ty, &numbers))
    })
}

/// What [`StftSpectrogram`] gives of every frame and frequency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SpectrogramMode {
    /// The logarithm of the magnitude.
    #[default]
    Log,
    /// The root of the power.
    Magnitude,
    /// The power, that of negative frequencies included.
    Psd,
    /// The real part.
    Real,
    /// The imaginary part.
    Imag,
    /// The angle, from -pi to pi.
    Angle,
    /// Real parts, then imaginary parts.
    Stft,
}

/// Added where a logarithm or root would be of 0.
const LEAST: f64 = 1e-7;

/// Short-time Fourier transform of `[batch, time, channels]`: `[batch, frames, channels *
/// frequencies]`.
#[derive(Clone, Debug)]
pub struct StftSpectrogram {
    meta: Meta,
    mode: SpectrogramMode,
    frame_length: usize,
    frame_step: Option<usize>,
    fft_length: Option<usize>,
    window: Window,
    periodic: bool,
    scaling: Scaling,
    padding: Padding<1>,
    expand_dims: bool,
}

impl StftSpectrogram {
    /// The logarithm of the magnitudes of frames of `frame_length` samples that overlap by half, under
    /// a Hann window.
    pub fn new(frame_length: usize) -> StftSpectrogram {
        StftSpectrogram {
            meta: Meta::new("stft_spectrogram"),
            mode: SpectrogramMode::Log,
            frame_length,
            frame_step: None,
            fft_length: None,
            window: Window::Hann,
            periodic: false,
            scaling: Scaling::Density,
            padding: Padding::Valid,
            expand_dims: false,
        }
    }

    /// Sets the samples from the start of a frame to that of the next.
    pub fn frame_step(mut self, samples: usize) -> StftSpectrogram {
        self.frame_step = Some(samples);
        self
    }

    /// Sets the points of the transform, else the power of two that holds a frame; more than the frame
    /// has are zeros.
    pub fn fft_length(mut self, points: usize) -> StftSpectrogram {
        self.fft_length = Some(points);
        self
    }
}

options!(StftSpectrogram {
    /// Sets what is given of every frame and frequency.
    mode: SpectrogramMode,
    /// Sets what the samples of a frame are multiplied by.
    window: Window,
    /// Sets whether the window would begin anew after its last sample.
    periodic: bool,
    /// Sets what the window is divided by.
    scaling: Scaling,
    /// Sets whether frames lie inside (`Valid`) or reach beyond the ends (`Same`).
    padding: Padding<1>,
    /// Sets whether channels stay an axis of their own: `[batch, frames, frequencies, channels]`.
    expand_dims: bool,
});

layer!(StftSpectrogram, |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("stft_spectrogram", 3, "(batch, time, channels)") {
        return x.clone();
    }
    let size = self
        .fft_length
        .unwrap_or(self.frame_length.next_power_of_two());
    if self.frame_length == 0 || size < self.frame_length {
        let expected = format!(
            "at least the frame's {} samples, above 0",
            self.frame_length
        );
        return wrong(
            x,
            "stft_spectrogram",
            "the length of the transform",
            expected,
            size,
        );
    }
    let options = Conv {
        strides: [self.frame_step.unwrap_or((self.frame_length / 2).max(1))],
        padding: self.padding,
        ..Conv::default()
    };
    let (batch, time, channels) = (x.dim(0), x.dim(1), x.dim(2));
    let apart = x
        .transpose(&[0, 2, 1])
        .reshape(&[batch * channels, time, 1]);
    let factors = self
        .window
        .scaled(self.frame_length, self.periodic, self.scaling);
    let [real, imag] = kernels(x.tracer(), &factors, size, 0).map(|kernel| {
        let y = conv(&apart, &kernel, &options);
        let (frames, bins) = (y.dim(1), y.dim(2));
        let y = y.reshape(&[batch, channels, frames, bins]);
        y.transpose(&[0, 2, 3, 1])
    });
    let power = || real.square() + imag.square();
    let magnitude = || power().maximum(LEAST).sqrt();
    let y = match self.mode {
        SpectrogramMode::Log => magnitude().maximum(LEAST).log(),
        SpectrogramMode::Magnitude => magnitude(),
        SpectrogramMode::Psd => {
            let power = power();
            let bins = power.dim(2);
            let inner = power.slice_axis(2, 1..bins.max(2) - 1);
            power + inner.pad(&[(0, 0), (0, 0), (1, 1), (0, 0)], 0.0)
        }
        SpectrogramMode::Real => real.clone(),
        SpectrogramMode::Imag => imag.clone(),
        SpectrogramMode::Angle => imag.atan2(&real),
        SpectrogramMode::Stft => Tensor::concat(&[&real, &imag], 2),
    };
    match self.expand_dims {
        true => y,
        false => {
            let shape = [y.dim(0), y.dim(1), channels * y.dim(2)];
            y.transpose(&[0, 1, 3, 2]).reshape(&shape)
        }
    }
});

fn wrong(
    x: &Tensor,
    op: &'static str,
    what: &'static str,
    expected: String,
    found: impl ToString,
) -> Tensor {
    let error = NnError::Argument {
        layer: x.tracer().current(),
        op,
        what,
        expected,
        found: found.to_string(),
    };
    x.fail(x.ty().clone(), error)
}

words!(SpectrogramMode,
    "log" => SpectrogramMode::Log,
    "magnitude" => SpectrogramMode::Magnitude,
    "psd" => SpectrogramMode::Psd,
    "real" => SpectrogramMode::Real,
    "imag" => SpectrogramMode::Imag,
    "angle" => SpectrogramMode::Angle,
    "stft" => SpectrogramMode::Stft,
);

described!(StftSpectrogram "STFTSpectrogram", StftSpectrogram::new(256), |self, k| {
    k.key("mode", &mut self.mode)?;
    k.key("frame_length", &mut self.frame_length)?;
    k.may("frame_step", &mut self.frame_step)?;
    k.may("fft_length", &mut self.fft_length)?;
    k.key("window", &mut self.window)?;
    k.key("periodic", &mut self.periodic)?;
    k.key("scaling", &mut self.scaling)?;
    k.key("padding", &mut self.padding)?;
    k.key("expand_dims", &mut self.expand_dims)?;
});
