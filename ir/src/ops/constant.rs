//! `constant`. It has no constraints.

use super::prelude::*;

const OP: &str = "constant";

/// A constant tensor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Constant {
    /// Its elements.
    pub value: Array,
}

impl Rules for Constant {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).with("value", Attr::Array(self.value.clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let value = attrs.array("value")?;
        Ok(Constant { value })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 0)?;
        Ok(vec![self.value.ty.clone()])
    }

    fn eval(&self, _x: &[Array]) -> Vec<Array> {
        vec![self.value.clone()]
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        Ok(vec![])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Constant
    }
}
