//! Operations that move elements: reshape, transpose, slice, join, look up.

use super::Tensor;
use crate::error::NnError;
use craneflow_ir::ops::{Concatenate, Gather, Pad, Reshape, Reverse, Slice, Transpose};
use craneflow_ir::{Cmp, DType, Shape, Type};

/// Elements `start..limit` of an axis in steps of `stride`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First index.
    pub start: usize,
    /// End, exclusive.
    pub limit: usize,
    /// Step, at least 1.
    pub stride: usize,
}

impl From<std::ops::Range<usize>> for Range {
    fn from(r: std::ops::Range<usize>) -> Range {
        Range {
            start: r.start,
            limit: r.end,
            stride: 1,
        }
    }
}

impl Tensor {
    /// The same elements in row-major order under another shape.
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        let ty = self.ty.with_shape(shape);
        if ty.count() != self.ty.count() {
            if self.value.is_none() {
                return self.poisoned(ty);
            }
            let error = NnError::Count {
                layer: self.tracer.current(),
                op: "reshape",
                from: self.shape().clone(),
                to: ty.shape.clone(),
            };
            return self.fail(ty, error);
        }
        if ty == self.ty {
            return self.clone();
        }
        let op = Reshape {
            shape: ty.shape.clone(),
        };
        self.tracer.push(op.into(), &[self], ty)
    }

    /// A new axis of extent 1 before `axis`; the rank itself adds one at the end.
    pub fn expand_dims(&self, axis: isize) -> Tensor {
        let rank = self.rank() as isize + 1;
        if !(-rank..rank).contains(&axis) {
            self.axis("expand_dims", axis);
            return self.poisoned(self.ty.clone());
        }
        let mut shape = self.shape().0.clone();
        shape.insert(axis.rem_euclid(rank) as usize, 1);
        self.reshape(&shape)
    }

    /// Axis `i` of the result is axis `permutation[i]`.
    pub fn transpose(&self, permutation: &[usize]) -> Tensor {
        if permutation.iter().copied().eq(0..self.rank()) {
            return self.clone();
        }
        let extents = permutation.iter().map(|&p| self.shape().get(p).copied());
        let guess: Vec<usize> = extents.map(|d| d.unwrap_or(1)).collect();
        let op = Transpose {
            permutation: permutation.to_vec(),
        };
        self.tracer
            .push(op.into(), &[self], self.ty.with_shape(guess))
    }

    /// The transposed matrix: the last two axes change places.
    pub fn t(&self) -> Tensor {
        let mut permutation: Vec<usize> = (0..self.rank()).collect();
        if let [.., a, b] = permutation.as_mut_slice() {
            std::mem::swap(a, b);
        }
        self.transpose(&permutation)
    }

    /// A part of each axis.
    pub fn slice(&self, ranges: &[Range]) -> Tensor {
        let op = Slice {
            start: ranges.iter().map(|r| r.start).collect(),
            limit: ranges.iter().map(|r| r.limit).collect(),
            stride: ranges.iter().map(|r| r.stride).collect(),
        };
        let extent = |r: &Range| r.limit.saturating_sub(r.start).div_ceil(r.stride.max(1));
        let guess: Vec<usize> = ranges.iter().map(extent).collect();
        self.tracer
            .push(op.into(), &[self], self.ty.with_shape(guess))
    }

    /// Elements `start..limit` of one axis.
    pub fn slice_axis(&self, axis: isize, range: std::ops::Range<usize>) -> Tensor {
        let Some(axis) = self.axis("slice", axis) else {
            return self.poisoned(self.ty.clone());
        };
        let mut ranges: Vec<Range> = self.shape().iter().map(|&d| (0..d).into()).collect();
        ranges[axis] = range.into();
        self.slice(&ranges)
    }

    /// Element `index` of one axis, which leaves the shape.
    pub fn index(&self, axis: isize, index: usize) -> Tensor {
        let Some(at) = self.axis("index", axis) else {
            return self.poisoned(self.ty.clone());
        };
        let part = self.slice_axis(axis, index..index + 1);
        let mut shape = self.shape().0.clone();
        shape.remove(at);
        part.reshape(&shape)
    }

    /// Cuts an axis into `parts` equal pieces.
    pub fn split(&self, axis: isize, parts: usize) -> Vec<Tensor> {
        let extent = self.dim(axis);
        if parts == 0 || !extent.is_multiple_of(parts) {
            let error = NnError::Argument {
                layer: self.tracer.current(),
                op: "split",
                what: "the number of parts",
                expected: format!("a divisor of {extent}"),
                found: parts.to_string(),
            };
            return vec![self.fail(self.ty.clone(), error); parts.max(1)];
        }
        let n = extent / parts;
        (0..parts)
            .map(|i| self.slice_axis(axis, i * n..(i + 1) * n))
            .collect()
    }

    /// Joins tensors along an axis. There must be at least one.
    pub fn concat(parts: &[&Tensor], axis: isize) -> Tensor {
        let first = parts[0];
        let Some(axis) = first.axis("concatenate", axis) else {
            return first.poisoned(first.ty.clone());
        };
        let mut shape = first.shape().0.clone();
        shape[axis] = parts
            .iter()
            .map(|p| p.shape().get(axis).copied().unwrap_or(1))
            .sum();
        let guess = first.ty.with_shape(shape);
        first.tracer.push(Concatenate { axis }.into(), parts, guess)
    }

    /// Adds `(before, after)` elements `value` along each axis; negative numbers crop.
    pub fn pad(&self, edges: &[(i64, i64)], value: f64) -> Tensor {
        let value = self.tracer.scalar(self.dtype(), value);
        let op = Pad {
            low: edges.iter().map(|e| e.0).collect(),
            high: edges.iter().map(|e| e.1).collect(),
            interior: vec![0; edges.len()],
        };
        let extent = |(&d, e): (&usize, &(i64, i64))| (d as i64 + e.0 + e.1).max(0) as usize;
        let guess: Vec<usize> = self.shape().iter().zip(edges).map(extent).collect();
        self.tracer
            .push(op.into(), &[self, &value], self.ty.with_shape(guess))
    }

    /// Rows of this tensor by number: `f32[n,d]` and `i32[b,t]` give `f32[b,t,d]`. Numbers out of
    /// range are clamped.
    pub fn take(&self, rows: &Tensor) -> Tensor {
        if self.rank() == 0 || !rows.must_be_int("take") {
            self.axis("take", 0);
            return self.poisoned(self.ty.clone());
        }
        let rank = rows.rank();
        let mut shape = rows.shape().0.clone();
        shape.extend(&self.shape()[1..]);
        let mut slice_sizes = self.shape().0.clone();
        slice_sizes[0] = 1;
        let op = Gather {
            offset_dims: (rank..shape.len()).collect(),
            collapsed_slice_dims: vec![0],
            operand_batching_dims: vec![],
            start_indices_batching_dims: vec![],
            start_index_map: vec![0],
            index_vector_dim: rank,
            slice_sizes,
        };
        let guess = self.ty.with_shape(shape);
        self.tracer.push(op.into(), &[self, rows], guess)
    }

    /// Elements of an axis by number: along `axis` of extent `n`, numbers `i32[r..]` give axes `r..`
    /// in its place. Numbers out of range are clamped.
    pub fn take_axis(&self, axis: isize, rows: &Tensor) -> Tensor {
        let Some(axis) = self.axis("take", axis) else {
            return self.poisoned(self.ty.clone());
        };
        let front: Vec<usize> = [axis]
            .into_iter()
            .chain((0..self.rank()).filter(|&a| a != axis))
            .collect();
        let taken = self.transpose(&front).take(rows);
        let new = rows.rank();
        let back: Vec<usize> = (new..new + axis)
            .chain(0..new)
            .chain(new + axis..taken.rank())
            .collect();
        taken.transpose(&back)
    }

    /// The elements along the axes in opposite order.
    pub fn reverse(&self, axes: &[isize]) -> Tensor {
        let axes: Option<Vec<usize>> = axes.iter().map(|&a| self.axis("reverse", a)).collect();
        match axes {
            Some(axes) => self
                .tracer
                .push(Reverse { axes }.into(), &[self], self.ty.clone()),
            None => self.poisoned(self.ty.clone()),
        }
    }

    /// Class numbers as rows of `depth` elements that are 1 at the class and 0 elsewhere (all 0 for
    /// a number out of range).
    pub fn one_hot(&self, depth: usize, dtype: DType) -> Tensor {
        self.is_class(depth).convert(dtype)
    }

    /// As `one_hot`, as `bool`.
    pub fn is_class(&self, depth: usize) -> Tensor {
        let mut shape = self.shape().0.clone();
        shape.push(depth);
        if !self.must_be_int("one_hot") {
            return self.poisoned(Type::new(DType::Bool, shape));
        }
        let classes = Type::new(self.dtype(), Shape(shape));
        let axis = classes.rank() - 1;
        let classes = self.tracer.iota(&classes, axis);
        self.expand_dims(-1).compare(Cmp::Eq, &classes)
    }
}
