//! What can go wrong, with the numbers that the C API gives to kinds of errors.

use crate::callback::Raised;
use craneflow_import::stablehlo::ImportError;
use craneflow_runtime::arena::MemoryError;
use craneflow_runtime::{CompileError, RunError};
use std::any::Any;
use std::sync::Arc;
use thiserror::Error;

/// Why a function of the plugin failed.
#[derive(Clone, Debug, Error)]
#[allow(missing_docs)]
pub enum Failure {
    #[error("{0} is not implemented by Craneflow")]
    Unimplemented(&'static str),
    #[error("{0}: a null pointer")]
    Null(&'static str),
    #[error("{0}")]
    Invalid(String),
    #[error("No such compile option: '{0}'")]
    UnknownOption(String),
    #[error("Craneflow cannot read the program: {0}")]
    Import(Arc<ImportError>),
    #[error("{0}")]
    Compile(Arc<CompileError>),
    #[error("{0}")]
    Run(Arc<RunError>),
    #[error("{0}")]
    Memory(MemoryError),
    #[error("Buffer has been deleted or donated.")]
    Deleted,
    #[error("the executable has been deleted")]
    DeletedExecutable,
    #[error(
        "Attempt to donate the same buffer twice in Execute() (arguments {first} and {second}). \
         Each donated argument needs a buffer of its own."
    )]
    DonatedTwice { first: usize, second: usize },
    #[error(
        "Attempt to donate a buffer which is also used by the same call to Execute() (arguments {first} \
         and {second}). Toy example for this bug: `f(donate(a), a)`."
    )]
    DonatedAndUsed { first: usize, second: usize },
    #[error("argument {index} is {expected}, found {found}")]
    Argument {
        index: usize,
        expected: String,
        found: String,
    },
    #[error("the program takes {expected} arguments, found {found}")]
    Arguments { expected: usize, found: usize },
    #[error("a Python function that the program calls failed: {0}")]
    Python(String),
    #[error("this is a bug in Craneflow: {0}")]
    Panic(String),
}

impl Failure {
    /// The number of the kind.
    pub fn code(&self) -> u32 {
        const INVALID_ARGUMENT: u32 = 3;
        const RESOURCE_EXHAUSTED: u32 = 8;
        const UNIMPLEMENTED: u32 = 12;
        const INTERNAL: u32 = 13;
        match self {
            Failure::Unimplemented(_) => UNIMPLEMENTED,
            Failure::Import(error)
                if matches!(**error, ImportError::Op { .. } | ImportError::Type { .. }) =>
            {
                UNIMPLEMENTED
            }
            Failure::Memory(_) => RESOURCE_EXHAUSTED,
            Failure::Compile(error) if matches!(**error, CompileError::Memory(_)) => {
                RESOURCE_EXHAUSTED
            }
            Failure::Compile(_) | Failure::Run(_) | Failure::Python(_) | Failure::Panic(_) => {
                INTERNAL
            }
            _ => INVALID_ARGUMENT,
        }
    }

    /// The failure of a run that ended early with this payload.
    pub fn ended(payload: Box<dyn Any + Send>) -> Failure {
        match payload.downcast::<Raised>() {
            Ok(raised) => Failure::Python(raised.0),
            Err(other) => Failure::panicked(&*other),
        }
    }

    /// The failure of a panic with this payload.
    pub fn panicked(payload: &(dyn Any + Send)) -> Failure {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Failure::Panic(text.unwrap_or("a panic without a message").to_string())
    }
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Failure {
        Failure::Memory(error)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Failure {
        Failure::Compile(Arc::new(error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        Failure::Run(Arc::new(error))
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        Failure::Import(Arc::new(error))
    }
}
