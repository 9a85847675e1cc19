//! Operations of CHLO that are worth more than their decomposition.

use super::value::Val;
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::{Attr, Node};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::{Iota, Slice, Sort};
use craneflow_ir::{DType, Pointwise};

/// The results of the composite called `name`; `None` when its decomposition will do.
pub fn composite(
    cx: &mut Cx,
    name: &str,
    node: &Node,
    x: &[Val],
) -> Result<Option<Vec<Val>>, Fault> {
    let attributes = node.attr("composite_attributes");
    match name {
        "chlo.erf" => {
            let [x] = exactly(x)?;
            Ok(Some(vec![Val::Real(
                cx.push(Pointwise::Erf, &[x.real()?])?,
            )]))
        }
        "chlo.top_k" => {
            let k = attributes.and_then(|a| a.entry("k")).and_then(Attr::int);
            let k = k.and_then(|k| usize::try_from(k).ok());
            top_k(cx, x, k.ok_or("attribute k is missing")?).map(Some)
        }
        _ => Ok(None),
    }
}

/// The `k` greatest of the last axis and their positions, the first of equals first.
pub fn top_k(cx: &mut Cx, x: &[Val], k: usize) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let x = x.real()?;
    let ty = cx.ty(x).clone();
    let axis = ty
        .rank()
        .checked_sub(1)
        .ok_or("takes a tensor with an axis")?;
    let index = ty.with_dtype(DType::I32);
    let positions = cx.push(Iota { ty: index, axis }, &[])?;
    let sort = Sort::by_first(axis, Cmp::Gt, &[ty.dtype, DType::I32]);
    let sorted = cx.b.push(sort, &[x, positions])?;
    let mut limit = ty.shape.0.clone();
    limit[axis] = k;
    let first = Slice {
        start: vec![0; limit.len()],
        stride: vec![1; limit.len()],
        limit,
    };
    let slices: Result<Vec<Val>, Fault> = sorted
        .into_iter()
        .map(|v| Ok(Val::Real(cx.push(first.clone(), &[v])?)))
        .collect();
    slices
}
