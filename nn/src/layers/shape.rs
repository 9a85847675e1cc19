//! Layers that change shapes, or apply other layers along an axis.

use super::{Layer, Meta, by_rank, layer, options, plain};
use crate::describe::{described, words};
use crate::functional::{self as f, axes_of};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Shape};
use std::sync::Arc;

pub use crate::functional::Interpolation;

plain!(
    /// Its input.
    Identity "identity", |self, _cx, x| x[0].clone()
);

plain!(
    /// All elements of a sample in one row: `[batch, ..]` gives `[batch, n]`.
    Flatten "flatten", |self, _cx, x| {
        let batch = x[0].dim(0);
        let count = x[0].shape().count() / batch.max(1);
        x[0].reshape(&[batch, count])
    }
);

/// The elements of every sample under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    meta: Meta,
    shape: Shape,
}

impl Reshape {
    /// To `shape`, that of one sample without the batch.
    pub fn new(shape: impl Into<Shape>) -> Reshape {
        Reshape {
            meta: Meta::new("reshape"),
            shape: shape.into(),
        }
    }
}

layer!(Reshape, |self, _cx, x| {
    let mut shape = vec![x[0].dim(0)];
    shape.extend(self.shape.iter());
    x[0].reshape(&shape)
});

/// The axes of every sample in another order.
#[derive(Clone, Debug)]
pub struct Permute {
    meta: Meta,
    axes: Vec<usize>,
}

impl Permute {
    /// Axis `i` of the result is axis `axes[i - 1]`, counted from 1: the batch is axis 0 and stays.
    pub fn new(axes: &[usize]) -> Permute {
        Permute {
            meta: Meta::new("permute"),
            axes: axes.to_vec(),
        }
    }
}

layer!(Permute, |self, _cx, x| {
    let order: Vec<usize> = [0].into_iter().chain(self.axes.iter().copied()).collect();
    x[0].transpose(&order)
});

/// Rows repeated: `[batch, width]` gives `[batch, n, width]`.
#[derive(Clone, Debug)]
pub struct RepeatVector {
    meta: Meta,
    n: usize,
}

impl RepeatVector {
    /// `n` times.
    pub fn new(n: usize) -> RepeatVector {
        RepeatVector {
            meta: Meta::new("repeat_vector"),
            n,
        }
    }
}

layer!(RepeatVector, |self, _cx, x| {
    let x = &x[0];
    match x.must_have_rank("repeat_vector", 2, "(batch, features)") {
        true => x.expand_dims(1).broadcast_to(&[x.dim(0), self.n, x.dim(1)]),
        false => x.clone(),
    }
});

/// Larger along the spatial axes of `[batch, space.., channels]`.
#[derive(Clone, Debug)]
pub struct UpSamplingNd<const N: usize> {
    meta: Meta,
    factors: [usize; N],
    interpolation: Interpolation,
}

/// Series made longer.
pub type UpSampling1D = UpSamplingNd<1>;
/// Images made larger.
pub type UpSampling2D = UpSamplingNd<2>;
/// Volumes made larger.
pub type UpSampling3D = UpSamplingNd<3>;

impl<const N: usize> UpSamplingNd<N> {
    /// By these factors; every element is repeated.
    pub fn new(factors: [usize; N]) -> Self {
        let kinds = ["up_sampling1d", "up_sampling2d", "up_sampling3d"];
        UpSamplingNd {
            meta: Meta::new(by_rank(kinds, N)),
            factors,
            interpolation: Interpolation::Nearest,
        }
    }
}

options!([const N: usize] UpSamplingNd[N] {
    /// Sets how what lies between elements is estimated.
    interpolation: Interpolation,
});

layer!([const N: usize] UpSamplingNd[N], |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("up_sampling", N + 2, axes_of(N)) {
        return x.clone();
    }
    let larger = |y: Tensor, i: usize| match self.interpolation {
        Interpolation::Nearest => f::repeat(&y, 1 + i, self.factors[i]),
        how => f::resize(&y, 1 + i, x.shape()[1 + i] * self.factors[i], how, false),
    };
    (0..N).fold(x.clone(), larger)
});

macro_rules! edges {
    ($Edges:ident, $One:ident $Two:ident $Three:ident, $kinds:expr, $names:expr, $key:literal, $sign:literal, $about:literal) => {
        #[doc = concat!($about, " around the spatial axes of `[batch, space.., channels]`.")]
        #[derive(Clone, Debug)]
        pub struct $Edges<const N: usize> {
            meta: Meta,
            edges: [(usize, usize); N],
        }

        #[doc = concat!($about, " at the ends of series.")]
        pub type $One = $Edges<1>;
        #[doc = concat!($about, " around images.")]
        pub type $Two = $Edges<2>;
        #[doc = concat!($about, " around volumes.")]
        pub type $Three = $Edges<3>;

        impl<const N: usize> $Edges<N> {
            /// This many `(before, after)` along every spatial axis.
            pub fn new(edges: [(usize, usize); N]) -> Self {
                $Edges {
                    meta: Meta::new(by_rank($kinds, N)),
                    edges,
                }
            }
        }

        layer!([const N: usize] $Edges[N], |self, _cx, x| {
            let x = &x[0];
            if !x.must_have_rank(by_rank($kinds, N), N + 2, axes_of(N)) {
                return x.clone();
            }
            let sign: i64 = $sign;
            let mut edges = vec![(0, 0); N + 2];
            for (i, (before, after)) in self.edges.into_iter().enumerate() {
                edges[1 + i] = (sign * before as i64, sign * after as i64);
            }
            x.pad(&edges, 0.0)
        });
        described!([const N: usize] $Edges[N] by_rank($names, N), $Edges::new([(1, 1); N]), |self, k| {
            k.key($key, &mut self.edges)?;
        });
    };
}
edges!(
    ZeroPaddingNd, ZeroPadding1D ZeroPadding2D ZeroPadding3D,
    ["zero_padding1d", "zero_padding2d", "zero_padding3d"],
    ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"], "padding", 1,
    "Zeros added"
);
edges!(
    CroppingNd, Cropping1D Cropping2D Cropping3D,
    ["cropping1d", "cropping2d", "cropping3d"],
    ["Cropping1D", "Cropping2D", "Cropping3D"], "cropping", -1,
    "Elements cut off"
);

/// Leaves out the steps of `[batch, time, ..]` whose elements all have one value: they become 0, and
/// later layers skip them.
#[derive(Clone, Debug)]
pub struct Masking {
    meta: Meta,
    value: f64,
}

impl Masking {
    /// The value of what is left out (Keras: 0).
    pub fn new(value: f64) -> Masking {
        Masking {
            meta: Meta::new("masking"),
            value,
        }
    }
}

layer!(Masking, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 3 {
        x.must_have_rank("masking", 3, "(batch, time, features)");
        return x.clone();
    }
    let other = x.compare(Cmp::Ne, self.value).convert(DType::F32);
    let axes: Vec<isize> = (2..x.rank() as isize).collect();
    let mask = other.max(&axes).compare(Cmp::Gt, 0.0);
    let y = x * mask.convert(x.dtype()).keep(x, &axes);
    cx.set_mask(&y, mask);
    y
});

/// A layer applied to every step of `[batch, time, ..]`.
#[derive(Clone)]
pub struct TimeDistributed {
    meta: Meta,
    layer: Arc<dyn Layer>,
}

impl TimeDistributed {
    /// Of this layer.
    pub fn new(layer: impl Layer + 'static) -> TimeDistributed {
        TimeDistributed {
            meta: Meta::new("time_distributed"),
            layer: Arc::new(layer),
        }
    }
}

layer!(TimeDistributed, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 3 {
        x.must_have_rank("time_distributed", 3, "(batch, time, ..)");
        return x.clone();
    }
    let (batch, time) = (x.dim(0), x.dim(1));
    let mut shape = vec![batch * time];
    shape.extend(&x.shape()[2..]);
    let y = cx.call("layer", &*self.layer, &[x.reshape(&shape)]);
    let mut shape = vec![batch, time];
    shape.extend(y.shape().iter().skip(1));
    y.reshape(&shape)
});

described!(Reshape "Reshape", Reshape::new([1]), |self, k| {
    k.need("target_shape", &mut self.shape)?;
});

described!(Permute "Permute", Permute::new(&[1]), |self, k| {
    k.need("dims", &mut self.axes)?;
});

described!(RepeatVector "RepeatVector", RepeatVector::new(1), |self, k| {
    k.need("n", &mut self.n)?;
});

words!(Interpolation,
    "nearest" => Interpolation::Nearest,
    "bilinear" => Interpolation::Bilinear,
    "bicubic" => Interpolation::Bicubic,
);

described!([const N: usize] UpSamplingNd[N]
    by_rank(["UpSampling1D", "UpSampling2D", "UpSampling3D"], N), UpSamplingNd::new([2; N]), |self, k| {
    k.key("size", &mut self.factors)?;
    k.key("interpolation", &mut self.interpolation)?;
});

described!(Masking "Masking", Masking::new(0.0), |self, k| {
    k.key("mask_value", &mut self.value)?;
});

described!(TimeDistributed "TimeDistributed", TimeDistributed::new(Identity::new()), |self, k| {
    k.layer(&mut self.layer)?;
});
