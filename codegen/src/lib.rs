//! Loop IR to machine code, through Cranelift.
//!
//! `compile` turns kernels into functions in executable memory; `Code` owns that memory and lists
//! what was made. `emit` walks statements and loops, `address` turns affine addresses into pointers
//! that advance, `scalar` and `vector` hold one exhaustive match each over the native operations.
//! `saved` writes machine code down for other processes.
//! Cranelift runs without its optimiser: kernels arrive with values already shared and hoisted.

mod address;
mod emit;
mod function;
pub mod hash;
mod jit;
mod mask;
pub mod pack;
mod pool;
mod saved;
mod scalar;
mod target;
mod vector;
#[cfg(target_arch = "x86_64")]
mod widen;

pub use jit::{Bound, Entry, MemRef};
pub use saved::machine;
pub use target::{Target, host_vector_bits};

use craneflow_ir::loops::Kernel;
use craneflow_ir::loops::verify::VerifyError;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether Cranelift verifies each function; for tests.
    pub verify: bool,
    /// Threads that compile functions; at least 1.
    pub threads: usize,
    /// Whether to keep the text of each function (`Code::clif`, `Code::disassembly`).
    pub listing: bool,
    /// The instruction set.
    pub target: Target,
    /// Bits of the widest vector registers to use, where the machine has them: 128, 256 or 512. A
    /// kernel with wider vectors takes several registers for each. No result depends on it.
    pub vector_bits: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            verify: cfg!(debug_assertions),
            threads: 1,
            listing: false,
            target: Target::Host,
            vector_bits: 512,
        }
    }
}

/// Why kernels could not be compiled or called.
#[derive(Debug, Error)]
pub enum CodegenError {
    /// A kernel breaks a rule of the loop IR.
    #[error("kernel {0}")]
    Unverified(#[from] VerifyError),
    /// This machine cannot run generated code.
    #[error("this machine is not supported: {0}")]
    Machine(String),
    /// Vectors that are not of 128, 256 or 512 bits.
    #[error("kernel {kernel}: vectors of {lanes} lanes of {lane_bits} bits are not supported")]
    Lanes {
        /// Name of the kernel.
        kernel: String,
        /// Lanes of its vectors.
        lanes: usize,
        /// Bits of a lane.
        lane_bits: usize,
    },
    /// Cranelift refused a function.
    #[error("kernel {kernel}: {message}")]
    Function {
        /// Name of the kernel.
        kernel: String,
        /// What Cranelift says.
        message: String,
    },
    /// Executable memory could not be had.
    #[error("executable memory: {0}")]
    Memory(String),
    /// Saved code that is damaged, or for another machine or version.
    #[error("the saved code is damaged, or for another machine or version")]
    Saved,
    /// Buffers do not fit the kernel's parameters.
    #[error("kernel {kernel}: {what}: takes {expected}, found {found}")]
    Arguments {
        /// Name of the kernel.
        kernel: String,
        /// Which part does not fit.
        what: &'static str,
        /// Number or bytes that it takes.
        expected: usize,
        /// Number or bytes that were given.
        found: usize,
    },
}

/// What is known of one compiled kernel.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub name: String,
    pub clif: Option<String>,
    pub disassembly: Option<String>,
    pub bytes: usize,
    pub alignment: u64,
    /// Whether it refers to nothing outside of itself.
    pub alone: bool,
    pub vector_bits: usize,
    pub refused: Option<String>,
    pub time: Duration,
}

/// Compiled kernels and their executable memory, freed when this and all its entries are dropped.
#[derive(Clone, Debug)]
pub struct Code {
    pub(crate) memory: Arc<jit::Memory>,
    listings: Vec<Listing>,
}

/// Compiles kernels, in the order given. Each is verified first, so that no access leaves its buffer.
pub fn compile(kernels: &[&Kernel], options: &Options) -> Result<Code, CodegenError> {
    let isa = target::isa(options)?;
    let functions = function::all(kernels, &isa, options)?;
    let (memory, listings) = jit::link(kernels, functions, isa)?;
    Ok(Code {
        memory: Arc::new(memory),
        listings,
    })
}

impl Code {
    /// Number of kernels.
    pub fn len(&self) -> usize {
        self.listings.len()
    }

    /// Whether there is no kernel.
    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    /// Name of kernel `i`.
    pub fn name(&self, i: usize) -> &str {
        &self.listings[i].name
    }

    /// The Cranelift IR of kernel `i`, if it was asked for.
    pub fn clif(&self, i: usize) -> Option<&str> {
        self.listings[i].clif.as_deref()
    }

    /// The machine instructions of kernel `i`, if they were asked for.
    pub fn disassembly(&self, i: usize) -> Option<&str> {
        self.listings[i].disassembly.as_deref()
    }

    /// Bytes of machine code of kernel `i`.
    pub fn size(&self, i: usize) -> usize {
        self.listings[i].bytes
    }

    /// Bits of the vector registers that kernel `i` uses, if it has vectors.
    pub fn vector_bits(&self, i: usize) -> usize {
        self.listings[i].vector_bits
    }

    /// The instruction for which kernel `i` was denied wider vector registers.
    pub fn refused(&self, i: usize) -> Option<&str> {
        self.listings[i].refused.as_deref()
    }

    /// Time that compiling kernel `i` took.
    pub fn time(&self, i: usize) -> Duration {
        self.listings[i].time
    }
}
