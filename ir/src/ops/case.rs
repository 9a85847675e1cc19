//! `case`.

use super::prelude::*;
use crate::graph::Graph;

/// `case(index: i32[], args..)`: the results of branch `index`, the last branch when out of range.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    /// Regions over `args`.
    pub branches: Vec<Graph>,
}

impl Rules for Case {
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
