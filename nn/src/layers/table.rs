//! Layers by name: the one table between descriptions and layers.

use super::*;
use crate::describe::document::{FromNode, RecipeError, Section};
use crate::describe::{Described, Keys, Scope, Variant, layer, named};
use crate::model::Nested;

type Read = fn(&Section<'_>, &Scope) -> Result<Arc<dyn Layer>, RecipeError>;

/// A row of the table.
const fn row<L: Described>() -> (&'static str, Read) {
    (L::KIND, |s, scope| Ok(Arc::new(layer::<L>(s, scope)?)))
}

/// A row for an activation that is a layer by itself in Keras.
macro_rules! activation {
    ($name:literal, $activation:expr) => {
        ($name, |s, scope| {
            let mut activation: Activation = $activation;
            activation.keys(&mut Keys::Read(s, scope))?;
            let mut layer = activation.layer();
            named(layer.meta_mut(), s, scope)?;
            Ok(Arc::new(layer))
        })
    };
}

/// Layers by the names that Keras has for them.
static TABLE: &[(&str, Read)] = &[
    row::<ActivationLayer>(),
    row::<ActivityRegularization>(),
    row::<AdaptiveAveragePool1D>(),
    row::<AdaptiveAveragePool2D>(),
    row::<AdaptiveAveragePool3D>(),
    row::<AdaptiveMaxPool1D>(),
    row::<AdaptiveMaxPool2D>(),
    row::<AdaptiveMaxPool3D>(),
    row::<Add>(),
    row::<AlphaDropout>(),
    row::<Attention>(),
    row::<AutoContrast>(),
    row::<Average>(),
    row::<AveragePool1D>(),
    row::<AveragePool2D>(),
    row::<AveragePool3D>(),
    row::<BatchNorm>(),
    row::<Bidirectional>(),
    row::<CategoryEncoding>(),
    row::<CenterCrop>(),
    row::<Concatenate>(),
    row::<Conv1D>(),
    row::<Conv1DTranspose>(),
    row::<Conv2D>(),
    row::<Conv2DTranspose>(),
    row::<Conv3D>(),
    row::<Conv3DTranspose>(),
    row::<ConvLstm1D>(),
    row::<ConvLstm2D>(),
    row::<ConvLstm3D>(),
    row::<Cropping1D>(),
    row::<Cropping2D>(),
    row::<Cropping3D>(),
    row::<CutMix>(),
    row::<Dense>(),
    row::<DepthwiseConv1D>(),
    row::<DepthwiseConv2D>(),
    row::<Discretization>(),
    row::<Dot>(),
    row::<Dropout>(),
    row::<EinsumDense>(),
    activation!("ELU", Activation::Elu(1.0)),
    row::<Embedding>(),
    row::<AugMix>(),
    row::<Clahe>(),
    row::<Equalization>(),
    row::<Flatten>(),
    row::<GaussianDropout>(),
    row::<GaussianNoise>(),
    row::<GlobalAveragePool1D>(),
    row::<GlobalAveragePool2D>(),
    row::<GlobalAveragePool3D>(),
    row::<GlobalMaxPool1D>(),
    row::<GlobalMaxPool2D>(),
    row::<GlobalMaxPool3D>(),
    row::<GroupNorm>(),
    row::<Gru>(),
    row::<Hashing>(),
    row::<Identity>(),
    row::<IntegerLookup>(),
    row::<LayerNorm>(),
    activation!("LeakyReLU", Activation::LeakyRelu(0.3)),
    row::<Lstm>(),
    row::<Masking>(),
    row::<Maximum>(),
    row::<MaxNumBoundingBoxes>(),
    row::<MaxPool1D>(),
    row::<MaxPool2D>(),
    row::<MaxPool3D>(),
    row::<MelSpectrogram>(),
    row::<Minimum>(),
    row::<MixUp>(),
    row::<Nested>(),
    row::<MultiHeadAttention>(),
    row::<Multiply>(),
    row::<Normalization>(),
    row::<Permute>(),
    row::<PRelu>(),
    row::<RandAugment>(),
    row::<RandomBrightness>(),
    row::<RandomColorJitter>(),
    row::<RandomContrast>(),
    row::<RandomCrop>(),
    row::<RandomElasticTransform>(),
    row::<RandomErasing>(),
    row::<RandomFlip>(),
    row::<RandomGaussianBlur>(),
    row::<RandomGrayscale>(),
    row::<RandomHue>(),
    row::<RandomInvert>(),
    row::<RandomPerspective>(),
    row::<RandomPosterization>(),
    row::<RandomRotation>(),
    row::<RandomSaturation>(),
    row::<RandomSharpness>(),
    row::<RandomShear>(),
    row::<RandomTranslation>(),
    row::<RandomZoom>(),
    ("ReLU", relu),
    row::<RepeatVector>(),
    row::<Rescaling>(),
    row::<Reshape>(),
    row::<Resizing>(),
    row::<ReversibleEmbedding>(),
    row::<RmsNorm>(),
    row::<RotaryPositions>(),
    row::<SeparableConv1D>(),
    row::<SeparableConv2D>(),
    row::<SimpleRnn>(),
    row::<SinePositions>(),
    activation!("Softmax", Activation::Softmax),
    row::<Solarization>(),
    row::<SpatialDropout1D>(),
    row::<SpatialDropout2D>(),
    row::<SpatialDropout3D>(),
    row::<SpectralNorm>(),
    row::<StftSpectrogram>(),
    row::<Subtract>(),
    row::<TimeDistributed>(),
    row::<TokenAndPositionEmbedding>(),
    row::<TransformerDecoder>(),
    row::<TransformerEncoder>(),
    row::<UnitNorm>(),
    row::<UpSampling1D>(),
    row::<UpSampling2D>(),
    row::<UpSampling3D>(),
    row::<ZeroPadding1D>(),
    row::<ZeroPadding2D>(),
    row::<ZeroPadding3D>(),
];

/// Keras's layer of this name has settings that the activation of this name has not.
fn relu(s: &Section<'_>, scope: &Scope) -> Result<Arc<dyn Layer>, RecipeError> {
    let plain = Activation::ClippedRelu {
        negative_slope: 0.0,
        max_value: None,
        threshold: 0.0,
    };
    let mut activation = plain;
    activation.keys(&mut Keys::Read(s, scope))?;
    if activation == plain {
        activation = Activation::Relu;
    }
    let mut layer = activation.layer();
    named(layer.meta_mut(), s, scope)?;
    Ok(Arc::new(layer))
}

/// Names without what makes no difference: `MaxPool2D` is `max_pooling2d`, `BatchNorm` is
/// `BatchNormalization`.
fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace('_', "");
    name.replace("pooling", "pool")
        .replace("normalization", "norm")
}

/// The layer that a table with `type` describes, given that it has no keys unknown to it.
pub(crate) fn read(s: &Section<'_>, scope: &Scope) -> Result<Arc<dyn Layer>, RecipeError> {
    let Some(kind) = s.node("type") else {
        return Err(s.error("the key `type` is missing, such as type = \"Dense\""));
    };
    let word = String::from_node(&kind)?;
    let wanted = plain(&word);
    let found = TABLE.iter().find(|(name, _)| plain(name) == wanted);
    let Some((_, read)) = found else {
        let names: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        return Err(kind.unknown(&word, &names));
    };
    read(s, scope)
}

use std::sync::Arc;
