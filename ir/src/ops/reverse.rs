//! `reverse`.
//!
//! - (C1) `axes` are different axes of `x`.

use super::prelude::*;
use super::walk;

const OP: &str = "reverse";

/// Reverses the order of elements along `axes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reverse {
    /// The axes to reverse.
    pub axes: Vec<usize>,
}

impl Rules for Reverse {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).ints("axes", &self.axes)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let axes = attrs.usizes("axes")?;
        Ok(Reverse { axes })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        check::axes(OP, "C1", &x[0], self.axes.iter().copied())?;
        Ok(vec![x[0].clone()])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let shape = &x[0].ty.shape;
        let mut strides = walk::strides(shape);
        let mut offset = 0;
        for &axis in &self.axes {
            offset += (shape[axis] as i64 - 1) * strides[axis];
            strides[axis] = -strides[axis];
        }
        vec![walk::view(&x[0], shape.clone(), offset, &strides)]
    }

    fn vjp(&self, b: &mut Builder, _x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        Ok(vec![dy[0].map(|dy| b.op(self.clone(), &[dy]))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let along = |(axis, i): (usize, &Index)| match self.axes.contains(&axis) {
                true => i.mul(-1).plus(x[0].ty.shape[axis] as i64 - 1),
                false => i.clone(),
            };
            let from: Vec<Index> = at.iter().enumerate().map(along).collect();
            x[0].at(k, &from)
        }))
    }
}
