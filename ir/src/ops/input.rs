//! `input`.

use super::prelude::*;

/// An input of the graph, or of a region.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Input {
    /// Position among the inputs.
    pub index: usize,
    /// Its type.
    pub ty: Type,
}

impl Rules for Input {
    fn attrs(&self) -> Attrs {
        todo!()
    }

    fn parse(_attrs: &Attrs) -> Result<Self, TypeError> {
        todo!()
    }

    fn infer(&self, _x: &[Type]) -> Result<Vec<Type>, TypeError> {
        todo!()
    }

    fn eval(&self, _x: &[Array]) -> Vec<Array> {
        todo!()
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        todo!()
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        todo!()
    }
}
