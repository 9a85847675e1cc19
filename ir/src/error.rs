//! What can be wrong with a program, said for users.

use crate::types::{DType, Shape, Type};
use thiserror::Error;

/// A node whose operands or attributes do not fit its op. `rule` is the number of the constraint in
/// `docs/ir.md` (`C1`, `C2`, ... of that op).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs)]
pub enum TypeError {
    #[error("{op}: takes {expected} operands, found {found}")]
    Arity {
        op: &'static str,
        expected: usize,
        found: usize,
    },
    #[error("{op}: axis {axis} is out of range for {ty}")]
    Axis {
        op: &'static str,
        axis: usize,
        ty: Type,
    },
    #[error("{op}: {left} and {right} must have the same {what}")]
    Mismatch {
        op: &'static str,
        what: &'static str,
        left: Type,
        right: Type,
    },
    #[error("{op}: takes {expected}, found {found}")]
    DType {
        op: &'static str,
        expected: &'static str,
        found: DType,
    },
    #[error("{op}: takes a shape of rank {expected}, found {found}")]
    Rank {
        op: &'static str,
        expected: usize,
        found: Shape,
    },
    #[error("{op}: {message} ({rule})")]
    Rule {
        op: &'static str,
        rule: &'static str,
        message: String,
    },
    #[error("{op}: attribute {key}: {message}")]
    Attr {
        op: &'static str,
        key: String,
        message: String,
    },
}

/// Why a gradient cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs)]
pub enum GradError {
    #[error("{op} has no reverse-mode derivative: {reason}")]
    NotDifferentiable {
        op: &'static str,
        reason: &'static str,
    },
    #[error("gradient of a {found} output: it must be a scalar float")]
    NotScalar { found: Type },
    #[error("gradient with respect to {found}: only float inputs have one")]
    NotFloat { found: Type },
}
