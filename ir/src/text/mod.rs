//! The text form of both languages: printing, parsing, and the limits that keep hostile text harmless.
//!
//! `Display` prints a `Graph`, `Program` or `Kernel`; `docs/ir.md` has the grammar. Parsing checks the
//! syntax and that names are defined; `verify` checks the rest.

mod literal;
mod print;
mod print_loops;

#[cfg(test)]
mod tests;

pub use literal::{array_text, scalar_text};
