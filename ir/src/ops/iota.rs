//! `iota`.
//!
//! - (C1) `ty` has at most `isize::MAX / 8` elements.
//! - (C2) The element type is a number.
//! - (C3) `axis` is an axis of `ty`.

use super::prelude::*;
use crate::native::{Emit, Evaluator, Native, Scalar};
use crate::types::DType;

const OP: &str = "iota";

/// Counts along `axis`: `y[i] = i[axis]`, converted to the element type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Iota {
    /// Result type; not `bool`.
    pub ty: Type,
    /// The axis that counts.
    pub axis: usize,
}

impl Iota {
    /// The number `i` (`i64`) as an element: extents that fit count in `i32`, where vectors can.
    fn element<E: Emit>(&self, e: &mut E, i: E::V) -> E::V {
        let small = self.ty.shape[self.axis] <= i32::MAX as usize;
        let i = match small && self.ty.dtype.bits() <= 32 {
            true => e.native(Native::Convert(DType::I32), &[i]),
            false => i,
        };
        let wide = e.native(Native::Convert(self.ty.dtype.compute()), &[i]);
        e.native(Native::Convert(self.ty.dtype), &[wide])
    }
}

impl Rules for Iota {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .with("ty", Attr::Type(self.ty.clone()))
            .int("axis", self.axis)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Iota {
            ty: attrs.ty("ty")?,
            axis: attrs.usize("axis")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 0)?;
        let ty = check::sized(OP, self.ty.clone())?; // C1
        let found = ty.dtype;
        check::dtype(OP, found != DType::Bool, "a number", found)?; // C2
        check::axes(OP, "C3", &ty, [self.axis])?;
        Ok(vec![ty])
    }

    fn eval(&self, _x: &[Array]) -> Vec<Array> {
        let stride = self.ty.shape.strides()[self.axis];
        let extent = self.ty.shape[self.axis].max(1);
        vec![Array::from_fn(self.ty.clone(), |i| {
            let along = Scalar::int(DType::I64, (i / stride % extent) as i64);
            self.element(&mut Evaluator, along)
        })]
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        Ok(vec![])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, _, at| {
            let i = k.index_value(&at[self.axis]);
            self.element(k, i)
        }))
    }
}
