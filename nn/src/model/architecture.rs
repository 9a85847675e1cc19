//! How a model is made, as text: the part `[model]` of a description, as users write it, too.
//!
//! Saved files hold it, so that a model that was written in Rust is made again from its file alone.

use super::network::{Network, Place};
use super::{Model, Nested, targets};
use crate::checkpoint;
use crate::describe::document::{self, FromNode, Node, RecipeError, Section};
use crate::describe::{Described, Keys, Scope, Setting, Text};
use crate::error::NnError;
use crate::layers::{self, Input, Meta, Symbol};
use craneflow_ir::{DType, Shape};
use std::collections::BTreeSet;
use std::path::Path;

/// The version of the text.
const VERSION: u32 = 1;
/// Where it is kept in the metadata of a file.
pub(super) const KEY: &str = "architecture";

impl Model {
    /// How the model is made, in TOML: inputs, layers with their settings and wires, outputs. `None`
    /// where a layer has no description, such as a closure.
    pub fn architecture(&self) -> Option<String> {
        let parts = parts(&self.network)?;
        let lines = parts
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        Some(format!(
            "version = {VERSION}\n{}",
            lines.collect::<String>()
        ))
    }

    /// The model of a text that [`Model::architecture`] gave, with weights of seed 0; `path` is for
    /// messages.
    pub fn from_architecture(path: &Path, text: &str) -> Result<Model, RecipeError> {
        document::read(path, text, |s| {
            let version: u32 = s.with("version", Setting::read)?.unwrap_or(VERSION);
            if version > VERSION {
                let message = format!("expected at most {VERSION}; a later Craneflow reads it");
                return Err(s
                    .node("version")
                    .map_or(s.error(&message), |n| n.error(&message)));
            }
            model(s, &Scope::default(), None)
        })
    }

    /// The model of a file that [`Model::save`] wrote, with its weights and, where they are not the
    /// user's own, its losses and metrics. Compile it to train it, and [`Model::load`] the file then to
    /// go on with the training.
    pub fn open(path: impl AsRef<Path>) -> Result<Model, NnError> {
        let path = path.as_ref();
        let file = checkpoint::read(path)?;
        let text = file
            .metadata
            .get(KEY)
            .ok_or_else(|| NnError::NoArchitecture {
                path: path.to_path_buf(),
            })?;
        let mut model = Model::from_architecture(path, text).map_err(Box::new)?;
        model.load_checkpoint(path, &file, false)?;
        model.compile_as_saved(path, file.metadata.get(targets::KEY))?;
        Ok(model)
    }
}

/// What the network is made of, by key.
fn parts(network: &Network) -> Option<Vec<(&'static str, String)>> {
    let mut names: Vec<String> = vec![];
    let mut inputs = vec![];
    for (name, input) in &network.inputs {
        let (shape, dtype) = (input.shape.write(), Text(input.dtype.name()));
        let name_text = Text(name);
        inputs.push(format!(
            "  {{ name = {name_text}, shape = {shape}, dtype = {dtype} }},\n"
        ));
        names.push(name.clone());
    }
    let place = |names: &[String], &(i, result): &Place| match result {
        0 => Text(&names[i]).to_string(),
        n => Text(&format!("{}.{n}", names[i])).to_string(),
    };
    let mut layers = vec![];
    for (i, used) in network.uses.iter().enumerate() {
        let inner = used.layer.description()?.inner();
        let from: Vec<String> = used.x.iter().map(|x| place(&names, x)).collect();
        let from = format!("inputs = [{}]", from.join(", "));
        let id = used.layer.meta().id;
        let shared = network.uses[..i].iter().any(|u| u.layer.meta().id == id);
        let key = if shared { "shares" } else { "name" };
        let name = Text(&used.name);
        let mut line = format!("{{ {inner}, {key} = {name}, {from}");
        let mut value = used.name.clone();
        if names.contains(&value) {
            value = format!("{}.call{i}", used.name);
            line += &format!(", as = {}", Text(&value));
        }
        names.push(value);
        layers.push(format!("  {line} }},\n"));
    }
    let outputs: Vec<String> = network.outputs.iter().map(|x| place(&names, x)).collect();
    let mut parts = vec![
        ("inputs", format!("[\n{}]", inputs.concat())),
        ("layers", format!("[\n{}]", layers.concat())),
        ("outputs", format!("[{}]", outputs.join(", "))),
    ];
    if !network.frozen.is_empty() {
        let frozen: Vec<String> = network.frozen.iter().cloned().collect();
        parts.push(("frozen", frozen.write()));
    }
    Some(parts)
}

/// What a table wires.
struct Wired {
    inputs: Vec<Symbol>,
    outputs: Vec<Symbol>,
    frozen: BTreeSet<String>,
}

/// The model of a table with `layers`. `given` is the input of a table that names none.
pub(crate) fn model(
    s: &Section<'_>,
    scope: &Scope,
    given: Option<Input>,
) -> Result<Model, RecipeError> {
    let wired = wired(s, scope, given)?;
    let symbols = |list: &[Symbol]| -> Vec<Symbol> { list.to_vec() };
    let (inputs, outputs) = (symbols(&wired.inputs), symbols(&wired.outputs));
    let inputs: Vec<&Symbol> = inputs.iter().collect();
    let outputs: Vec<&Symbol> = outputs.iter().collect();
    let mut model = Model::new(&inputs, &outputs).map_err(|e| s.error(e.to_string()))?;
    if !wired.frozen.is_empty() {
        let frozen = model.network.freeze(wired.frozen);
        frozen.map_err(|e| s.error(e.to_string()))?;
    }
    Ok(model)
}

/// Values by name.
type Values = Vec<(String, Symbol)>;

fn wired(s: &Section<'_>, scope: &Scope, given: Option<Input>) -> Result<Wired, RecipeError> {
    let mut values: Values = vec![];
    let listed = s.with("inputs", |node| {
        node.list()?
            .iter()
            .map(input)
            .collect::<Result<Vec<_>, _>>()
    })?;
    let inputs: Vec<Symbol> = match (listed, given) {
        (Some(inputs), _) => inputs
            .into_iter()
            .map(|(name, input)| {
                values.push((name, input.symbol()));
                values[values.len() - 1].1.clone()
            })
            .collect(),
        (None, Some(given)) => {
            let x = given.symbol();
            values.push(("input".to_string(), x.clone()));
            vec![x]
        }
        (None, None) => return Err(s.missing("inputs")),
    };
    let known = inputs.len();
    let mut last = inputs.last().cloned();
    let list = s.node("layers").ok_or_else(|| s.missing("layers"))?;
    let nodes = list.list()?;
    let mut results: Vec<Symbol> = vec![];
    for node in &nodes {
        let result = used(node, scope, &mut values, last.as_ref())?;
        results.push(result.clone());
        last = Some(result);
    }
    let outputs = s.with("outputs", |node| {
        node.list()?
            .iter()
            .map(|n| value(n, &values))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let outputs = match (outputs, last) {
        (Some(outputs), _) => outputs,
        (None, Some(last)) => vec![last],
        (None, None) => return Err(s.error("there are no inputs")),
    };
    let frozen: Vec<String> = s.with("frozen", Setting::read)?.unwrap_or_default();
    let all: Vec<&Symbol> = inputs.iter().collect();
    let ends: Vec<&Symbol> = outputs.iter().collect();
    if let Err(whole) = Network::new(&all, &ends) {
        return Err(blamed(&all, &nodes, &results, &list, whole));
    }
    debug_assert!(values.len() >= known);
    Ok(Wired {
        inputs,
        outputs,
        frozen: frozen.into_iter().collect(),
    })
}

/// The error of a network at the first layer up to which it has one.
fn blamed(
    inputs: &[&Symbol],
    nodes: &[Node<'_>],
    results: &[Symbol],
    list: &Node<'_>,
    whole: NnError,
) -> RecipeError {
    for (node, result) in nodes.iter().zip(results) {
        match Network::new(inputs, &[result]) {
            // An output that is not `f32` is wrong for a whole model only.
            Ok(_) | Err(NnError::DType { op: "model", .. }) => {}
            Err(error) => return node.error(error.to_string()),
        }
    }
    list.error(whole.to_string())
}

fn input(node: &Node<'_>) -> Result<(String, Input), RecipeError> {
    let s = node.section()?;
    let name: String = s.need("name")?;
    let shape: Option<Shape> = s.with("shape", Setting::read)?;
    let shape = shape.ok_or_else(|| s.missing("shape"))?;
    let types = DType::ALL.map(|t| (t.name(), t));
    let dtype = s.with("dtype", |node| node.one_of(&types))?;
    s.done()?;
    let input = Input::new(shape).dtype(dtype.unwrap_or(DType::F32));
    Ok((name.clone(), input.name(&name)))
}

/// The result of a layer of the list.
fn used(
    node: &Node<'_>,
    scope: &Scope,
    values: &mut Values,
    last: Option<&Symbol>,
) -> Result<Symbol, RecipeError> {
    let s = node.section()?;
    // A nested model has inputs of its own, so wires have another name there.
    let layer = layers::read(&s, scope)?;
    let from = s.with("inputs", |node| {
        node.list()?
            .iter()
            .map(|n| value(n, values))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let from = match (from, last) {
        (Some(from), _) => from,
        (None, Some(last)) => vec![last.clone()],
        (None, None) => vec![],
    };
    let name: Option<String> = s.get("as")?;
    s.done()?;
    let name = name.or_else(|| layer.meta().name.clone());
    let result = Symbol::of(layer, &from);
    if let Some(name) = name {
        values.push((name, result.clone()));
    }
    Ok(result)
}

/// The value of a name, or of a name, a point and the number of a result.
fn value(node: &Node<'_>, values: &[(String, Symbol)]) -> Result<Symbol, RecipeError> {
    let word = String::from_node(node)?;
    let find = |wanted: &str| {
        let found = values.iter().rev().find(|(name, _)| name == wanted);
        found.map(|(_, symbol)| symbol.clone())
    };
    if let Some(symbol) = find(&word) {
        return Ok(symbol);
    }
    let result = word.rsplit_once('.').and_then(|(name, n)| {
        let n: usize = n.parse().ok()?;
        find(name)?.nth(n)
    });
    result.ok_or_else(|| {
        let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        node.unknown(&word, &names)
    })
}

impl Described for Nested {
    const KIND: &'static str = "Model";

    fn blank() -> Nested {
        Nested::new(Network::empty(), Default::default())
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    /// The inner model is one setting, a table.
    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match k {
            Keys::Read(section, scope) => {
                section.must_have("model")?;
                let inner = Scope {
                    outputs: scope.outputs,
                    ..Scope::default()
                };
                let read = |node: &Node<'_>| {
                    let s = node.section()?;
                    let model = model(&s, &inner, None)?;
                    s.done()?;
                    Ok(model)
                };
                if let Some(model) = section.with("model", read)? {
                    self.network = model.network.into();
                }
            }
            Keys::Write { keys, whole } => match parts(&self.network) {
                Some(parts) => {
                    let parts: Vec<String> = parts
                        .into_iter()
                        .map(|(key, value)| format!("{key} = {value}"))
                        .collect();
                    keys.push(("model".to_string(), format!("{{ {} }}", parts.join(", "))));
                }
                None => *whole = false,
            },
        }
        Ok(())
    }
}
