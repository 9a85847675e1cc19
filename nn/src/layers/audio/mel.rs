//! Spectrograms in the bands of hearing.

use super::{Window, kernels, wrong};
use crate::describe::described;
use crate::functional::{Conv, conv};
use crate::layers::{Meta, layer, options};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Type};

/// How strong the bands of hearing are over time, in decibels: `[batch, time]` gives `[batch, bands,
/// frames]`.
#[derive(Clone, Debug)]
pub struct MelSpectrogram {
    meta: Meta,
    fft_length: usize,
    sequence_stride: usize,
    sequence_length: Option<usize>,
    window: Window,
    sampling_rate: f64,
    num_mel_bins: usize,
    min_freq: f64,
    max_freq: Option<f64>,
    power_to_db: bool,
    top_db: f64,
    mag_exp: f64,
    min_power: f64,
    ref_power: f64,
}

impl MelSpectrogram {
    /// `bands` bands of sounds of `sampling_rate` samples a second; frames of 2048 samples begin every
    /// 512 samples.
    pub fn new(sampling_rate: f64, bands: usize) -> MelSpectrogram {
        MelSpectrogram {
            meta: Meta::new("mel_spectrogram"),
            fft_length: 2048,
            sequence_stride: 512,
            sequence_length: None,
            window: Window::Hann,
            sampling_rate,
            num_mel_bins: bands,
            min_freq: 20.0,
            max_freq: None,
            power_to_db: true,
            top_db: 80.0,
            mag_exp: 2.0,
            min_power: 1e-10,
            ref_power: 1.0,
        }
    }

    /// Sets the samples of a frame that count; else they are all points of the transform.
    pub fn sequence_length(mut self, samples: usize) -> MelSpectrogram {
        self.sequence_length = Some(samples);
        self
    }

    /// Sets the end of the highest band in hertz; else it is half of the sampling rate.
    pub fn max_freq(mut self, hertz: f64) -> MelSpectrogram {
        self.max_freq = Some(hertz);
        self
    }

    /// How much each frequency counts in each band: triangles between neighbours on the scale of
    /// mels, `[frequencies, bands]`.
    fn bands(&self, tracer: &Tracer) -> Tensor {
        let bins = self.fft_length / 2 + 1;
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        let half = self.sampling_rate / 2.0;
        let (low, high) = (mel(self.min_freq), mel(self.max_freq.unwrap_or(half)));
        let edge = |i: usize| low + (high - low) * i as f64 / (self.num_mel_bins + 1) as f64;
        let mut numbers = vec![0.0; bins * self.num_mel_bins];
        // The constant part of the sound is in no band.
        for bin in 1..bins {
            let at = mel(half * bin as f64 / (bins - 1) as f64);
            for band in 0..self.num_mel_bins {
                let [left, middle, right] = [edge(band), edge(band + 1), edge(band + 2)];
                let up = (at - left) / (middle - left);
                let down = (right - at) / (right - middle);
                numbers[bin * self.num_mel_bins + band] = up.min(down).max(0.0);
            }
        }
        let ty = Type::new(DType::F32, [bins, self.num_mel_bins]);
        tracer.constant(Array::from_f64(ty, &numbers))
    }
}

options!(MelSpectrogram {
    /// Sets the points of the transform of a frame.
    fft_length: usize,
    /// Sets the samples from the start of a frame to that of the next.
    sequence_stride: usize,
    /// Sets what the samples of a frame are multiplied by.
    window: Window,
    /// Sets the start of the lowest band in hertz.
    min_freq: f64,
    /// Sets whether the result is in decibels.
    power_to_db: bool,
    /// Sets how many decibels below the greatest number of its sound a number can be.
    top_db: f64,
    /// Sets the power of the magnitudes that is added up in a band.
    mag_exp: f64,
    /// Sets the least number that has decibels.
    min_power: f64,
    /// Sets the number of 0 decibels.
    ref_power: f64,
});

layer!(MelSpectrogram, |self, _cx, x| {
    let x = &x[0];
    let op = "mel_spectrogram";
    if !x.must_have_rank(op, 2, "(batch, time)") {
        return x.clone();
    }
    let (size, edge, time) = (self.fft_length, self.fft_length / 2, x.dim(1));
    let length = self.sequence_length.unwrap_or(size);
    if length == 0 || size < length {
        let expected = format!("at least the {length} samples of a frame, above 0");
        return wrong(x, op, "the length of the transform", expected, size);
    }
    if time <= edge {
        let expected = format!("more than half a frame, {edge} samples");
        return wrong(x, op, "the length of the sound", expected, time);
    }
    // Half a frame before and after, mirrored, so that frames are centred on their times.
    let before = x.slice_axis(1, 1..edge + 1).reverse(&[1]);
    let after = x.slice_axis(1, time - 1 - edge..time - 1).reverse(&[1]);
    let sound = Tensor::concat(&[&before, x, &after], 1).expand_dims(2);
    let start = (size - length) / 2;
    let factors = self.window.factors(length, true);
    let sound = sound.slice_axis(1, start..start + time + 2 * edge - (size - length));
    let options = Conv {
        strides: [self.sequence_stride],
        ..Conv::default()
    };
    let parts = kernels(x.tracer(), &factors, size, start);
    let [real, imag] = parts.map(|kernel| conv(&sound, &kernel, &options));
    let power = real.square() + imag.square();
    let power = match self.mag_exp {
        2.0 => power,
        exponent => power.maximum(1e-30).power(exponent / 2.0),
    };
    let mut y = power.matmul(&self.bands(x.tracer()));
    if self.power_to_db {
        let decibels = 10.0 / std::f64::consts::LN_10;
        let reference = self.ref_power.abs().max(self.min_power).ln() * decibels;
        y = y.maximum(self.min_power).log() * decibels - reference;
        // Of each sound by itself: what else is in the batch makes no difference.
        let floor = y.max(&[1, 2]).keep(&y, &[1, 2]) - self.top_db;
        y = y.maximum(floor.broadcast_to(y.shape()));
    }
    y.transpose(&[0, 2, 1])
});

described!(MelSpectrogram "MelSpectrogram", MelSpectrogram::new(16_000.0, 128), |self, k| {
    k.key("fft_length", &mut self.fft_length)?;
    k.key("sequence_stride", &mut self.sequence_stride)?;
    k.may("sequence_length", &mut self.sequence_length)?;
    k.key("window", &mut self.window)?;
    k.key("sampling_rate", &mut self.sampling_rate)?;
    k.key("num_mel_bins", &mut self.num_mel_bins)?;
    k.key("min_freq", &mut self.min_freq)?;
    k.may("max_freq", &mut self.max_freq)?;
    k.key("power_to_db", &mut self.power_to_db)?;
    k.key("top_db", &mut self.top_db)?;
    k.key("mag_exp", &mut self.mag_exp)?;
    k.key("min_power", &mut self.min_power)?;
    k.key("ref_power", &mut self.ref_power)?;
});
