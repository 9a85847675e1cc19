//! A compiled program with its memory: `compile` once, `run` many times without allocating.

use crate::arena::{AlignedBuf, Element, MemoryError, Number, copy};
use crate::threads::parallel_for;
use craneflow_codegen::{Bound, Code, CodegenError, MemRef};
use craneflow_ir::loops::{Buf, BufferKind, KernelId, Program};
use craneflow_ir::ops::Op;
use craneflow_ir::{Array, Graph, Type, loops};
use craneflow_passes::plan::{ALIGN, Place, Plan};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How to compile and run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most threads a run uses, the caller included. Results do not depend on it.
    pub threads: usize,
    /// Options of the passes.
    pub passes: craneflow_passes::Options,
    /// Options of code generation.
    pub codegen: craneflow_codegen::Options,
}

impl Default for Options {
    fn default() -> Options {
        let threads = crate::threads::cores();
        let codegen = craneflow_codegen::Options {
            threads,
            ..Default::default()
        };
        Options {
            threads,
            passes: craneflow_passes::Options {
                vector_bits: craneflow_codegen::host_vector_bits(),
                ..Default::default()
            },
            codegen,
        }
    }
}

/// Why a graph could not be made into a step.
#[derive(Debug, Error)]
pub enum CompileError {
    /// Code generation failed.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// The memory of the step could not be allocated.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Wrong use of a step.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum RunError {
    #[error("the step takes {expected} inputs, found {found}")]
    Inputs { expected: usize, found: usize },
    #[error("input {name} is {expected}, found {found}")]
    InputType {
        name: String,
        expected: Type,
        found: Type,
    },
    #[error("input {name} ({ty}) takes {expected} bytes, found {found}")]
    InputBytes {
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

/// How long compiling took.
#[derive(Clone, Debug, Default)]
pub struct CompileTimes {
    /// Each pass by name.
    pub passes: Vec<(&'static str, Duration)>,
    /// Code generation.
    pub codegen: Duration,
}

/// Estimated element operations below which a kernel runs on the caller alone.
const SERIAL_WORK: usize = 1 << 15;

/// A step with every buffer at its address.
enum Action {
    Launch {
        bound: Bound,
        budget: usize,
        grid: usize,
    },
    Copy {
        from: Buf,
        to: Buf,
    },
    Interpret {
        op: Box<Op>,
        args: Vec<Buf>,
        results: Vec<Buf>,
    },
    While {
        cond: Vec<Action>,
        pred: Buf,
        body: Vec<Action>,
    },
    Case {
        index: Buf,
        branches: Vec<Vec<Action>>,
    },
}

/// A named input or output.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// For an input: the output that replaces it. For an output: the input it replaces.
    pub partner: Option<usize>,
}

/// A compiled program: kernels, constants, a memory plan and the memory itself. Inputs are buffers the
/// step owns and the caller fills; an output that replaces a donated input is found in that input's
/// buffer, ready for the next run. Dropping the step frees code and memory.
pub struct Step {
    code: Code,
    program: Program,
    plan: Plan,
    actions: Vec<Action>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    input_bufs: Vec<AlignedBuf>,
    output_bufs: Vec<AlignedBuf>,
    constants: AlignedBuf,
    arena: AlignedBuf,
    scratch: Vec<AlignedBuf>,
    table: Vec<MemRef>,
    options: Options,
    times: CompileTimes,
}

impl Step {
    /// Compiles a verified graph.
    pub fn compile(graph: &Graph, options: &Options) -> Result<Step, CompileError> {
        let mut times = CompileTimes::default();
        let (program, plan) =
            craneflow_passes::compile(graph.clone(), &options.passes, &mut |pass, _, time| {
                times.passes.push((pass.name, time));
            });
        let start = Instant::now();
        let kernels: Vec<&loops::Kernel> = program.kernels.iter().collect();
        let code = craneflow_codegen::compile(&kernels, &options.codegen)?;
        times.codegen = start.elapsed();
        let outputs: Vec<Port> = (graph.outputs.iter().enumerate())
            .map(|(o, output)| Port {
                name: output.name.clone(),
                ty: graph.ty(output.value).clone(),
                partner: graph.inputs.iter().position(|i| i.donated == Some(o)),
            })
            .collect();
        let inputs: Vec<Port> = (graph.inputs.iter())
            .map(|i| Port {
                name: i.name.clone(),
                ty: graph.ty(i.value).clone(),
                partner: i.donated,
            })
            .collect();
        let own = |p: &Port| AlignedBuf::zeroed(p.ty.bytes());
        let input_bufs = inputs.iter().map(own).collect::<Result<Vec<_>, _>>()?;
        let replaced =
            |p: &Port| AlignedBuf::zeroed(if p.partner.is_some() { 0 } else { p.ty.bytes() });
        let output_bufs = outputs
            .iter()
            .map(replaced)
            .collect::<Result<Vec<_>, _>>()?;
        let workers = options.threads.max(1);
        let scratch = (0..workers)
            .map(|_| AlignedBuf::zeroed(plan.scratch_bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let mut step = Step {
            constants: constants(&program, &plan)?,
            arena: AlignedBuf::zeroed(plan.arena_bytes)?,
            code,
            program,
            plan,
            actions: vec![],
            inputs,
            outputs,
            input_bufs,
            output_bufs,
            scratch,
            table: vec![],
            options: options.clone(),
            times,
        };
        step.bind()?;
        Ok(step)
    }

    /// Fixes the address of every buffer and the arguments of every launch.
    fn bind(&mut self) -> Result<(), CodegenError> {
        self.table = (0..self.program.buffers.len())
            .map(|b| self.place(Buf(b as u32)))
            .collect();
        self.actions = self.actions_of(&self.program.steps)?;
        Ok(())
    }

    fn place(&mut self, b: Buf) -> MemRef {
        let bytes = self.program.buffer(b).ty.bytes();
        match self.plan.places[b.0 as usize] {
            Place::Input(i) => self.input_bufs[i].mem(0, bytes),
            Place::Output(o) => self.output_bufs[o].mem(0, bytes),
            Place::Constant(offset) => self.constants.mem(offset, bytes),
            Place::Arena(offset) => self.arena.mem(offset, bytes),
            Place::Nowhere => MemRef::none(),
        }
    }

    fn actions_of(&self, steps: &[loops::Step]) -> Result<Vec<Action>, CodegenError> {
        steps.iter().map(|s| self.action(s)).collect()
    }

    fn action(&self, step: &loops::Step) -> Result<Action, CodegenError> {
        Ok(match step {
            loops::Step::Launch { kernel, args, .. } => {
                let refs: Vec<MemRef> = args.iter().map(|b| self.table[b.0 as usize]).collect();
                let bound = self.code.entry(kernel.0 as usize).bind(&refs)?;
                let grid = self.program.kernel(*kernel).grid();
                let small = self.work(*kernel) < SERIAL_WORK;
                Action::Launch {
                    bound,
                    budget: if small { 1 } else { self.options.threads },
                    grid,
                }
            }
            loops::Step::Copy { from, to } => Action::Copy {
                from: *from,
                to: *to,
            },
            loops::Step::Interpret { op, args, results } => Action::Interpret {
                op: Box::new(op.clone()),
                args: args.clone(),
                results: results.clone(),
            },
            loops::Step::While { cond, pred, body } => Action::While {
                cond: self.actions_of(cond)?,
                pred: *pred,
                body: self.actions_of(body)?,
            },
            loops::Step::Case { index, branches } => {
                let branches = branches
                    .iter()
                    .map(|b| self.actions_of(b))
                    .collect::<Result<_, _>>()?;
                Action::Case {
                    index: *index,
                    branches,
                }
            }
        })
    }

    /// Estimated element operations of one launch.
    fn work(&self, kernel: KernelId) -> usize {
        let k = self.program.kernel(kernel);
        k.grid().saturating_mul(work(k, &k.body))
    }

    /// Runs the program on what the input buffers hold.
    pub fn run(&mut self) {
        crate::threads::with_default_float(|| self.perform(&self.actions));
    }

    fn perform(&self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Launch {
                    bound,
                    budget,
                    grid,
                } => {
                    parallel_for(*budget, *grid, &|start, end, slot| {
                        bound.call(self.scratch_of(slot), start, end)
                    });
                }
                Action::Copy { from, to } => copy(self.mem(*from), self.mem(*to)),
                Action::Interpret { op, args, results } => {
                    let args: Vec<Array> = args.iter().map(|&b| self.read(b)).collect();
                    for (array, &b) in op.rules().eval(&args).iter().zip(results) {
                        crate::arena::write(self.mem(b), array.bytes());
                    }
                }
                Action::While { cond, pred, body } => loop {
                    self.perform(cond);
                    if self.read(*pred).get(0).bits == 0 {
                        break;
                    }
                    self.perform(body);
                },
                Action::Case { index, branches } => {
                    let chosen =
                        usize::try_from(self.read(*index).get(0).to_i64()).unwrap_or(usize::MAX);
                    self.perform(&branches[chosen.min(branches.len() - 1)]);
                }
            }
        }
    }

    fn mem(&self, b: Buf) -> MemRef {
        self.table[b.0 as usize]
    }

    fn scratch_of(&self, slot: usize) -> MemRef {
        let scratch = &self.scratch[slot];
        scratch.mem(0, scratch.len())
    }

    /// A copy of a buffer for the reference interpreter.
    fn read(&self, b: Buf) -> Array {
        let ty = self.program.buffer(b).ty.clone();
        let bytes = crate::arena::read(self.mem(b));
        Array::from_bytes(ty, bytes).expect("a buffer has the bytes of its type")
    }

    /// Sets all inputs, runs, and returns all outputs.
    pub fn run_arrays(&mut self, inputs: &[Array]) -> Result<Vec<Array>, RunError> {
        if inputs.len() != self.inputs.len() {
            return Err(RunError::Inputs {
                expected: self.inputs.len(),
                found: inputs.len(),
            });
        }
        for (i, array) in inputs.iter().enumerate() {
            self.set_array(i, array)?;
        }
        self.run();
        Ok((0..self.outputs.len())
            .map(|o| self.output_array(o))
            .collect())
    }

    /// The inputs in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Position of the input called `name`.
    pub fn input_named(&self, name: &str) -> Result<usize, RunError> {
        named("input", &self.inputs, name)
    }

    /// Position of the output called `name`.
    pub fn output_named(&self, name: &str) -> Result<usize, RunError> {
        named("output", &self.outputs, name)
    }

    /// Copies an array into an input buffer.
    pub fn set_array(&mut self, i: usize, array: &Array) -> Result<(), RunError> {
        let port = &self.inputs[i];
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
        let port = &self.inputs[i];
        if bytes.len() != port.ty.bytes() {
            let (name, ty) = (port.name.clone(), port.ty.clone());
            return Err(RunError::InputBytes {
                name,
                expected: ty.bytes(),
                ty,
                found: bytes.len(),
            });
        }
        self.input_bufs[i].bytes_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// The elements of an input buffer, to be filled in place.
    pub fn input_mut<T: Number>(&mut self, i: usize) -> Result<&mut [T], RunError> {
        Ok(self.input_bufs[i].slice_mut()?)
    }

    /// The bytes of an input buffer.
    pub fn input_bytes(&self, i: usize) -> &[u8] {
        self.input_bufs[i].bytes()
    }

    /// The bytes of an output of the last run.
    pub fn output_bytes(&self, o: usize) -> &[u8] {
        match self.outputs[o].partner {
            Some(input) => self.input_bufs[input].bytes(),
            None => self.output_bufs[o].bytes(),
        }
    }

    /// The elements of an output of the last run.
    pub fn output<T: Number>(&self, o: usize) -> Result<&[T], RunError> {
        Ok(match self.outputs[o].partner {
            Some(input) => self.input_bufs[input].slice()?,
            None => self.output_bufs[o].slice()?,
        })
    }

    /// A copy of an output of the last run.
    pub fn output_array(&self, o: usize) -> Array {
        let ty = self.outputs[o].ty.clone();
        Array::from_bytes(ty, self.output_bytes(o)).expect("an output has the bytes of its type")
    }

    /// Bytes of everything a run touches.
    pub fn peak_bytes(&self) -> usize {
        self.plan.peak_bytes(self.options.threads)
    }

    /// The memory plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The lowered program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The machine code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// How long compiling took.
    pub fn times(&self) -> &CompileTimes {
        &self.times
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

/// The constants of a program at their planned offsets.
fn constants(program: &Program, plan: &Plan) -> Result<AlignedBuf, MemoryError> {
    let mut out = AlignedBuf::zeroed(plan.constant_bytes.next_multiple_of(ALIGN))?;
    for (buffer, place) in program.buffers.iter().zip(&plan.places) {
        if let (BufferKind::Constant(array), Place::Constant(offset)) = (&buffer.kind, place) {
            out.bytes_mut()[*offset..offset + array.bytes().len()].copy_from_slice(array.bytes());
        }
    }
    Ok(out)
}

/// Estimated element operations of a block.
fn work(k: &loops::Kernel, block: &[loops::Stmt]) -> usize {
    let lanes = |v: loops::Val| if k.val(v).vector { k.lanes } else { 1 };
    let of = |s: &loops::Stmt| match s {
        loops::Stmt::For(l, body) => k.loops[l.0 as usize].extent.saturating_mul(work(k, body)),
        loops::Stmt::If(_, a, b) => work(k, a).max(work(k, b)),
        loops::Stmt::Let(v) => lanes(*v),
        loops::Stmt::Store(_, _, v) => lanes(*v),
        loops::Stmt::Set(..) => 0,
    };
    block.iter().map(of).fold(0, usize::saturating_add)
}
