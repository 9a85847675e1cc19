//! What every op file needs.

pub use super::{Lowering, Put, Rules, check};
pub use crate::array::Array;
pub use crate::attrs::{Attr, Attrs};
pub use crate::build::Builder;
pub use crate::error::{GradError, TypeError};
pub use crate::graph::Value;
pub use crate::loops::build::{KernelBuilder, Operand, Out};
pub use crate::loops::index::Index;
pub use crate::types::Type;

/// Gradients of the operands; `None` where there is none.
pub type Vjp = Result<Vec<Option<Value>>, GradError>;

/// A rank-0 zero.
pub fn zero(dtype: crate::DType) -> Array {
    Array::scalar(crate::Scalar::from_f64(dtype, 0.0))
}
