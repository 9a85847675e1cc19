//! Executables, arena, thread pool

pub mod arena;
pub mod threads;
