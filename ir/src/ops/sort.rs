//! `sort`.
//!
//! - (C1) There is at least one operand.
//! - (C2) All operands have one shape, and `axis` is one of its axes.
//! - (C3) The comparator takes two rank-0 values per operand, `(a0, b0, a1, b1, ..)`, and returns
//!   `bool[]`.
//!
//! Every sort is the same bottom-up merge sort: runs of 1, 2, 4, .. elements are merged pairwise, an
//! element of the right run goes first only if the comparator puts it before that of the left. So
//! sorts are stable, and a comparator that is no order (`<` on NaN) still has a defined result.

use super::prelude::*;
use crate::eval::eval_graph;
use crate::graph::Graph;
use crate::loops::region::can_inline;
use crate::native::Cmp;
use crate::ops::Iota;
use crate::scalar::{CompareType, Pointwise};
use crate::types::DType;

mod merge;

const OP: &str = "sort";

/// Sorts all operands together along `axis` by `comparator(a0, b0, a1, b1, ..) -> bool[]` (first
/// before second).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sort {
    /// The axis to sort along.
    pub axis: usize,
    /// Whether equals keep their order. Every sort here does.
    pub stable: bool,
    /// Region of rank-0 inputs.
    pub comparator: Box<Graph>,
}

impl Sort {
    /// Sorts operands of element types `dtypes` by the first of them: `Cmp::Lt` to increase, `Cmp::Gt`
    /// to decrease. Floats are in total order: -NaN, -inf, .., -0, +0, .., inf, NaN.
    pub fn by_first(axis: usize, order: Cmp, dtypes: &[DType]) -> Sort {
        let mut b = Builder::new("comparator");
        let inputs = comparator_inputs(&mut b, dtypes);
        let kind = match dtypes[0].is_float() {
            true => CompareType::TotalOrder,
            false => CompareType::Normal,
        };
        let before = b.op(Pointwise::Compare(order, kind), &inputs[..2]);
        b.output("before", before);
        Sort {
            axis,
            stable: true,
            comparator: Box::new(b.finish()),
        }
    }

    /// The same sort with one more operand, which takes no part in comparisons.
    fn carrying(&self, x: &[DType], also: DType) -> Sort {
        let mut b = Builder::new(&self.comparator.name);
        let inputs = comparator_inputs(&mut b, &[x, &[also]].concat());
        let before = b.inline(&self.comparator, &inputs[..2 * x.len()]);
        b.output("before", before[0]);
        Sort {
            comparator: Box::new(b.finish()),
            ..self.clone()
        }
    }
}

fn comparator_inputs(b: &mut Builder, dtypes: &[DType]) -> Vec<Value> {
    let mut inputs = vec![];
    for (i, &t) in dtypes.iter().enumerate() {
        for side in ["a", "b"] {
            inputs.push(b.input(&format!("{side}{i}"), Type::scalar(t)));
        }
    }
    inputs
}

impl Rules for Sort {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .int("axis", self.axis)
            .word("stable", if self.stable { "true" } else { "false" })
            .with("comparator", Attr::Region((*self.comparator).clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Sort {
            axis: attrs.usize("axis")?,
            stable: attrs.choice("stable", &[("true", true), ("false", false)])?,
            comparator: Box::new(attrs.region("comparator")?),
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::rule(OP, "C1", !x.is_empty(), || "it has no operands".to_string())?;
        for other in &x[1..] {
            check::same_shape(OP, &x[0], other)?; // C2
        }
        check::axes(OP, "C2", &x[0], [self.axis])?;
        let pairs: Vec<DType> = x.iter().flat_map(|t| [t.dtype; 2]).collect();
        check::scalar_region(OP, "C3", &self.comparator, &pairs, &[DType::Bool])?;
        Ok(x.to_vec())
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let shape = &x[0].ty.shape;
        let (n, stride) = (shape[self.axis], shape.strides()[self.axis]);
        let mut from: Vec<usize> = (0..shape.count()).collect();
        for start in (0..shape.count()).filter(|i| i / stride % n == 0) {
            let line = (0..n).map(|i| start + i * stride).collect();
            let sorted = merge_sort(line, &|a, b| {
                let pair = x.iter().flat_map(|x| [a, b].map(|i| x.get(i)));
                let pair: Vec<Array> = pair.map(Array::scalar).collect();
                eval_graph(&self.comparator, &pair)[0].get(0).bits != 0
            });
            for (i, place) in sorted.into_iter().enumerate() {
                from[start + i * stride] = place;
            }
        }
        let sorted = |x: &Array| Array::from_fn(x.ty.clone(), |i| x.get(from[i]));
        x.iter().map(sorted).collect()
    }

    /// Sorting positions along with the operands gives the permutation `p`, `y[i] = x[p[i]]`; sorting
    /// the gradients by `p` undoes it.
    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let dtypes: Vec<DType> = x.iter().map(|&v| b.ty(v).dtype).collect();
        let ty = b.ty(x[0]).with_dtype(DType::I32);
        let axis = self.axis;
        let positions = b.op(Iota { ty, axis }, &[]);
        let forward = self.carrying(&dtypes, DType::I32);
        let permutation = b
            .push(forward, &[x, &[positions]].concat())
            .unwrap_or_else(|e| panic!("{e}"))[x.len()];
        let live: Vec<usize> = (0..dy.len()).filter(|&i| dy[i].is_some()).collect();
        let kinds = live.iter().map(|&i| dtypes[i]);
        let keys: Vec<DType> = [DType::I32].into_iter().chain(kinds).collect();
        let mut operands = vec![permutation];
        operands.extend(dy.iter().flatten());
        let back = b
            .push(Sort::by_first(axis, Cmp::Lt, &keys), &operands)
            .unwrap_or_else(|e| panic!("{e}"));
        let mut dx = vec![None; x.len()];
        for (&i, &d) in live.iter().zip(&back[1..]) {
            dx[i] = Some(d);
        }
        Ok(dx)
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        match can_inline(&self.comparator) {
            true => Lowering::Stores(Box::new({
                let types = x.to_vec();
                move |k, x, outs| merge::stores(self, &types, k, x, outs)
            })),
            false => Lowering::Interpret,
        }
    }
}

/// The canonical sort of `line` by `before`.
fn merge_sort(mut line: Vec<usize>, before: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut width = 1;
    while width < line.len() {
        let mut merged = Vec::with_capacity(line.len());
        for pair in line.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([a, rest @ ..], [b, others @ ..]) = (left, right) {
                if before(*b, *a) {
                    merged.push(*b);
                    right = others;
                } else {
                    merged.push(*a);
                    left = rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        line = merged;
        width *= 2;
    }
    line
}
