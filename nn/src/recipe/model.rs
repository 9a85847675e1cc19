//! The part `[model]`: layers and how they are wired, or the name of a model that comes with the
//! library.

use crate::data::Source;
use crate::describe::Scope;
use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::error::NnError;
use crate::layers::Input;
use crate::model::{Model, described};
use crate::models::BuiltIn;
use craneflow_ir::DType;

/// Builds the model of a description for samples of a shape and a number of outputs.
pub(super) fn build(
    s: &Section<'_>,
    input: &[usize],
    dtype: DType,
    outputs: usize,
) -> Result<Model, RecipeError> {
    let built_in: Option<Model> = s.with("built_in", |node| {
        let word = String::from_node(node)?;
        let entry = BuiltIn::find(&word).map_err(|e| node.error(e.to_string()))?;
        entry
            .model_for(input, outputs)
            .map_err(|e| node.error(e.to_string()))
    })?;
    match (built_in, s.node("layers")) {
        (Some(model), None) => Ok(model),
        (Some(_), Some(_)) => Err(s.error("either `built_in` or `layers`, not both")),
        (None, _) => {
            let scope = Scope {
                outputs: Some(outputs),
                ..Scope::default()
            };
            described(s, &scope, Some(Input::new(input).dtype(dtype)))
        }
    }
}

/// What is wrong with the outputs of a model, at its last layer.
pub(super) fn blamed(s: &Section<'_>, error: &NnError) -> RecipeError {
    let last = || s.node("layers")?.list().ok()?.pop();
    match last() {
        Some(last) => last.error(error.to_string()),
        None => s.error(error.to_string()),
    }
}

/// Refuses a table of embeddings, as the first layer, without a row for each number that samples have.
pub(super) fn embedded(s: &Section<'_>, data: &Source) -> Result<(), RecipeError> {
    let layers = s.with("layers", |node| node.list())?;
    let Some(first) = layers.into_iter().flatten().next() else {
        return Ok(());
    };
    let layer = first.section()?;
    let kind: String = layer.or("type", String::new())?;
    if !kind.eq_ignore_ascii_case("embedding") {
        return Ok(());
    }
    // Files are pictures or sounds, whose numbers stand for nothing.
    let Source::Memory(data) = data else {
        return Ok(());
    };
    let greatest = data.inputs().iter().copied().fold(0.0, f32::max);
    let check = |node: &Node<'_>| match usize::from_node(node)? {
        rows if greatest < rows as f32 => Ok(()),
        _ => Err(node.error(format!(
            "samples have numbers up to {greatest}, so at least {} rows are needed",
            greatest + 1.0
        ))),
    };
    layer.with("input_dim", check).map(|_| ())
}
