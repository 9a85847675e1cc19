//! Initial weights. Every initialiser is a pure function of shape and random stream.

use crate::rng::Rng;
use craneflow_ir::{Array, DType, Scalar, Shape, Type};

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
}

/// Standard deviation of a standard normal that is cut at 2.
const CUT: f64 = 0.879_625_661_034_239_8;

impl Init {
    /// The start of a weight of type `f32`.
    pub fn array(self, shape: &Shape, rng: &mut Rng) -> Array {
        let ty = Type::new(DType::F32, shape.clone());
        let (fan_in, fan_out) = fans(shape);
        let mut draw: Box<dyn FnMut() -> f32> = match self {
            Init::Zeros => Box::new(|| 0.0),
            Init::Ones => Box::new(|| 1.0),
            Init::Constant(x) => Box::new(move || x),
            Init::GlorotUniform => within(rng, 6.0 / (fan_in + fan_out)),
            Init::HeUniform => within(rng, 6.0 / fan_in),
            Init::GlorotNormal => cut_normal(rng, 2.0 / (fan_in + fan_out)),
            Init::HeNormal => cut_normal(rng, 2.0 / fan_in),
            Init::Uniform { low, high } => Box::new(move || rng.uniform_in(low, high)),
            Init::Normal { mean, stddev } => Box::new(move || mean + stddev * rng.normal()),
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

    #[test]
    fn variances_are_those_of_the_names() {
        let shape = [200, 300];
        let expected: [(Init, f64); 6] = [
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
    fn a_convolution_counts_its_window() {
        assert_eq!(fans(&[3, 3, 16, 32].into()), (144.0, 288.0));
        assert_eq!(fans(&[7].into()), (7.0, 7.0));
    }
}
