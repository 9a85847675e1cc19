//! Executables as bytes: what another process of this machine needs to run a program without compiling.
//!
//! The program as text with its kernels reduced to their interface, the estimated time of each kernel,
//! which buffers take the place of which, the values of constants at their planned offsets, and the machine code.

use crate::actions::Actions;
use crate::executable::{CompileTimes, Executable, Options, constants, ports};

use craneflow_codegen::pack::{bytes, number, put_bytes, put_number};
use craneflow_codegen::{Code, CodegenError};
use craneflow_ir::loops::{BufferKind, Kernel, Program};
use craneflow_ir::native::Scalar;
use craneflow_ir::text::parse_program;
use craneflow_ir::{Array, Graph, Verified};
use craneflow_passes::plan::{Place, Plan, plan_again};
use thiserror::Error;

/// Why saved bytes are no executable for a graph.
#[derive(Debug, Error)]
pub enum LoadError {
    /// They are not what [`Executable::save`] wrote.
    #[error("the saved program is damaged")]
    Damaged,
    /// They belong to another graph.
    #[error("the saved program takes or returns something else")]
    Other,
    /// The machine code is not for this machine.
    #[error(transparent)]
    Code(#[from] CodegenError),
    /// Memory could not be allocated.
    #[error(transparent)]
    Memory(#[from] crate::arena::MemoryError),
}

impl Executable {
    /// Bytes that [`Executable::load`] takes, for the same graph and options. `None` where the code
    /// cannot leave this process ([`Code::save`]).
    pub fn save(&self, options: &Options) -> Option<Vec<u8>> {
        let code = self.code.save(&options.codegen)?;
        let mut out = vec![];
        put_bytes(&mut out, outline(&self.program).to_string().as_bytes());
        for &time in &self.kernel_times {
            put_number(&mut out, time);
        }
        put_number(&mut out, self.plan.heirs.len() as u64);
        for &(heir, first) in &self.plan.heirs {
            put_number(&mut out, heir as u64);
            put_number(&mut out, first as u64);
        }
        put_bytes(&mut out, self.constants.bytes());
        put_bytes(&mut out, &code);
        Some(out)
    }

    /// The executable of a graph that [`Executable::save`] wrote. Its program has the interface of its
    /// kernels only.
    pub fn load(
        graph: &Verified<Graph>,
        options: &Options,
        saved: &[u8],
    ) -> Result<Executable, LoadError> {
        let Parts {
            mut program,
            kernel_times,
            heirs,
            values,
            code,
        } = parts(saved).ok_or(LoadError::Damaged)?;
        let plan = plan_again(&program, heirs).ok_or(LoadError::Damaged)?;
        fill(&mut program, &plan, values).ok_or(LoadError::Damaged)?;
        let (inputs, outputs) = ports(graph);
        let kernels: Vec<&Kernel> = program.kernels.iter().collect();
        let code = Code::load(&kernels, code, &options.codegen)?;
        let constants = constants(&program, &plan)?;
        let fits = |b: &craneflow_ir::loops::Buffer| match b.kind {
            BufferKind::Input(i) => inputs.get(i).is_some_and(|p| p.ty == b.ty),
            BufferKind::Output(o, _) => outputs.get(o).is_some_and(|p| p.ty == b.ty),
            _ => true,
        };
        if !program.buffers.iter().all(fits) {
            return Err(LoadError::Other);
        }
        Ok(Executable {
            actions: Actions::new(&program, &kernel_times, options.threads),
            kernel_times,
            code,
            constants,
            program,
            plan,
            inputs,
            outputs,
            threads: options.threads.max(1),
            times: CompileTimes::default(),
        })
    }
}

/// A program without what its kernels compute and without the values of its constants.
fn outline(program: &Program) -> Program {
    let kernel = |k: &Kernel| Kernel {
        name: k.name.clone(),
        params: k.params.clone(),
        scratch: k.scratch.clone(),
        lanes: k.lanes,
        lane_bits: k.lane_bits,
        loops: k.loops[..1].to_vec(),
        ..Kernel::default()
    };
    let mut buffers = program.buffers.clone();
    for b in &mut buffers {
        if let BufferKind::Constant(array) = &mut b.kind {
            let (ty, bits) = (b.ty.dtype, 0);
            *array = Array::splat(b.ty.clone(), Scalar { ty, bits });
        }
    }
    Program {
        name: program.name.clone(),
        buffers,
        kernels: program.kernels.iter().map(kernel).collect(),
        steps: program.steps.clone(),
    }
}

/// What is written down.
struct Parts<'a> {
    /// The outline.
    program: Program,
    /// Estimated time of each kernel in picoseconds.
    kernel_times: Vec<u64>,
    /// See [`Plan::heirs`].
    heirs: Vec<(usize, usize)>,
    /// Constants at their offsets.
    values: &'a [u8],
    code: &'a [u8],
}

fn parts(mut saved: &[u8]) -> Option<Parts<'_>> {
    let from = &mut saved;
    let program = parse_program(std::str::from_utf8(bytes(from)?).ok()?).ok()?;
    let times = program.kernels.iter().map(|_| number(from));
    let kernel_times = times.collect::<Option<Vec<u64>>>()?;
    let count = number(from)?;
    let mut index = || usize::try_from(number(from)?).ok();
    let heirs = (0..count).map(|_| Some((index()?, index()?)));
    let heirs = heirs.collect::<Option<Vec<_>>>()?;
    let (values, code) = (bytes(from)?, bytes(from)?);
    from.is_empty().then_some(Parts {
        program,
        kernel_times,
        heirs,
        values,
        code,
    })
}

/// Puts the values of constants in.
fn fill(program: &mut Program, plan: &Plan, values: &[u8]) -> Option<()> {
    for (buffer, place) in program.buffers.iter_mut().zip(&plan.places) {
        if let (BufferKind::Constant(array), Place::Constant(offset)) = (&mut buffer.kind, place) {
            let end = offset.checked_add(buffer.ty.bytes())?;
            *array = Array::from_bytes(buffer.ty.clone(), values.get(*offset..end)?)?;
        }
    }
    Some(())
}
