//! `broadcast_in_dim`.

use super::prelude::*;
use crate::types::Shape;

/// Repeats `x` to `shape`: axis `i` of `x` becomes axis `axes[i]` of the result; an extent of 1 is repeated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BroadcastInDim {
    /// Result shape.
    pub shape: Shape,
    /// For each axis of `x`, its axis in the result.
    pub axes: Vec<usize>,
}

impl Rules for BroadcastInDim {
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
