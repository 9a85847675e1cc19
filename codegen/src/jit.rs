//! Executable memory, and the call into it. All `unsafe` of the crate is here.
#![allow(unsafe_code)]

use crate::function::{self, Machine};
use crate::pool::Line;
use crate::{Code, CodegenError, Listing, target};
use craneflow_ir::loops::Kernel;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc};
use std::sync::{Arc, Mutex};

/// Functions begin at a cache line, so that their speed does not depend on what lies before them.
const LINE: u64 = 64;

type Raw = extern "C" fn(args: *const *mut u8, scratch: *mut u8, start: i64, end: i64);

/// A place in memory, given to kernels.
#[derive(Clone, Copy, Debug)]
pub struct MemRef {
    ptr: *mut u8,
    bytes: usize,
}

// SAFETY: a `MemRef` is only an address; who dereferences it is bound by the promise of `new`.
unsafe impl Send for MemRef {}
// SAFETY: as above.
unsafe impl Sync for MemRef {}

impl MemRef {
    /// The `bytes` bytes from `ptr`.
    ///
    /// # Safety
    /// While a kernel runs with it, the memory must be allocated, aligned for its elements (64 bytes
    /// for scratch), hold only 0 or 1 where the elements are `bool`, be read and written by no one
    /// else, except that kernels may share what all of them only read, and shared between kernels
    /// that run at the same time only where they write disjoint elements.
    pub unsafe fn new(ptr: *mut u8, bytes: usize) -> MemRef {
        MemRef { ptr, bytes }
    }

    /// No memory, for kernels without scratch.
    pub fn none() -> MemRef {
        MemRef {
            ptr: std::ptr::without_provenance_mut(64),
            bytes: 0,
        }
    }

    /// The `bytes` bytes from `offset` on.
    ///
    /// # Panics
    /// When they are not all inside.
    pub fn part(&self, offset: usize, bytes: usize) -> MemRef {
        let inside = offset
            .checked_add(bytes)
            .is_some_and(|end| end <= self.bytes);
        assert!(inside, "{bytes} bytes at {offset} of {}", self.bytes);
        MemRef {
            ptr: self.ptr.wrapping_add(offset),
            bytes,
        }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The address.
    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr
    }
}

/// What a kernel takes.
#[derive(Debug)]
struct Shape {
    name: String,
    /// Bytes of each parameter.
    params: Vec<usize>,
    scratch: usize,
    grid: usize,
    /// Vector constants that the function loads.
    pool: Vec<Line>,
    address: Raw,
}

/// Executable memory with the functions in it.
pub(crate) struct Memory {
    module: Mutex<Option<JITModule>>,
    kernels: Vec<Shape>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} kernels)", self.kernels.len())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let module = self.module.get_mut().map(Option::take);
        if let Ok(Some(module)) = module {
            // SAFETY: entries hold the memory by `Arc`, so no one can call into it any more.
            unsafe { module.free_memory() }
        }
    }
}

/// Puts functions into executable memory.
pub(crate) fn link(
    kernels: &[&Kernel],
    mut functions: Vec<Machine>,
    isa: OwnedTargetIsa,
) -> Result<(Memory, Vec<Listing>), CodegenError> {
    let memory = |e: cranelift_module::ModuleError| CodegenError::Memory(e.to_string());
    let signature = function::signature(&*isa);
    let mut builder = JITBuilder::with_isa(isa, Box::new(target::libcall_name));
    builder.symbols(target::libcalls());
    let mut module = JITModule::new(builder);
    let mut ids: Vec<FuncId> = vec![];
    let nothing = Function::new();
    for f in &functions {
        let id = module
            .declare_anonymous_function(&signature)
            .map_err(memory)?;
        let relocs: Vec<ModuleReloc> = f
            .relocs
            .iter()
            .map(|r| ModuleReloc::from_mach_reloc(r, &nothing, id))
            .collect();
        module
            .define_function_bytes(id, f.alignment.max(LINE), &f.bytes, &relocs)
            .map_err(memory)?;
        ids.push(id);
    }
    module.finalize_definitions().map_err(memory)?;
    let pools = functions.iter_mut().map(|f| std::mem::take(&mut f.pool));
    let parts = kernels.iter().zip(ids).zip(pools);
    let shapes = parts.map(|((k, id), pool)| Shape {
        name: k.name.clone(),
        params: k.params.iter().map(|p| p.len * p.dtype.size()).collect(),
        scratch: k.scratch_bytes(),
        grid: k.grid(),
        pool,
        // SAFETY: the function was compiled with the signature of `Raw` for this machine.
        address: unsafe {
            std::mem::transmute::<*const u8, Raw>(module.get_finalized_function(id))
        },
    });
    let shapes = shapes.collect();
    let listings = kernels.iter().zip(functions).map(|(k, f)| Listing {
        name: k.name.clone(),
        clif: f.clif,
        disassembly: f.disassembly,
        bytes: f.bytes.len(),
        alignment: f.alignment,
        alone: f.relocs.is_empty(),
        vector_bits: f.vector_bits,
        refused: f.refused,
        time: f.time,
    });
    let listings = listings.collect();
    let memory = Memory {
        module: Mutex::new(Some(module)),
        kernels: shapes,
    };
    Ok((memory, listings))
}

impl Code {
    /// The function of kernel `i`.
    pub fn entry(&self, i: usize) -> Entry {
        assert!(i < self.memory.kernels.len(), "kernel {i} does not exist");
        Entry {
            memory: self.memory.clone(),
            kernel: i,
        }
    }

    /// Instructions and vector constants of kernel `i`, unless it refers to something outside of itself.
    pub(crate) fn instructions(&self, i: usize) -> Option<(&[u8], &[Line])> {
        let (shape, listing) = (&self.memory.kernels[i], &self.listings[i]);
        let start = shape.address as *const u8;
        // SAFETY: `link` put that many bytes there; they stay, and stay as they are, while `self` does.
        let bytes = unsafe { std::slice::from_raw_parts(start, listing.bytes) };
        listing.alone.then_some((bytes, &shape.pool))
    }
}

/// A compiled kernel; keeps its code alive.
#[derive(Clone, Debug)]
pub struct Entry {
    memory: Arc<Memory>,
    kernel: usize,
}

impl Entry {
    fn shape(&self) -> &Shape {
        &self.memory.kernels[self.kernel]
    }

    /// Number of grid items.
    pub fn grid(&self) -> usize {
        self.shape().grid
    }

    /// Bytes of scratch, 64-byte aligned, that a call needs for itself.
    pub fn scratch_bytes(&self) -> usize {
        self.shape().scratch
    }

    /// Fixes the buffers, one per parameter, each of at least the parameter's size.
    pub fn bind(&self, args: &[MemRef]) -> Result<Bound, CodegenError> {
        self.check(args)?;
        let pool = self.shape().pool.as_ptr().cast_mut().cast();
        Ok(Bound {
            entry: self.clone(),
            address: self.shape().address,
            args: args.iter().map(|a| a.ptr).chain([pool]).collect(),
        })
    }

    /// Runs grid items `start..end`, with the epilogue when that reaches the end of the grid. To call
    /// often, `bind` once.
    ///
    /// # Panics
    /// When a buffer is too small or the range is not within the grid.
    pub fn call(&self, args: &[MemRef], scratch: MemRef, start: usize, end: usize) {
        match self.bind(args) {
            Ok(bound) => bound.call(scratch, start, end),
            Err(e) => panic!("{e}"),
        }
    }

    fn check(&self, args: &[MemRef]) -> Result<(), CodegenError> {
        let shape = self.shape();
        let wrong = |what, expected, found| {
            Err(CodegenError::Arguments {
                kernel: shape.name.clone(),
                what,
                expected,
                found,
            })
        };
        if args.len() != shape.params.len() {
            return wrong("number of buffers", shape.params.len(), args.len());
        }
        match args.iter().zip(&shape.params).find(|(a, b)| a.bytes < **b) {
            Some((a, &b)) => wrong("bytes of a buffer", b, a.bytes),
            None => Ok(()),
        }
    }
}

/// A kernel with its buffers: a launch is one indirect call.
#[derive(Clone, Debug)]
pub struct Bound {
    entry: Entry,
    address: Raw,
    args: Box<[*mut u8]>,
}

// SAFETY: the pointers come from `MemRef`s, whose promise covers calls from any thread.
unsafe impl Send for Bound {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Bound {}

impl Bound {
    /// The kernel.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Gives parameter `i` another buffer, of at least the parameter's size.
    pub fn rebind(&mut self, i: usize, to: MemRef) -> Result<(), CodegenError> {
        let shape = self.entry.shape();
        let bytes = shape.params[i];
        if to.bytes < bytes {
            return Err(CodegenError::Arguments {
                kernel: shape.name.clone(),
                what: "bytes of a buffer",
                expected: bytes,
                found: to.bytes,
            });
        }
        self.args[i] = to.ptr;
        Ok(())
    }

    /// Runs grid items `start..end`, with the epilogue when that reaches the end of the grid.
    /// Concurrent calls need disjoint ranges and scratch of their own.
    pub fn call(&self, scratch: MemRef, start: usize, end: usize) {
        let shape = self.entry.shape();
        assert!(start <= end && end <= shape.grid, "range outside the grid");
        assert!(scratch.bytes >= shape.scratch, "scratch is too small");
        (self.address)(self.args.as_ptr(), scratch.ptr, start as i64, end as i64);
    }
}
