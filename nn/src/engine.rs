//! A compiled program and the arrays that stay with it between calls.
//!
//! Every input keeps the value it was given last, and a donated input takes the value of the output
//! that replaces it. So a training step is fed a batch and leaves its new weights where the next
//! call finds them.

use crate::error::{Names, NnError};
use crate::host::Feed;
use craneflow_ir::eval::eval_graph;
use craneflow_ir::{Array, Graph, Type};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to run on; 0 means one for each core. Results do not depend on it.
    pub threads: usize,
}

/// An input or output of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// For an input: the position of the output that replaces it.
    pub donated: Option<usize>,
}

/// A compiled program.
pub struct Engine {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    graph: Graph,
    held: Vec<Option<Array>>,
    results: Vec<Array>,
}

impl Engine {
    /// Compiles a graph.
    pub fn compile(graph: Graph, _options: &Options) -> Result<Engine, NnError> {
        let input = |i: &craneflow_ir::graph::Input| Port {
            name: i.name.clone(),
            ty: graph.ty(i.value).clone(),
            donated: i.donated,
        };
        let output = |o: &craneflow_ir::graph::Output| Port {
            name: o.name.clone(),
            ty: graph.ty(o.value).clone(),
            donated: None,
        };
        Ok(Engine {
            inputs: graph.inputs.iter().map(input).collect(),
            outputs: graph.outputs.iter().map(output).collect(),
            held: vec![None; graph.inputs.len()],
            results: vec![],
            graph,
        })
    }

    /// The inputs in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Gives input `index` a value.
    pub fn set(&mut self, index: usize, feed: &Feed<'_>) -> Result<(), NnError> {
        let port = &self.inputs[index];
        if *feed.ty() != port.ty {
            return Err(NnError::Feed {
                name: port.name.clone(),
                expected: port.ty.clone(),
                found: feed.ty().clone(),
            });
        }
        self.held[index] = Some(feed.array());
        Ok(())
    }

    /// Gives input `index` the rows of `feed` with these numbers.
    pub fn set_rows(
        &mut self,
        index: usize,
        feed: &Feed<'_>,
        rows: &[usize],
    ) -> Result<(), NnError> {
        let mut buffer = vec![];
        self.set(index, &feed.gather(rows, &mut buffer))
    }

    /// The value of input `index`, which must have one: after a run, that of the output that
    /// replaced it.
    pub fn get(&self, index: usize) -> Array {
        let held = self.held[index].clone();
        held.unwrap_or_else(|| panic!("input {} has no value", self.inputs[index].name))
    }

    /// Runs the program on `feeds` (positions of inputs and their values) and what is held for the
    /// other inputs.
    pub fn run(&mut self, feeds: &[(usize, Feed<'_>)]) -> Result<(), NnError> {
        for (index, feed) in feeds {
            self.set(*index, feed)?;
        }
        if let Some(missing) = self.held.iter().position(Option::is_none) {
            return Err(NnError::MissingFeed {
                name: self.inputs[missing].name.clone(),
                inputs: self.inputs.iter().map(|p| &p.name).collect::<Names>(),
            });
        }
        let inputs: Vec<Array> = self.held.iter().flatten().cloned().collect();
        self.results = eval_graph(&self.graph, &inputs);
        for (index, port) in self.inputs.iter().enumerate() {
            if let Some(output) = port.donated {
                self.held[index] = Some(self.results[output].clone());
            }
        }
        Ok(())
    }

    /// Output `index` of the last run; there must have been one.
    pub fn output(&self, index: usize) -> Array {
        self.results[index].clone()
    }

    /// A rank-0 or one-element `f32` output of the last run.
    pub fn scalar(&self, index: usize) -> f32 {
        self.results[index].get(0).to_f64() as f32
    }
}
