//! `bitcast_convert`.
//!
//! - (C1) `bool` is converted to `bool` only.
//! - (C2) When the result type is wider, the last extent of `x` is the ratio of the widths.
//! - (C3) The result has at most `isize::MAX / 8` elements.

use super::prelude::*;
use crate::loops::Val;
use crate::native::{Emit, Native, Scalar};
use crate::types::DType;

const OP: &str = "bitcast_convert";

/// The same bits as another element type; a narrower type adds a minor axis, a wider one removes it
/// (least significant part first).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BitcastConvert {
    /// Result element type.
    pub dtype: DType,
}

impl BitcastConvert {
    /// Part number `part` of a wide element.
    fn part(&self, k: &mut KernelBuilder, wide: Val, part: &Index) -> Val {
        let bits = k.dtype(wide).to_unsigned();
        let raw = k.native(Native::Bitcast(bits), &[wide]);
        let distance = k.index_value(&part.mul(self.dtype.bits() as i64));
        let distance = k.native(Native::Convert(bits), &[distance]);
        let low = k.native(Native::ShrLogical, &[raw, distance]);
        let narrow = k.native(Native::Convert(self.dtype.to_unsigned()), &[low]);
        k.native(Native::Bitcast(self.dtype), &[narrow])
    }

    /// The wide element of which `parts` are the parts, least significant first.
    fn join(&self, k: &mut KernelBuilder, parts: &[Val]) -> Val {
        let bits = self.dtype.to_unsigned();
        let mut all = k.constant(Scalar { ty: bits, bits: 0 });
        for (i, &part) in parts.iter().enumerate() {
            let from = k.dtype(part);
            let raw = k.native(Native::Bitcast(from.to_unsigned()), &[part]);
            let raw = k.native(Native::Convert(bits), &[raw]);
            let distance = k.constant(Scalar {
                ty: bits,
                bits: (i * from.bits()) as u64,
            });
            let raw = k.native(Native::Shl, &[raw, distance]);
            all = k.native(Native::Or, &[all, raw]);
        }
        k.native(Native::Bitcast(self.dtype), &[all])
    }
}

impl Rules for BitcastConvert {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).word("dtype", self.dtype.name())
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let dtype = attrs.dtype("dtype")?;
        Ok(BitcastConvert { dtype })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        let (from, to) = (x[0].dtype, self.dtype);
        let bools = (from == DType::Bool) as usize + (to == DType::Bool) as usize;
        check::rule(OP, "C1", bools != 1, || {
            format!("{from} and {to} have no common representation")
        })?;
        let mut extents = x[0].shape.0.clone();
        if to.size() < from.size() {
            extents.push(from.size() / to.size());
        } else if to.size() > from.size() {
            let ratio = to.size() / from.size();
            check::rule(OP, "C2", extents.pop() == Some(ratio), || {
                format!("the last extent of {} must be {ratio} to make {to}", x[0])
            })?;
        }
        Ok(vec![check::sized(OP, Type::new(to, extents))?]) // C3
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let ty = self.infer(&[x[0].ty.clone()]).expect("verified").remove(0);
        let same = Array::from_bytes(ty, x[0].bytes());
        vec![same.expect("the same number of bytes")]
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        Ok(vec![None])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let (from, to) = (x[0].ty.dtype.size(), self.dtype.size());
            if from > to {
                let (part, at) = at.split_last().expect("a minor axis");
                let wide = x[0].at(k, at);
                self.part(k, wide, part)
            } else if from < to {
                let part = |i: usize| [at, &[Index::from(i)]].concat();
                let parts: Vec<Val> = (0..to / from).map(|i| x[0].at(k, &part(i))).collect();
                self.join(k, &parts)
            } else {
                let same = x[0].at(k, at);
                k.native(Native::Bitcast(self.dtype), &[same])
            }
        }))
    }
}
