//! `reshape`.
//!
//! - (C1) The result has as many elements as `x`.

use super::prelude::*;
use crate::types::Shape;

const OP: &str = "reshape";

/// The same elements in row-major order under another shape.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reshape {
    /// Result shape; same count as the operand.
    pub shape: Shape,
}

impl Rules for Reshape {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).ints("shape", &self.shape)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let shape = attrs.shape("shape")?;
        Ok(Reshape { shape })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        let ty = check::sized(OP, x[0].with_shape(self.shape.clone()))?;
        check::rule(OP, "C1", ty.count() == x[0].count(), || {
            let (from, to) = (x[0].count(), ty.count());
            format!("{} has {from} elements, {ty} has {to}", x[0])
        })?;
        Ok(vec![ty])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        vec![x[0].reshaped(x[0].ty.with_shape(self.shape.clone()))]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let shape = b.shape(x[0]);
        Ok(vec![dy[0].map(|dy| b.reshape(dy, &shape))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let position = Index::linear(at, &self.shape);
            x[0].at(k, &position.unravel(&x[0].ty.shape))
        }))
    }
}
