//! `reduce`.
//!
//! - (C1) A named reducer takes one operand; a body takes `n` tensors and `n` initial values.
//! - (C2) `axes` are different axes of `x`, in increasing order.
//! - (C3) All tensors have one shape.
//! - (C4) An initial value has rank 0 and the element type of its tensor.
//! - (C5) `and` and `or` take integers or `bool`.
//! - (C6) A body is `(a.., b..) -> (c..)` over rank-0 values of the element types.

mod stages;

use super::common::Reducer;
use super::prelude::*;
use super::{Pad, Reshape, Slice, reducer, walk};
use crate::loops::region::{can_inline, inline_region};
use crate::loops::{LoopKind, Val};
use crate::native::{Cmp, Scalar};
use crate::types::DType;

const OP: &str = "reduce";

/// Folds `x` over `axes`; those axes leave the shape: `f32[8,4]` over `[1]` gives `f32[8]`. A `Body` reducer takes `(x.., init..)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reduce {
    /// How two elements combine.
    pub kind: Reducer,
    /// The axes that are folded, increasing.
    pub axes: Vec<usize>,
}

/// The types of the tensors of a reduction, checked with their initial values (C1, C3, C4, C5, C6).
pub(super) fn reduced<'a>(
    op: &'static str,
    kind: &Reducer,
    x: &'a [Type],
) -> Result<&'a [Type], TypeError> {
    let Reducer::Body(_) = kind else {
        check::arity(op, x, 1)?;
        kind.check(op, "C5", &[x[0].dtype])?;
        return Ok(x);
    };
    check::rule(op, "C1", !x.is_empty() && x.len().is_multiple_of(2), || {
        let n = x.len();
        format!("a body takes as many initial values as tensors, found {n} operands")
    })?;
    let (tensors, inits) = x.split_at(x.len() / 2);
    for (tensor, init) in tensors.iter().zip(inits) {
        check::same_shape(op, &tensors[0], tensor)?; // C3
        check::scalar(op, init)?; // C4
        check::same_dtype(op, tensor, init)?; // C4
    }
    let dtypes: Vec<DType> = tensors.iter().map(|t| t.dtype).collect();
    kind.check(op, "C6", &dtypes)?;
    Ok(tensors)
}

impl Reduce {
    /// The multi-index in `x` from that of the result and that of the folded axes.
    fn interleave<T: Clone>(&self, rank: usize, kept: &[T], folded: &[T]) -> Vec<T> {
        let (mut kept, mut folded) = (kept.iter(), folded.iter());
        (0..rank)
            .map(|axis| match self.axes.contains(&axis) {
                true => folded.next().expect("a folded axis").clone(),
                false => kept.next().expect("a kept axis").clone(),
            })
            .collect()
    }

    fn extents(&self, x: &Type) -> Vec<usize> {
        self.axes.iter().map(|&a| x.shape[a]).collect()
    }

    /// Extent of the minor axis when it is folded.
    fn minor(&self, x: &Type) -> Option<usize> {
        let last = *self.axes.last()?;
        (last + 1 == x.rank()).then(|| x.shape[last])
    }

    fn eval_body(&self, body: &crate::Graph, x: &[Array]) -> Vec<Array> {
        let (tensors, inits) = x.split_at(x.len() / 2);
        let ty = &tensors[0].ty;
        let result = ty.without_axes(&self.axes);
        let extents = self.extents(ty);
        let mut columns: Vec<Vec<Scalar>> = vec![vec![]; tensors.len()];
        for kept in walk::indices(&result.shape) {
            let mut acc: Vec<Scalar> = inits.iter().map(|a| a.get(0)).collect();
            for folded in walk::indices(&extents) {
                let at = self.interleave(ty.rank(), &kept, &folded);
                let element: Vec<Scalar> = tensors.iter().map(|t| t.at(&at)).collect();
                acc = reducer::step_body(body, &acc, &element);
            }
            for (column, s) in columns.iter_mut().zip(acc) {
                column.push(s);
            }
        }
        let types = tensors.iter().map(|t| result.with_dtype(t.ty.dtype));
        let pairs = types.zip(&columns);
        pairs.map(|(ty, c)| Array::from_fn(ty, |i| c[i])).collect()
    }

    /// The accumulators of a body at one multi-index of the result.
    fn body(
        &self,
        k: &mut KernelBuilder,
        body: &crate::Graph,
        x: &[Operand],
        kept: &[Index],
    ) -> Vec<Val> {
        let (tensors, inits) = x.split_at(x.len() / 2);
        let ty = &tensors[0].ty;
        let vars: Vec<_> = inits
            .iter()
            .map(|init| {
                let init = init.at(k, &[]);
                k.var(init)
            })
            .collect();
        k.nest(&self.extents(ty), LoopKind::Serial, &mut |k, folded| {
            let at = self.interleave(ty.rank(), kept, folded);
            let mut args: Vec<Val> = vars.iter().map(|&v| k.get(v)).collect();
            args.extend(tensors.iter().map(|t| t.at(k, &at)).collect::<Vec<_>>());
            for (&var, v) in vars.iter().zip(inline_region(k, body, &args)) {
                k.set(var, v);
            }
        });
        vars.iter().map(|&v| k.get(v)).collect()
    }
}

impl Rules for Reduce {
    fn attrs(&self) -> Attrs {
        self.kind
            .attrs(Attrs::new(OP), "kind")
            .ints("axes", &self.axes)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Reduce {
            kind: Reducer::parse(attrs, "kind", &[], |r| r)?,
            axes: attrs.usizes("axes")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let tensors = reduced(OP, &self.kind, x)?;
        check::axes(OP, "C2", &tensors[0], self.axes.iter().copied())?;
        check::increasing(OP, "C2", "axes", &self.axes)?;
        let types = tensors.iter().map(|t| t.without_axes(&self.axes));
        Ok(types.collect())
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        if let Reducer::Body(body) = &self.kind {
            return self.eval_body(body, x);
        }
        let x = &x[0];
        if let Some(stages) = self.stages(&x.ty) {
            let x = x.reshaped(Type::new(x.ty.dtype, stages.shape));
            return stages.second.eval(&stages.first.eval(&[x]));
        }
        let (result, extents) = (x.ty.without_axes(&self.axes), self.extents(&x.ty));
        let strides = walk::strides(&x.ty.shape);
        let (mut kept, mut folded) = (vec![], vec![]);
        for (axis, &s) in strides.iter().enumerate() {
            let folds = self.axes.contains(&axis);
            if folds { &mut folded } else { &mut kept }.push(s);
        }
        let inner: Vec<i64> = walk::offsets(&extents, 0, &folded).collect();
        let mut bases = walk::offsets(&result.shape, 0, &kept);
        vec![Array::from_fn(result, |_| {
            let base = bases.next().expect("as many as elements");
            let positions = inner.iter().map(|i| (base + i) as usize);
            reducer::fold_named(&self.kind, x, positions, self.minor(&x.ty))
        })]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let ty = b.ty(x[0]).clone();
        let Some(dy) = dy[0] else {
            return Ok(vec![None; x.len()]);
        };
        if !ty.dtype.is_float() {
            return Ok(vec![None; x.len()]);
        }
        let spread = b.unreduce(dy, &self.axes, &ty.shape);
        let dx = match &self.kind {
            Reducer::Sum => spread,
            Reducer::Max | Reducer::Min => {
                let best = b.unreduce(y[0], &self.axes, &ty.shape);
                let tie = b.compare(Cmp::Eq, x[0], best);
                let tie = b.convert(tie, ty.dtype);
                let ties = b.sum(tie, &self.axes);
                let share = b.div(dy, ties);
                let share = b.unreduce(share, &self.axes, &ty.shape);
                b.mul(share, tie)
            }
            Reducer::Product => {
                let others = self.product_of_others(b, x[0]);
                b.mul(spread, others)
            }
            Reducer::And | Reducer::Or => return Ok(vec![None]),
            Reducer::Body(_) => {
                return Err(GradError::NotDifferentiable {
                    op: OP,
                    reason: "its reducer is a region",
                });
            }
        };
        Ok(vec![Some(dx)])
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        let Reducer::Body(body) = &self.kind else {
            return Lowering::Reduction(Box::new(|k, x, kept| {
                let x = &x[0];
                let (extents, minor) = (self.extents(&x.ty), self.minor(&x.ty).is_some());
                let mut fetch = |k: &mut KernelBuilder, folded: &[Index]| {
                    x.at(k, &self.interleave(x.ty.rank(), kept, folded))
                };
                k.reduce(&self.kind, x.ty.dtype, &extents, minor, &mut fetch)
            }));
        };
        if !can_inline(body) {
            return Lowering::Interpret;
        }
        if x.len() == 2 {
            return Lowering::Reduction(Box::new(move |k, x, kept| self.body(k, body, x, kept)[0]));
        }
        Lowering::Stores(Box::new(move |k, x, out| {
            store_each(k, out, |k, at| self.body(k, body, x, at))
        }))
    }
}

/// Stores, at every multi-index of several results of one shape, what `element` computes; the grid
/// is the outermost axis.
pub(super) fn store_each(
    k: &mut KernelBuilder,
    out: &[Out],
    element: impl Fn(&mut KernelBuilder, &[Index]) -> Vec<Val>,
) {
    let (prefix, rest) = match out[0].ty.shape.split_first() {
        Some((&outer, rest)) => {
            k.set_grid(outer);
            (vec![k.grid()], rest)
        }
        None => {
            k.set_grid(1);
            (vec![], &[][..])
        }
    };
    k.nest(rest, LoopKind::Lanes, &mut |k, inner| {
        let at = [&prefix, inner].concat();
        let values = element(k, &at);
        for (out, v) in out.iter().zip(values) {
            k.store_at(out, &at, v);
        }
    });
}

impl Reduce {
    /// For each element of `x`, the product of the others that are folded with it: products of what
    /// comes before and of what comes after, by doubling, so that zeros need no division.
    fn product_of_others(&self, b: &mut Builder, x: Value) -> Value {
        let ty = b.ty(x).clone();
        let kept: Vec<usize> = (0..ty.rank()).filter(|a| !self.axes.contains(a)).collect();
        let order = [kept.as_slice(), &self.axes].concat();
        let moved = b.transpose(x, &order);
        let moved_shape = b.shape(moved);
        let folded: usize = self.extents(&ty).iter().product();
        let rows: usize = kept.iter().map(|&a| ty.shape[a]).product();
        let flat = b.reshape(moved, &[rows, folded]);
        let (before, after) = (exclusive(b, flat, false), exclusive(b, flat, true));
        let others = b.mul(before, after);
        let others = b.op(Reshape { shape: moved_shape }, &[others]);
        let back = super::Transpose { permutation: order }.inverse();
        b.transpose(others, &back)
    }
}

/// Row by row, the product of all elements before (or after) each one.
fn exclusive(b: &mut Builder, x: Value, after: bool) -> Value {
    let ty = b.ty(x).clone();
    let n = ty.shape[1];
    let one = b.constant(Array::scalar(Scalar::from_f64(ty.dtype, 1.0)));
    let shifted = |b: &mut Builder, v: Value, by: usize| {
        // Crop at one end, then fill with ones at the other.
        let (from, to) = if after { (by, n) } else { (0, n - by) };
        let crop = Slice {
            start: vec![0, from],
            limit: vec![ty.shape[0], to],
            stride: vec![1, 1],
        };
        let rest = b.op(crop, &[v]);
        let (low, high) = if after { (0, by as i64) } else { (by as i64, 0) };
        let fill = Pad {
            low: vec![0, low],
            high: vec![0, high],
            interior: vec![0, 0],
        };
        b.op(fill, &[rest, one])
    };
    if n == 0 {
        return x;
    }
    let mut product = shifted(b, x, 1);
    let mut by = 1;
    while by < n {
        let other = shifted(b, product, by);
        product = b.mul(product, other);
        by *= 2;
    }
    product
}
