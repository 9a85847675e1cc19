//! `sort`.

use super::prelude::*;
use crate::graph::Graph;

/// Sorts all operands together along `axis` by `comparator(a0, b0, a1, b1, ..) -> bool[]` (first before second).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sort {
    /// The axis to sort along.
    pub axis: usize,
    /// Whether equals keep their order. Every sort here does.
    pub stable: bool,
    /// Region of rank-0 inputs.
    pub comparator: Box<Graph>,
}

impl Rules for Sort {
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
