//! Executables, arena, thread pool.

mod actions;
pub mod arena;
mod cost;
pub mod executable;
mod lane;
pub mod profile;
mod saved;
pub mod step;
pub mod threads;
pub mod workspace;

pub use executable::{CompileError, Executable, Options, Port};
pub use profile::{Profile, Roofline};
pub use saved::LoadError;
pub use step::{RunError, Step};
pub use workspace::{Argument, Workspace};
