//! A compiled program without memory of its own: code, constants and a plan, shared between threads.

use crate::actions::Actions;
use crate::arena::{AlignedBuf, MemoryError};
use crate::cost::picoseconds;

use craneflow_codegen::{Code, CodegenError};
use craneflow_ir::loops::{self, BufferKind, Program};
use craneflow_ir::{Graph, Type, Verified};
use craneflow_passes::plan::{ALIGN, Place, Plan};
use craneflow_passes::{Pass, Unit};
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
        Options::with_threads(0)
    }
}

impl Options {
    /// Compiles and runs on at most `threads` threads, the caller included; 0 is one for each core.
    pub fn with_threads(threads: usize) -> Options {
        let threads = match threads {
            0 => crate::threads::cores(),
            some => some,
        };
        let codegen = craneflow_codegen::Options {
            threads,
            ..Default::default()
        };
        Options {
            threads,
            passes: craneflow_passes::Options {
                vector_bits: craneflow_codegen::host_vector_bits(),
                threads,
                sharing: threads,
                ..Default::default()
            },
            codegen,
        }
    }
}

/// Why a graph could not be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// Code generation failed.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// A buffer that could not be allocated.
    #[error("{what}: {source}")]
    Buffer {
        /// The buffer and its type.
        what: String,
        /// Why.
        source: MemoryError,
    },
    /// Memory could not be allocated.
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

/// A compiled program: kernels, constants and a memory plan. Runs need a [`crate::Workspace`] each;
/// any number of them may run at the same time. Code is freed with the last reference.
#[derive(Debug)]
pub struct Executable {
    pub(crate) code: Code,
    pub(crate) program: Program,
    pub(crate) plan: Plan,
    pub(crate) actions: Actions,
    pub(crate) constants: AlignedBuf,
    /// Estimated time of each kernel in picoseconds.
    pub(crate) kernel_times: Vec<u64>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) threads: usize,
    pub(crate) times: CompileTimes,
}

impl Executable {
    /// Compiles a graph.
    pub fn compile(graph: &Verified<Graph>, options: &Options) -> Result<Executable, CompileError> {
        Executable::compile_observed(graph, options, &mut |_, _| ())
    }

    /// Compiles a graph, telling `observe` what each pass made.
    pub fn compile_observed(
        graph: &Verified<Graph>,
        options: &Options,
        observe: &mut dyn FnMut(&Pass, &Unit),
    ) -> Result<Executable, CompileError> {
        let mut times = CompileTimes::default();
        let (program, plan) =
            craneflow_passes::compile(graph.clone(), &options.passes, &mut |pass, unit, time| {
                times.passes.push((pass.name, time));
                observe(pass, unit);
            });
        let start = Instant::now();
        let kernels: Vec<&loops::Kernel> = program.kernels.iter().collect();
        let code = craneflow_codegen::compile(&kernels, &options.codegen)?;
        times.codegen = start.elapsed();
        let (inputs, outputs) = ports(graph);
        let kernel_times: Vec<u64> = program.kernels.iter().map(picoseconds).collect();
        Ok(Executable {
            code,
            actions: Actions::new(&program, &kernel_times, options.threads),
            kernel_times,
            constants: constants(&program, &plan)?,
            program,
            plan,
            inputs,
            outputs,
            threads: options.threads.max(1),
            times,
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

    /// Most threads a run uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether something that follows from inputs is kept from run to run.
    pub fn keeps(&self) -> bool {
        !self.actions.kept.is_empty()
    }

    /// Bytes of everything a run touches.
    pub fn peak_bytes(&self) -> usize {
        self.plan.peak_bytes(self.threads)
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

/// Inputs and outputs of a graph.
pub(crate) fn ports(graph: &Graph) -> (Vec<Port>, Vec<Port>) {
    let outputs = (graph.outputs.iter().enumerate()).map(|(o, output)| Port {
        name: output.name.clone(),
        ty: graph.ty(output.value).clone(),
        partner: graph.inputs.iter().position(|i| i.donated == Some(o)),
    });
    let inputs = graph.inputs.iter().map(|i| Port {
        name: i.name.clone(),
        ty: graph.ty(i.value).clone(),
        partner: i.donated,
    });
    (inputs.collect(), outputs.collect())
}

/// The constants of a program at their planned offsets.
pub(crate) fn constants(program: &Program, plan: &Plan) -> Result<AlignedBuf, MemoryError> {
    let mut out = AlignedBuf::zeroed(plan.constant_bytes.next_multiple_of(ALIGN))?;
    for (buffer, place) in program.buffers.iter().zip(&plan.places) {
        if let (BufferKind::Constant(array), Place::Constant(offset)) = (&buffer.kind, place) {
            out.bytes_mut()[*offset..offset + array.bytes().len()].copy_from_slice(array.bytes());
        }
    }
    Ok(out)
}
