//! Reductions over axes, and what is built of them.

use super::Tensor;
use craneflow_ir::ops::Reduce;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::{Cmp, DType, Type};

impl Tensor {
    /// Sum over `axes`, which leave the shape; negative axes count from the end, none means all.
    pub fn sum(&self, axes: &[isize]) -> Tensor {
        self.reduce("sum", Reducer::Sum, axes)
    }

    /// Greatest element over `axes`.
    pub fn max(&self, axes: &[isize]) -> Tensor {
        self.reduce("max", Reducer::Max, axes)
    }

    /// Least element over `axes`.
    pub fn min(&self, axes: &[isize]) -> Tensor {
        self.reduce("min", Reducer::Min, axes)
    }

    /// Arithmetic mean over `axes`.
    pub fn mean(&self, axes: &[isize]) -> Tensor {
        if !self.must_be_float("mean") {
            return self.poisoned(self.ty.clone());
        }
        let sum = self.reduce("mean", Reducer::Sum, axes);
        let count = self.ty.count() / sum.ty.count().max(1);
        sum / count as f64
    }

    /// Mean and (biased) variance over `axes`, which are kept with extent 1.
    pub fn moments(&self, axes: &[isize]) -> (Tensor, Tensor) {
        let mean = self.mean(axes).keep(self, axes);
        let variance = (self - &mean).square().mean(axes).keep(self, axes);
        (mean, variance)
    }

    /// Puts axes that a reduction of `of` over `axes` removed back, with extent 1.
    pub fn keep(&self, of: &Tensor, axes: &[isize]) -> Tensor {
        match of.axes("keep", axes) {
            Some(axes) => {
                let extent = |(axis, &d): (usize, &usize)| if axes.contains(&axis) { 1 } else { d };
                let shape: Vec<usize> = of.shape().iter().enumerate().map(extent).collect();
                self.reshape(&shape)
            }
            None => self.poisoned(of.ty.clone()),
        }
    }

    /// Index (`i32`) of the greatest element along `axis`, the first of equals. A row without a
    /// greatest element, for it holds a NaN, gives its length.
    pub fn argmax(&self, axis: isize) -> Tensor {
        let Some(at) = self.axis("argmax", axis) else {
            return self.poisoned(self.ty.with_dtype(DType::I32));
        };
        let greatest = self.max(&[axis]).keep(self, &[axis]);
        let index = Type::new(DType::I32, self.shape().clone());
        let none = self.tracer.full(&index, self.shape()[at] as f64);
        let index = self.tracer.iota(&index, at);
        self.compare(Cmp::Eq, &greatest)
            .select(&index, &none)
            .min(&[axis])
    }

    fn reduce(&self, name: &'static str, kind: Reducer, axes: &[isize]) -> Tensor {
        let Some(axes) = self.axes(name, axes) else {
            return self.poisoned(self.ty.clone());
        };
        if axes.is_empty() {
            return self.clone();
        }
        let guess = self.ty.without_axes(&axes);
        self.tracer
            .push(Reduce { kind, axes }.into(), &[self], guess)
    }

    /// Axes as increasing positions; none means all. `None` after an error.
    fn axes(&self, op: &'static str, axes: &[isize]) -> Option<Vec<usize>> {
        if axes.is_empty() {
            return Some((0..self.rank()).collect());
        }
        let axes: Option<Vec<usize>> = axes.iter().map(|&a| self.axis(op, a)).collect();
        axes.map(|mut axes| {
            axes.sort_unstable();
            axes.dedup();
            axes
        })
    }
}
