//! The part `[model]`: layers and how they are wired.

use super::layers;
use crate::describe::document::{Node, RecipeError, Section};
use crate::layers::{Input, Symbol};
use crate::model::Model;
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
        let word: String = crate::describe::document::FromNode::from_node(node)?;
        let entry = BuiltIn::find(&word).map_err(|e| node.error(e.to_string()))?;
        entry
            .model_for(input, outputs)
            .map_err(|e| node.error(e.to_string()))
    })?;
    let layers = s.with("layers", |node| wired(node, input, dtype, outputs))?;
    match (built_in, layers) {
        (Some(model), None) | (None, Some(model)) => Ok(model),
        (Some(_), Some(_)) => Err(s.error("either `built_in` or `layers`, not both")),
        (None, None) => Err(s.error("the key `layers` is missing: a list of tables with `type`")),
    }
}

fn wired(
    list: &Node<'_>,
    input: &[usize],
    dtype: DType,
    outputs: usize,
) -> Result<Model, RecipeError> {
    let x = Input::new(input).dtype(dtype).symbol();
    // Values by the names of their layers; "input" is what comes from the data.
    let mut values: Vec<(String, Symbol)> = vec![("input".to_string(), x.clone())];
    let mut last = x.clone();
    for node in list.list()? {
        let s = node.section()?;
        let kind = s
            .node("type")
            .ok_or_else(|| s.error("the key `type` is missing, such as type = \"Dense\""))?;
        let layer = layers::layer(&kind, &s, outputs)?;
        let from = s.with("inputs", |node| {
            let found = node.list()?.into_iter().map(|n| value(&n, &values));
            found.collect::<Result<Vec<_>, _>>()
        })?;
        let from = from.unwrap_or_else(|| vec![last.clone()]);
        let name: Option<String> = s.get("name")?;
        s.done()?;
        let result = Symbol::of(layer, &from);
        // A look at the model up to here points errors of shapes at the layer that makes them.
        Model::new(&[&x], &[&result])
            .map(|_| ())
            .or_else(|e| ignored_until_the_end(&e).map_err(|()| node.error(e.to_string())))?;
        if let Some(name) = name {
            values.push((name, result.clone()));
        }
        last = result;
    }
    Model::new(&[&x], &[&last]).map_err(|e| list.error(e.to_string()))
}

/// An output that is not `f32` is wrong for a whole model only.
fn ignored_until_the_end(error: &crate::NnError) -> Result<(), ()> {
    match error {
        crate::NnError::DType { op: "model", .. } => Ok(()),
        _ => Err(()),
    }
}

fn value(node: &Node<'_>, values: &[(String, Symbol)]) -> Result<Symbol, RecipeError> {
    let word: String = crate::describe::document::FromNode::from_node(node)?;
    let found = values.iter().find(|(name, _)| *name == word);
    found.map(|(_, symbol)| symbol.clone()).ok_or_else(|| {
        let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        node.unknown(&word, &names)
    })
}
