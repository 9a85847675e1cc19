//! `pad`.
//!
//! - (C1) `low`, `high` and `interior` have an entry per axis of `x`.
//! - (C2) `value` has rank 0 and the element type of `x`.
//! - (C3) No padding is above 2^60 in magnitude, and every result extent is in `0..=2^60`.
//! - (C4) The result has at most `isize::MAX / 8` elements.

use super::prelude::*;
use super::{Slice, walk};
use crate::native::{Emit, Native};

const OP: &str = "pad";

/// `pad(x, value)`: `interior` padding between elements, then `low` and `high` at the edges; negative edge padding crops.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pad {
    /// Elements added before, per axis.
    pub low: Vec<i64>,
    /// Elements added after, per axis.
    pub high: Vec<i64>,
    /// Elements added between, per axis.
    pub interior: Vec<usize>,
}

impl Pad {
    /// Result extent of an axis; `None` when the padding or the extent is out of all bounds.
    fn extent(&self, axis: usize, extent: usize) -> Option<usize> {
        const LIMIT: i64 = 1 << 60;
        let small = |n: i64| (n.abs() <= LIMIT).then_some(n);
        let (low, high) = (self.low[axis], self.high[axis]);
        let low = low.checked_abs().and_then(small).map(|_| low)?;
        let high = high.checked_abs().and_then(small).map(|_| high)?;
        let interior = i64::try_from(self.interior[axis]).ok().and_then(small)?;
        let step = interior as usize + 1;
        let dilated = match extent.checked_sub(1) {
            None => 0,
            Some(gaps) => gaps.checked_mul(step)?.checked_add(1)?,
        };
        let dilated = i64::try_from(dilated).ok().and_then(small)?;
        usize::try_from(small(dilated + low + high)?).ok()
    }
}

impl Rules for Pad {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .signed("low", &self.low)
            .signed("high", &self.high)
            .ints("interior", &self.interior)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Pad {
            low: attrs.i64s("low")?,
            high: attrs.i64s("high")?,
            interior: attrs.usizes("interior")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 2)?;
        check::per_axis(OP, "C1", "low", self.low.len(), &x[0])?;
        check::per_axis(OP, "C1", "high", self.high.len(), &x[0])?;
        check::per_axis(OP, "C1", "interior", self.interior.len(), &x[0])?;
        check::scalar(OP, &x[1])?; // C2
        check::same_dtype(OP, &x[0], &x[1])?; // C2
        let mut extents = vec![];
        for (axis, &extent) in x[0].shape.iter().enumerate() {
            let padded = self.extent(axis, extent);
            check::rule(OP, "C3", padded.is_some(), || {
                let (low, high) = (self.low[axis], self.high[axis]);
                format!("axis {axis} of {} cannot be padded by {low} and {high}", x[0])
            })?;
            extents.extend(padded);
        }
        Ok(vec![check::sized(OP, x[0].with_shape(extents))?]) // C4
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let types = [x[0].ty.clone(), x[1].ty.clone()];
        let ty = self.infer(&types).expect("verified").remove(0);
        let value = x[1].get(0);
        vec![walk::from_index(ty, |at| {
            let from: Option<Vec<i64>> = (0..at.len())
                .map(|axis| {
                    let step = self.interior[axis] as i64 + 1;
                    let i = at[axis] as i64 - self.low[axis];
                    (i % step == 0).then_some(i / step)
                })
                .collect();
            let found = from.and_then(|from| walk::position(&from, &x[0].ty.shape));
            found.map_or(value, |i| x[0].get(i))
        })]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None, None]);
        };
        // Undo the edges, then step over the holes.
        let shape = b.shape(x[0]);
        let edges = Pad {
            low: self.low.iter().map(|n| -n).collect(),
            high: self.high.iter().map(|n| -n).collect(),
            interior: vec![0; shape.rank()],
        };
        let zero = b.constant(zero(b.ty(dy).dtype));
        let inner = b.op(edges, &[dy, zero]);
        let dx = b.op(
            Slice {
                start: vec![0; shape.rank()],
                limit: b.shape(inner).0,
                stride: self.interior.iter().map(|n| n + 1).collect(),
            },
            &[inner],
        );
        let axes: Vec<usize> = (0..b.ty(y[0]).rank()).collect();
        let (all, kept) = (b.sum(dy, &axes), b.sum(dx, &axes));
        Ok(vec![Some(dx), Some(b.sub(all, kept))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let value = x[1].at(k, &[]);
            let mut solid = None;
            let mut from = vec![];
            for (axis, i) in at.iter().enumerate() {
                let (i, hit) = k.undilated(&i.plus(-self.low[axis]), self.interior[axis] + 1);
                from.push(i);
                if let Some(hit) = hit {
                    solid = Some(k.both(solid, hit));
                }
            }
            let element = k.element_or(&x[0], &from, value);
            match solid {
                None => element,
                Some(hit) => k.native(Native::Select, &[hit, element, value]),
            }
        }))
    }
}
