//! Pooling, and other layers without weights that change shapes.

use super::{Meta, layer};
use crate::functional::{Padding, Pool, avg_pool2d, global_avg_pool2d, max_pool2d};
use craneflow_ir::Shape;

macro_rules! pool {
    ($Pool:ident, $kind:literal, $function:ident, $about:literal) => {
        #[doc = $about]
        #[derive(Clone, Debug)]
        pub struct $Pool {
            meta: Meta,
            options: Pool,
        }

        impl $Pool {
            /// Windows of `size` (height, width) side by side, inside the image.
            pub fn new(size: [usize; 2]) -> $Pool {
                $Pool {
                    meta: Meta::new($kind),
                    options: Pool {
                        size,
                        strides: size,
                        padding: Padding::Valid,
                    },
                }
            }

            /// Sets the steps between windows.
            pub fn strides(mut self, strides: [usize; 2]) -> $Pool {
                self.options.strides = strides;
                self
            }

            /// Sets what is put around the image; it never counts.
            pub fn padding(mut self, padding: Padding) -> $Pool {
                self.options.padding = padding;
                self
            }
        }

        layer!($Pool, |self, _cx, x| $function(&x[0], &self.options));
    };
}
pool!(
    MaxPool2D,
    "max_pooling2d",
    max_pool2d,
    "The greatest element of every window of an image."
);
pool!(
    AveragePool2D,
    "average_pooling2d",
    avg_pool2d,
    "The mean of every window of an image."
);

/// The mean of every channel of an image: `[batch, height, width, channels]` gives
/// `[batch, channels]`.
#[derive(Clone, Debug)]
pub struct GlobalAveragePool2D {
    meta: Meta,
}

impl GlobalAveragePool2D {
    /// The layer.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> GlobalAveragePool2D {
        GlobalAveragePool2D {
            meta: Meta::new("global_average_pooling2d"),
        }
    }
}

layer!(GlobalAveragePool2D, |self, _cx, x| global_avg_pool2d(&x[0]));

/// All elements of a sample in one row: `[batch, ..]` gives `[batch, n]`.
#[derive(Clone, Debug)]
pub struct Flatten {
    meta: Meta,
}

impl Flatten {
    /// The layer.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> Flatten {
        Flatten {
            meta: Meta::new("flatten"),
        }
    }
}

layer!(Flatten, |self, _cx, x| {
    let batch = x[0].dim(0);
    let count = x[0].shape().count() / batch.max(1);
    x[0].reshape(&[batch, count])
});

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
