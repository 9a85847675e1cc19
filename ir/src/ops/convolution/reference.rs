//! The reference meaning of a convolution: which elements meet, one result at a time.

use super::super::mac;
use super::super::prelude::*;
use super::{Contracted, Convolution};

/// The result of a convolution of these operands.
pub(super) fn eval(op: &Convolution, x: &[Array]) -> Vec<Array> {
    let types = [x[0].ty.clone(), x[1].ty.clone()];
    let ty = op.infer(&types).expect("operands fit").remove(0);
    let at = Positions::new(op, &types, &ty);
    let shape = ty.shape.clone();
    let y = Array::from_fn(ty, |i| {
        let index = unravel(i, &shape);
        let pairs = at.pairs(&index);
        mac::dot(&x[0], &x[1], pairs.into_iter())
    });
    vec![y]
}

/// Row-major multi-index of element `i`.
fn unravel(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = i % shape[axis];
        i /= shape[axis];
    }
    index
}

/// Window position (row-major) and input feature of every product, in the order of accumulation.
fn steps(op: &Convolution, kernel: &Type) -> Vec<(usize, usize)> {
    let (order, extents) = (op.order(), op.extents(kernel));
    let size = op.window_of(kernel).size;
    let step = |i: usize| {
        let index = unravel(i, &extents);
        let at = |wanted| {
            let axis = order.iter().position(|&a| a == wanted);
            index[axis.expect("every axis is in the order")]
        };
        let position = (0..size.len()).fold(0, |p, i| p * size[i] + at(Contracted::Window(i)));
        (position, at(Contracted::Feature))
    };
    (0..extents.iter().product()).map(step).collect()
}

/// The reference meaning: which elements of input and kernel meet in an element of the result.
struct Positions<'a> {
    op: &'a Convolution,
    input: &'a Type,
    kernel: &'a Type,
    size: Vec<usize>,
    batch: usize,
    strides: (Vec<usize>, Vec<usize>),
    leaves_out_holes: bool,
    /// Window position (row-major) and input feature, in the order of accumulation.
    steps: Vec<(usize, usize)>,
}

impl<'a> Positions<'a> {
    fn new(op: &'a Convolution, x: &'a [Type; 2], y: &Type) -> Positions<'a> {
        Positions {
            op,
            input: &x[0],
            kernel: &x[1],
            size: op.window_of(&x[1]).size,
            batch: y.shape[op.dims.output_batch],
            strides: (x[0].shape.strides(), x[1].shape.strides()),
            leaves_out_holes: op.leaves_out_holes(&x[0]),
            steps: steps(op, &x[1]),
        }
    }

    /// Linear positions in input (`None` in padding and holes) and kernel, of the products that take part, in the order
    /// of accumulation.
    fn pairs(&self, at: &[usize]) -> Vec<(Option<usize>, usize)> {
        let (d, (ls, rs)) = (&self.op.dims, &self.strides);
        let out = at[d.output_feature];
        let features = self.kernel.shape[d.kernel_input];
        let group = |n: usize| out / (self.kernel.shape[d.kernel_output] / n);
        let batch = group(self.op.batch_groups) * self.batch + at[d.output_batch];
        let feature = group(self.op.feature_groups) * features;
        let left = batch * ls[d.input_batch] + feature * ls[d.input_feature];
        let right = out * rs[d.kernel_output];
        let positions = 0..self.size.iter().product();
        let places: Vec<Option<(Option<usize>, usize)>> = positions
            .map(|i| self.place(at, &unravel(i, &self.size)))
            .collect();
        let pair = |&(w, f): &(usize, usize)| {
            let (l, r) = places[w]?;
            let l = l.map(|l| left + l + f * ls[d.input_feature]);
            Some((l, right + r + f * rs[d.kernel_input]))
        };
        self.steps.iter().filter_map(pair).collect()
    }

    /// Linear positions of the spatial part of a window position in input and kernel, unless it takes no part.
    fn place(&self, at: &[usize], w: &[usize]) -> Option<(Option<usize>, usize)> {
        let (op, d) = (self.op, &self.op.dims);
        let (mut l, mut r) = (Some(0), 0);
        for (i, &w) in w.iter().enumerate() {
            let out = at[d.output_spatial[i]];
            let p = (out * op.window.stride[i] + w * op.window.window_dilation[i]) as i64;
            let holes = op.window.base_dilation[i];
            let axis = d.input_spatial[i];
            let p = p - op.window.padding[i].0;
            if self.leaves_out_holes && p.rem_euclid(holes as i64) != 0 {
                return None;
            }
            let p = usize::try_from(p).ok();
            let p = p.filter(|p| p % holes == 0 && p / holes < self.input.shape[axis]);
            l = l.zip(p).map(|(l, p)| l + p / holes * self.strides.0[axis]);
            let w = if op.reversal[i] {
                self.size[i] - 1 - w
            } else {
                w
            };
            r += w * self.strides.1[d.kernel_spatial[i]];
        }
        Some((l, r))
    }
}
