//! Attribute types that several ops share.

use crate::graph::Graph;
use crate::native::Scalar;
use crate::scalar::Pointwise;
use crate::types::DType;

/// How a reduction combines two elements. The named ones start from their identity; a `Body` takes
/// explicit initial values as operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reducer {
    /// Addition, from 0 (`or` on `bool`).
    Sum,
    /// Multiplication, from 1 (`and` on `bool`).
    Product,
    /// `maximum`, from the least value.
    Max,
    /// `minimum`, from the greatest value.
    Min,
    /// Bitwise and, from all ones.
    And,
    /// Bitwise or, from 0.
    Or,
    /// A region `(a.., b..) -> (c..)` over rank-0 values, with as many `a` as operands.
    Body(Box<Graph>),
}

impl Reducer {
    /// The pointwise op that combines an accumulator with an element of type `dtype`; `None` for a body.
    pub fn pointwise(&self, dtype: DType) -> Option<Pointwise> {
        let boolean = dtype == DType::Bool;
        Some(match self {
            Reducer::Sum if boolean => Pointwise::Or,
            Reducer::Product if boolean => Pointwise::And,
            Reducer::Sum => Pointwise::Add,
            Reducer::Product => Pointwise::Multiply,
            Reducer::Max => Pointwise::Maximum,
            Reducer::Min => Pointwise::Minimum,
            Reducer::And => Pointwise::And,
            Reducer::Or => Pointwise::Or,
            Reducer::Body(_) => return None,
        })
    }

    /// The value an accumulator of type `dtype` (not a 16-bit float) starts from; `None` for a body.
    pub fn identity(&self, dtype: DType) -> Option<Scalar> {
        let all = u64::MAX >> (64 - dtype.bits());
        let least = match dtype {
            DType::F32 => f32::NEG_INFINITY.to_bits() as u64,
            DType::F64 => f64::NEG_INFINITY.to_bits(),
            t if t.is_signed_int() => 1 << (t.bits() - 1),
            _ => 0,
        };
        let greatest = match dtype {
            DType::F32 => f32::INFINITY.to_bits() as u64,
            DType::F64 => f64::INFINITY.to_bits(),
            t if t.is_signed_int() => all >> 1,
            _ => all,
        };
        let bits = match self {
            Reducer::Sum | Reducer::Or => 0,
            Reducer::Product if dtype.is_float() => Scalar::from_f64(dtype, 1.0).bits,
            Reducer::Product => 1,
            Reducer::Max => least,
            Reducer::Min => greatest,
            Reducer::And => all,
            Reducer::Body(_) => return None,
        };
        Some(Scalar { ty: dtype, bits })
    }
}

/// Windows that slide over the axes of a tensor; one entry per axis everywhere.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Window {
    /// Window extents.
    pub size: Vec<usize>,
    /// Steps between windows.
    pub stride: Vec<usize>,
    /// Padding before and after, negative crops.
    pub padding: Vec<(i64, i64)>,
    /// Dilation of the operand: holes of `base_dilation - 1` between elements.
    pub base_dilation: Vec<usize>,
    /// Dilation of the window.
    pub window_dilation: Vec<usize>,
}

impl Window {
    /// Windows of `size` with stride 1, no padding and no dilation.
    pub fn new(size: &[usize]) -> Window {
        let ones = vec![1; size.len()];
        let padding = vec![(0, 0); size.len()];
        Window {
            size: size.to_vec(),
            stride: ones.clone(),
            padding,
            base_dilation: ones.clone(),
            window_dilation: ones,
        }
    }

    /// Number of windows along `axis` of extent `extent`; 0 when none fits.
    pub fn count(&self, axis: usize, extent: usize) -> usize {
        let dilated = |n: usize, d: usize| if n == 0 { 0 } else { ((n - 1) * d + 1) as i64 };
        let (low, high) = self.padding[axis];
        let padded = dilated(extent, self.base_dilation[axis]) + low + high;
        let window = dilated(self.size[axis], self.window_dilation[axis]);
        if padded < window {
            0
        } else {
            ((padded - window) as usize) / self.stride[axis] + 1
        }
    }
}

/// Which axis of input, kernel and output is which.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConvDims {
    /// Batch axis of the input.
    pub input_batch: usize,
    /// Feature axis of the input.
    pub input_feature: usize,
    /// Spatial axes of the input.
    pub input_spatial: Vec<usize>,
    /// Input-feature axis of the kernel (features per group).
    pub kernel_input: usize,
    /// Output-feature axis of the kernel.
    pub kernel_output: usize,
    /// Spatial axes of the kernel.
    pub kernel_spatial: Vec<usize>,
    /// Batch axis of the output.
    pub output_batch: usize,
    /// Feature axis of the output.
    pub output_feature: usize,
    /// Spatial axes of the output.
    pub output_spatial: Vec<usize>,
}

/// Counter-based random number generators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// Philox4x32-10 (Salmon et al., 2011); state `u64[3]`: key, counter low, counter high.
    Philox,
    /// Threefry2x32-20 (Salmon et al., 2011); state `u64[2]`: key, counter.
    Threefry,
}
