//! `bitcast_convert`.

use super::narrow::{bits, stored};
use super::value::Val;
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::{ElementType, Node};
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::{BitcastConvert, Reduce, Reshape};
use craneflow_ir::{Array, DType, Pointwise, Scalar, Type, Value};

/// The same bits as another type.
pub fn bitcast(dtype: DType) -> BitcastConvert {
    BitcastConvert { dtype }
}

/// Elements of fewer bits than those they are made of come along a new last axis, lowest bits first.
pub fn bitcast_convert(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    let (to, _) = cx.result(node, 0)?;
    let from = cx.element(node, 0)?;
    if from == to {
        return Ok(vec![x.clone()]);
    }
    let (old, new) = (bits(from), bits(to));
    if [from, to]
        .iter()
        .any(|e| e.part().is_some() || !bits(*e).is_power_of_two())
    {
        return Err(format!("from {from} to {to} is not supported").into());
    }
    let v = x.real()?;
    let v = cx.codes(v, from)?;
    let v = match (old.min(8), new.min(8)) {
        (a, b) if a == b => v,
        (a, b) if a < b => cx.joined(v, a, b)?,
        (_, b) => cx.parted(v, old, b)?,
    };
    let v = match new < 8 {
        true => v,
        false => cx.push(bitcast(stored(to)), &[v])?,
    };
    Ok(vec![Val::Real(cx.decoded(v, to)?)])
}

impl Cx<'_> {
    /// The bits of elements: of those narrower than a byte as the low bits of one, of others as they
    /// are stored.
    fn codes(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        let v = self.store_narrow(v, element)?;
        if bits(element) >= 8 {
            return Ok(v);
        }
        let v = self.push(bitcast(DType::U8), &[v])?;
        let mask = self.int_like(v, (1 << bits(element)) - 1);
        self.push(Pointwise::And, &[v, mask])
    }

    /// Elements of their bits.
    fn decoded(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        let v = match bits(element) < 8 {
            true => self.push(bitcast(stored(element)), &[v])?,
            false => v,
        };
        self.load_narrow(v, element)
    }

    /// Bytes with `new` bits in use, of as many with `old` along the last axis. Of bytes that are used
    /// whole, those of one element are along the last axis of the result.
    fn joined(&mut self, v: Value, old: usize, new: usize) -> Result<Value, Fault> {
        let count = new / old;
        let mut dims = self.ty(v).shape.0.clone();
        let last = dims.pop().ok_or("takes a tensor with an axis")?;
        if last != count {
            dims.push(last / count);
        }
        dims.push(count);
        let shape = dims.as_slice().into();
        let parts = self.push(Reshape { shape }, &[v])?;
        let shifts = self.places(old, count);
        let axis = dims.len() - 1;
        let shifts = self.b.broadcast(shifts, &[axis], &dims.as_slice().into());
        let moved = self.push(Pointwise::ShiftLeft, &[parts, shifts])?;
        let fold = Reduce {
            kind: Reducer::Or,
            axes: vec![axis],
        };
        self.push(fold, &[moved])
    }

    /// Bytes with `new` bits in use, of elements of `old` bits; those of an element are along the last
    /// axis of the result.
    fn parted(&mut self, v: Value, old: usize, new: usize) -> Result<Value, Fault> {
        let mut dims = self.ty(v).shape.0.clone();
        let bytes = self.push(bitcast(DType::U8), &[v])?;
        let mut split = self.ty(bytes).shape.0.clone();
        let axis = split.len();
        let count = old.min(8) / new;
        split.push(count);
        let axes: Vec<usize> = (0..axis).collect();
        let shape = split.as_slice().into();
        let spread = self.b.broadcast(bytes, &axes, &shape);
        let shifts = self.places(new, count);
        let shifts = self.b.broadcast(shifts, &[axis], &shape);
        let moved = self.push(Pointwise::ShiftRightLogical, &[spread, shifts])?;
        let mask = self.int_like(moved, (1 << new) - 1);
        let codes = self.push(Pointwise::And, &[moved, mask])?;
        dims.push(old / new);
        let shape = dims.as_slice().into();
        self.push(Reshape { shape }, &[codes])
    }

    /// Where the parts of a byte are: `0, width, 2 width ..`.
    fn places(&mut self, width: usize, count: usize) -> Value {
        let ty = Type::new(DType::U8, [count]);
        let at = |i: usize| Scalar::int(DType::U8, (i * width) as i64);
        self.b.constant(Array::from_fn(ty, at))
    }
}
