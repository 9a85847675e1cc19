//! Executables, arena, thread pool.

pub mod arena;
pub mod step;
pub mod threads;

pub use step::{CompileError, Options, Port, RunError, Step};
