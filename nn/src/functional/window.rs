//! Windows that slide over the spatial axes of `[batch, space.., channels]` tensors.

use super::conv::{Padding, padding_of};
use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::ops::common::Window;

/// The window of the spatial axes; notes an error when it is senseless or fits nowhere.
pub(super) fn window<const N: usize>(
    x: &Tensor,
    op: &'static str,
    size: [usize; N],
    strides: [usize; N],
    padding: Padding<N>,
    dilation: [usize; N],
) -> Option<Window> {
    let positive = must_be_positive(x, op, "a window", &size)
        && must_be_positive(x, op, "a stride", &strides)
        && must_be_positive(x, op, "a dilation", &dilation);
    if !positive {
        return None;
    }
    let reach: [usize; N] = std::array::from_fn(|i| (size[i] - 1) * dilation[i] + 1);
    let window = Window {
        size: size.to_vec(),
        stride: strides.to_vec(),
        padding: padding_of(x, padding, reach, strides).to_vec(),
        base_dilation: vec![1; N],
        window_dilation: dilation.to_vec(),
    };
    for (i, reach) in reach.into_iter().enumerate() {
        if window.count(i, x.shape()[1 + i]) == 0 {
            let error = NnError::Window {
                layer: x.tracer().current(),
                op,
                window: reach,
                shape: x.shape().clone(),
                axis: 1 + i,
            };
            x.fail(x.ty().clone(), error);
            return None;
        }
    }
    Some(window)
}

/// Notes an error when one of the numbers is 0.
pub(crate) fn must_be_positive(
    x: &Tensor,
    op: &'static str,
    what: &'static str,
    numbers: &[usize],
) -> bool {
    let ok = !numbers.contains(&0);
    if !ok {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op,
            what,
            expected: "at least 1".to_string(),
            found: "0".to_string(),
        };
        x.fail(x.ty().clone(), error);
    }
    ok
}

/// Padding before and after one spatial axis, for windows that reach over `reach` elements.
pub(super) fn edges<const N: usize>(
    padding: Padding<N>,
    i: usize,
    extent: usize,
    reach: usize,
    stride: usize,
) -> (i64, i64) {
    match padding {
        Padding::Valid => (0, 0),
        Padding::Explicit(edges) => (edges[i].0 as i64, edges[i].1 as i64),
        Padding::Causal => (reach as i64 - 1, 0),
        Padding::Same => {
            let covered = (extent.div_ceil(stride).max(1) - 1) * stride + reach;
            let total = covered.saturating_sub(extent) as i64;
            (total / 2, total - total / 2)
        }
    }
}
