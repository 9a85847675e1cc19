//! Checks that the type rules of several ops share.

use crate::error::TypeError;
use crate::graph::Graph;
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

/// The type itself, if its dense buffer can exist: at most `isize::MAX / 8` elements, and no product
/// of extents overflows.
pub fn sized(op: &'static str, ty: Type) -> Result<Type, TypeError> {
    let nonzero = ty.shape.iter().map(|&d| d.max(1));
    let bytes = nonzero.chain([8]).try_fold(1usize, |n, d| n.checked_mul(d));
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

/// An attribute has one entry for each axis of `ty`.
pub fn per_axis(
    op: &'static str,
    number: &'static str,
    key: &str,
    len: usize,
    ty: &Type,
) -> Result<(), TypeError> {
    rule(op, number, len == ty.rank(), || {
        format!("{key} has {len} entries for the axes of {ty}")
    })
}

/// Entries increase strictly.
pub fn increasing(
    op: &'static str,
    number: &'static str,
    key: &str,
    list: &[usize],
) -> Result<(), TypeError> {
    rule(op, number, list.windows(2).all(|w| w[0] < w[1]), || {
        format!("{key} must be increasing, found {list:?}")
    })
}

/// An element type is one that the op takes.
pub fn dtype(
    op: &'static str,
    holds: bool,
    expected: &'static str,
    found: DType,
) -> Result<(), TypeError> {
    match holds {
        true => Ok(()),
        false => Err(TypeError::DType {
            op,
            expected,
            found,
        }),
    }
}

/// Shapes agree.
pub fn same_shape(op: &'static str, left: &Type, right: &Type) -> Result<(), TypeError> {
    match left.shape == right.shape {
        true => Ok(()),
        false => Err(TypeError::Mismatch {
            op,
            what: "shape",
            left: left.clone(),
            right: right.clone(),
        }),
    }
}

/// An operand of rank 0.
pub fn scalar(op: &'static str, ty: &Type) -> Result<(), TypeError> {
    match ty.rank() {
        0 => Ok(()),
        _ => Err(TypeError::Rank {
            op,
            expected: 0,
            found: ty.shape.clone(),
        }),
    }
}

/// A region takes rank-0 values of types `inputs` and returns rank-0 values of types `outputs`.
pub fn scalar_region(
    op: &'static str,
    number: &'static str,
    graph: &Graph,
    inputs: &[DType],
    outputs: &[DType],
) -> Result<(), TypeError> {
    let scalars = |list: &[DType]| -> Vec<Type> { list.iter().map(|&t| Type::scalar(t)).collect() };
    region(
        op,
        number,
        "region",
        graph,
        scalars(inputs),
        scalars(outputs),
    )
}

/// The region called `name` takes values of types `inputs` and returns values of types `outputs`.
pub fn region(
    op: &'static str,
    number: &'static str,
    name: &str,
    graph: &Graph,
    inputs: Vec<Type>,
    outputs: Vec<Type>,
) -> Result<(), TypeError> {
    let (expected, found) = ((inputs, outputs), (takes(graph), returns(graph)));
    rule(op, number, expected == found, || {
        let (expected, found) = (signature(&expected), signature(&found));
        format!("its {name} must be {expected}, found {found}")
    })
}

/// Types of the inputs of a region.
pub fn takes(region: &Graph) -> Vec<Type> {
    let inputs = region.inputs.iter();
    inputs.map(|i| region.ty(i.value).clone()).collect()
}

/// Types of the outputs of a region.
pub fn returns(region: &Graph) -> Vec<Type> {
    let outputs = region.outputs.iter();
    outputs.map(|o| region.ty(o.value).clone()).collect()
}

fn signature((inputs, outputs): &(Vec<Type>, Vec<Type>)) -> String {
    let join = |list: &[Type]| {
        let names: Vec<String> = list.iter().map(Type::to_string).collect();
        names.join(", ")
    };
    format!("({}) -> ({})", join(inputs), join(outputs))
}
