//! `select_and_scatter`.

use super::prelude::*;
use crate::native::Cmp;
use crate::ops::common::Window;

/// `select_and_scatter(x, source)`: each element of `source` is added to the place of its window of `x` that `select` prefers (the first, for equals): the gradient of max pooling.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SelectAndScatter {
    /// `Ge` prefers the greatest (NaN wins), `Le` the least.
    pub select: Cmp,
    /// Windows as in `reduce_window`, without dilation.
    pub window: Window,
}

impl Rules for SelectAndScatter {
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
