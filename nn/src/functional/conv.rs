//! Convolution and pooling of `[batch, height, width, channels]` tensors.

use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::ops::common::{ConvDims, Reducer, Window};
use craneflow_ir::ops::{Convolution, ReduceWindow};
use craneflow_ir::{Array, Scalar, Type};

/// What is put around an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Padding {
    /// Nothing: windows lie inside.
    #[default]
    Valid,
    /// As much as makes the output `ceil(extent / stride)`; the odd one goes to the end.
    Same,
    /// `(before, after)` for height and width.
    Explicit([(usize, usize); 2]),
}

/// Options of [`conv2d`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conv {
    /// Steps between windows.
    pub strides: [usize; 2],
    /// What is put around.
    pub padding: Padding,
    /// Distance of the elements of a window.
    pub dilation: [usize; 2],
    /// Groups of channels that are convolved apart.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Conv {
        Conv {
            strides: [1, 1],
            padding: Padding::Valid,
            dilation: [1, 1],
            groups: 1,
        }
    }
}

/// Options of pooling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Extents of a window.
    pub size: [usize; 2],
    /// Steps between windows.
    pub strides: [usize; 2],
    /// What is put around; it never counts.
    pub padding: Padding,
}

const RANK: &str = "(batch, height, width, channels)";

/// Convolves `[n,h,w,c]` with a kernel `[kh,kw,c/groups,filters]`, giving `[n,h',w',filters]`.
pub fn conv2d(x: &Tensor, kernel: &Tensor, options: &Conv) -> Tensor {
    let op = "convolution";
    let kernel_axes = "(height, width, channels, filters) as kernel";
    if !x.must_have_rank(op, 4, RANK) || !kernel.must_have_rank(op, 4, kernel_axes) {
        return x.poisoned(x.ty().clone());
    }
    let (xs, ks) = (x.shape(), kernel.shape());
    let guess = x.ty().with_shape([xs[0], xs[1], xs[2], ks[3]]);
    if let Some(error) = channels(x, kernel, options.groups) {
        return x.fail(guess, error);
    }
    let Some(window) = window(
        x,
        op,
        [ks[0], ks[1]],
        options.strides,
        options.padding,
        options.dilation,
    ) else {
        return x.poisoned(guess);
    };
    let image = || ConvDims {
        input_batch: 0,
        input_feature: 3,
        input_spatial: vec![1, 2],
        kernel_input: 2,
        kernel_output: 3,
        kernel_spatial: vec![0, 1],
        output_batch: 0,
        output_feature: 3,
        output_spatial: vec![1, 2],
    };
    let op = Convolution {
        window,
        reversal: vec![false; 2],
        dims: image(),
        feature_groups: options.groups,
        batch_groups: 1,
    };
    x.tracer().push(op.into(), &[x, kernel], guess)
}

/// What is wrong with the channels of a convolution.
fn channels(x: &Tensor, kernel: &Tensor, groups: usize) -> Option<NnError> {
    let (channels, filters) = (x.shape()[3], kernel.shape()[3]);
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
    (channels / groups != kernel.shape()[2]).then(|| NnError::Extents {
        layer: x.tracer().current(),
        op: "convolution",
        left: x.shape().clone(),
        right: kernel.shape().clone(),
        left_axis: 3,
        right_axis: 2,
    })
}

/// The greatest element of every window.
pub fn max_pool2d(x: &Tensor, pool: &Pool) -> Tensor {
    pooled(x, pool, "max_pool2d", Reducer::Max)
}

/// The mean of every window; padding does not count.
pub fn avg_pool2d(x: &Tensor, pool: &Pool) -> Tensor {
    let sum = pooled(x, pool, "avg_pool2d", Reducer::Sum);
    if !x.tracer().ok() {
        return sum;
    }
    if pool.padding == Padding::Valid {
        return sum / (pool.size[0] * pool.size[1]) as f64;
    }
    let counts: [Vec<usize>; 2] = [0, 1].map(|i| {
        let extent = x.shape()[1 + i];
        let (before, _) = edges(pool.padding, i, extent, pool.size[i], pool.strides[i]);
        let count = |at: usize| {
            let start = (at * pool.strides[i]) as i64 - before;
            let end = (start + pool.size[i] as i64).min(extent as i64);
            (end - start.max(0)).max(1) as usize
        };
        (0..sum.shape()[1 + i]).map(count).collect()
    });
    let ty = Type::new(x.dtype(), [1, counts[0].len(), counts[1].len(), 1]);
    let width = counts[1].len();
    let count = |i: usize| (counts[0][i / width] * counts[1][i % width]) as f64;
    let counts = Array::from_fn(ty, |i| Scalar::from_f64(x.dtype(), count(i)));
    sum / x.tracer().constant(counts)
}

/// The mean of every channel: `[n,h,w,c]` gives `[n,c]`.
pub fn global_avg_pool2d(x: &Tensor) -> Tensor {
    if x.must_have_rank("global_average_pool2d", 4, RANK) {
        x.mean(&[1, 2])
    } else {
        x.poisoned(x.ty().clone())
    }
}

fn pooled(x: &Tensor, pool: &Pool, op: &'static str, kind: Reducer) -> Tensor {
    if !x.must_have_rank(op, 4, RANK) {
        return x.poisoned(x.ty().clone());
    }
    let plane = window(x, op, pool.size, pool.strides, pool.padding, [1, 1]);
    let Some(plane) = plane else {
        return x.poisoned(x.ty().clone());
    };
    let window = Window {
        size: vec![1, pool.size[0], pool.size[1], 1],
        stride: vec![1, pool.strides[0], pool.strides[1], 1],
        padding: vec![(0, 0), plane.padding[0], plane.padding[1], (0, 0)],
        ..Window::new(&[1; 4])
    };
    let op = ReduceWindow { kind, window };
    x.tracer().push(op.into(), &[x], x.ty().clone())
}

/// The window of the two spatial axes; notes an error when it is senseless or fits nowhere.
fn window(
    x: &Tensor,
    op: &'static str,
    size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    dilation: [usize; 2],
) -> Option<Window> {
    let options = [
        ("a window", size),
        ("a stride", strides),
        ("a dilation", dilation),
    ];
    for (what, numbers) in options {
        if numbers.contains(&0) {
            let error = NnError::Argument {
                layer: x.tracer().current(),
                op,
                what,
                expected: "at least 1".to_string(),
                found: "0".to_string(),
            };
            x.fail(x.ty().clone(), error);
            return None;
        }
    }
    let reach = [0, 1].map(|i| (size[i] - 1) * dilation[i] + 1);
    let padding = [0, 1].map(|i| edges(padding, i, x.shape()[1 + i], reach[i], strides[i]));
    let window = Window {
        size: size.to_vec(),
        stride: strides.to_vec(),
        padding: padding.to_vec(),
        base_dilation: vec![1; 2],
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

/// Padding before and after one spatial axis, for windows that reach over `reach` elements.
fn edges(padding: Padding, i: usize, extent: usize, reach: usize, stride: usize) -> (i64, i64) {
    match padding {
        Padding::Valid => (0, 0),
        Padding::Explicit(edges) => (edges[i].0 as i64, edges[i].1 as i64),
        Padding::Same => {
            let covered = (extent.div_ceil(stride).max(1) - 1) * stride + reach;
            let total = covered.saturating_sub(extent) as i64;
            (total / 2, total - total / 2)
        }
    }
}
