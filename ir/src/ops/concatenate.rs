//! `concatenate`.
//!
//! - (C1) There is at least one operand.
//! - (C2) Operands have one element type and rank.
//! - (C3) `axis` is an axis of the operands.
//! - (C4) Operands agree in all extents but that of `axis`.
//! - (C5) The result has at most `isize::MAX / 8` elements.

use super::prelude::*;
use super::{Slice, walk};
use crate::loops::LoopKind;

const OP: &str = "concatenate";

/// Joins its operands along `axis`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Concatenate {
    /// The axis that grows.
    pub axis: usize,
}

impl Rules for Concatenate {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).int("axis", self.axis)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let axis = attrs.usize("axis")?;
        Ok(Concatenate { axis })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let Some(first) = x.first() else {
            check::arity(OP, x, 1)?; // C1
            unreachable!("there are no operands")
        };
        let mut total = Some(0usize);
        for other in x {
            check::same_dtype(OP, first, other)?; // C2
            check::axes(OP, "C3", other, [self.axis])?;
            let mut extents = other.shape.clone();
            total = total.and_then(|n| n.checked_add(extents.0[self.axis]));
            if first.rank() == other.rank() {
                extents.0[self.axis] = first.shape[self.axis];
            }
            check::rule(OP, "C4", extents == first.shape, || {
                let axis = self.axis;
                format!("{first} and {other} must agree in all axes but {axis}")
            })?;
        }
        let mut extents = first.shape.0.clone();
        extents[self.axis] = total.unwrap_or(usize::MAX);
        Ok(vec![check::sized(OP, first.with_shape(extents))?]) // C5
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let types: Vec<Type> = x.iter().map(|x| x.ty.clone()).collect();
        let ty = self.infer(&types).expect("verified").remove(0);
        vec![walk::from_index(ty, |at| {
            let mut at = at.to_vec();
            let mut operands = x.iter();
            loop {
                let x = operands.next().expect("the extents add up");
                let extent = x.ty.shape[self.axis];
                if at[self.axis] < extent {
                    return x.at(&at);
                }
                at[self.axis] -= extent;
            }
        })]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None; x.len()]);
        };
        let mut from = 0;
        let mut grads = vec![];
        for &x in x {
            let limit = b.shape(x).0;
            let mut part = Slice {
                start: vec![0; limit.len()],
                stride: vec![1; limit.len()],
                limit,
            };
            part.start[self.axis] = from;
            part.limit[self.axis] += from;
            from = part.limit[self.axis];
            grads.push(Some(b.op(part, &[dy])));
        }
        Ok(grads)
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Stores(Box::new(|k, x, out| self.store(k, x, &out[0])))
    }
}

impl Concatenate {
    /// One loop nest per operand; the grid is an outer axis other than the one that grows.
    fn store(&self, k: &mut KernelBuilder, x: &[Operand], out: &Out) {
        let shape = &out.ty.shape;
        let minor = shape.rank() - 1;
        let outer = (0..minor).find(|&a| a != self.axis && shape[a] > 1);
        k.set_grid(outer.map_or(1, |outer| shape[outer]));
        let mut start = 0;
        for x in x {
            let mut extents = x.ty.shape.0.clone();
            if let Some(outer) = outer {
                extents[outer] = 1;
            }
            k.nest(&extents, LoopKind::Lanes, &mut |k, at| {
                let mut from = at.to_vec();
                if let Some(outer) = outer {
                    from[outer] = k.grid();
                }
                let mut to = from.clone();
                to[self.axis] = to[self.axis].plus(start);
                let v = x.at(k, &from);
                k.store_at(out, &to, v);
            });
            start += x.ty.shape[self.axis] as i64;
        }
    }
}
