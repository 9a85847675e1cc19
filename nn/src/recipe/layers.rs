//! Layers by name: the one table between descriptions and [`crate::layers`].

use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::functional::Padding;
use crate::layers::{
    Activation, Add, AveragePool2D, BatchNorm, Concatenate, Conv2D, Dense, Dropout, Embedding,
    Flatten, GlobalAveragePool2D, Layer, LayerNorm, MaxPool2D, Reshape,
};
use std::sync::Arc;

/// Names of layers; `_` and capitals make no difference.
pub(super) const NAMES: [&str; 14] = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling2D",
    "LayerNormalization",
    "MaxPooling2D",
    "Reshape",
];

const ACTIVATIONS: [(&str, Activation); 11] = [
    ("linear", Activation::Linear),
    ("relu", Activation::Relu),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("softmax", Activation::Softmax),
    ("gelu", Activation::Gelu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("leaky_relu", Activation::LeakyRelu(0.2)),
    ("elu", Activation::Elu(1.0)),
    ("softplus", Activation::Softplus),
];

impl<'d> FromNode<'d> for Activation {
    fn from_node(node: &Node<'d>) -> Result<Activation, RecipeError> {
        node.one_of(&ACTIVATIONS)
    }
}

impl<'d> FromNode<'d> for Padding {
    fn from_node(node: &Node<'d>) -> Result<Padding, RecipeError> {
        node.one_of(&[("valid", Padding::Valid), ("same", Padding::Same)])
    }
}

/// Gives a layer the name of the description and the common type.
macro_rules! named {
    ($layer:expr, $name:expr) => {{
        let layer = $layer;
        let layer: Arc<dyn Layer> = match &$name {
            Some(name) => Arc::new(layer.name(name)),
            None => Arc::new(layer),
        };
        layer
    }};
}

/// The layer of a kind with the arguments of `s`. `units = "outputs"` is the number of outputs that
/// the data ask for.
pub(super) fn layer(
    kind: &Node<'_>,
    s: &Section<'_>,
    outputs: usize,
) -> Result<Arc<dyn Layer>, RecipeError> {
    let word = String::from_node(kind)?;
    let plain = |w: &str| w.to_lowercase().replace('_', "");
    let found = NAMES.iter().find(|n| plain(n) == plain(&word));
    let name: Option<String> = s.get("name")?;
    let activation = || s.or("activation", Activation::Linear);
    let layer = match *found.unwrap_or(&"") {
        "Activation" => {
            let activation: Activation = s.need("activation")?;
            // It has no weights, so its name is for references only.
            Arc::new(activation.layer())
        }
        "Add" => named!(Add::new(), name),
        "AveragePooling2D" => {
            let size = s.or("pool_size", [2, 2])?;
            let pool = AveragePool2D::new(size).strides(s.or("strides", size)?);
            named!(pool.padding(s.or("padding", Padding::Valid)?), name)
        }
        "BatchNormalization" => {
            let norm = BatchNorm::new().momentum(s.or("momentum", 0.99)?);
            named!(norm.epsilon(s.or("epsilon", 1e-3)?), name)
        }
        "Concatenate" => named!(Concatenate::new(s.or("axis", -1.0)? as isize), name),
        "Conv2D" => {
            let conv = Conv2D::new(s.need("filters")?, s.need("kernel_size")?)
                .strides(s.or("strides", [1, 1])?)
                .padding(s.or("padding", Padding::Valid)?)
                .dilation(s.or("dilation_rate", [1, 1])?)
                .groups(s.or("groups", 1)?)
                .activation(activation()?);
            match s.or("use_bias", true)? {
                true => named!(conv, name),
                false => named!(conv.no_bias(), name),
            }
        }
        "Dense" => {
            let dense = Dense::new(units(s, outputs)?).activation(activation()?);
            match s.or("use_bias", true)? {
                true => named!(dense, name),
                false => named!(dense.no_bias(), name),
            }
        }
        "Dropout" => named!(Dropout::new(s.need("rate")?), name),
        "Embedding" => {
            let (rows, width) = (s.need("input_dim")?, s.need("output_dim")?);
            named!(Embedding::new(rows, width), name)
        }
        "Flatten" => named!(Flatten::new(), name),
        "GlobalAveragePooling2D" => named!(GlobalAveragePool2D::new(), name),
        "LayerNormalization" => {
            named!(LayerNorm::new().epsilon(s.or("epsilon", 1e-3)?), name)
        }
        "MaxPooling2D" => {
            let size = s.or("pool_size", [2, 2])?;
            let pool = MaxPool2D::new(size).strides(s.or("strides", size)?);
            named!(pool.padding(s.or("padding", Padding::Valid)?), name)
        }
        "Reshape" => named!(Reshape::new(s.need::<Vec<usize>>("target_shape")?), name),
        _ => return Err(kind.unknown(&word, &NAMES)),
    };
    Ok(layer)
}

fn units(s: &Section<'_>, outputs: usize) -> Result<usize, RecipeError> {
    let units = s.with("units", |node| match node.is_word() {
        true => node.one_of(&[("outputs", outputs)]),
        false => usize::from_node(node),
    })?;
    units.ok_or_else(|| s.error("the key `units` is missing: a number, or \"outputs\""))
}
