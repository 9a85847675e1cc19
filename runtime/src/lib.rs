//! Executables, arena, thread pool
