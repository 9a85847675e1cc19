//! A compiled program with its memory: `compile` once, `run` many times without allocating.

use crate::arena::{AlignedBuf, Element, MemoryError, Number};
use crate::executable::{CompileError, CompileTimes, Executable, Options, Port};
use crate::profile::Profile;
use crate::workspace::Workspace;
use craneflow_codegen::{Code, MemRef};
use craneflow_ir::loops::Program;
use craneflow_ir::{Array, Graph, Type, Verified};
use craneflow_passes::plan::Plan;
use std::sync::Arc;
use thiserror::Error;

/// Wrong use of a step or an executable.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum RunError {
    #[error("the program takes {expected} inputs, found {found}")]
    Inputs { expected: usize, found: usize },
    #[error("{expected} outputs replace no input and need a place, found {found} places")]
    Outputs { expected: usize, found: usize },
    #[error("an output replaces input {name}: its buffer must be given away")]
    NotDonated { name: String },
    #[error("input {name} is {expected}, found {found}")]
    InputType {
        name: String,
        expected: Type,
        found: Type,
    },
    #[error("{what} {name} ({ty}) takes {expected} bytes, found {found}")]
    Bytes {
        what: &'static str,
        name: String,
        ty: Type,
        expected: usize,
        found: usize,
    },
    #[error("there is no {what} named {name}; there are: {known}")]
    Name {
        what: &'static str,
        name: String,
        known: String,
    },
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// An executable with its memory. Inputs are buffers the step owns and the caller fills; an output that
/// replaces a donated input is found in that input's buffer, ready for the next run. Dropping the step
/// frees code and memory.
pub struct Step {
    workspace: Workspace,
    inputs: Vec<AlignedBuf>,
    /// Empty where an output replaces an input.
    outputs: Vec<AlignedBuf>,
}

impl Step {
    /// Compiles a graph.
    pub fn compile(graph: &Verified<Graph>, options: &Options) -> Result<Step, CompileError> {
        Step::new(Arc::new(Executable::compile(graph, options)?))
    }

    /// A step of an executable, with buffers for its inputs and outputs.
    pub fn new(executable: Arc<Executable>) -> Result<Step, CompileError> {
        let buffer = |what: &str, p: &Port, bytes: usize| {
            AlignedBuf::zeroed(bytes).map_err(|source| CompileError::Buffer {
                what: format!("{what} {}: {}", p.name, p.ty),
                source,
            })
        };
        let own = |p: &Port| buffer("input", p, p.ty.bytes());
        let place = |p: &Port| match p.partner {
            Some(_) => buffer("output", p, 0),
            None => buffer("output", p, p.ty.bytes()),
        };
        let inputs: Vec<AlignedBuf> =
            (executable.inputs().iter().map(own)).collect::<Result<_, _>>()?;
        let outputs: Vec<AlignedBuf> =
            (executable.outputs().iter().map(place)).collect::<Result<_, _>>()?;
        let mut workspace = Workspace::new(&executable).map_err(|source| CompileError::Buffer {
            what: format!(
                "what lies between the inputs and outputs of {}",
                executable.program().name
            ),
            source,
        })?;
        let all = |bufs: &[AlignedBuf]| -> Vec<MemRef> {
            bufs.iter().map(|b| b.mem(0, b.len())).collect()
        };
        workspace.bind(&all(&inputs), &all(&outputs));
        Ok(Step {
            workspace,
            inputs,
            outputs,
        })
    }

    /// Runs the program on what the input buffers hold.
    pub fn run(&mut self) {
        self.workspace.perform();
    }

    /// The same, and adds the time of each step of the program to `profile`, which was made for it.
    pub fn run_profiled(&mut self, profile: &mut Profile) {
        self.workspace.perform_profiled(profile);
    }

    /// Sets all inputs, runs, and returns all outputs.
    pub fn run_arrays(&mut self, inputs: &[Array]) -> Result<Vec<Array>, RunError> {
        if inputs.len() != self.inputs().len() {
            return Err(RunError::Inputs {
                expected: self.inputs().len(),
                found: inputs.len(),
            });
        }
        for (i, array) in inputs.iter().enumerate() {
            self.set_array(i, array)?;
        }
        self.run();
        Ok((0..self.outputs().len())
            .map(|o| self.output_array(o))
            .collect())
    }

    /// The inputs in order.
    pub fn inputs(&self) -> &[Port] {
        self.executable().inputs()
    }

    /// The outputs in order.
    pub fn outputs(&self) -> &[Port] {
        self.executable().outputs()
    }

    /// Position of the input called `name`.
    pub fn input_named(&self, name: &str) -> Result<usize, RunError> {
        named("input", self.inputs(), name)
    }

    /// Position of the output called `name`.
    pub fn output_named(&self, name: &str) -> Result<usize, RunError> {
        named("output", self.outputs(), name)
    }

    /// Copies an array into an input buffer.
    pub fn set_array(&mut self, i: usize, array: &Array) -> Result<(), RunError> {
        let port = &self.inputs()[i];
        if port.ty != array.ty {
            return Err(RunError::InputType {
                name: port.name.clone(),
                expected: port.ty.clone(),
                found: array.ty.clone(),
            });
        }
        self.set_bytes(i, array.bytes())
    }

    /// Copies dense row-major elements into an input buffer.
    pub fn set<T: Element>(&mut self, i: usize, data: &[T]) -> Result<(), RunError> {
        self.set_bytes(i, crate::arena::bytes_of(data))
    }

    fn set_bytes(&mut self, i: usize, bytes: &[u8]) -> Result<(), RunError> {
        let port = &self.inputs()[i];
        if bytes.len() != port.ty.bytes() {
            let (name, ty) = (port.name.clone(), port.ty.clone());
            return Err(RunError::Bytes {
                what: "input",
                name,
                expected: ty.bytes(),
                ty,
                found: bytes.len(),
            });
        }
        self.workspace.changed(i);
        self.inputs[i].bytes_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// The elements of an input buffer, to be filled in place.
    pub fn input_mut<T: Number>(&mut self, i: usize) -> Result<&mut [T], RunError> {
        self.workspace.changed(i);
        Ok(self.inputs[i].slice_mut()?)
    }

    /// The bytes of an input buffer.
    pub fn input_bytes(&self, i: usize) -> &[u8] {
        self.inputs[i].bytes()
    }

    /// The bytes of an output of the last run.
    pub fn output_bytes(&self, o: usize) -> &[u8] {
        match self.outputs()[o].partner {
            Some(input) => self.inputs[input].bytes(),
            None => self.outputs[o].bytes(),
        }
    }

    /// The elements of an output of the last run.
    pub fn output<T: Number>(&self, o: usize) -> Result<&[T], RunError> {
        Ok(match self.outputs()[o].partner {
            Some(input) => self.inputs[input].slice()?,
            None => self.outputs[o].slice()?,
        })
    }

    /// A copy of an output of the last run.
    pub fn output_array(&self, o: usize) -> Array {
        let ty = self.outputs()[o].ty.clone();
        Array::from_bytes(ty, self.output_bytes(o)).expect("an output has the bytes of its type")
    }

    /// What it runs.
    pub fn executable(&self) -> &Arc<Executable> {
        self.workspace.executable()
    }

    /// Bytes of everything a run touches.
    pub fn peak_bytes(&self) -> usize {
        self.executable().peak_bytes()
    }

    /// The memory plan.
    pub fn plan(&self) -> &Plan {
        self.executable().plan()
    }

    /// The lowered program.
    pub fn program(&self) -> &Program {
        self.executable().program()
    }

    /// The machine code.
    pub fn code(&self) -> &Code {
        self.executable().code()
    }

    /// How long compiling took.
    pub fn times(&self) -> &CompileTimes {
        self.executable().times()
    }
}

fn named(what: &'static str, ports: &[Port], name: &str) -> Result<usize, RunError> {
    ports.iter().position(|p| p.name == name).ok_or_else(|| {
        let known = ports
            .iter()
            .map(|p| p.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        RunError::Name {
            what,
            name: name.to_string(),
            known,
        }
    })
}
