//! `reduce`.

use super::prelude::*;
use crate::ops::common::Reducer;

/// Folds `x` over `axes`; those axes leave the shape: `f32[8,4]` over `[1]` gives `f32[8]`. A `Body` reducer takes `(x.., init..)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reduce {
    /// How two elements combine.
    pub kind: Reducer,
    /// The axes that are folded, increasing.
    pub axes: Vec<usize>,
}

impl Rules for Reduce {
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
