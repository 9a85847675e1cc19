//! The functional way to write a model: symbols stand for what flows between layers.

use super::{Layer, Meta};
use craneflow_ir::{DType, Shape, Type};
use std::sync::Arc;

/// What flows between layers of a functional model: `Dense::new(10).call(&x)`.
#[derive(Clone)]
pub struct Symbol {
    node: Arc<Node>,
    /// Which result of the layer.
    result: usize,
}

struct Node {
    /// Increases with creation, so it is a topological order.
    id: u64,
    source: Source,
}

/// Where a symbol comes from.
pub(crate) enum Source {
    /// Given by the caller.
    Input(Input),
    /// A layer of other symbols.
    Layer(Arc<dyn Layer>, Vec<Symbol>),
}

/// An input of a model.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) name: Option<String>,
    pub(crate) shape: Shape,
    pub(crate) dtype: DType,
}

impl Input {
    /// An `f32` input; `shape` is that of one sample, without the batch.
    pub fn new(shape: impl Into<Shape>) -> Input {
        Input {
            name: None,
            shape: shape.into(),
            dtype: DType::F32,
        }
    }

    /// Sets the element type: `i32` for token numbers.
    pub fn dtype(mut self, dtype: DType) -> Input {
        self.dtype = dtype;
        self
    }

    /// Names the input; else it is `x`, `x_1`, ...
    pub fn name(mut self, name: &str) -> Input {
        self.name = Some(name.to_string());
        self
    }

    /// The symbol of this input.
    pub fn symbol(self) -> Symbol {
        Symbol::new(Source::Input(self))
    }

    /// The type of a batch.
    pub(crate) fn batch(&self, n: usize) -> Type {
        let mut shape = vec![n];
        shape.extend(self.shape.iter());
        Type::new(self.dtype, shape)
    }
}

impl Symbol {
    fn new(source: Source) -> Symbol {
        let id = Meta::new("").id;
        Symbol {
            node: Arc::new(Node { id, source }),
            result: 0,
        }
    }

    /// A layer of other symbols.
    pub(crate) fn of(layer: Arc<dyn Layer>, x: &[Symbol]) -> Symbol {
        Symbol::new(Source::Layer(layer, x.to_vec()))
    }

    /// Position of the call in the order of creation.
    pub(crate) fn id(&self) -> u64 {
        self.node.id
    }

    /// Which result of the call it is.
    pub(crate) fn result(&self) -> usize {
        self.result
    }

    /// Another result of the same call, if it has as many.
    pub(crate) fn nth(&self, result: usize) -> Option<Symbol> {
        let results = match self.source() {
            Source::Input(_) => 1,
            Source::Layer(layer, _) => layer.results(),
        };
        (result < results).then(|| Symbol {
            result,
            ..self.clone()
        })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.node.source
    }
}

/// How layers are applied in functional models.
pub trait Call: Layer + Clone + Sized + 'static {
    /// The layer applied to `x`. Called again, it shares its weights.
    fn call(&self, x: &Symbol) -> Symbol {
        self.call_all(&[x])
    }

    /// The layer applied to several symbols, for layers that merge.
    fn call_all(&self, x: &[&Symbol]) -> Symbol {
        let x = x.iter().map(|&x| x.clone()).collect();
        Symbol::new(Source::Layer(Arc::new(self.clone()), x))
    }

    /// All results of the layer, for layers that have several.
    fn results_of(&self, x: &[&Symbol]) -> Vec<Symbol> {
        let first = self.call_all(x);
        let result = |result| Symbol {
            result,
            ..first.clone()
        };
        (0..self.results()).map(result).collect()
    }
}

impl<L: Layer + Clone + 'static> Call for L {}

impl std::ops::Add for &Symbol {
    type Output = Symbol;
    fn add(self, other: &Symbol) -> Symbol {
        super::Add::new().call_all(&[self, other])
    }
}
