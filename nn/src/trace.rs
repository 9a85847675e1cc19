//! Below models: trace a closure, take its gradient, compile it once and call it many times.
//!
//! ```
//! use craneflow_nn::trace::{Function, f32s, trace};
//! use ndarray::array;
//!
//! // Nothing runs here: the closure sees shapes only.
//! let graph = trace("squares", &[("x", f32s([3]))], |x| {
//!     let y = x[0].square().sum(&[]);
//!     let mut results = vec![y.clone()];
//!     results.extend(y.gradient(&[&x[0]]));
//!     results
//! })?;
//! let mut f = Function::compile(graph, &Default::default())?;
//! let x = array![1.0f32, 2.0, 3.0];
//! let results = f.call_named(&[("x", (&x).into())])?;
//! assert_eq!(results.get::<f32>(1)?, array![2.0, 4.0, 6.0].into_dyn());
//! # Ok::<(), craneflow_nn::NnError>(())
//! ```

use crate::engine::{Engine, Options, Port};
use crate::error::{DTypes, Layer, Names, NnError};
use crate::host::{Feed, to_ndarray};
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Graph, Shape, Type, Verified};
use craneflow_runtime::arena::Number;
use ndarray::ArrayD;

/// The type of an `f32` tensor.
pub fn f32s(shape: impl Into<Shape>) -> Type {
    Type::new(DType::F32, shape)
}

/// The type of an `i32` tensor.
pub fn i32s(shape: impl Into<Shape>) -> Type {
    Type::new(DType::I32, shape)
}

/// The program that `f` describes, for inputs of these names and types. Outputs are called `out0`,
/// `out1`, ... in the order in which `f` returns them.
pub fn trace<R: Results>(
    name: &str,
    inputs: &[(&str, Type)],
    f: impl FnOnce(&[Tensor]) -> R,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new(name);
    for (i, (name, _)) in inputs.iter().enumerate() {
        if inputs[..i].iter().any(|(other, _)| other == name) {
            return Err(NnError::Duplicate {
                what: "inputs",
                name: name.to_string(),
            });
        }
    }
    let declare = |(name, ty): &(&str, Type)| tracer.input(name, ty.clone());
    let x: Vec<Tensor> = inputs.iter().map(declare).collect();
    for (i, (name, y)) in f(&x).named().into_iter().enumerate() {
        tracer.output(&name.unwrap_or_else(|| format!("out{i}")), &y);
    }
    tracer.finish()
}

/// The graph in which the inputs of these names are donated: the outputs of the same names take over
/// their buffers, so each call goes on from what the call before it left.
pub fn donate(graph: Verified<Graph>, names: &[&str]) -> Result<Verified<Graph>, NnError> {
    let mut graph = graph.into_inner();
    for &name in names {
        let Some(output) = graph.outputs.iter().position(|o| o.name == name) else {
            return Err(NnError::UnknownOutput {
                name: name.to_string(),
                outputs: graph.outputs.iter().map(|o| &o.name).collect(),
            });
        };
        let Some(input) = graph.inputs.iter_mut().find(|i| i.name == name) else {
            return Err(NnError::UnknownFeed {
                name: name.to_string(),
                inputs: graph.inputs.iter().map(|i| &i.name).collect(),
            });
        };
        input.donated = Some(output);
    }
    Ok(Verified::graph(graph)?)
}

/// What a traced closure may return: tensors, or tensors with names.
pub trait Results {
    /// The outputs in order, named or not.
    fn named(self) -> Vec<(Option<String>, Tensor)>;
}

impl Results for Tensor {
    fn named(self) -> Vec<(Option<String>, Tensor)> {
        vec![(None, self)]
    }
}

impl Results for Vec<Tensor> {
    fn named(self) -> Vec<(Option<String>, Tensor)> {
        self.into_iter().map(|y| (None, y)).collect()
    }
}

impl Results for Vec<(&str, Tensor)> {
    fn named(self) -> Vec<(Option<String>, Tensor)> {
        let named = |(name, y): (&str, _)| (Some(name.to_string()), y);
        self.into_iter().map(named).collect()
    }
}

impl Results for Vec<(String, Tensor)> {
    fn named(self) -> Vec<(Option<String>, Tensor)> {
        self.into_iter().map(|(name, y)| (Some(name), y)).collect()
    }
}

/// The function whose results are the gradients of the scalar function `f` with respect to all its
/// arguments.
pub fn grad(f: impl Fn(&[Tensor]) -> Tensor) -> impl Fn(&[Tensor]) -> Vec<Tensor> {
    move |x| f(x).gradient(&x.iter().collect::<Vec<_>>())
}

/// As [`grad`], with the value of `f` first.
pub fn value_and_grad(f: impl Fn(&[Tensor]) -> Tensor) -> impl Fn(&[Tensor]) -> Vec<Tensor> {
    move |x| {
        let y = f(x);
        let gradients = y.gradient(&x.iter().collect::<Vec<_>>());
        std::iter::once(y).chain(gradients).collect()
    }
}

/// A compiled program, called with arrays by position or by name. Inputs keep their last value, so
/// a call by name may leave out what has not changed; a donated input keeps its new value.
pub struct Function {
    engine: Engine,
}

/// The outputs of one call.
#[derive(Clone, Debug)]
pub struct Outputs {
    names: Vec<String>,
    arrays: Vec<Array>,
}

impl Function {
    /// Compiles a graph.
    pub fn compile(graph: Verified<Graph>, options: &Options) -> Result<Function, NnError> {
        let engine = Engine::compile(graph, options)?;
        Ok(Function { engine })
    }

    /// Names and types of the inputs.
    pub fn inputs(&self) -> &[Port] {
        self.engine.inputs()
    }

    /// Names and types of the outputs.
    pub fn outputs(&self) -> &[Port] {
        self.engine.outputs()
    }

    /// Runs on all inputs in order.
    pub fn call(&mut self, inputs: &[Feed<'_>]) -> Result<Outputs, NnError> {
        if inputs.len() != self.inputs().len() {
            return Err(NnError::FeedCount {
                expected: self.inputs().len(),
                found: inputs.len(),
                inputs: names(self.inputs()),
            });
        }
        let feeds: Vec<_> = inputs.iter().cloned().enumerate().collect();
        self.run(&feeds)
    }

    /// Runs on inputs by name; others keep the value that they have.
    pub fn call_named<'a>(&mut self, feeds: &[(&str, Feed<'a>)]) -> Result<Outputs, NnError> {
        let feed = |(name, feed): &(&str, Feed<'a>)| {
            let index = self.inputs().iter().position(|p| p.name == *name);
            let unknown = || NnError::UnknownFeed {
                name: name.to_string(),
                inputs: names(self.inputs()),
            };
            Ok((index.ok_or_else(unknown)?, feed.clone()))
        };
        let feeds: Vec<_> = feeds.iter().map(feed).collect::<Result<_, NnError>>()?;
        self.run(&feeds)
    }

    fn run(&mut self, feeds: &[(usize, Feed<'_>)]) -> Result<Outputs, NnError> {
        self.engine.run(feeds)?;
        let outputs = self.outputs();
        Ok(Outputs {
            names: outputs.iter().map(|p| p.name.clone()).collect(),
            arrays: (0..outputs.len()).map(|i| self.engine.output(i)).collect(),
        })
    }
}

impl Outputs {
    /// The arrays in order.
    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    /// Output `index` as an `ndarray` of its element type.
    pub fn get<T: Number>(&self, index: usize) -> Result<ArrayD<T>, NnError> {
        let Some(array) = self.arrays.get(index) else {
            return Err(self.unknown(&index.to_string()));
        };
        to_ndarray(array).ok_or_else(|| NnError::DType {
            layer: Layer::default(),
            op: "output",
            expected: DTypes::One(array.ty.dtype),
            found: T::DTYPE,
        })
    }

    /// The output called `name`.
    pub fn named<T: Number>(&self, name: &str) -> Result<ArrayD<T>, NnError> {
        match self.names.iter().position(|n| n == name) {
            Some(index) => self.get(index),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> NnError {
        NnError::UnknownOutput {
            name: name.to_string(),
            outputs: self.names.iter().collect(),
        }
    }
}

fn names(ports: &[Port]) -> Names {
    ports.iter().map(|p| &p.name).collect()
}

/// A function that is compiled when it is first called with arrays of certain types, and called
/// many times: `jit(&["x", "y"], |a| vec![&a[0] + &a[1]])`.
pub fn jit<R: Results, F: Fn(&[Tensor]) -> R>(names: &[&str], f: F) -> Jit<F> {
    Jit {
        names: names.iter().map(|n| n.to_string()).collect(),
        f,
        compiled: vec![],
        options: Options::default(),
    }
}

/// See [`jit`].
pub struct Jit<F> {
    names: Vec<String>,
    f: F,
    compiled: Vec<(Vec<Type>, Function)>,
    options: Options,
}

impl<R: Results, F: Fn(&[Tensor]) -> R> Jit<F> {
    /// Sets how to compile.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Runs on arrays by position.
    pub fn call(&mut self, inputs: &[Feed<'_>]) -> Result<Outputs, NnError> {
        if inputs.len() != self.names.len() {
            return Err(NnError::FeedCount {
                expected: self.names.len(),
                found: inputs.len(),
                inputs: self.names.iter().collect(),
            });
        }
        let types: Vec<Type> = inputs.iter().map(|x| x.ty().clone()).collect();
        let index = match self.compiled.iter().position(|(t, _)| *t == types) {
            Some(index) => index,
            None => {
                let names = self.names.iter().map(String::as_str);
                let ports: Vec<_> = names.zip(types.iter().cloned()).collect();
                let graph = trace("jit", &ports, &self.f)?;
                let function = Function::compile(graph, &self.options)?;
                self.compiled.push((types, function));
                self.compiled.len() - 1
            }
        };
        self.compiled[index].1.call(inputs)
    }

    /// Runs on arrays by name, in any order; all are needed.
    pub fn call_named(&mut self, feeds: &[(&str, Feed<'_>)]) -> Result<Outputs, NnError> {
        if let Some((name, _)) = feeds.iter().find(|f| !self.names.iter().any(|n| n == f.0)) {
            return Err(NnError::UnknownFeed {
                name: name.to_string(),
                inputs: self.names.iter().collect(),
            });
        }
        let find = |name: &String| {
            let found = feeds.iter().find(|f| f.0 == name).map(|f| f.1.clone());
            found.ok_or_else(|| NnError::MissingFeed {
                name: name.clone(),
                inputs: self.names.iter().collect(),
            })
        };
        let inputs: Vec<_> = self.names.iter().map(find).collect::<Result<_, _>>()?;
        self.call(&inputs)
    }

    /// How many programs were compiled so far: one for each combination of types.
    pub fn compiled(&self) -> usize {
        self.compiled.len()
    }
}
