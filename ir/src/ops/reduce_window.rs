//! `reduce_window`.

use super::prelude::*;
use crate::ops::common::Reducer;
use crate::ops::common::Window;

/// Folds every window of `x`: pooling, cumulative sums. A `Body` reducer takes `(x.., init..)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReduceWindow {
    /// How two elements combine.
    pub kind: Reducer,
    /// Sizes, strides, dilations and padding per axis.
    pub window: Window,
}

impl Rules for ReduceWindow {
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
