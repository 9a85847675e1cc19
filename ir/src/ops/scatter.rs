//! `scatter`.

use super::prelude::*;
use crate::ops::common::Reducer;

/// `scatter(x, indices, updates)`: `x` with updates combined in at computed places, in row-major order of the updates; out-of-range updates are dropped. StableHLO `scatter`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Scatter {
    /// How an update combines with what is there; `None` replaces it.
    pub update: Option<Reducer>,
    /// Axes of the updates that index within a window.
    pub update_window_dims: Vec<usize>,
    /// Axes of `x` of window size 1 that the updates lack.
    pub inserted_window_dims: Vec<usize>,
    /// Batch axes of `x`.
    pub input_batching_dims: Vec<usize>,
    /// Batch axes of the indices.
    pub scatter_indices_batching_dims: Vec<usize>,
    /// Axis of `x` that each index component addresses.
    pub scatter_dims_to_operand_dims: Vec<usize>,
    /// Axis of the indices that holds the components; may equal their rank.
    pub index_vector_dim: usize,
}

impl Rules for Scatter {
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
