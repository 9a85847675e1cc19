//! A compiled program and the arrays that stay with it between calls.
//!
//! Every input keeps the value it was given last, and a donated input takes the value of the output
//! that replaces it. So a training step is fed a batch and leaves its new weights where the next
//! call finds them.

use crate::error::{Names, NnError};
use crate::host::Feed;
use craneflow_ir::eval::eval_graph;
use craneflow_ir::{Array, Graph, Type, Verified};
use craneflow_runtime::Step;

/// How to compile and run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to run on; 0 means one for each core. Results do not depend on it.
    pub threads: usize,
    /// Runs on the reference interpreter instead of compiling: slow, for checks.
    pub interpret: bool,
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
    /// Which inputs have a value.
    given: Vec<bool>,
    backend: Backend,
}

enum Backend {
    Compiled(Box<Step>),
    Interpreter {
        graph: Verified<Graph>,
        held: Vec<Array>,
        results: Vec<Array>,
    },
}

impl Engine {
    /// Compiles a graph.
    pub fn compile(graph: Verified<Graph>, options: &Options) -> Result<Engine, NnError> {
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
        let inputs: Vec<Port> = graph.inputs.iter().map(input).collect();
        let outputs = graph.outputs.iter().map(output).collect();
        let backend = if options.interpret {
            let zeros = |p: &Port| Array::from_bytes(p.ty.clone(), vec![0; p.ty.bytes()]);
            Backend::Interpreter {
                held: inputs.iter().filter_map(zeros).collect(),
                results: vec![],
                graph,
            }
        } else {
            let how = craneflow_runtime::Options::with_threads(options.threads);
            let step = Step::compile(&graph, &how).map_err(|source| NnError::Compile {
                name: graph.name.clone(),
                source,
            })?;
            Backend::Compiled(Box::new(step))
        };
        Ok(Engine {
            given: vec![false; inputs.len()],
            inputs,
            outputs,
            backend,
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

    /// The compiled step, unless the program is interpreted.
    pub fn step(&self) -> Option<&Step> {
        match &self.backend {
            Backend::Compiled(step) => Some(step),
            Backend::Interpreter { .. } => None,
        }
    }

    /// Gives input `index` a value.
    pub fn set(&mut self, index: usize, feed: &Feed<'_>) -> Result<(), NnError> {
        self.check(index, feed.ty())?;
        match &mut self.backend {
            Backend::Compiled(step) => step.input_mut::<u8>(index)?.copy_from_slice(feed.bytes()),
            Backend::Interpreter { held, .. } => held[index] = feed.array(),
        }
        Ok(())
    }

    /// Gives input `index` the rows of `feed` with these numbers.
    pub fn set_rows(
        &mut self,
        index: usize,
        feed: &Feed<'_>,
        rows: &[usize],
    ) -> Result<(), NnError> {
        self.check(index, &feed.row_type(rows.len()))?;
        match &mut self.backend {
            Backend::Compiled(step) => feed.gather(rows, step.input_mut::<u8>(index)?),
            Backend::Interpreter { held, .. } => {
                let mut bytes = vec![0; held[index].ty.bytes()];
                feed.gather(rows, &mut bytes);
                held[index] = Feed::new(held[index].ty.clone(), &bytes).array();
            }
        }
        Ok(())
    }

    /// Notes that input `index` gets a value of type `found`, if that is right.
    fn check(&mut self, index: usize, found: &Type) -> Result<(), NnError> {
        let port = &self.inputs[index];
        if *found != port.ty {
            return Err(NnError::Feed {
                name: port.name.clone(),
                expected: port.ty.clone(),
                found: found.clone(),
            });
        }
        self.given[index] = true;
        Ok(())
    }

    /// The value of input `index`: after a run, that of the output that replaced it.
    pub fn get(&self, index: usize) -> Array {
        match &self.backend {
            Backend::Compiled(step) => {
                let ty = self.inputs[index].ty.clone();
                let array = Array::from_bytes(ty, step.input_bytes(index));
                array.expect("an input has the bytes of its type")
            }
            Backend::Interpreter { held, .. } => held[index].clone(),
        }
    }

    /// Runs the program on `feeds` (positions of inputs and their values) and what is held for the
    /// other inputs.
    pub fn run(&mut self, feeds: &[(usize, Feed<'_>)]) -> Result<(), NnError> {
        for (index, feed) in feeds {
            self.set(*index, feed)?;
        }
        if let Some(missing) = self.given.iter().position(|given| !given) {
            return Err(NnError::MissingFeed {
                name: self.inputs[missing].name.clone(),
                inputs: self.inputs.iter().map(|p| &p.name).collect::<Names>(),
            });
        }
        match &mut self.backend {
            Backend::Compiled(step) => step.run(),
            Backend::Interpreter {
                graph,
                held,
                results,
            } => {
                *results = eval_graph(graph, held);
                for (index, port) in self.inputs.iter().enumerate() {
                    if let Some(output) = port.donated {
                        held[index] = results[output].clone();
                    }
                }
            }
        }
        Ok(())
    }

    /// Output `index` of the last run; there must have been one.
    pub fn output(&self, index: usize) -> Array {
        match &self.backend {
            Backend::Compiled(step) => step.output_array(index),
            Backend::Interpreter { results, .. } => results[index].clone(),
        }
    }

    /// A rank-0 `f32` output of the last run.
    pub fn scalar(&self, index: usize) -> f32 {
        match &self.backend {
            Backend::Compiled(step) => step.output::<f32>(index).map_or(f32::NAN, |x| x[0]),
            Backend::Interpreter { results, .. } => results[index].get(0).to_f64() as f32,
        }
    }
}
