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
        let (low, high) = self.padding[axis];
        let padded = dilated(extent, self.base_dilation[axis]) + low as i128 + high as i128;
        let window = dilated(self.size[axis], self.window_dilation[axis]);
        if padded <= 0 || padded < window {
            return 0;
        }
        let count = (padded - window) / self.stride[axis] as i128 + 1;
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

/// Extent with holes of `dilation - 1` between elements.
fn dilated(extent: usize, dilation: usize) -> i128 {
    match extent {
        0 => 0,
        n => (n as i128 - 1) * dilation as i128 + 1,
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

impl ConvDims {
    /// Batch first, features last: `b01f_01io_b01f` for two spatial axes.
    pub fn channels_last(spatial: usize) -> ConvDims {
        let inner: Vec<usize> = (1..=spatial).collect();
        ConvDims {
            input_batch: 0,
            input_feature: spatial + 1,
            input_spatial: inner.clone(),
            kernel_input: spatial,
            kernel_output: spatial + 1,
            kernel_spatial: (0..spatial).collect(),
            output_batch: 0,
            output_feature: spatial + 1,
            output_spatial: inner,
        }
    }

    /// The axes of input, kernel and output, one character each: `b01f_01io_b01f`. Digits are
    /// spatial axes; an axis without a meaning prints as `_`.
    pub fn to_text(&self) -> String {
        let group = |names: [char; 2], first: usize, second: usize, spatial: &[usize]| {
            (0..spatial.len() + 2)
                .map(|axis| match spatial.iter().position(|&s| s == axis) {
                    _ if axis == first => names[0],
                    _ if axis == second => names[1],
                    Some(i) if i < 10 => (b'0' + i as u8) as char,
                    _ => '_',
                })
                .collect::<String>()
        };
        let features = ['b', 'f'];
        [
            group(
                features,
                self.input_batch,
                self.input_feature,
                &self.input_spatial,
            ),
            group(
                ['i', 'o'],
                self.kernel_input,
                self.kernel_output,
                &self.kernel_spatial,
            ),
            group(
                features,
                self.output_batch,
                self.output_feature,
                &self.output_spatial,
            ),
        ]
        .join("_")
    }

    /// The inverse of `to_text`; `None` unless every axis occurs once.
    pub fn from_text(text: &str) -> Option<ConvDims> {
        let mut groups = text.split('_');
        let mut group = |names: [char; 2]| {
            let axes: Vec<char> = groups.next()?.chars().collect();
            let place = |c: char| axes.iter().position(|&a| a == c);
            let spatial = axes.len().checked_sub(2).filter(|&n| n <= 10)?;
            let digits = (0..spatial as u8).map(|i| place((b'0' + i) as char));
            let spatial = digits.collect::<Option<Vec<usize>>>()?;
            Some((place(names[0])?, place(names[1])?, spatial))
        };
        let (input_batch, input_feature, input_spatial) = group(['b', 'f'])?;
        let (kernel_input, kernel_output, kernel_spatial) = group(['i', 'o'])?;
        let (output_batch, output_feature, output_spatial) = group(['b', 'f'])?;
        let equal = input_spatial.len() == kernel_spatial.len()
            && kernel_spatial.len() == output_spatial.len();
        (equal && groups.next().is_none()).then_some(ConvDims {
            input_batch,
            input_feature,
            input_spatial,
            kernel_input,
            kernel_output,
            kernel_spatial,
            output_batch,
            output_feature,
            output_spatial,
        })
    }
}

/// Counter-based random number generators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// Philox4x32-10 (Salmon et al., 2011); state `u64[3]`: key, counter low, counter high.
    Philox,
    /// Threefry2x32-20 (Salmon et al., 2011); state `u64[2]`: key, counter.
    Threefry,
}
