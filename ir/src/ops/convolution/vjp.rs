//! Gradients of `convolution`, which are convolutions with the axes in other roles.
//!
//! Along one spatial axis, with stride `s`, low padding `p`, dilation `e` of the input and `d` of the
//! kernel, the forward meets `x_e[o*s + w*d - p] * k[w]` in `y[o]`, where `x_e` is the dilated input.
//! - Input: `dx_e[q] = sum over w of dy_s[q + p - w*d] * k[w]`: `dy` dilated by `s`, windows at every
//!   `e`-th `q`, the kernel read backwards.
//! - Kernel: `dk[w] = sum over o of x_e[w*d + o*s - p] * dy[o]`: `dy` is the window, dilated by `s`.

use super::Convolution;
use crate::build::Builder;
use crate::error::{GradError, TypeError};
use crate::graph::Value;
use crate::ops::Reverse;
use crate::ops::common::{ConvDims, Window};
use crate::types::Type;

type Gradient = Result<Value, GradError>;

/// Paddings of the gradient may pass the limit that those of the forward kept.
fn too_wide(_: TypeError) -> GradError {
    GradError::NotDifferentiable {
        op: super::OP,
        reason: "the windows of its gradient are too wide",
    }
}

fn dilated(extent: usize, dilation: usize) -> i64 {
    (extent as i64 - 1) * dilation as i64 + 1
}

/// Extents along spatial axis `i`: of input, kernel and result.
fn extents(op: &Convolution, x: &Type, k: &Type, y: &Type, i: usize) -> (usize, usize, usize) {
    let d = &op.dims;
    (
        x.shape[d.input_spatial[i]],
        k.shape[d.kernel_spatial[i]],
        y.shape[d.output_spatial[i]],
    )
}

/// The gradient of the input.
pub(super) fn input(op: &Convolution, b: &mut Builder, x: &[Value], dy: Value) -> Gradient {
    let [xt, kt, yt] = [x[0], x[1], dy].map(|v| b.ty(v).clone());
    if [&xt, &kt, &yt].iter().any(|t| t.count() == 0) {
        return Ok(b.like(x[0], 0.0));
    }
    let (d, w) = (&op.dims, &op.window);
    let padding = |i: usize| {
        let (n, k, o) = extents(op, &xt, &kt, &yt, i);
        let low = dilated(k, w.window_dilation[i]) - 1 - w.padding[i].0;
        let spread = dilated(n, w.base_dilation[i]) + dilated(k, w.window_dilation[i]) - 1;
        (low, spread - dilated(o, w.stride[i]) - low)
    };
    let groups = op.feature_groups.max(op.batch_groups);
    let conv = Convolution {
        window: Window {
            size: op.window_of(&kt).size,
            stride: w.base_dilation.clone(),
            padding: (0..w.stride.len()).map(padding).collect(),
            base_dilation: w.stride.clone(),
            window_dilation: w.window_dilation.clone(),
        },
        reversal: op.reversal.iter().map(|r| !r).collect(),
        dims: ConvDims {
            input_batch: d.output_batch,
            input_feature: d.output_feature,
            input_spatial: d.output_spatial.clone(),
            kernel_input: d.kernel_output,
            kernel_output: d.kernel_input,
            kernel_spatial: d.kernel_spatial.clone(),
            output_batch: d.input_batch,
            output_feature: d.input_feature,
            output_spatial: d.input_spatial.clone(),
        },
        feature_groups: groups,
        batch_groups: 1,
    };
    // The groups of the output features become groups of the features that are made.
    let kernel = move_groups(b, x[1], d.kernel_output, d.kernel_input, groups);
    let dx = b.push1(conv, &[dy, kernel]).map_err(too_wide)?;
    // Groups of the batch came out as groups of features.
    Ok(move_groups(
        b,
        dx,
        d.input_feature,
        d.input_batch,
        op.batch_groups,
    ))
}

/// The gradient of the kernel.
pub(super) fn kernel(op: &Convolution, b: &mut Builder, x: &[Value], dy: Value) -> Gradient {
    let [xt, kt, yt] = [x[0], x[1], dy].map(|v| b.ty(v).clone());
    if [&xt, &kt, &yt].iter().any(|t| t.count() == 0) {
        return Ok(b.like(x[1], 0.0));
    }
    let (d, w) = (&op.dims, &op.window);
    let padding = |i: usize| {
        let (n, k, o) = extents(op, &xt, &kt, &yt, i);
        let low = w.padding[i].0;
        let spread = dilated(o, w.stride[i]) + dilated(k, w.window_dilation[i]) - 1;
        (low, spread - dilated(n, w.base_dilation[i]) - low)
    };
    let conv = Convolution {
        window: Window {
            size: d.output_spatial.iter().map(|&a| yt.shape[a]).collect(),
            stride: w.window_dilation.clone(),
            padding: (0..w.stride.len()).map(padding).collect(),
            base_dilation: w.base_dilation.clone(),
            window_dilation: w.stride.clone(),
        },
        reversal: vec![false; op.reversal.len()],
        dims: ConvDims {
            input_batch: d.input_feature,
            input_feature: d.input_batch,
            input_spatial: d.input_spatial.clone(),
            kernel_input: d.output_batch,
            kernel_output: d.output_feature,
            kernel_spatial: d.output_spatial.clone(),
            output_batch: d.kernel_input,
            output_feature: d.kernel_output,
            output_spatial: d.kernel_spatial.clone(),
        },
        feature_groups: op.batch_groups,
        batch_groups: op.feature_groups,
    };
    let dk = b.push1(conv, &[x[0], dy]).map_err(too_wide)?;
    let reversed = op.reversal.iter().zip(&d.kernel_spatial);
    let axes: Vec<usize> = reversed.filter(|r| *r.0).map(|r| *r.1).collect();
    Ok(match axes.is_empty() {
        true => dk,
        false => b.op(Reverse { axes }, &[dk]),
    })
}

/// Splits axis `from` into (`groups`, rest) and merges the groups into axis `to`, outermost.
fn move_groups(b: &mut Builder, v: Value, from: usize, to: usize, groups: usize) -> Value {
    if groups == 1 {
        return v;
    }
    let shape = b.shape(v).0;
    let mut split = shape.clone();
    split[from] /= groups;
    split.insert(from, groups);
    let v = b.reshape(v, &split);
    // Axes after the split, without the groups at `from`; then the groups before axis `to`.
    let mut order: Vec<usize> = (0..split.len()).filter(|&a| a != from).collect();
    order.insert(to, from);
    let v = b.transpose(v, &order);
    let mut merged = shape;
    merged[from] /= groups;
    merged[to] *= groups;
    b.reshape(v, &merged)
}
