//! `slice`.

use super::prelude::*;

/// `y[i] = x[start + i * stride]`, up to `limit` exclusive.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slice {
    /// First index per axis.
    pub start: Vec<usize>,
    /// End (exclusive) per axis.
    pub limit: Vec<usize>,
    /// Step per axis, at least 1.
    pub stride: Vec<usize>,
}

impl Rules for Slice {
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
