//! `transpose`.

use super::prelude::*;

/// Axis `i` of the result is axis `permutation[i]` of `x`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Transpose {
    /// A permutation of the axes.
    pub permutation: Vec<usize>,
}

impl Rules for Transpose {
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
