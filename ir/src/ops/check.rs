//! Checks that the type rules of several ops share.

use crate::error::TypeError;
use crate::types::{DType, Type};

/// Fails with `message` under the number of a constraint unless `holds`.
pub fn rule(
    op: &'static str,
    rule: &'static str,
    holds: bool,
    message: impl FnOnce() -> String,
) -> Result<(), TypeError> {
    let message = match holds {
        true => return Ok(()),
        false => message(),
    };
    Err(TypeError::Rule { op, rule, message })
}

/// The number of operands.
pub fn arity(op: &'static str, x: &[Type], expected: usize) -> Result<(), TypeError> {
    let found = x.len();
    let error = TypeError::Arity {
        op,
        expected,
        found,
    };
    if found == expected {
        Ok(())
    } else {
        Err(error)
    }
}

/// The type itself, if its dense buffer can exist: no more than `isize::MAX` bytes, and no product of
/// extents overflows.
pub fn sized(op: &'static str, ty: Type) -> Result<Type, TypeError> {
    let nonzero = ty.shape.iter().map(|&d| d.max(1));
    let bytes = nonzero
        .chain([ty.dtype.size()])
        .try_fold(1usize, |n, d| n.checked_mul(d));
    match bytes {
        Some(n) if n <= isize::MAX as usize => Ok(ty),
        _ => Err(TypeError::Rule {
            op,
            rule: "size",
            message: format!("{ty} is too large"),
        }),
    }
}

/// Element types agree.
pub fn same_dtype(op: &'static str, left: &Type, right: &Type) -> Result<DType, TypeError> {
    if left.dtype == right.dtype {
        return Ok(left.dtype);
    }
    Err(TypeError::Mismatch {
        op,
        what: "element type",
        left: left.clone(),
        right: right.clone(),
    })
}

/// Each axis is within the rank of `ty`, and none comes twice.
pub fn axes(
    op: &'static str,
    rule: &'static str,
    ty: &Type,
    axes: impl IntoIterator<Item = usize>,
) -> Result<(), TypeError> {
    let mut seen = vec![false; ty.rank()];
    for axis in axes {
        let ty = || ty.clone();
        match seen.get_mut(axis) {
            None => return Err(TypeError::Axis { op, axis, ty: ty() }),
            Some(true) => {
                let message = format!("axis {axis} of {} is named twice", ty());
                return Err(TypeError::Rule { op, rule, message });
            }
            Some(seen) => *seen = true,
        }
    }
    Ok(())
}
