//! Movement: broadcasts, reshapes, slices and the like.

use super::value::Val;
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::ops::{
    BroadcastInDim, Concatenate, DynamicSlice, DynamicUpdateSlice, Pad, Reshape, Reverse, Slice,
    Transpose,
};
use craneflow_ir::{DType, Op, Value};

impl Cx<'_> {
    /// `broadcast_in_dim`; that of a scalar which has been broadcast already is one broadcast.
    pub fn spread(&mut self, v: Value, axes: &[usize], dims: &[usize]) -> Result<Value, Fault> {
        let node = self.b.graph().def(v);
        let scalar = match (&node.op, node.operands.as_slice()) {
            (Op::BroadcastInDim(_), [x]) if self.ty(*x).rank() == 0 => Some(*x),
            _ => None,
        };
        let op = BroadcastInDim {
            shape: dims.into(),
            axes: axes.to_vec(),
        };
        // Checks the axes, whatever is broadcast in the end.
        let types = [self.ty(v).clone()];
        craneflow_ir::Rules::infer(&op, &types)?;
        Ok(match scalar {
            Some(scalar) => self.b.broadcast(scalar, &[], &op.shape),
            None => self.b.broadcast(v, axes, &op.shape),
        })
    }
}

pub fn broadcast_in_dim(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let x = x.first().ok_or("an operand is missing")?;
    let (_, dims) = cx.result(node, 0)?;
    let axes = node.axes("broadcast_dimensions")?;
    Ok(vec![x.each(|v| cx.spread(v, &axes, dims))?])
}

/// New axes come first.
pub fn broadcast(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let (_, dims) = cx.result(node, 0)?;
    let rank = cx.dims(x)?.len();
    let first = dims
        .len()
        .checked_sub(rank)
        .ok_or("its result has fewer axes than its operand")?;
    let axes: Vec<usize> = (first..dims.len()).collect();
    Ok(vec![x.each(|v| cx.spread(v, &axes, dims))?])
}

/// To the declared shape; `dynamic_reshape` has it as an operand, too.
pub fn reshape(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let x = x.first().ok_or("an operand is missing")?;
    let (_, dims) = cx.result(node, 0)?;
    let shape = dims.into();
    let op = Reshape { shape };
    let y = x.each(|v| {
        if *cx.ty(v).shape == *dims {
            return Ok(v);
        }
        let inner = cx.b.graph().def(v);
        let scalar = match (&inner.op, inner.operands.as_slice()) {
            (Op::BroadcastInDim(_), [x]) if cx.ty(*x).rank() == 0 => Some(*x),
            _ => None,
        };
        craneflow_ir::Rules::infer(&op, &[cx.ty(v).clone()])?;
        match scalar {
            Some(scalar) => Ok(cx.b.broadcast(scalar, &[], &op.shape)),
            None => cx.push(op.clone(), &[v]),
        }
    })?;
    Ok(vec![y])
}

pub fn transpose(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let permutation = node.axes("permutation")?;
    let same = permutation.iter().enumerate().all(|(i, &p)| i == p);
    let op = Transpose { permutation };
    Ok(vec![x.each(|v| {
        match same && op.permutation.len() == cx.ty(v).rank() {
            true => Ok(v),
            false => cx.push(op.clone(), &[v]),
        }
    })?])
}

pub fn slice(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let start = node.axes("start_indices")?;
    let op = Slice {
        stride: node.sizes_or("strides", 1, start.len())?,
        limit: node.axes("limit_indices")?,
        start,
    };
    Ok(vec![x.each(|v| {
        let whole = op.start.iter().all(|&s| s == 0)
            && op.stride.iter().all(|&s| s == 1)
            && op.start.len() == op.stride.len()
            && op.start.len() == op.limit.len()
            && *op.limit == *cx.ty(v).shape;
        match whole {
            true => Ok(v),
            false => cx.push(op.clone(), &[v]),
        }
    })?])
}

pub fn pad(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, value] = exactly(x)?;
    let op = Pad {
        low: node.ints_or("edge_padding_low", 0, 0)?,
        high: node.ints_or("edge_padding_high", 0, 0)?,
        interior: node.axes("interior_padding")?,
    };
    Ok(vec![x.both(value, |v, value| {
        cx.push(op.clone(), &[v, value])
    })?])
}

pub fn concatenate(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let axis = node.size("dimension")?;
    let first = x.first().ok_or("an operand is missing")?;
    if let [only] = x {
        return Ok(vec![only.clone()]);
    }
    let op = Concatenate { axis };
    if let Val::Complex(..) = first {
        let part = |pick: fn(&Val) -> Option<Value>| x.iter().map(pick).collect::<Option<Vec<_>>>();
        let re = part(|v| {
            if let Val::Complex(re, _) = v {
                Some(*re)
            } else {
                None
            }
        });
        let im = part(|v| {
            if let Val::Complex(_, im) = v {
                Some(*im)
            } else {
                None
            }
        });
        let (re, im) = re.zip(im).ok_or("takes tensors of one type")?;
        return Ok(vec![Val::Complex(
            cx.push(op.clone(), &re)?,
            cx.push(op, &im)?,
        )]);
    }
    let x: Vec<Value> = x.iter().map(Val::real).collect::<Result<_, _>>()?;
    Ok(vec![Val::Real(cx.push(op, &x)?)])
}

pub fn reverse(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let axes = node.axes("dimensions")?;
    let op = Reverse { axes };
    Ok(vec![x.each(|v| cx.push(op.clone(), &[v]))?])
}

/// Start indices, all of one type.
fn starts(cx: &mut Cx, x: &[Val]) -> Result<Vec<Value>, Fault> {
    let starts: Vec<Value> = x.iter().map(Val::real).collect::<Result<_, _>>()?;
    let first = starts.first().map(|&v| cx.ty(v).dtype);
    match starts.iter().all(|&v| Some(cx.ty(v).dtype) == first) {
        true => Ok(starts),
        false => Ok(starts
            .iter()
            .map(|&v| cx.b.convert(v, DType::I64))
            .collect()),
    }
}

pub fn dynamic_slice(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let (x, at) = x.split_first().ok_or("an operand is missing")?;
    let at = starts(cx, at)?;
    let op = DynamicSlice {
        sizes: node.axes("slice_sizes")?,
    };
    Ok(vec![
        x.each(|v| cx.push(op.clone(), &[&[v], &*at].concat()))?,
    ])
}

pub fn dynamic_update_slice(cx: &mut Cx, _: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, update, at @ ..] = x else {
        return Err("an operand is missing".into());
    };
    let at = starts(cx, at)?;
    let y = x.both(update, |x, u| {
        cx.push(DynamicUpdateSlice, &[&[x, u], &*at].concat())
    })?;
    Ok(vec![y])
}

pub fn get_dimension_size(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let axis = node.size("dimension")?;
    let dims = cx.dims(x)?;
    let extent = dims
        .get(axis)
        .ok_or_else(|| format!("there is no axis {axis}"))?;
    let ty = craneflow_ir::Type::scalar(DType::I32);
    Ok(vec![Val::Real(cx.b.splat(&ty, *extent as f64))])
}

/// Extents do not change here: the size must be the one there is.
pub fn set_dimension_size(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, size] = exactly(x)?;
    let axis = node.size("dimension")?;
    let known = cx.known_splat(size.real()?).map(|s| s.to_i64());
    let extent = cx.dims(x)?.get(axis).map(|&d| d as i64);
    match known.is_some() && known == extent {
        true => Ok(vec![x.clone()]),
        false => Err("shapes are static: only the size that an axis has can be set".into()),
    }
}
