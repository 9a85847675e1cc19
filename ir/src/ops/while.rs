//! `while`.

use super::prelude::*;
use crate::graph::Graph;

/// Runs `body(carry..) -> carry..` as long as `cond(carry..) -> bool[]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct While {
    /// Loop condition.
    pub cond: Box<Graph>,
    /// Loop body.
    pub body: Box<Graph>,
}

impl Rules for While {
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
