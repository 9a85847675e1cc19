//! `rng_bit_generator`.

use super::prelude::*;
use crate::ops::common::Algorithm;

/// `rng_bit_generator(state) -> (state, bits)`: counter-based random bits, a pure function of the state.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RngBitGenerator {
    /// The generator.
    pub algorithm: Algorithm,
    /// Type of the bits: an unsigned integer tensor.
    pub ty: Type,
}

impl Rules for RngBitGenerator {
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
