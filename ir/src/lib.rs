//! Craneflow's two languages: graph IR and loop IR.

pub mod array;
pub mod attrs;
pub mod build;
pub mod counted;
pub mod error;
pub mod eval;
pub mod grad;
pub mod graph;
pub mod hash;
pub mod host;
pub mod loops;
pub mod math;
pub mod native;
pub mod ops;
pub mod random;
pub mod scalar;
pub mod text;
pub mod types;
pub mod verify;

pub use array::Array;
pub use attrs::{Attr, Attrs};
pub use build::Builder;
pub use error::{GradError, TypeError};
pub use eval::eval_graph;
pub use graph::{Graph, Node, NodeId, Scope, Value};
pub use native::{Cmp, Emit, Evaluator, Native, Scalar, Tape};
pub use ops::{Op, Rules};
pub use scalar::{CompareType, Pointwise};
pub use types::{DType, Shape, Type};
pub use verify::{Verified, VerifyError, check_graph};
