//! Makes the padding and the holes of a convolution's input explicit: what is left are products with affine
//! addresses.
//!
//! Padding is written out as the zeros that it is, unless the lowering leaves out the products with it.
//! Holes are left out where each window strides over them in step (the gradient of a strided convolution, a
//! transposed one): with holes of `e - 1`, the results `e i + r` for one `r` need every `e`-th element of the
//! kernel only, and are a convolution of the input without holes. Such holes take no part by the meaning of the op;
//! others are written out as padding is. Where products with padding are left out, a sum may differ in the sign of a
//! zero, and in being a number where an infinite weight would meet one.

use crate::lower::contract::leaves_out_padding;
use crate::simplify::rebuild;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::native::Scalar;
use craneflow_ir::ops::{Concatenate, Convolution, Op, Pad, Slice};
use craneflow_ir::{Array, Builder};
use craneflow_ir::{Rules, Type};

/// Rewrites every convolution with padding or a dilated input.
pub fn windows(graph: &Graph) -> Graph {
    let concerns = |op: &Op| matches!(op, Op::Convolution(_));
    if !graph.nodes.iter().any(|node| concerns(&node.op)) {
        return graph.clone();
    }
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let explicit = match &node.op {
            Op::Convolution(c) => {
                Phases::of(b, c, operands).or_else(|| padded(b, c, operands[0], operands[1]))
            }
            _ => None,
        };
        Some(match explicit {
            Some(v) => vec![v],
            None => b
                .push(node.op.clone(), operands)
                .expect("the node was well-typed"),
        })
    })
}

/// Writes out padding and holes; `None` when there are none. Elements that a negative padding takes away
/// are just not read.
fn padded(b: &mut Builder, c: &Convolution, x: Value, kernel: Value) -> Option<Value> {
    let window = &c.window;
    let plain = window
        .padding
        .iter()
        .all(|&(low, high)| low <= 0 && high <= 0)
        && window.base_dilation.iter().all(|&d| d == 1);
    if plain {
        return None;
    }
    let ty: Type = b.ty(x).clone();
    let result = c.infer(&[ty.clone(), b.ty(kernel).clone()]);
    if result.as_ref().is_ok_and(|r| r[0].count() == 0) {
        // No window fits; the paddings may take away more than there is.
        return None;
    }
    let types = [ty, b.ty(kernel).clone()];
    if result.is_ok_and(|r| leaves_out_padding(c, &types, &r[0])) {
        return None;
    }
    let holes: Vec<usize> = window.base_dilation.iter().map(|d| d - 1).collect();
    let input = pad(b, c, x, &window.padding, &holes);
    let mut conv = c.clone();
    conv.window.padding.fill((0, 0));
    conv.window.base_dilation.fill(1);
    Some(b.op(conv, &[input, kernel]))
}

/// Pads the spatial axes of an input with zeros.
fn pad(b: &mut Builder, c: &Convolution, x: Value, by: &[(i64, i64)], holes: &[usize]) -> Value {
    let (rank, dtype) = (b.ty(x).rank(), b.ty(x).dtype);
    let mut pad = Pad {
        low: vec![0; rank],
        high: vec![0; rank],
        interior: vec![0; rank],
    };
    for (i, &axis) in c.dims.input_spatial.iter().enumerate() {
        (pad.low[axis], pad.high[axis]) = by[i];
        pad.interior[axis] = holes[i];
    }
    let none = by.iter().all(|&p| p == (0, 0)) && holes.iter().all(|&h| h == 0);
    if none {
        return x;
    }
    let zero = b.constant(Array::scalar(Scalar { ty: dtype, bits: 0 }));
    b.op(pad, &[x, zero])
}

/// The results `e i + r` along one axis.
#[derive(Clone, Copy)]
struct Phase {
    /// First window position that meets elements.
    first: usize,
    /// Window positions that do, every `e`-th.
    taps: usize,
    /// Padding of the input without holes.
    padding: (i64, i64),
}

/// A convolution of an input with holes as several without.
struct Phases<'a> {
    c: &'a Convolution,
    input: Value,
    kernel: Value,
    /// Padding that all phases need.
    padding: Vec<(i64, i64)>,
    /// Per spatial axis, its phases; one for an axis without holes.
    phases: Vec<Vec<Phase>>,
    result: Type,
}

impl Phases<'_> {
    /// The result of the convolution, or `None` where this is not its form.
    fn of(b: &mut Builder, c: &Convolution, x: &[Value]) -> Option<Value> {
        let (ty, kernel) = (b.ty(x[0]).clone(), b.ty(x[1]).clone());
        if !c.leaves_out_holes(&ty) {
            return None;
        }
        let w = c.window_of(&kernel);
        let result = c.infer(&[ty.clone(), kernel]).ok()?.remove(0);
        if result.count() == 0 {
            return None;
        }
        let phases: Vec<Vec<Phase>> = (0..w.size.len())
            .map(|i| {
                let extent = ty.shape[c.dims.input_spatial[i]];
                let results = result.shape[c.dims.output_spatial[i]];
                match w.base_dilation[i] {
                    1 => vec![Phase {
                        first: 0,
                        taps: w.size[i],
                        padding: w.padding[i],
                    }],
                    e => phases(e, w.padding[i].0, w.size[i], extent, results),
                }
            })
            .collect();
        let padding: Vec<(i64, i64)> = phases
            .iter()
            .map(|list| {
                let used = list.iter().filter(|p| p.taps > 0);
                used.fold((0, 0), |(low, high), p| {
                    (low.max(p.padding.0), high.max(p.padding.1))
                })
            })
            .collect();
        let all = Phases {
            c,
            input: x[0],
            kernel: x[1],
            padding,
            phases,
            result,
        };
        Some(all.join(b, &mut vec![]))
    }

    /// The results of all phases of the axes after those of `chosen`, in their places.
    fn join(&self, b: &mut Builder, chosen: &mut Vec<Phase>) -> Value {
        let i = chosen.len();
        let Some(list) = self.phases.get(i) else {
            return self.one(b, chosen);
        };
        let parts: Vec<Value> = list
            .iter()
            .map(|&phase| {
                chosen.push(phase);
                let part = self.join(b, chosen);
                chosen.pop();
                part
            })
            .collect();
        if parts.len() == 1 {
            return parts[0];
        }
        let axis = self.c.dims.output_spatial[i];
        let mut shape = b.shape(parts[0]).0;
        shape.insert(axis + 1, 1);
        let parts: Vec<Value> = parts.iter().map(|&p| b.reshape(p, &shape)).collect();
        let joined = b.op(Concatenate { axis: axis + 1 }, &parts);
        shape.remove(axis + 1);
        shape[axis] *= parts.len();
        let joined = b.reshape(joined, &shape);
        let wanted = self.result.shape[axis];
        if shape[axis] == wanted {
            return joined;
        }
        let stride = vec![1; shape.len()];
        let mut limit = shape;
        limit[axis] = wanted;
        let start = vec![0; limit.len()];
        b.op(
            Slice {
                start,
                limit,
                stride,
            },
            &[joined],
        )
    }

    /// The results of one phase along every axis.
    fn one(&self, b: &mut Builder, chosen: &[Phase]) -> Value {
        let (c, kernel) = (self.c, b.ty(self.kernel).clone());
        let mut shape = self.result.shape.0.clone();
        let mut conv = c.clone();
        conv.window.base_dilation.fill(1);
        let mut part = Slice {
            start: vec![0; kernel.rank()],
            limit: kernel.shape.0.clone(),
            stride: vec![1; kernel.rank()],
        };
        for (i, phase) in chosen.iter().enumerate() {
            let (e, axis) = (c.window.base_dilation[i], c.dims.kernel_spatial[i]);
            let out = c.dims.output_spatial[i];
            shape[out] = shape[out].div_ceil(e);
            conv.window.padding[i] = phase.padding;
            if e > 1 && phase.taps > 0 {
                let last = phase.first + (phase.taps - 1) * e;
                let size = kernel.shape[axis];
                let (from, to) = match c.reversal[i] {
                    true => (size - 1 - last, size - 1 - phase.first),
                    false => (phase.first, last),
                };
                (part.start[axis], part.limit[axis], part.stride[axis]) = (from, to + 1, e);
            }
        }
        if chosen.iter().any(|p| p.taps == 0) {
            let ty = Type::new(self.result.dtype, shape);
            return b.splat(&ty, 0.0);
        }
        conv.window.size = chosen.iter().map(|p| p.taps).collect();
        let whole = part.limit == kernel.shape.0 && part.stride.iter().all(|&s| s == 1);
        let kernel = match whole && part.start.iter().all(|&s| s == 0) {
            true => self.kernel,
            false => b.op(part, &[self.kernel]),
        };
        let types = [b.ty(self.input).clone(), b.ty(kernel).clone()];
        if leaves_out_padding(&conv, &types, &Type::new(self.result.dtype, shape)) {
            return b.op(conv, &[self.input, kernel]);
        }
        for (padding, given) in conv.window.padding.iter_mut().zip(&self.padding) {
            *padding = (padding.0 - given.0, padding.1 - given.1);
        }
        let holes = vec![0; self.padding.len()];
        let input = pad(b, c, self.input, &self.padding, &holes);
        b.op(conv, &[input, kernel])
    }
}

/// The phases along an axis with holes of `e - 1`, windows of `size`, `low` padding before, and `results`.
///
/// Window position `w` of result `e i + r` is on an element where `e i + r + w - low` is a multiple of `e`:
/// for `w = first + e j`, on element `i + j - (low - r - first) / e`.
fn phases(e: usize, low: i64, size: usize, extent: usize, results: usize) -> Vec<Phase> {
    let (step, count) = (e as i64, results.div_ceil(e) as i64);
    let phase = |r: i64| {
        let first = (low - r).rem_euclid(step);
        let taps = (size as i64 - first).max(0).div_euclid(step)
            + ((size as i64 - first).max(0) % step > 0) as i64;
        let before = (low - r - first) / step;
        let after = count - 1 + taps - extent as i64 - before;
        Phase {
            first: first as usize,
            taps: taps as usize,
            padding: (before, after),
        }
    };
    (0..step).map(phase).collect()
}
