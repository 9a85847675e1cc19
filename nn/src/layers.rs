//! Layers: functions of tensors with weights of their own. Names and defaults are those of Keras;
//! images are `[batch, height, width, channels]`.

mod activation;
mod attention;
mod audio;
mod conv;
mod cx;
mod dense;
mod image;
mod merge;
mod noise;
mod norm;
mod pool;
mod preprocess;
mod recurrent;
mod shape;
mod symbol;
mod table;
mod transformer;
mod weight;

pub use activation::{Activation, ActivationLayer, ActivityRegularization, PRelu};
pub use attention::{Attention, MultiHeadAttention};
pub use audio::{MelSpectrogram, Scaling, SpectrogramMode, StftSpectrogram, Window};
pub use conv::{
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, ConvNd,
    ConvTransposeNd, DepthwiseConv1D, DepthwiseConv2D, DepthwiseConvNd, SeparableConv1D,
    SeparableConv2D, SeparableConvNd,
};
pub use cx::{Cx, Mode};
pub use dense::{Dense, EinsumDense, Embedding, ReversibleEmbedding};
pub use image::{
    AugMix, AutoContrast, CenterCrop, Clahe, CutMix, Equalization, MaxNumBoundingBoxes, MixUp,
    RandAugment, RandomBrightness, RandomColorJitter, RandomContrast, RandomCrop,
    RandomElasticTransform, RandomErasing, RandomFlip, RandomGaussianBlur, RandomGrayscale,
    RandomHue, RandomInvert, RandomPerspective, RandomPosterization, RandomRotation,
    RandomSaturation, RandomSharpness, RandomShear, RandomTranslation, RandomZoom, Resizing,
    Solarization,
};
pub use merge::{Add, Average, Concatenate, Dot, Lambda, Maximum, Minimum, Multiply, Subtract};
pub use noise::{
    AlphaDropout, Dropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D,
    SpatialDropout3D, SpatialDropoutNd,
};
pub use norm::{BatchNorm, GroupNorm, LayerNorm, RmsNorm, SpectralNorm, UnitNorm};
pub use pool::{
    AdaptiveAveragePool1D, AdaptiveAveragePool2D, AdaptiveAveragePool3D, AdaptiveAveragePoolNd,
    AdaptiveMaxPool1D, AdaptiveMaxPool2D, AdaptiveMaxPool3D, AdaptiveMaxPoolNd, AveragePool1D,
    AveragePool2D, AveragePool3D, AveragePoolNd, GlobalAveragePool1D, GlobalAveragePool2D,
    GlobalAveragePool3D, GlobalAveragePoolNd, GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D,
    GlobalMaxPoolNd, MaxPool1D, MaxPool2D, MaxPool3D, MaxPoolNd,
};
pub use preprocess::{
    CategoryEncoding, Discretization, Encoding, Hashing, IntegerLookup, Normalization, Rescaling,
};
pub use recurrent::{
    Bidirectional, Cell, ConvLstm, ConvLstm1D, ConvLstm2D, ConvLstm3D, ConvLstmCell, Gru, GruCell,
    Lstm, LstmCell, Merge, Recurrent, SimpleRnn, SimpleRnnCell,
};
pub use shape::{
    Cropping1D, Cropping2D, Cropping3D, CroppingNd, Flatten, Identity, Interpolation, Masking,
    Permute, RepeatVector, Reshape, TimeDistributed, UpSampling1D, UpSampling2D, UpSampling3D,
    UpSamplingNd, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D, ZeroPaddingNd,
};
pub use symbol::{Call, Input, Symbol};
pub use transformer::{
    RotaryPositions, SinePositions, TokenAndPositionEmbedding, TransformerDecoder,
    TransformerEncoder,
};
pub use weight::{Constraint, Regularizer, Role, Weight, WeightSpec};

pub(crate) use symbol::Source;
pub(crate) use table::read;

pub use crate::describe::Description;

use crate::tensor::Tensor;
use std::sync::atomic::{AtomicU64, Ordering};

/// A layer. Clones are the same layer: they share their weights.
pub trait Layer: Send + Sync {
    /// Who it is.
    fn meta(&self) -> &Meta;

    /// What it does to its inputs. Weights are asked of `cx`, which declares them at first sight.
    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor;

    /// How many results it has.
    fn results(&self) -> usize {
        1
    }

    /// All results, the first of which is that of `forward`.
    fn forward_all(&self, cx: &mut Cx, x: &[Tensor]) -> Vec<Tensor> {
        vec![self.forward(cx, x)]
    }

    /// What it is, for files that say how a model is made; a layer without one can be trained and its
    /// weights saved, but it is not made again from a file.
    fn description(&self) -> Option<Description> {
        None
    }
}

/// Identity and name of a layer.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Unique in the process; clones share it.
    pub id: u64,
    /// The kind, in the form that names are made of: `conv2d`.
    pub kind: &'static str,
    /// The name that the user gave.
    pub name: Option<String>,
    /// Whether its weights are trained.
    pub trainable: bool,
}

impl Meta {
    /// A new identity.
    pub fn new(kind: &'static str) -> Meta {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Meta {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            name: None,
            trainable: true,
        }
    }
}

/// What every layer has: the trait, and methods `name` and `trainable`. A layer of several sizes is
/// written `layer!([const N: usize] ConvNd[N], ..)`.
macro_rules! layer {
    ($Layer:ident, |$self:ident, $cx:ident, $x:ident| $forward:expr) => {
        $crate::layers::layer!([] $Layer[], |$self, $cx, $x| $forward);
    };
    ([$($generics:tt)*] $Layer:ident [$($arguments:tt)*], |$self:ident, $cx:ident, $x:ident| $forward:expr) => {
        $crate::layers::layer!(@common [$($generics)*] $Layer[$($arguments)*]);

        impl<$($generics)*> $crate::layers::Layer for $Layer<$($arguments)*> {
            fn meta(&self) -> &$crate::layers::Meta {
                &self.meta
            }

            fn forward(
                &$self,
                $cx: &mut $crate::layers::Cx,
                $x: &[$crate::tensor::Tensor],
            ) -> $crate::tensor::Tensor {
                $forward
            }

            fn description(&self) -> Option<$crate::describe::Description> {
                $crate::describe::description(self)
            }
        }
    };
    (@common [$($generics:tt)*] $Layer:ident [$($arguments:tt)*]) => {
        impl<$($generics)*> $Layer<$($arguments)*> {
            /// Names the layer; else it is called by its kind and a number.
            pub fn name(mut self, name: &str) -> Self {
                self.meta.name = Some(name.to_string());
                self
            }

            /// Sets whether its weights are trained; one that is not keeps its statistics, too.
            pub fn trainable(mut self, trainable: bool) -> Self {
                self.meta.trainable = trainable;
                self
            }
        }
    };
}
pub(crate) use layer;

/// Methods that set an option: `options!(Dropout { /// Sets .. seed: u64 })`.
macro_rules! options {
    ($Layer:ident { $($(#[doc = $about:literal])* $option:ident: $Type:ty),* $(,)? }) => {
        $crate::layers::options!([] $Layer[] { $($(#[doc = $about])* $option: $Type),* });
    };
    ([$($generics:tt)*] $Layer:ident [$($arguments:tt)*] {
        $($(#[doc = $about:literal])* $option:ident: $Type:ty),* $(,)?
    }) => {
        impl<$($generics)*> $Layer<$($arguments)*> {$(
            $(#[doc = $about])*
            pub fn $option(mut self, $option: $Type) -> Self {
                self.$option = $option;
                self
            }
        )*}
    };
}
pub(crate) use options;

/// Methods for the weights of a layer: how they start, what they are drawn and kept to. The layer has
/// a field of type `WeightSpec` for each.
macro_rules! weight_options {
    ($([$($generics:tt)*])? $Layer:ident $([$($arguments:tt)*])? {
        $($field:ident: $what:literal $init:ident $regularizer:ident $constraint:ident),* $(,)?
    }) => {
        impl $(<$($generics)*>)? $Layer $(<$($arguments)*>)? {$(
            #[doc = concat!("Sets how ", $what, " starts.")]
            pub fn $init(mut self, init: $crate::init::Init) -> Self {
                self.$field.init = init;
                self
            }

            #[doc = concat!("Adds a penalty on ", $what, " to the loss.")]
            pub fn $regularizer(mut self, regularizer: $crate::layers::Regularizer) -> Self {
                self.$field.regularizer = Some(regularizer);
                self
            }

            #[doc = concat!("Projects ", $what, " after every step.")]
            pub fn $constraint(mut self, constraint: $crate::layers::Constraint) -> Self {
                self.$field.constraint = Some(constraint);
                self
            }
        )*}
    };
}
pub(crate) use weight_options;

/// A layer without options: `plain!(/// What it does. Flatten "flatten", |self, cx, x| ..)`.
macro_rules! plain {
    ($(#[doc = $about:literal])* $Layer:ident $kind:literal, |$self:ident, $cx:ident, $x:ident| $forward:expr) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $Layer {
            meta: $crate::layers::Meta,
        }

        impl $Layer {
            /// The layer.
            #[expect(
                clippy::new_without_default,
                reason = "a new layer has an identity of its own"
            )]
            pub fn new() -> $Layer {
                $Layer {
                    meta: $crate::layers::Meta::new($kind),
                }
            }
        }

        $crate::layers::layer!($Layer, |$self, $cx, $x| $forward);
        $crate::describe::described!($Layer stringify!($Layer), $Layer::new(), |self, k| {});
    };
}
pub(crate) use plain;

/// One of three names, for layers of one, two or three spatial axes.
pub(crate) const fn by_rank(names: [&'static str; 3], spatial: usize) -> &'static str {
    match spatial {
        0 | 1 => names[0],
        2 => names[1],
        _ => names[2],
    }
}
