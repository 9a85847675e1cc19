//! `bitcast_convert`.

use super::prelude::*;
use crate::types::DType;

/// The same bits as another element type; a narrower type adds a minor axis, a wider one removes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BitcastConvert {
    /// Result element type.
    pub dtype: DType,
}

impl Rules for BitcastConvert {
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
