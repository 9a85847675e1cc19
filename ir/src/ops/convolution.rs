//! `convolution`.

use super::prelude::*;
use crate::ops::common::Window;
use crate::ops::common::ConvDims;

/// `convolution(input, kernel)`: StableHLO `convolution`. Accumulates by fused multiply-add over (kernel spatial, input feature) in row-major order from zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Convolution {
    /// Kernel extents are ignored (taken from the operand); strides, padding, `base_dilation` of the input, `window_dilation` of the kernel, per spatial axis.
    pub window: Window,
    /// Whether the kernel is read backwards, per spatial axis.
    pub reversal: Vec<bool>,
    /// Which axis is which.
    pub dims: ConvDims,
    /// Groups of input features; 1 when plain.
    pub feature_groups: usize,
    /// Groups of the batch; 1 when plain.
    pub batch_groups: usize,
}

impl Rules for Convolution {
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
