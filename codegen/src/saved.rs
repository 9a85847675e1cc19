//! Compiled kernels as bytes, to be used by another process of this machine.
//!
//! A seal, then the number of functions, then each: alignment, bits of its vectors, instructions,
//! vector constants. The seal is a hash of all that follows and of the instruction set: bytes that were
//! damaged, or that come from another machine or version, are not run. It does not keep out who can
//! write the file on purpose; that is for the file's permissions to do.

use crate::function::Machine;
use crate::hash::Hash;
use crate::pack::{bytes, number, put_bytes, put_number};
use crate::pool::Line;
use crate::{Code, CodegenError, Options, jit, target};
use craneflow_ir::loops::Kernel;
use std::sync::Arc;
use std::time::Duration;

/// All on which the instructions for a kernel depend apart from the kernel: this version, the
/// instruction set, and the width of vectors.
pub fn machine(options: &Options) -> Result<String, CodegenError> {
    let isa = target::isa(options)?;
    let flags: Vec<String> = isa.isa_flags().iter().map(|f| f.to_string()).collect();
    let (version, triple) = (env!("CARGO_PKG_VERSION"), isa.triple());
    let bits = target::vector_bits(options);
    Ok(format!("{version} {triple} {bits} {}", flags.join(" ")))
}

fn seal(content: &[u8], machine: &str) -> [u8; Hash::BYTES] {
    let mut sealed = Hash::of(content).to_bytes().to_vec();
    sealed.extend(machine.as_bytes());
    Hash::of(&sealed).to_bytes()
}

impl Code {
    /// The functions as bytes that [`Code::load`] takes. `None` where a function calls one of this
    /// process, as on processors that lack an instruction.
    pub fn save(&self, options: &Options) -> Option<Vec<u8>> {
        let mut content = vec![];
        put_number(&mut content, self.len() as u64);
        for (i, listing) in self.listings.iter().enumerate() {
            let (instructions, pool) = self.instructions(i)?;
            put_number(&mut content, listing.alignment);
            put_number(&mut content, listing.vector_bits as u64);
            put_bytes(&mut content, instructions);
            let pool: Vec<u8> = pool.iter().flat_map(|line| line.to_bytes()).collect();
            put_bytes(&mut content, &pool);
        }
        let seal = seal(&content, &machine(options).ok()?);
        Some([&seal[..], &content].concat())
    }

    /// The functions that [`Code::save`] wrote for these kernels, of which only names, parameters,
    /// tiles and grids are looked at.
    pub fn load(
        kernels: &[&Kernel],
        saved: &[u8],
        options: &Options,
    ) -> Result<Code, CodegenError> {
        let machine = machine(options)?;
        let functions = functions(saved, &machine).filter(|f| f.len() == kernels.len());
        let functions = functions.ok_or(CodegenError::Saved)?;
        let (memory, listings) = jit::link(kernels, functions, target::isa(options)?)?;
        Ok(Code {
            memory: Arc::new(memory),
            listings,
        })
    }
}

fn functions(mut saved: &[u8], machine: &str) -> Option<Vec<Machine>> {
    let found = saved.split_off(..Hash::BYTES)?;
    if found != seal(saved, machine) {
        return None;
    }
    let count = number(&mut saved)?;
    let function = |_| function(&mut saved);
    let functions = (0..count).map(function).collect::<Option<Vec<_>>>()?;
    saved.is_empty().then_some(functions)
}

fn function(saved: &mut &[u8]) -> Option<Machine> {
    Some(Machine {
        alignment: number(saved)?,
        vector_bits: number(saved)? as usize,
        bytes: bytes(saved)?.to_vec(),
        pool: Line::all(bytes(saved)?)?,
        relocs: vec![],
        clif: None,
        disassembly: None,
        refused: None,
        time: Duration::ZERO,
    })
}
