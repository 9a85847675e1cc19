//! Operations whose extents are operands: shapes are static, so those operands are constants.

use super::contract::{convolved, padding_rows};
use super::gather::gathered;
use super::value::Val;
use super::{Cx, Fault, exactly, natural};
use crate::stablehlo::tree::Node;
use craneflow_ir::ops::{Pad, Slice};
use craneflow_ir::{Array, Op, Value};

/// Elements of an operand that says extents, and operations it is made of, up to which it is computed.
const ELEMENTS: usize = 256;
const OPERATIONS: usize = 256;

impl Cx<'_> {
    /// The integers that an operand is known to hold.
    fn known_ints(&self, what: &str, x: &Val) -> Result<Vec<i64>, Fault> {
        let v = x.real()?;
        let array = match self.ty(v).dtype.is_int() {
            true => self.folded(v, &mut { OPERATIONS }),
            false => return Err(format!("{what} are integers, found {}", self.ty(v)).into()),
        };
        let array = array.ok_or_else(|| format!("shapes are static: {what} must be constant"))?;
        Ok((0..array.ty.count())
            .map(|i| array.get(i).to_i64())
            .collect())
    }

    /// The value of what depends on constants alone and is small.
    fn folded(&self, v: Value, left: &mut usize) -> Option<Array> {
        *left = left.checked_sub(1)?;
        let node = self.b.graph().def(v);
        if self.ty(v).count() > ELEMENTS {
            return None;
        }
        let operands = node.operands.iter().map(|&x| self.folded(x, left));
        let operands: Vec<Array> = operands.collect::<Option<_>>()?;
        match &node.op {
            Op::Constant(_) | Op::Iota(_) | Op::Pointwise(_) | Op::BroadcastInDim(_) => {}
            Op::Reshape(_) | Op::Concatenate(_) | Op::Slice(_) | Op::Transpose(_) => {}
            _ => return None,
        }
        node.op.rules().eval(&operands).pop()
    }
}

pub fn pad(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, value, low, high, interior] = exactly(x)?;
    let interior = cx.known_ints("interior padding", interior)?;
    let op = Pad {
        low: cx.known_ints("padding", low)?,
        high: cx.known_ints("padding", high)?,
        interior: natural("interior_padding", interior)?,
    };
    Ok(vec![x.both(value, |v, value| {
        cx.push(op.clone(), &[v, value])
    })?])
}

pub fn slice(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, start, limit, stride] = exactly(x)?;
    let of = |what: &str, x: &Val| natural(what, cx.known_ints(what, x)?);
    let op = Slice {
        start: of("start indices", start)?,
        limit: of("limit indices", limit)?,
        stride: of("strides", stride)?,
    };
    Ok(vec![x.each(|v| cx.push(op.clone(), &[v]))?])
}

pub fn gather(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, indices, sizes] = exactly(x)?;
    let sizes = cx.known_ints("slice sizes", sizes)?;
    gathered(cx, node, x, indices, natural("slice_sizes", sizes)?)
}

pub fn convolution(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [a, b, padding] = exactly(x)?;
    let n = node.axes("input_spatial_dimensions")?.len();
    let rows = padding_rows(&cx.known_ints("padding", padding)?, n)?;
    convolved(cx, node, &[a.clone(), b.clone()], rows)
}
