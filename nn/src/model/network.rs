//! The layers of a model, how they are wired, and what a first trace finds out about them.

use crate::error::{DTypes, Layer as LayerPath, NnError};
use crate::layers::{Cx, Input, Layer, Mode, Source, Symbol, Weight};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{DType, Type};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A value of a model: the position of an input or, after them, of a use, and which of its results.
pub(crate) type Place = (usize, usize);

/// One use of a layer.
#[derive(Clone)]
pub(crate) struct Use {
    /// The layer.
    pub layer: Arc<dyn Layer>,
    /// Its name in this model.
    pub name: String,
    /// What it is applied to.
    pub x: Vec<Place>,
    /// Types of the results for a batch of one.
    pub types: Vec<Type>,
}

/// A wired set of layers.
#[derive(Clone)]
pub(crate) struct Network {
    /// Inputs by name.
    pub inputs: Vec<(String, Input)>,
    /// Uses of layers in topological order.
    pub uses: Vec<Use>,
    /// The outputs.
    pub outputs: Vec<Place>,
    /// Every weight, in the order of the layers.
    pub weights: Vec<Weight>,
    /// Whether training needs random numbers.
    pub random: bool,
    /// Layers that are not trained, besides those that say so themselves.
    pub frozen: Arc<BTreeSet<String>>,
}

/// Names of inputs that mean something else in the programs of a model.
const RESERVED: [&str; 5] = ["y", "loss", "learning_rate", "random", "sample_weight"];

impl Network {
    /// Nothing at all.
    pub fn empty() -> Network {
        Network {
            inputs: vec![],
            uses: vec![],
            outputs: vec![],
            weights: vec![],
            random: false,
            frozen: Arc::default(),
        }
    }

    /// Everything that the outputs depend on.
    pub fn new(inputs: &[&Symbol], outputs: &[&Symbol]) -> Result<Network, NnError> {
        if outputs.is_empty() {
            return Err(NnError::Empty { what: "outputs" });
        }
        let mut symbols: Vec<&Symbol> = vec![];
        collect(outputs, &mut symbols);
        symbols.sort_by_key(|s| s.id());
        let mut network = Network::empty();
        let mut order: Vec<u64> = vec![];
        for symbol in inputs {
            let Source::Input(input) = symbol.source() else {
                return Err(NnError::Unreachable {
                    name: "the output of a layer".to_string(),
                });
            };
            let number = network.inputs.len();
            let name = input.name.clone();
            let name = name.unwrap_or_else(|| numbered("x", number));
            network.inputs.push((name, input.clone()));
            order.push(symbol.id());
        }
        network.add_uses(&symbols, &mut order)?;
        let outputs = outputs.iter().filter_map(|s| place(&order, s));
        network.outputs = outputs.collect();
        network.check_names()?;
        network.first_trace()?;
        Ok(network)
    }

    fn add_uses(&mut self, symbols: &[&Symbol], order: &mut Vec<u64>) -> Result<(), NnError> {
        // (identity, name) of the layers so far, and how often each kind was numbered.
        let mut names: Vec<(u64, String)> = vec![];
        let mut kinds: Vec<(&str, usize)> = vec![];
        for symbol in symbols {
            match symbol.source() {
                Source::Input(input) if !order.contains(&symbol.id()) => {
                    let name = input.name.clone();
                    let name = name.unwrap_or_else(|| format!("an input {}", input.shape));
                    return Err(NnError::Unreachable { name });
                }
                Source::Input(_) => {}
                Source::Layer(layer, x) => {
                    let meta = layer.meta();
                    if x.is_empty() {
                        return Err(NnError::Argument {
                            layer: LayerPath::default(),
                            op: meta.kind,
                            what: "the number of inputs",
                            expected: "at least 1".to_string(),
                            found: "0".to_string(),
                        });
                    }
                    let known = names.iter().find(|(id, _)| *id == meta.id);
                    let name = match (known, &meta.name) {
                        (Some((_, name)), _) => name.clone(),
                        (None, Some(name)) => name.clone(),
                        (None, None) => next_name(meta.kind, &mut kinds),
                    };
                    if known.is_none() {
                        names.push((meta.id, name.clone()));
                    }
                    let x = x.iter().filter_map(|s| place(order, s)).collect();
                    order.push(symbol.id());
                    self.uses.push(Use {
                        layer: layer.clone(),
                        name,
                        x,
                        types: vec![],
                    });
                }
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), NnError> {
        let inputs = self.inputs.iter().map(|(name, _)| name.as_str());
        let layers = self.uses.iter().map(|u| u.name.as_str());
        for name in inputs.clone().chain(layers) {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(word) {
                return Err(NnError::Argument {
                    layer: LayerPath::default(),
                    op: "model",
                    what: "a name",
                    expected: "letters, digits and _".to_string(),
                    found: format!("\"{name}\""),
                });
            }
        }
        let mut seen = RESERVED.to_vec();
        for name in inputs {
            // Labels are y, y_1, ..
            if seen.contains(&name) || name.starts_with("y_") {
                return Err(duplicate("inputs", name));
            }
            seen.push(name);
        }
        for (i, a) in self.uses.iter().enumerate() {
            let other = self.uses[..i].iter().find(|b| b.name == a.name);
            if other.is_some_and(|b| b.layer.meta().id != a.layer.meta().id) {
                return Err(duplicate("layers", &a.name));
            }
        }
        Ok(())
    }

    /// Traces a batch of one to see weights and shapes, and to report what is wrong with them.
    fn first_trace(&mut self) -> Result<(), NnError> {
        let tracer = Tracer::new("model");
        let mut cx = Cx::new(&tracer, Mode::Training).freeze(&self.frozen);
        let inputs = self.inputs.iter();
        let x: Vec<Tensor> = inputs
            .map(|(name, input)| tracer.input(name, input.batch(1)))
            .collect();
        let values = self.values(&mut cx, x);
        for (used, value) in self.uses.iter_mut().zip(&values[self.inputs.len()..]) {
            used.types = value.iter().map(|y| y.ty().clone()).collect();
        }
        self.weights = cx.weights().iter().map(|(w, _)| w.clone()).collect();
        self.random = cx.random().is_some();
        tracer.finish()?;
        let outputs = self.outputs.iter();
        outputs
            .filter_map(|&(i, result)| values.get(i)?.get(result))
            .try_for_each(check_output)
    }

    /// The outputs for inputs `x`.
    pub fn forward(&self, cx: &mut Cx, x: Vec<Tensor>) -> Vec<Tensor> {
        let values = self.values(cx, x);
        let value = |&(i, result): &Place| values[i][result].clone();
        self.outputs.iter().map(value).collect()
    }

    /// Results of the inputs and of all uses.
    pub fn values(&self, cx: &mut Cx, x: Vec<Tensor>) -> Vec<Vec<Tensor>> {
        let mut values: Vec<Vec<Tensor>> = x.into_iter().map(|x| vec![x]).collect();
        for used in &self.uses {
            let value = |&(i, result): &Place| values[i][result].clone();
            let x: Vec<Tensor> = used.x.iter().map(value).collect();
            values.push(cx.call_all(&used.name, &*used.layer, &x));
        }
        values
    }

    /// Changes which layers are trained, besides those that say so themselves.
    pub fn freeze(&mut self, frozen: BTreeSet<String>) -> Result<(), NnError> {
        self.frozen = Arc::new(frozen);
        self.first_trace()
    }

    /// What is wrong with tensors as inputs.
    pub fn misfit(&self, x: &[Tensor]) -> Option<NnError> {
        if x.len() != self.inputs.len() {
            return Some(NnError::FeedCount {
                expected: self.inputs.len(),
                found: x.len(),
                inputs: self.inputs.iter().map(|(name, _)| name).collect(),
            });
        }
        let mut pairs = self.inputs.iter().zip(x);
        pairs.find_map(|((name, input), x)| {
            let expected = input.batch(x.shape().first().copied().unwrap_or(1));
            (expected != *x.ty()).then(|| NnError::Feed {
                name: name.clone(),
                expected,
                found: x.ty().clone(),
            })
        })
    }

    /// The type of output `index` for a batch of `n`.
    pub fn output_type(&self, index: usize, n: usize) -> Type {
        let (position, result) = self.outputs[index];
        let mut ty = match position.checked_sub(self.inputs.len()) {
            None => self.inputs[position].1.batch(1),
            Some(position) => self.uses[position].types[result].clone(),
        };
        if let Some(first) = ty.shape.0.first_mut() {
            *first = n;
        }
        ty
    }

    /// The name of the layer or input that output `index` comes from.
    pub fn output_name(&self, index: usize) -> &str {
        let (position, _) = self.outputs[index];
        match position.checked_sub(self.inputs.len()) {
            None => &self.inputs[position].0,
            Some(position) => &self.uses[position].name,
        }
    }
}

/// Where a symbol is, by the identities of inputs and calls in order.
fn place(order: &[u64], symbol: &Symbol) -> Option<Place> {
    let position = order.iter().position(|&id| id == symbol.id())?;
    Some((position, symbol.result()))
}

/// Programs cut outputs into samples along the first axis, as `f32`.
fn check_output(output: &Tensor) -> Result<(), NnError> {
    let (layer, op) = (LayerPath::default(), "model");
    if output.shape().first() != Some(&1) {
        return Err(NnError::Rank {
            layer,
            op,
            expected: "an output whose first axis is the batch (here 1)",
            shape: output.shape().clone(),
        });
    }
    if output.dtype() != DType::F32 {
        return Err(NnError::DType {
            layer,
            op,
            expected: DTypes::Words("an f32 output"),
            found: output.dtype(),
        });
    }
    Ok(())
}

fn duplicate(what: &'static str, name: &str) -> NnError {
    NnError::Duplicate {
        what,
        name: name.to_string(),
    }
}

/// `conv2d`, `conv2d_1`, ...
pub(crate) fn numbered(kind: &str, number: usize) -> String {
    match number {
        0 => kind.to_string(),
        n => format!("{kind}_{n}"),
    }
}

fn next_name<'a>(kind: &'a str, kinds: &mut Vec<(&'a str, usize)>) -> String {
    match kinds.iter_mut().find(|(k, _)| *k == kind) {
        Some((_, count)) => {
            *count += 1;
            numbered(kind, *count - 1)
        }
        None => {
            kinds.push((kind, 1));
            numbered(kind, 0)
        }
    }
}

/// Adds what `symbols` depend on, each once.
fn collect<'a>(symbols: &[&'a Symbol], found: &mut Vec<&'a Symbol>) {
    let mut open: Vec<&Symbol> = symbols.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(symbol) = open.pop() {
        // Results of one call are one place in the order.
        if !seen.insert(symbol.id()) {
            continue;
        }
        found.push(symbol);
        if let Source::Layer(_, x) = symbol.source() {
            open.extend(x);
        }
    }
}
