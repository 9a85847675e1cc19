//! `pad`.

use super::prelude::*;

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

impl Rules for Pad {
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
