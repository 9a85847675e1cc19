//! Programs of other systems as graphs of Craneflow.

pub mod stablehlo;

/// Makes the functions known that imported graphs call; who reads such a graph from its text calls this first.
pub use craneflow_host::install as install_host_functions;
