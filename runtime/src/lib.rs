//! Executables, arena, thread pool

pub mod threads;
