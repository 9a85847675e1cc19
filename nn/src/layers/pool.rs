//! Pooling over one, two or three spatial axes.

use super::{Meta, by_rank, layer, options};
use crate::describe::described;
use crate::functional::{
    Padding, Pool, adaptive_avg_pool, adaptive_max_pool, avg_pool, axes_of, max_pool,
};
use craneflow_ir::DType;

macro_rules! pool {
    ($Pool:ident, $One:ident $Two:ident $Three:ident, $kinds:expr, $names:expr, $function:ident, $about:literal) => {
        #[doc = $about]
        #[derive(Clone, Debug)]
        pub struct $Pool<const N: usize> {
            meta: Meta,
            options: Pool<N>,
        }

        #[doc = concat!($about, " Series `[batch, time, channels]`.")]
        pub type $One = $Pool<1>;
        #[doc = concat!($about, " Images `[batch, height, width, channels]`.")]
        pub type $Two = $Pool<2>;
        #[doc = concat!($about, " Volumes `[batch, depth, height, width, channels]`.")]
        pub type $Three = $Pool<3>;

        impl<const N: usize> $Pool<N> {
            /// Windows of `size` side by side, inside.
            pub fn new(size: [usize; N]) -> Self {
                $Pool {
                    meta: Meta::new(by_rank($kinds, N)),
                    options: Pool {
                        size,
                        strides: size,
                        padding: Padding::Valid,
                    },
                }
            }

            /// Sets the steps between windows.
            pub fn strides(mut self, strides: [usize; N]) -> Self {
                self.options.strides = strides;
                self
            }

            /// Sets what is put around; it never counts.
            pub fn padding(mut self, padding: Padding<N>) -> Self {
                self.options.padding = padding;
                self
            }
        }

        layer!([const N: usize] $Pool[N], |self, _cx, x| $function(&x[0], &self.options));
        described!([const N: usize] $Pool[N] by_rank($names, N), $Pool::new([2; N]), |self, k| {
            k.key("pool_size", &mut self.options.size)?;
            if k.reads() {
                self.options.strides = self.options.size;
            }
            k.key("strides", &mut self.options.strides)?;
            k.key("padding", &mut self.options.padding)?;
        });
    };
}
pool!(
    MaxPoolNd, MaxPool1D MaxPool2D MaxPool3D,
    ["max_pooling1d", "max_pooling2d", "max_pooling3d"],
    ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"],
    max_pool,
    "The greatest element of every window."
);
pool!(
    AveragePoolNd, AveragePool1D AveragePool2D AveragePool3D,
    ["average_pooling1d", "average_pooling2d", "average_pooling3d"],
    ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"],
    avg_pool,
    "The mean of every window."
);

macro_rules! global_pool {
    ($Pool:ident, $One:ident $Two:ident $Three:ident, $kinds:expr, $names:expr, |$cx:ident, $x:ident, $axes:ident| $pooled:expr, $about:literal) => {
        #[doc = concat!($about, ": `[batch, space.., channels]` gives `[batch, channels]`.")]
        #[derive(Clone, Debug)]
        pub struct $Pool<const N: usize> {
            meta: Meta,
            keepdims: bool,
        }

        #[doc = concat!($about, " of series.")]
        pub type $One = $Pool<1>;
        #[doc = concat!($about, " of images.")]
        pub type $Two = $Pool<2>;
        #[doc = concat!($about, " of volumes.")]
        pub type $Three = $Pool<3>;

        impl<const N: usize> $Pool<N> {
            /// The layer.
            #[expect(
                clippy::new_without_default,
                reason = "a new layer has an identity of its own"
            )]
            pub fn new() -> Self {
                $Pool {
                    meta: Meta::new(by_rank($kinds, N)),
                    keepdims: false,
                }
            }
        }

        options!([const N: usize] $Pool[N] {
            /// Sets whether the spatial axes stay, with extent 1.
            keepdims: bool,
        });

        layer!([const N: usize] $Pool[N], |self, $cx, x| {
            let $x = &x[0];
            if !$x.must_have_rank(by_rank($kinds, N), N + 2, axes_of(N)) {
                return $x.clone();
            }
            let $axes: Vec<isize> = (1..=N as isize).collect();
            let y = $pooled;
            match self.keepdims {
                true => y.keep($x, &$axes),
                false => y,
            }
        });
        described!([const N: usize] $Pool[N] by_rank($names, N), $Pool::new(), |self, k| {
            k.key("keepdims", &mut self.keepdims)?;
        });
    };
}
global_pool!(
    GlobalAveragePoolNd, GlobalAveragePool1D GlobalAveragePool2D GlobalAveragePool3D,
    ["global_average_pooling1d", "global_average_pooling2d", "global_average_pooling3d"],
    ["GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"],
    |cx, x, axes| match cx.mask(x).filter(|mask| mask.rank() == 2 && N == 1) {
        // The mean of the positions that count.
        Some(mask) => {
            let mask = mask.expand_dims(2).convert(DType::F32);
            (x * &mask).sum(&axes) / mask.sum(&axes)
        }
        None => x.mean(&axes),
    },
    "The mean of every channel"
);
global_pool!(
    GlobalMaxPoolNd, GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D,
    ["global_max_pooling1d", "global_max_pooling2d", "global_max_pooling3d"],
    ["GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"],
    |_cx, x, axes| x.max(&axes),
    "The greatest element of every channel"
);

macro_rules! adaptive_pool {
    ($Pool:ident, $One:ident $Two:ident $Three:ident, $kinds:expr, $names:expr, $function:ident, $about:literal) => {
        #[doc = concat!($about, " of as many windows as there shall be outputs, of nearly equal sizes.")]
        #[derive(Clone, Debug)]
        pub struct $Pool<const N: usize> {
            meta: Meta,
            outputs: [usize; N],
        }

        #[doc = concat!($about, " of windows of series.")]
        pub type $One = $Pool<1>;
        #[doc = concat!($about, " of windows of images.")]
        pub type $Two = $Pool<2>;
        #[doc = concat!($about, " of windows of volumes.")]
        pub type $Three = $Pool<3>;

        impl<const N: usize> $Pool<N> {
            /// With these extents of the output.
            pub fn new(outputs: [usize; N]) -> Self {
                $Pool {
                    meta: Meta::new(by_rank($kinds, N)),
                    outputs,
                }
            }
        }

        layer!([const N: usize] $Pool[N], |self, _cx, x| $function(&x[0], self.outputs));
        described!([const N: usize] $Pool[N] by_rank($names, N), $Pool::new([1; N]), |self, k| {
            k.need("output_size", &mut self.outputs)?;
        });
    };
}
adaptive_pool!(
    AdaptiveAveragePoolNd, AdaptiveAveragePool1D AdaptiveAveragePool2D AdaptiveAveragePool3D,
    ["adaptive_average_pooling1d", "adaptive_average_pooling2d", "adaptive_average_pooling3d"],
    ["AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"],
    adaptive_avg_pool,
    "The means"
);
adaptive_pool!(
    AdaptiveMaxPoolNd, AdaptiveMaxPool1D AdaptiveMaxPool2D AdaptiveMaxPool3D,
    ["adaptive_max_pooling1d", "adaptive_max_pooling2d", "adaptive_max_pooling3d"],
    ["AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"],
    adaptive_max_pool,
    "The greatest elements"
);
