//! StableHLO programs: MLIR bytecode holding VHLO, and the text that JAX prints.

mod bytecode;
pub mod callback;
mod error;
mod limits;
mod map;
mod text;
mod tree;

pub use error::{ImportError, Place};
pub use tree::ElementType;

use craneflow_ir::{Graph, Verified};

/// An imported program: its `main` with every call replaced by what it calls.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The graph. Its inputs and outputs are those of `main`. Where calls of Python must happen, one more
    /// output stands for that they have.
    pub graph: Verified<Graph>,
    /// Arguments of `main`.
    pub inputs: Vec<Arg>,
    /// Results of `main`.
    pub outputs: Vec<Arg>,
    /// Numbers of the Python functions that it calls, each as often as it is called in the program.
    pub python: Vec<u64>,
}

/// An argument or result of `main` as the program declares it.
///
/// In the graph, an array of complex numbers is one of real numbers with a last axis of 2, integers
/// narrower than a byte are `i8` or `u8`, and floats narrower than 16 bits are `u8` that hold their bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arg {
    /// Element type.
    pub element: ElementType,
    /// Extents.
    pub dims: Vec<usize>,
    /// Whether its buffer may be reused; of a result, always `No`.
    pub donated: Donation,
}

/// Whether the caller gives the buffer of an argument away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Donation {
    /// It does not.
    No,
    /// To the result at this position.
    To(usize),
    /// To any result.
    Any,
}

/// Reads a program: bytecode if it begins as bytecode does, else text.
pub fn import(bytes: &[u8]) -> Result<Imported, ImportError> {
    if bytes.len() > limits::BYTES {
        return Err(ImportError::Limit {
            place: Place::Offset(0),
            what: "bytes",
            limit: limits::BYTES,
        });
    }
    if is_bytecode(bytes) {
        return map::program(&bytecode::read(bytes)?);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| ImportError::Syntax {
        place: Place::Offset(e.valid_up_to()),
        message: "neither MLIR bytecode nor UTF-8 text".to_string(),
    })?;
    map::program(&text::read(text)?)
}

/// Whether these are the first bytes of MLIR bytecode.
pub fn is_bytecode(bytes: &[u8]) -> bool {
    bytes.starts_with(&bytecode::MAGIC)
}
