//! Convolution over one, two or three spatial axes: tensors are `[batch, space.., channels]`.

use super::window::{edges, must_be_positive};
use crate::describe::{Keys, Variant};
use crate::error::NnError;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::ops::Convolution;
use craneflow_ir::ops::common::{ConvDims, Window};

/// What is put around a tensor of `N` spatial axes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Padding<const N: usize = 2> {
    /// Nothing: windows lie inside.
    #[default]
    Valid,
    /// As much as makes the output `ceil(extent / stride)`; the odd one goes to the end.
    Same,
    /// All of it before, so that an output depends on no later input.
    Causal,
    /// `(before, after)` for every spatial axis.
    Explicit([(usize, usize); N]),
}

/// Options of [`conv`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conv<const N: usize = 2> {
    /// Steps between windows.
    pub strides: [usize; N],
    /// What is put around.
    pub padding: Padding<N>,
    /// Distance of the elements of a window.
    pub dilation: [usize; N],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Conv<N> {
        Conv {
            strides: [1; N],
            padding: Padding::Valid,
            dilation: [1; N],
            groups: 1,
        }
    }
}

/// The axes of a tensor of `spatial` spatial axes, for messages.
pub(crate) fn axes_of(spatial: usize) -> &'static str {
    match spatial {
        1 => "(batch, time, channels)",
        2 => "(batch, height, width, channels)",
        3 => "(batch, depth, height, width, channels)",
        _ => "(batch, space.., channels)",
    }
}

fn kernel_axes(spatial: usize) -> &'static str {
    match spatial {
        1 => "(time, channels, filters) as kernel",
        2 => "(height, width, channels, filters) as kernel",
        3 => "(depth, height, width, channels, filters) as kernel",
        _ => "(space.., channels, filters) as kernel",
    }
}

/// Batch first, channels last; the kernel's channels and filters at these axes.
fn dims(spatial: usize, kernel_input: usize, kernel_output: usize) -> ConvDims {
    let space: Vec<usize> = (1..=spatial).collect();
    ConvDims {
        input_batch: 0,
        input_feature: spatial + 1,
        input_spatial: space.clone(),
        kernel_input,
        kernel_output,
        kernel_spatial: (0..spatial).collect(),
        output_batch: 0,
        output_feature: spatial + 1,
        output_spatial: space,
    }
}

/// [`conv`] of images.
pub fn conv2d(x: &Tensor, kernel: &Tensor, options: &Conv) -> Tensor {
    conv(x, kernel, options)
}

/// Convolves `[n, space.., c]` with a kernel `[window.., c / groups, filters]`, giving
/// `[n, space'.., filters]`.
pub fn conv<const N: usize>(x: &Tensor, kernel: &Tensor, options: &Conv<N>) -> Tensor {
    let op = "convolution";
    if !x.must_have_rank(op, N + 2, axes_of(N)) || !kernel.must_have_rank(op, N + 2, kernel_axes(N))
    {
        return x.poisoned(x.ty().clone());
    }
    let (xs, ks) = (x.shape(), kernel.shape());
    let mut guess = xs.0.clone();
    guess[N + 1] = ks[N + 1];
    let guess = x.ty().with_shape(guess);
    if let Some(error) = channels(x, kernel, options.groups, N) {
        return x.fail(guess, error);
    }
    let size: [usize; N] = std::array::from_fn(|i| ks[i]);
    let window = super::window::window(
        x,
        op,
        size,
        options.strides,
        options.padding,
        options.dilation,
    );
    let Some(window) = window else {
        return x.poisoned(guess);
    };
    let op = Convolution {
        window,
        reversal: vec![false; N],
        dims: dims(N, N, N + 1),
        feature_groups: options.groups,
        batch_groups: 1,
    };
    x.tracer().push(op.into(), &[x, kernel], guess)
}

/// What is wrong with the channels of a convolution.
fn channels(x: &Tensor, kernel: &Tensor, groups: usize, spatial: usize) -> Option<NnError> {
    let (channels, filters) = (x.shape()[spatial + 1], kernel.shape()[spatial + 1]);
    let divides = |n: usize| groups > 0 && n.is_multiple_of(groups);
    if !divides(channels) || !divides(filters) {
        return Some(NnError::Argument {
            layer: x.tracer().current(),
            op: "convolution",
            what: "the number of groups",
            expected: format!("a divisor of the {channels} channels and the {filters} filters"),
            found: groups.to_string(),
        });
    }
    (channels / groups != kernel.shape()[spatial]).then(|| NnError::Extents {
        layer: x.tracer().current(),
        op: "convolution",
        left: x.shape().clone(),
        right: kernel.shape().clone(),
        left_axis: spatial + 1,
        right_axis: spatial,
    })
}

/// Convolves every channel with windows of its own: `[n, space.., c]` and a kernel
/// `[window.., c, multiplier]` give `[n, space'.., c * multiplier]`, the outputs of one channel side
/// by side.
pub fn depthwise_conv<const N: usize>(x: &Tensor, kernel: &Tensor, options: &Conv<N>) -> Tensor {
    let op = "depthwise convolution";
    if !x.must_have_rank(op, N + 2, axes_of(N)) || !kernel.must_have_rank(op, N + 2, kernel_axes(N))
    {
        return x.poisoned(x.ty().clone());
    }
    let ks = kernel.shape();
    let mut shape = ks.0[..N].to_vec();
    shape.extend([1, ks[N] * ks[N + 1]]);
    let options = Conv {
        groups: x.shape()[N + 1],
        ..options.clone()
    };
    conv(x, &kernel.reshape(&shape), &options)
}

/// The transpose of [`conv`]: `[n, space.., c]` with a kernel `[window.., filters, c]`. Padding
/// `Valid` gives extents `(extent - 1) * stride + max(reach, stride)`, `Same` gives
/// `extent * stride`; other paddings are an error. `output_padding` chooses the extent where several
/// have the same transpose.
pub fn conv_transpose<const N: usize>(
    x: &Tensor,
    kernel: &Tensor,
    options: &Conv<N>,
    output_padding: Option<[usize; N]>,
) -> Tensor {
    let op = "transposed convolution";
    let (strides, dilation) = (options.strides, options.dilation);
    let positive = must_be_positive(x, op, "a stride", &strides)
        && must_be_positive(x, op, "a dilation", &dilation);
    if !positive
        || !x.must_have_rank(op, N + 2, axes_of(N))
        || !kernel.must_have_rank(op, N + 2, kernel_axes(N))
    {
        return x.poisoned(x.ty().clone());
    }
    let ks = kernel.shape();
    let mut guess = x.shape().0.clone();
    guess[N + 1] = ks[N];
    let guess = x.ty().with_shape(guess);
    if x.shape()[N + 1] != ks[N + 1] {
        let error = NnError::Extents {
            layer: x.tracer().current(),
            op,
            left: x.shape().clone(),
            right: ks.clone(),
            left_axis: N + 1,
            right_axis: N + 1,
        };
        return x.fail(guess, error);
    }
    let mut padding = vec![];
    for i in 0..N {
        let reach = (ks[i].max(1) - 1) * dilation[i] + 1;
        let extra = output_padding.map(|extra| extra[i]);
        match transposed_edges(options.padding, reach, strides[i], extra) {
            Some(edges) => padding.push(edges),
            None => {
                let error = NnError::Argument {
                    layer: x.tracer().current(),
                    op,
                    what: "the padding",
                    expected: "Valid or Same".to_string(),
                    found: format!("{:?}", options.padding),
                };
                return x.fail(guess, error);
            }
        }
    }
    let window = Window {
        size: ks.0[..N].to_vec(),
        stride: vec![1; N],
        padding,
        base_dilation: strides.to_vec(),
        window_dilation: dilation.to_vec(),
    };
    let op = Convolution {
        window,
        reversal: vec![true; N],
        dims: dims(N, N + 1, N),
        feature_groups: 1,
        batch_groups: 1,
    };
    x.tracer().push(op.into(), &[x, kernel], guess)
}

/// Zeros around the spread input of a transposed convolution, as Keras has them.
fn transposed_edges<const N: usize>(
    padding: Padding<N>,
    reach: usize,
    stride: usize,
    extra: Option<usize>,
) -> Option<(i64, i64)> {
    let (before, total) = match padding {
        Padding::Valid => {
            let extra = extra.unwrap_or(stride.saturating_sub(reach));
            (reach - 1, 2 * (reach - 1) + extra)
        }
        Padding::Same => {
            let total = match extra {
                None => (reach + stride).saturating_sub(2),
                Some(extra) => (reach + reach % 2 + extra).saturating_sub(2),
            };
            (total.div_ceil(2).min(reach - 1), total)
        }
        Padding::Causal | Padding::Explicit(_) => return None,
    };
    Some((before as i64, total as i64 - before as i64))
}

/// Padding for every spatial axis of a window of `reach` elements.
pub(crate) fn padding_of<const N: usize>(
    x: &Tensor,
    padding: Padding<N>,
    reach: [usize; N],
    strides: [usize; N],
) -> [(i64, i64); N] {
    std::array::from_fn(|i| edges(padding, i, x.shape()[1 + i], reach[i], strides[i]))
}

impl<const N: usize> Variant for Padding<N> {
    fn table() -> Vec<(&'static str, Padding<N>)> {
        vec![
            ("valid", Padding::Valid),
            ("same", Padding::Same),
            ("causal", Padding::Causal),
            ("explicit", Padding::Explicit([(0, 0); N])),
        ]
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Padding::Explicit(edges) => k.key("edges", edges),
            _ => Ok(()),
        }
    }
}
