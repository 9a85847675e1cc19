//! The `craneflow` binary.
fn main() {}
