//! The part `[model]`: layers and how they are wired, or the name of a model that comes with the
//! library.

use crate::describe::Scope;
use crate::describe::document::{FromNode, RecipeError, Section};
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
