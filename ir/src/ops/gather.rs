//! `gather`.

use super::prelude::*;

/// `gather(x, start_indices)`: slices of `x` at computed (clamped) starts. StableHLO `gather`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Gather {
    /// Result axes that index within a slice.
    pub offset_dims: Vec<usize>,
    /// Axes of `x` of slice size 1 that leave the result.
    pub collapsed_slice_dims: Vec<usize>,
    /// Batch axes of `x`.
    pub operand_batching_dims: Vec<usize>,
    /// Batch axes of the indices.
    pub start_indices_batching_dims: Vec<usize>,
    /// Axis of `x` that each index component addresses.
    pub start_index_map: Vec<usize>,
    /// Axis of the indices that holds the components; may equal their rank.
    pub index_vector_dim: usize,
    /// Slice extents per axis of `x`.
    pub slice_sizes: Vec<usize>,
}

impl Rules for Gather {
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
