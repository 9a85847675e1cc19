//! Randomness while training: dropout and noise. Outside of training these layers do nothing.

use super::{Meta, by_rank, layer};
use crate::describe::described;
use crate::error::NnError;
use crate::functional::{SELU_ALPHA, SELU_SCALE, axes_of, dropout};
use crate::tensor::Tensor;

/// Notes an error unless the rate is at least 0 and below 1.
fn must_be_rate(x: &Tensor, op: &'static str, rate: f64) -> bool {
    let ok = (0.0..1.0).contains(&rate);
    if !ok {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op,
            what: "the rate",
            expected: "at least 0 and below 1".to_string(),
            found: rate.to_string(),
        };
        x.fail(x.ty().clone(), error);
    }
    ok
}

/// Zeroes a share of the elements and scales the others.
#[derive(Clone, Debug)]
pub struct Dropout {
    meta: Meta,
    rate: f64,
}

impl Dropout {
    /// Zeroes the share `rate`, at least 0 and below 1.
    pub fn new(rate: f64) -> Dropout {
        Dropout {
            meta: Meta::new("dropout"),
            rate,
        }
    }
}

layer!(Dropout, |self, cx, x| {
    if !cx.training() {
        return x[0].clone();
    }
    let bits = cx.random_bits(x[0].shape());
    dropout(&x[0], self.rate, &bits)
});

/// Zeroes whole channels and scales the others.
#[derive(Clone, Debug)]
pub struct SpatialDropoutNd<const N: usize> {
    meta: Meta,
    rate: f64,
}

/// Dropout of channels of series.
pub type SpatialDropout1D = SpatialDropoutNd<1>;
/// Dropout of channels of images.
pub type SpatialDropout2D = SpatialDropoutNd<2>;
/// Dropout of channels of volumes.
pub type SpatialDropout3D = SpatialDropoutNd<3>;

impl<const N: usize> SpatialDropoutNd<N> {
    /// Zeroes the share `rate` of the channels, at least 0 and below 1.
    pub fn new(rate: f64) -> Self {
        let kinds = [
            "spatial_dropout1d",
            "spatial_dropout2d",
            "spatial_dropout3d",
        ];
        SpatialDropoutNd {
            meta: Meta::new(by_rank(kinds, N)),
            rate,
        }
    }
}

layer!([const N: usize] SpatialDropoutNd[N], |self, cx, x| {
    let x = &x[0];
    if !cx.training() || !x.must_have_rank("spatial_dropout", N + 2, axes_of(N)) {
        return x.clone();
    }
    let mut shape = vec![1; N + 2];
    (shape[0], shape[N + 1]) = (x.dim(0), x.dim(-1));
    let bits = cx.random_bits(&shape);
    let ones = x.tracer().full(&x.ty().with_shape(shape), 1.0);
    x * dropout(&ones, self.rate, &bits)
});

/// Adds normal noise.
#[derive(Clone, Debug)]
pub struct GaussianNoise {
    meta: Meta,
    stddev: f64,
}

impl GaussianNoise {
    /// Of this standard deviation.
    pub fn new(stddev: f64) -> GaussianNoise {
        GaussianNoise {
            meta: Meta::new("gaussian_noise"),
            stddev,
        }
    }
}

layer!(GaussianNoise, |self, cx, x| match cx.training() {
    true => &x[0] + cx.normal(x[0].shape()) * self.stddev,
    false => x[0].clone(),
});

/// Multiplies by normal noise of mean 1 and variance `rate / (1 - rate)`.
#[derive(Clone, Debug)]
pub struct GaussianDropout {
    meta: Meta,
    rate: f64,
}

impl GaussianDropout {
    /// With the variance that dropout of this rate has.
    pub fn new(rate: f64) -> GaussianDropout {
        GaussianDropout {
            meta: Meta::new("gaussian_dropout"),
            rate,
        }
    }
}

layer!(GaussianDropout, |self, cx, x| {
    if !cx.training() || !must_be_rate(&x[0], "gaussian_dropout", self.rate) {
        return x[0].clone();
    }
    let stddev = (self.rate / (1.0 - self.rate)).sqrt();
    &x[0] * (cx.normal(x[0].shape()) * stddev + 1.0)
});

/// Dropout that keeps mean and variance of what `Selu` gives.
#[derive(Clone, Debug)]
pub struct AlphaDropout {
    meta: Meta,
    rate: f64,
}

impl AlphaDropout {
    /// Drops the share `rate`, at least 0 and below 1.
    pub fn new(rate: f64) -> AlphaDropout {
        AlphaDropout {
            meta: Meta::new("alpha_dropout"),
            rate,
        }
    }
}

layer!(AlphaDropout, |self, cx, x| {
    if !cx.training() || !must_be_rate(&x[0], "alpha_dropout", self.rate) {
        return x[0].clone();
    }
    let lowest = -SELU_ALPHA * SELU_SCALE;
    let a = 1.0 / ((1.0 - self.rate) * (1.0 + self.rate * lowest * lowest)).sqrt();
    let b = -a * lowest * self.rate;
    let kept = cx
        .uniform(x[0].shape())
        .compare(craneflow_ir::Cmp::Ge, self.rate);
    let dropped = x[0].tracer().full(x[0].ty(), lowest);
    kept.select(&x[0], &dropped) * a + b
});

described!(Dropout "Dropout", Dropout::new(0.5), |self, k| {
    k.need("rate", &mut self.rate)?;
});

described!(GaussianDropout "GaussianDropout", GaussianDropout::new(0.5), |self, k| {
    k.need("rate", &mut self.rate)?;
});

described!(AlphaDropout "AlphaDropout", AlphaDropout::new(0.5), |self, k| {
    k.need("rate", &mut self.rate)?;
});

described!(GaussianNoise "GaussianNoise", GaussianNoise::new(0.5), |self, k| {
    k.need("stddev", &mut self.stddev)?;
});

described!([const N: usize] SpatialDropoutNd[N]
    by_rank(["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"], N), SpatialDropoutNd::new(0.5), |self, k| {
    k.need("rate", &mut self.rate)?;
});
