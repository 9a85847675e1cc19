//! Pooling of `[batch, space.., channels]` tensors.

use super::conv::{Padding, axes_of};
use super::linear::along;
use super::window::{edges, must_be_positive, window};
use crate::tensor::Tensor;
use craneflow_ir::ops::ReduceWindow;
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::{Array, DType, Scalar, Type};

/// Options of pooling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool<const N: usize = 2> {
    /// Extents of a window.
    pub size: [usize; N],
    /// Steps between windows.
    pub strides: [usize; N],
    /// What is put around; it never counts.
    pub padding: Padding<N>,
}

/// [`max_pool`] of images.
pub fn max_pool2d(x: &Tensor, pool: &Pool) -> Tensor {
    max_pool(x, pool)
}

/// [`avg_pool`] of images.
pub fn avg_pool2d(x: &Tensor, pool: &Pool) -> Tensor {
    avg_pool(x, pool)
}

/// The mean of every channel of images: `[n,h,w,c]` gives `[n,c]`.
pub fn global_avg_pool2d(x: &Tensor) -> Tensor {
    match x.must_have_rank("global_average_pool2d", 4, axes_of(2)) {
        true => x.mean(&[1, 2]),
        false => x.poisoned(x.ty().clone()),
    }
}

/// The greatest element of every window.
pub fn max_pool<const N: usize>(x: &Tensor, pool: &Pool<N>) -> Tensor {
    let op = ["max_pool1d", "max_pool2d", "max_pool3d"];
    pooled(x, pool, op[N.clamp(1, 3) - 1], Reducer::Max)
}

/// The mean of every window; padding does not count.
pub fn avg_pool<const N: usize>(x: &Tensor, pool: &Pool<N>) -> Tensor {
    let op = ["avg_pool1d", "avg_pool2d", "avg_pool3d"];
    let sum = pooled(x, pool, op[N.clamp(1, 3) - 1], Reducer::Sum);
    if !x.tracer().ok() {
        return sum;
    }
    if pool.padding == Padding::Valid {
        return sum / pool.size.iter().product::<usize>() as f64;
    }
    let counts: Vec<Vec<usize>> = (0..N)
        .map(|i| {
            let extent = x.shape()[1 + i];
            let (before, _) = edges(pool.padding, i, extent, pool.size[i], pool.strides[i]);
            let count = |at: usize| {
                let start = (at * pool.strides[i]) as i64 - before;
                let end = (start + pool.size[i] as i64).min(extent as i64);
                (end - start.max(0)).max(1) as usize
            };
            (0..sum.shape()[1 + i]).map(count).collect()
        })
        .collect();
    let mut shape = vec![1; N + 2];
    shape[1..=N].copy_from_slice(&sum.shape()[1..=N]);
    let count = |i: usize| {
        let (mut rest, mut product) = (i, 1);
        for counts in counts.iter().rev() {
            product *= counts[rest % counts.len()];
            rest /= counts.len();
        }
        product as f64
    };
    let ty = Type::new(x.dtype(), shape);
    let counts = Array::from_fn(ty, |i| Scalar::from_f64(x.dtype(), count(i)));
    sum / x.tracer().constant(counts)
}

fn pooled<const N: usize>(x: &Tensor, pool: &Pool<N>, op: &'static str, kind: Reducer) -> Tensor {
    if !x.must_have_rank(op, N + 2, axes_of(N)) {
        return x.poisoned(x.ty().clone());
    }
    let inner = window(x, op, pool.size, pool.strides, pool.padding, [1; N]);
    let Some(inner) = inner else {
        return x.poisoned(x.ty().clone());
    };
    let mut window = Window::new(&vec![1; N + 2]);
    window.size[1..=N].copy_from_slice(&inner.size);
    window.stride[1..=N].copy_from_slice(&inner.stride);
    window.padding[1..=N].copy_from_slice(&inner.padding);
    let op = ReduceWindow { kind, window };
    x.tracer().push(op.into(), &[x], x.ty().clone())
}

/// Where the window of output `i` of `outputs` begins and ends, when `extent` elements are shared
/// out as evenly as can be.
fn share(i: usize, extent: usize, outputs: usize) -> (usize, usize) {
    (i * extent / outputs, ((i + 1) * extent).div_ceil(outputs))
}

/// Means over as many windows as there shall be outputs, of nearly equal sizes.
pub fn adaptive_avg_pool<const N: usize>(x: &Tensor, outputs: [usize; N]) -> Tensor {
    let op = "adaptive_average_pool";
    if !x.must_have_rank(op, N + 2, axes_of(N)) || !must_be_positive(x, op, "an output", &outputs) {
        return x.poisoned(x.ty().clone());
    }
    (0..N).fold(x.clone(), |y, i| {
        let extent = x.shape()[1 + i];
        let matrix = |from: usize, to: usize| {
            let (start, end) = share(to, extent, outputs[i]);
            match (start..end).contains(&from) {
                true => 1.0 / (end - start) as f64,
                false => 0.0,
            }
        };
        along(&y, 1 + i, outputs[i], matrix)
    })
}

/// Greatest elements of as many windows as there shall be outputs, of nearly equal sizes.
pub fn adaptive_max_pool<const N: usize>(x: &Tensor, outputs: [usize; N]) -> Tensor {
    let op = "adaptive_max_pool";
    if !x.must_have_rank(op, N + 2, axes_of(N)) || !must_be_positive(x, op, "an output", &outputs) {
        return x.poisoned(x.ty().clone());
    }
    (0..N).fold(x.clone(), |y, i| {
        let extent = x.shape()[1 + i];
        let shares: Vec<_> = (0..outputs[i])
            .map(|o| share(o, extent, outputs[i]))
            .collect();
        let longest = shares.iter().map(|(s, e)| e - s).max().unwrap_or(1);
        // Shorter windows repeat their first element.
        let rows = |n: usize| {
            let ((start, end), step) = (shares[n / longest], n % longest);
            let row = if start + step < end {
                start + step
            } else {
                start
            };
            Scalar::from_f64(DType::I32, row as f64)
        };
        let rows = Array::from_fn(Type::new(DType::I32, [outputs[i], longest]), rows);
        let rows = x.tracer().constant(rows);
        y.take_axis(1 + i as isize, &rows).max(&[2 + i as isize])
    })
}
