//! Craneflow's two languages: graph IR and loop IR.

pub mod native;
pub mod types;

pub use native::{Cmp, Emit, Evaluator, Native, Scalar};
pub use types::{DType, Shape, Type};
