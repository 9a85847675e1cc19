//! The program that lowering writes: buffers, kernels of which equal ones are one, launches.

use super::known;
use crate::Options;
use craneflow_ir::Type;
use craneflow_ir::hash::Table;
use craneflow_ir::loops::{Buf, Buffer, BufferKind, Kernel, KernelId, Program, Step};

/// The program being written.
pub struct Output {
    pub(super) program: Program,
    known: Table<Kernel, KernelId>,
    pub(super) forms: Table<known::Form, known::Known>,
    pub(super) options: Options,
}

impl Output {
    /// A program without steps.
    pub(super) fn new(name: &str, options: &Options) -> Output {
        Output {
            program: Program {
                name: name.to_string(),
                ..Program::default()
            },
            known: Table::default(),
            forms: Table::default(),
            options: options.clone(),
        }
    }

    pub(super) fn buffer(&mut self, name: &str, ty: Type, kind: BufferKind) -> Buf {
        self.program.buffers.push(Buffer {
            name: name.to_string(),
            ty,
            kind,
        });
        Buf(self.program.buffers.len() as u32 - 1)
    }

    /// A new buffer in the arena.
    pub fn temp(&mut self, name: &str, ty: Type) -> Buf {
        self.buffer(name, ty, BufferKind::Temp)
    }

    /// The program's copy of a kernel; equal kernels are one.
    pub(super) fn kernel(&mut self, mut kernel: Kernel) -> KernelId {
        let name = std::mem::take(&mut kernel.name);
        if let Some(&id) = self.known.get(&kernel) {
            return id;
        }
        let id = KernelId(self.program.kernels.len() as u32);
        self.known.insert(kernel.clone(), id);
        let taken = self
            .program
            .kernels
            .iter()
            .filter(|k| k.name.split('.').next() == Some(&name))
            .count();
        kernel.name = if taken == 0 {
            name
        } else {
            format!("{name}.{taken}")
        };
        self.program.kernels.push(kernel);
        id
    }

    /// Adds a launch of a kernel.
    pub fn launch(&mut self, steps: &mut Vec<Step>, kernel: Kernel, args: Vec<Buf>, from: &str) {
        debug_assert_eq!(kernel.params.len(), args.len());
        if kernel.grid() > 0 {
            let kernel = self.kernel(kernel);
            steps.push(Step::Launch {
                kernel,
                args,
                from: from.to_string(),
            });
        }
    }
}
