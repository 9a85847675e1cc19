//! `reduce_window`.
//!
//! - (C1) A named reducer takes one operand; a body takes `n` tensors and `n` initial values.
//! - (C2) The lists of the window have an entry per axis of `x`.
//! - (C3) All tensors have one shape.
//! - (C4) An initial value has rank 0 and the element type of its tensor.
//! - (C5) `and` and `or` take integers or `bool`.
//! - (C6) A body is `(a.., b..) -> (c..)` over rank-0 values of the element types.
//! - (C7) Sizes, strides and dilations are at least 1.
//! - (C8) Strides, dilations, padding and padded or dilated extents are in `-2^60..=2^60`.
//! - (C9) The result has at most `isize::MAX / 8` elements.

use super::common::{Reducer, Window};
use super::prelude::*;
use super::reduce::{reduced, store_each};
use super::{SelectAndScatter, reducer, walk};
use crate::loops::Val;
use crate::loops::region::{can_inline, inline_region};
use crate::native::{Cmp, Emit, Evaluator, Native, Scalar};

const OP: &str = "reduce_window";

/// Folds every window of `x`: pooling, cumulative sums. A `Body` reducer takes `(x.., init..)`.
/// Padding does not count for a named reducer and is the initial value for a body.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReduceWindow {
    /// How two elements combine.
    pub kind: Reducer,
    /// Sizes, strides, dilations and padding per axis.
    pub window: Window,
}

impl ReduceWindow {
    fn eval_named(&self, x: &Array, ty: Type) -> Array {
        let e = &mut Evaluator;
        let dtype = ty.dtype;
        walk::from_index(ty, |o| {
            let mut acc = self.kind.start(e, dtype);
            for w in walk::indices(&self.window.size) {
                if let Some(at) = self.window.place(o, &w, &x.ty.shape) {
                    let element = reducer::convert(e, x.at(&at), dtype.compute());
                    acc = self.kind.combine(e, acc, element);
                }
            }
            reducer::convert(e, acc, dtype)
        })
    }

    fn eval_body(&self, body: &crate::Graph, x: &[Array], types: Vec<Type>) -> Vec<Array> {
        let (tensors, inits) = x.split_at(x.len() / 2);
        let inits: Vec<Scalar> = inits.iter().map(|a| a.get(0)).collect();
        let shape = &tensors[0].ty.shape;
        let mut columns: Vec<Vec<Scalar>> = vec![vec![]; tensors.len()];
        for o in walk::indices(&types[0].shape) {
            let mut acc = inits.clone();
            for w in walk::indices(&self.window.size) {
                let element = match self.window.place(&o, &w, shape) {
                    Some(at) => tensors.iter().map(|t| t.at(&at)).collect(),
                    None => inits.clone(),
                };
                acc = reducer::step_body(body, &acc, &element);
            }
            for (column, s) in columns.iter_mut().zip(acc) {
                column.push(s);
            }
        }
        let pairs = types.into_iter().zip(&columns);
        pairs.map(|(ty, c)| Array::from_fn(ty, |i| c[i])).collect()
    }

    /// The element of a tensor at a window position, `outside` in padding and holes.
    fn element(
        &self,
        k: &mut KernelBuilder,
        x: &Operand,
        (o, w): (&[Index], &[Index]),
        outside: Val,
    ) -> Val {
        let (at, solid) = self.window.place_index(k, o, w);
        let element = k.element_or(x, &at, outside);
        match solid {
            None => element,
            Some(hit) => k.native(Native::Select, &[hit, element, outside]),
        }
    }

    /// An identity combines to the same bits as leaving the position out.
    fn named(&self, k: &mut KernelBuilder, x: &Operand, o: &[Index]) -> Val {
        let dtype = x.ty.dtype;
        let start = self.kind.start(k, dtype);
        let outside = reducer::convert(k, start, dtype);
        let acc = k.over_window(&self.window.size, vec![start], &mut |k, w, acc| {
            let x = self.element(k, x, (o, w), outside);
            let x = reducer::convert(k, x, dtype.compute());
            // An identity other than +0, which is none for -0, need not be combined with.
            match acc[0] == start && self.kind != Reducer::Sum {
                true => vec![x],
                false => vec![self.kind.combine(k, acc[0], x)],
            }
        });
        reducer::convert(k, acc[0], dtype)
    }

    fn body(
        &self,
        k: &mut KernelBuilder,
        body: &crate::Graph,
        x: &[Operand],
        o: &[Index],
    ) -> Vec<Val> {
        let (tensors, inits) = x.split_at(x.len() / 2);
        let inits: Vec<Val> = inits.iter().map(|init| init.at(k, &[])).collect();
        k.over_window(&self.window.size, inits.clone(), &mut |k, w, acc| {
            let pairs = tensors.iter().zip(&inits);
            let x: Vec<Val> = pairs
                .map(|(t, &init)| self.element(k, t, (o, w), init))
                .collect();
            inline_region(k, body, &[acc, x].concat())
        })
    }

    /// The gradient of window sums: sums of `dy` over the windows that see an element.
    fn sum_gradient(&self, b: &mut Builder, x: Value, dy: Value) -> Value {
        let (shape, windows) = (b.shape(x), b.shape(dy));
        let w = &self.window;
        let mut back = Window::new(&w.size);
        for axis in 0..shape.rank() {
            let span = ((w.size[axis] - 1) * w.window_dilation[axis]) as i64;
            let low = span - w.padding[axis].0;
            let holes = |n: usize, d: usize| if n == 0 { 0 } else { ((n - 1) * d + 1) as i64 };
            let reach = holes(shape[axis], w.base_dilation[axis]) + span;
            let high = reach - holes(windows[axis], w.stride[axis]) - low;
            back.padding[axis] = (low, high);
        }
        back.stride = w.base_dilation.clone();
        back.base_dilation = w.stride.clone();
        back.window_dilation = w.window_dilation.clone();
        let kind = Reducer::Sum;
        b.op(ReduceWindow { kind, window: back }, &[dy])
    }
}

impl Rules for ReduceWindow {
    fn attrs(&self) -> Attrs {
        self.window.attrs(self.kind.attrs(Attrs::new(OP), "kind"))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(ReduceWindow {
            kind: Reducer::parse(attrs, "kind", &[], |r| r)?,
            window: Window::parse(attrs)?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let tensors = reduced(OP, &self.kind, x)?;
        let extents = self.window.infer(OP, &tensors[0], ["C2", "C7", "C8"])?;
        tensors
            .iter()
            .map(|t| check::sized(OP, t.with_shape(extents.clone()))) // C9
            .collect()
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let given: Vec<Type> = x.iter().map(|a| a.ty.clone()).collect();
        let mut types = self.infer(&given).expect("verified");
        match &self.kind {
            Reducer::Body(body) => self.eval_body(body, x, types),
            _ => vec![self.eval_named(&x[0], types.remove(0))],
        }
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0].filter(|_| b.ty(x[0]).dtype.is_float()) else {
            return Ok(vec![None; x.len()]);
        };
        let dilated = self.window.base_dilation.iter().any(|&d| d > 1)
            || self.window.window_dilation.iter().any(|&d| d > 1);
        let not = |reason| Err(GradError::NotDifferentiable { op: OP, reason });
        let select = match self.kind {
            Reducer::Sum => return Ok(vec![Some(self.sum_gradient(b, x[0], dy))]),
            Reducer::Max | Reducer::Min if dilated => {
                return not("its windows are dilated");
            }
            Reducer::Max => Cmp::Ge,
            Reducer::Min => Cmp::Le,
            Reducer::Body(_) => return not("its reducer is a region"),
            _ => return not("its reducer is neither sum, max nor min"),
        };
        let window = self.window.clone();
        let dx = b.op(SelectAndScatter { select, window }, &[x[0], dy]);
        Ok(vec![Some(dx)])
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        let Reducer::Body(body) = &self.kind else {
            return Lowering::Reduction(Box::new(|k, x, o| self.named(k, &x[0], o)));
        };
        if !can_inline(body) {
            return Lowering::Interpret;
        }
        if x.len() == 2 {
            return Lowering::Reduction(Box::new(move |k, x, o| self.body(k, body, x, o)[0]));
        }
        Lowering::Stores(Box::new(move |k, x, out| {
            store_each(k, out, |k, o| self.body(k, body, x, o))
        }))
    }
}
