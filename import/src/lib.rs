//! Programs of other systems as graphs of Craneflow.

pub mod stablehlo;
