//! `dot_general`.

use super::prelude::*;

/// Contracts `lhs` and `rhs`: result axes are the batch axes, then free axes of `lhs`, then of `rhs`. Accumulates by fused multiply-add over the contracted index in row-major order from zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DotGeneral {
    /// Batch axes of `lhs`.
    pub lhs_batch: Vec<usize>,
    /// Batch axes of `rhs`, pairwise with `lhs_batch`.
    pub rhs_batch: Vec<usize>,
    /// Contracted axes of `lhs`.
    pub lhs_contract: Vec<usize>,
    /// Contracted axes of `rhs`, pairwise with `lhs_contract`.
    pub rhs_contract: Vec<usize>,
}

impl Rules for DotGeneral {
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
