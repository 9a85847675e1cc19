//! What can be wrong with a program, and where.

use craneflow_ir::TypeError;
use thiserror::Error;

/// A place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Bytes from the start of a bytecode file.
    Offset(usize),
    /// Line and column of a text, both from 1.
    Line(usize, usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Offset(byte) => write!(f, "byte {byte}"),
            Place::Line(line, column) => write!(f, "{line}:{column}"),
        }
    }
}

/// Why a program could not be imported.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs)]
pub enum ImportError {
    /// The file is damaged, or is none.
    #[error("{place}: {message}")]
    Syntax { place: Place, message: String },
    /// A program that exceeds what is read.
    #[error("{place}: more than {limit} {what}")]
    Limit {
        place: Place,
        what: &'static str,
        limit: usize,
    },
    /// An operation whose attributes or operands are wrong, or that is not supported.
    #[error("{place}: {op}: {message}")]
    Op {
        place: Place,
        op: String,
        message: String,
    },
    /// An operation whose operands do not fit.
    #[error("{place}: {op}: {source}")]
    Type {
        place: Place,
        op: String,
        source: Box<TypeError>,
    },
}
