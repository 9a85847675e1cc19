//! `dot_general`, `dot` and `convolution`.

use super::value::{Val, dtype};
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::ops::common::{ConvDims, Window};
use craneflow_ir::ops::{Convolution, DotGeneral};
use craneflow_ir::{DType, Op, Value};

/// A bilinear operation, computed in the wider of the types of operands and result.
fn bilinear(cx: &mut Cx, node: &Node, x: &[Val], op: Op) -> Result<Vec<Val>, Fault> {
    let [a, b] = exactly(x)?;
    let (element, _) = cx.result(node, 0)?;
    let to = dtype(element);
    let mut wide = to;
    for v in a.flat().into_iter().chain(b.flat()) {
        wide = wider(wide, cx.ty(v).dtype);
    }
    let (a, b) = (
        a.each(|v| Ok(cx.b.convert(v, wide)))?,
        b.each(|v| Ok(cx.b.convert(v, wide)))?,
    );
    let y = match (&a, &b) {
        (Val::Real(a), Val::Real(b)) => Val::Real(cx.push(op, &[*a, *b])?),
        (Val::Complex(a, c), Val::Complex(b, d)) => product(cx, &op, (*a, *c), (*b, *d))?,
        _ => return Err("takes two real or two complex tensors".into()),
    };
    Ok(vec![match y {
        Val::Real(v) => {
            let v = cx.b.convert(v, to);
            Val::Real(cx.narrowed(v, element)?)
        }
        y => y,
    }])
}

fn product(cx: &mut Cx, op: &Op, x: (Value, Value), y: (Value, Value)) -> Result<Val, Fault> {
    let mut part = |a: Value, b: Value| cx.push(op.clone(), &[a, b]);
    let (ac, bd) = (part(x.0, y.0)?, part(x.1, y.1)?);
    let (ad, bc) = (part(x.0, y.1)?, part(x.1, y.0)?);
    Ok(Val::Complex(cx.b.sub(ac, bd), cx.b.add(ad, bc)))
}

/// A type that holds the values of both.
fn wider(a: DType, b: DType) -> DType {
    let rank = |t: DType| (t.is_float(), t.bits());
    match (a, b) {
        (DType::F16, DType::BF16) | (DType::BF16, DType::F16) => DType::F32,
        _ if rank(a) >= rank(b) => a,
        _ => b,
    }
}

pub fn dot_general(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let op = DotGeneral {
        lhs_batch: node.axes("lhs_batching_dimensions")?,
        rhs_batch: node.axes("rhs_batching_dimensions")?,
        lhs_contract: node.axes("lhs_contracting_dimensions")?,
        rhs_contract: node.axes("rhs_contracting_dimensions")?,
    };
    bilinear(cx, node, x, op.into())
}

pub fn dot(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, _] = exactly(x)?;
    let rank = cx.dims(a)?.len();
    let last = rank.checked_sub(1).ok_or("takes vectors and matrices")?;
    let op = DotGeneral::matmul(last + 1);
    bilinear(cx, node, x, op.into())
}

pub fn convolution(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let n = node.axes("kernel_spatial_dimensions")?.len();
    convolved(cx, node, x, padding(node, n)?)
}

/// A convolution with this padding.
pub fn convolved(
    cx: &mut Cx,
    node: &Node,
    x: &[Val],
    padding: Vec<(i64, i64)>,
) -> Result<Vec<Val>, Fault> {
    let kernel_spatial = node.axes("kernel_spatial_dimensions")?;
    let n = kernel_spatial.len();
    let dims = ConvDims {
        input_batch: node.size("input_batch_dimension")?,
        input_feature: node.size("input_feature_dimension")?,
        input_spatial: node.axes("input_spatial_dimensions")?,
        kernel_input: node.size("kernel_input_feature_dimension")?,
        kernel_output: node.size("kernel_output_feature_dimension")?,
        kernel_spatial,
        output_batch: node.size("output_batch_dimension")?,
        output_feature: node.size("output_feature_dimension")?,
        output_spatial: node.axes("output_spatial_dimensions")?,
    };
    let window = Window {
        size: vec![],
        stride: node.sizes_or("window_strides", 1, n)?,
        padding,
        base_dilation: node.sizes_or("lhs_dilation", 1, n)?,
        window_dilation: node.sizes_or("rhs_dilation", 1, n)?,
    };
    let reversal = node.ints_or("window_reversal", 0, n)?;
    let op = Convolution {
        window,
        reversal: reversal.into_iter().map(|r| r != 0).collect(),
        dims,
        feature_groups: node.size_or("feature_group_count", 1)?,
        batch_groups: node.size_or("batch_group_count", 1)?,
    };
    bilinear(cx, node, x, op.into())
}

/// Padding before and after each of `n` axes.
pub fn padding(node: &Node, n: usize) -> Result<Vec<(i64, i64)>, Fault> {
    padding_rows(&node.ints_or("padding", 0, 2 * n)?, n)
}

/// The same from a list of both.
pub fn padding_rows(flat: &[i64], n: usize) -> Result<Vec<(i64, i64)>, Fault> {
    match flat.len() == 2 * n {
        true => Ok(flat.chunks_exact(2).map(|p| (p[0], p[1])).collect()),
        false => Err(format!("padding has {} entries for {n} axes", flat.len()).into()),
    }
}
