//! Initial weights. Every initialiser is a pure function of shape and random stream.

mod described;

use crate::fourier::waves;
use crate::rng::Rng;
use craneflow_ir::{Array, DType, Scalar, Shape, Type};

pub use crate::fourier::{Part, Scaling, Window};

/// How a weight starts. `fan_in` and `fan_out` are the numbers of elements that one output depends
/// on and that one input reaches.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this number.
    Constant(f32),
    /// Uniform within `sqrt(6 / (fan_in + fan_out))` of 0.
    GlorotUniform,
    /// Normal of variance `2 / (fan_in + fan_out)`, cut at two standard deviations.
    GlorotNormal,
    /// Uniform within `sqrt(6 / fan_in)` of 0.
    HeUniform,
    /// Normal of variance `2 / fan_in`, cut at two standard deviations.
    HeNormal,
    /// Uniform within `sqrt(3 / fan_in)` of 0.
    LecunUniform,
    /// Normal of variance `1 / fan_in`, cut at two standard deviations.
    LecunNormal,
    /// Of variance `scale / n`, where `n` is what `fan` says.
    VarianceScaling {
        /// Numerator of the variance.
        scale: f64,
        /// Denominator.
        fan: Fan,
        /// How values are spread.
        spread: Spread,
    },
    /// A random orthogonal matrix times `gain`; the last axis is the columns, all others the rows.
    Orthogonal {
        /// What it is multiplied by.
        gain: f64,
    },
    /// The identity matrix times `gain`; rank 2.
    Identity {
        /// What it is multiplied by.
        gain: f32,
    },
    /// Normal, cut at two standard deviations.
    TruncatedNormal {
        /// Mean.
        mean: f32,
        /// Standard deviation before cutting.
        stddev: f32,
    },
    /// Uniform in `low..=high`.
    Uniform {
        /// Least value.
        low: f32,
        /// Greatest value.
        high: f32,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f32,
        /// Standard deviation.
        stddev: f32,
    },
    /// A part of the Fourier transform of frames under a window, so that a convolution with a kernel `[samples, 1,
    /// bins]` gives the lowest frequencies of a transform of `2 * (bins - 1)` points.
    Stft {
        /// Cosines or sines.
        side: Part,
        /// What the samples of a frame are multiplied by.
        window: Window,
        /// What the window is divided by.
        scaling: Scaling,
        /// Whether the window would begin anew after its last sample.
        periodic: bool,
    },
}

/// What a variance is divided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fan {
    /// The number of inputs of one output.
    In,
    /// The number of outputs of one input.
    Out,
    /// The mean of both.
    Average,
}

/// How the values of [`Init::VarianceScaling`] are spread around 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spread {
    /// Evenly within a limit.
    Uniform,
    /// Normal.
    Normal,
    /// Normal, cut at two standard deviations.
    TruncatedNormal,
}

/// Standard deviation of a standard normal that is cut at 2.
const CUT: f64 = 0.879_625_661_034_239_8;

impl Init {
    /// The start of a weight of type `f32`.
    pub fn array(self, shape: &Shape, rng: &mut Rng) -> Array {
        self.array_between(shape, fans(shape), rng)
    }

    /// The start of a weight between so many inputs and outputs, which do not follow from its shape.
    pub(crate) fn array_between(
        self,
        shape: &Shape,
        (fan_in, fan_out): (f64, f64),
        rng: &mut Rng,
    ) -> Array {
        let ty = Type::new(DType::F32, shape.clone());
        let mut draw: Box<dyn FnMut() -> f32> = match self {
            Init::Zeros => Box::new(|| 0.0),
            Init::Ones => Box::new(|| 1.0),
            Init::Constant(x) => Box::new(move || x),
            Init::GlorotUniform => within(rng, 6.0 / (fan_in + fan_out)),
            Init::HeUniform => within(rng, 6.0 / fan_in),
            Init::GlorotNormal => cut_normal(rng, 2.0 / (fan_in + fan_out)),
            Init::HeNormal => cut_normal(rng, 2.0 / fan_in),
            Init::LecunUniform => within(rng, 3.0 / fan_in),
            Init::LecunNormal => cut_normal(rng, 1.0 / fan_in),
            Init::VarianceScaling { scale, fan, spread } => {
                let count = match fan {
                    Fan::In => fan_in,
                    Fan::Out => fan_out,
                    Fan::Average => (fan_in + fan_out) / 2.0,
                };
                let variance = scale / count;
                match spread {
                    Spread::Uniform => within(rng, 3.0 * variance),
                    Spread::TruncatedNormal => cut_normal(rng, variance),
                    Spread::Normal => {
                        let stddev = variance.sqrt() as f32;
                        normal(rng, shape, move |x| stddev * x)
                    }
                }
            }
            Init::Orthogonal { gain } => listed(orthogonal(shape, gain, rng)),
            Init::Identity { gain } => {
                let columns = shape.last().copied().unwrap_or(1).max(1);
                let mut n = 0;
                Box::new(move || {
                    n += 1;
                    if (n - 1) / columns == (n - 1) % columns {
                        gain
                    } else {
                        0.0
                    }
                })
            }
            Init::TruncatedNormal { mean, stddev } => Box::new(move || {
                loop {
                    let x = rng.normal();
                    if x.abs() < 2.0 {
                        return mean + stddev * x;
                    }
                }
            }),
            Init::Uniform { low, high } => Box::new(move || rng.uniform_in(low, high)),
            Init::Normal { mean, stddev } => normal(rng, shape, move |x| mean + stddev * x),
            Init::Stft {
                side,
                window,
                scaling,
                periodic,
            } => {
                let frame = shape.first().copied().unwrap_or(1);
                let bins = shape.last().copied().unwrap_or(1);
                let factors = window.scaled(frame, periodic, scaling);
                let waves = waves(side, &factors, 2 * bins.max(2) - 2, 0, bins);
                // Every channel has the same.
                let channels = shape.count() / (frame * bins).max(1);
                let rows = waves.chunks(bins.max(1));
                let rows = rows.flat_map(|row| std::iter::repeat_n(row, channels));
                listed(rows.flatten().map(|&x| x as f32).collect())
            }
        };
        Array::from_fn(ty, |_| Scalar::f32(draw()))
    }
}

fn within(rng: &mut Rng, variance: f64) -> Box<dyn FnMut() -> f32 + '_> {
    let limit = variance.sqrt() as f32;
    Box::new(move || rng.uniform_in(-limit, limit))
}

fn cut_normal(rng: &mut Rng, variance: f64) -> Box<dyn FnMut() -> f32 + '_> {
    let stddev = (variance.sqrt() / CUT) as f32;
    Box::new(move || {
        loop {
            let x = rng.normal();
            if x.abs() < 2.0 {
                return x * stddev;
            }
        }
    })
}

/// As many normal draws as a tensor has elements, each changed by `f`.
fn normal<'a>(
    rng: &mut Rng,
    shape: &Shape,
    f: impl Fn(f32) -> f32,
) -> Box<dyn FnMut() -> f32 + 'a> {
    listed(rng.normals(shape.count()).into_iter().map(f).collect())
}

fn listed<'a>(values: Vec<f32>) -> Box<dyn FnMut() -> f32 + 'a> {
    let mut values = values.into_iter();
    Box::new(move || values.next().unwrap_or(0.0))
}

/// A matrix with orthonormal rows or columns, whichever are fewer, times `gain`: normal vectors made
/// orthogonal one after the other, twice for accuracy.
fn orthogonal(shape: &Shape, gain: f64, rng: &mut Rng) -> Vec<f32> {
    let columns = shape.last().copied().unwrap_or(1);
    let rows = shape.count() / columns.max(1);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = vec![];
    while vectors.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| f64::from(rng.normal())).collect();
        for _ in 0..2 {
            for u in &vectors {
                let along: f64 = v.iter().zip(u).map(|(a, b)| a * b).sum();
                v.iter_mut().zip(u).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = v.iter().map(|a| a * a).sum::<f64>().sqrt();
        // A vector that lies in the span of the others is drawn again.
        if norm > 1e-6 {
            v.iter_mut().for_each(|a| *a /= norm);
            vectors.push(v);
        }
    }
    let at = |r: usize, c: usize| {
        if rows <= columns {
            vectors[r][c]
        } else {
            vectors[c][r]
        }
    };
    let places = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c)));
    places.map(|(r, c)| (gain * at(r, c)) as f32).collect()
}

/// Fan in and fan out of a kernel: the last two axes are inputs and outputs, others are space.
fn fans(shape: &Shape) -> (f64, f64) {
    let (fan_in, fan_out) = match &shape.0[..] {
        [] => (1, 1),
        [n] => (*n, *n),
        [space @ .., i, o] => {
            let space: usize = space.iter().product();
            (space * i, space * o)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(init: Init, shape: [usize; 2]) -> (f64, f64, f64) {
        let x = init.array(&shape.into(), &mut Rng::new(1)).to_f64();
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let greatest = x.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        (mean, variance, greatest)
    }

    fn scaled(scale: f64, fan: Fan, spread: Spread) -> Init {
        Init::VarianceScaling { scale, fan, spread }
    }

    #[test]
    fn variances_are_those_of_the_names() {
        let shape = [200, 300];
        let expected: [(Init, f64); 10] = [
            (Init::LecunUniform, 1.0 / 200.0),
            (Init::LecunNormal, 1.0 / 200.0),
            (scaled(3.0, Fan::Out, Spread::Normal), 0.01),
            (scaled(2.0, Fan::Average, Spread::Uniform), 0.008),
            (Init::GlorotUniform, 2.0 / 500.0),
            (Init::GlorotNormal, 2.0 / 500.0),
            (Init::HeUniform, 2.0 / 200.0),
            (Init::HeNormal, 2.0 / 200.0),
            (
                Init::Normal {
                    mean: 0.0,
                    stddev: 0.5,
                },
                0.25,
            ),
            (
                Init::Uniform {
                    low: -1.0,
                    high: 1.0,
                },
                1.0 / 3.0,
            ),
        ];
        for (init, variance) in expected {
            let (mean, found, _) = moments(init, shape);
            assert!(mean.abs() < 0.02 * variance.sqrt(), "{init:?}: {mean}");
            assert!((found / variance - 1.0).abs() < 0.02, "{init:?}: {found}");
        }
        let (.., greatest) = moments(Init::GlorotUniform, shape);
        assert!(greatest <= (6.0f64 / 500.0).sqrt() + 1e-7);
    }

    #[test]
    fn orthogonal_matrices_are() {
        for shape in [[3, 5], [5, 3], [4, 4]] {
            let init = Init::Orthogonal { gain: 2.0 };
            let x = init.array(&shape.into(), &mut Rng::new(2)).to_f64();
            let at = |i: usize, k: usize| match shape[0] <= shape[1] {
                true => x[i * shape[1] + k],
                false => x[k * shape[1] + i],
            };
            let (n, length) = (shape[0].min(shape[1]), shape[0].max(shape[1]));
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let product: f64 = (0..length).map(|k| at(i, k) * at(j, k)).sum();
                let expected = if i == j { 4.0 } else { 0.0 };
                assert!(
                    (product - expected).abs() < 1e-5,
                    "{shape:?} {i} {j}: {product}"
                );
            }
        }
        let identity = Init::Identity { gain: 3.0 }.array(&[2, 3].into(), &mut Rng::new(0));
        assert_eq!(identity.to_f64(), [3.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
    }

    #[test]
    fn waves_under_windows_are_those_of_keras() {
        let (side, window) = (Part::Real, Window::Hann);
        let hann = |periodic, scaling| Init::Stft {
            side,
            window,
            scaling,
            periodic,
        };
        let h = std::f64::consts::FRAC_1_SQRT_2;
        let sines = Init::Stft {
            side: Part::Imag,
            window: Window::Hamming,
            scaling: Scaling::Spectrum,
            periodic: true,
        };
        let none = [0.0; 5];
        let cases = [
            (
                hann(false, Scaling::Density),
                [none, [h, 0.5, 0.0, -0.5, -h], [h, 0.0, -h, 0.0, h], none],
            ),
            (
                sines,
                [
                    none,
                    [0.0, -0.176_776_69, -0.25, -0.176_776_69, 0.0],
                    [0.0, -0.462_962_96, 0.0, 0.462_962_96, 0.0],
                    [0.0, -0.176_776_69, 0.25, -0.176_776_69, 0.0],
                ],
            ),
        ];
        for (init, expected) in cases {
            for channels in [1, 2] {
                let found = init.array(&[4, channels, 5].into(), &mut Rng::new(0));
                let found = found.to_f64();
                for (n, row) in expected.iter().enumerate() {
                    for (k, expected) in row.iter().enumerate() {
                        for c in 0..channels {
                            let found = found[(n * channels + c) * 5 + k];
                            assert!((found - expected).abs() < 1e-7, "{init:?} {n} {k}: {found}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_convolution_counts_its_window() {
        assert_eq!(fans(&[3, 3, 16, 32].into()), (144.0, 288.0));
        assert_eq!(fans(&[7].into()), (7.0, 7.0));
    }
}
