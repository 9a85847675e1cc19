//! The tracing handle: operations on a [`Tensor`] append nodes to a graph; nothing is computed.
//!
//! Shapes follow numpy: binary operations broadcast, axes may be negative. A wrong shape does not
//! panic: the trace notes the first error, with the layer it happened in, and goes on with a
//! placeholder; [`trace`](crate::trace::trace) returns that error. Tensors of one trace share its builder
//! by reference count: this is the one place where that is the natural ownership, and no part of
//! the IR sees it.

mod contract;
mod operators;
mod reduce;
mod region;
mod shape;

pub(crate) use region::Region;
pub use shape::Range;

use crate::error::{DTypes, Layer, NnError};
use craneflow_ir::ops::Op;
use craneflow_ir::{Array, Builder, DType, Pointwise, Scalar, Shape, Type, Value, Verified};
use std::cell::RefCell;
use std::rc::Rc;

struct State {
    builder: Builder,
    error: Option<NnError>,
    /// For the body of a loop: the trace around it.
    outer: Option<region::Outer>,
}

/// A trace in progress. Clones are the same trace.
#[derive(Clone)]
pub struct Tracer(Rc<RefCell<State>>);

/// A value of a trace: a typed placeholder for what the compiled program will compute.
#[derive(Clone)]
pub struct Tensor {
    tracer: Tracer,
    /// `None` after an error.
    value: Option<Value>,
    ty: Type,
}

impl Tracer {
    /// Starts a trace of a graph called `name`.
    pub fn new(name: &str) -> Tracer {
        let state = State {
            builder: Builder::new(name),
            error: None,
            outer: None,
        };
        Tracer(Rc::new(RefCell::new(state)))
    }

    /// Adds an input of the program.
    pub fn input(&self, name: &str, ty: Type) -> Tensor {
        let value = self.0.borrow_mut().builder.input(name, ty.clone());
        self.tensor(value, ty)
    }

    /// Adds an output of the program; nothing after an error.
    pub fn output(&self, name: &str, x: &Tensor) {
        let own = self.captured(x);
        if let Some(value) = own.and_then(|x| x.value) {
            self.0.borrow_mut().builder.output(name, value);
        }
    }

    /// Declares that output `output` takes over the buffer of input `input` (positions).
    pub fn donate(&self, input: usize, output: usize) {
        self.0.borrow_mut().builder.donate(input, output);
    }

    /// Whether nothing went wrong so far.
    pub fn ok(&self) -> bool {
        self.0.borrow().error.is_none()
    }

    /// A constant of the program.
    pub fn constant(&self, value: Array) -> Tensor {
        let ty = value.ty.clone();
        let value = self.0.borrow_mut().builder.constant(value);
        self.tensor(value, ty)
    }

    /// A tensor with every element `x`.
    pub fn full(&self, ty: &Type, x: f64) -> Tensor {
        let scalar = self.scalar(ty.dtype, x);
        if ty.rank() == 0 {
            return scalar;
        }
        let (shape, axes) = (ty.shape.clone(), vec![]);
        let op = craneflow_ir::ops::BroadcastInDim { shape, axes };
        self.push(op.into(), &[&scalar], ty.clone())
    }

    /// A rank-0 constant.
    pub fn scalar(&self, dtype: DType, x: f64) -> Tensor {
        self.constant(Array::scalar(Scalar::from_f64(dtype, x)))
    }

    /// The numbers `0, 1, ..` along `axis`, which must exist.
    pub fn iota(&self, ty: &Type, axis: usize) -> Tensor {
        let op = craneflow_ir::ops::Iota {
            ty: ty.clone(),
            axis,
        };
        self.push(op.into(), &[], ty.clone())
    }

    /// Runs `f` with every node in the layer `name`, inside of the layer that is current.
    pub fn layer<T>(&self, name: &str, f: impl FnOnce() -> T) -> T {
        let outer = {
            let b = &mut self.0.borrow_mut().builder;
            let path = match b.scope_name() {
                "" => name.to_string(),
                parent => format!("{parent}/{name}"),
            };
            b.enter(&path)
        };
        let result = f();
        self.0.borrow_mut().builder.leave(outer);
        result
    }

    /// Path of the current layer, for errors.
    pub fn current(&self) -> Layer {
        Layer(self.0.borrow().builder.scope_name().to_string())
    }

    /// Notes an error, if it is the first, and gives a placeholder of about the right type.
    pub fn fail(&self, guess: Type, error: NnError) -> Tensor {
        self.0.borrow_mut().error.get_or_insert(error);
        Tensor {
            tracer: self.clone(),
            value: None,
            ty: guess,
        }
    }

    /// The verified graph, or the first error. Other handles of this trace are of no use afterwards.
    pub fn finish(self) -> Result<Verified<craneflow_ir::Graph>, NnError> {
        let state = &mut *self.0.borrow_mut();
        match state.error.take() {
            Some(error) => Err(error),
            None => Ok(Verified::graph(
                std::mem::take(&mut state.builder).finish(),
            )?),
        }
    }

    /// Gradient of the scalar `y` with respect to each of `wrt`.
    pub fn gradient(&self, y: &Tensor, wrt: &[&Tensor]) -> Vec<Tensor> {
        let poisoned = || wrt.iter().map(|x| x.poisoned(x.ty.clone())).collect();
        let values: Option<Vec<Value>> = wrt.iter().map(|x| x.value).collect();
        let (Some(values), Some(y)) = (values, y.value) else {
            return poisoned();
        };
        let layer = self.current();
        let gradients =
            craneflow_ir::grad::append_gradient(&mut self.0.borrow_mut().builder, y, &values);
        match gradients {
            Ok(g) => g
                .into_iter()
                .zip(wrt)
                .map(|(g, x)| self.tensor(g, x.ty.clone()))
                .collect(),
            Err(source) => {
                self.0
                    .borrow_mut()
                    .error
                    .get_or_insert(NnError::Grad { layer, source });
                poisoned()
            }
        }
    }

    /// Appends an op with one result; `guess` is its type should an operand be a placeholder.
    pub(crate) fn push(&self, op: Op, x: &[&Tensor], guess: Type) -> Tensor {
        self.push_all(op, x, vec![guess]).remove(0)
    }

    /// Appends an op; `guess` gives the result types should an operand be a placeholder.
    pub(crate) fn push_all(&self, op: Op, x: &[&Tensor], guess: Vec<Type>) -> Vec<Tensor> {
        let tracer = self.innermost(x);
        tracer.push_here(op, x, guess)
    }

    fn push_here(&self, op: Op, x: &[&Tensor], guess: Vec<Type>) -> Vec<Tensor> {
        let layer = self.current();
        let own: Option<Vec<Tensor>> = x.iter().map(|x| self.captured(x)).collect();
        let values = |own: &Vec<Tensor>| own.iter().map(|x| x.value).collect();
        if own.is_none() {
            let error = NnError::Foreign {
                layer,
                op: op.name(),
            };
            self.0.borrow_mut().error.get_or_insert(error);
        } else if let Some(operands) = own.as_ref().and_then(values) {
            let operands: Vec<Value> = operands;
            let state = &mut *self.0.borrow_mut();
            match state.builder.push(op, &operands) {
                Ok(results) => {
                    let ty = |v| state.builder.ty(v).clone();
                    return results.iter().map(|&v| self.tensor(v, ty(v))).collect();
                }
                Err(source) => {
                    let error = NnError::Type { layer, source };
                    state.error.get_or_insert(error);
                }
            }
        }
        let placeholder = |ty| Tensor {
            tracer: self.clone(),
            value: None,
            ty,
        };
        guess.into_iter().map(placeholder).collect()
    }

    fn tensor(&self, value: Value, ty: Type) -> Tensor {
        Tensor {
            tracer: self.clone(),
            value: Some(value),
            ty,
        }
    }
}

impl Tensor {
    /// The trace it belongs to.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// Its place in the graph; `None` after an error.
    pub(crate) fn value(&self) -> Option<Value> {
        self.value
    }

    /// Element type and shape.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Extents, outermost first. A placeholder after an error has about the shape that was meant.
    pub fn shape(&self) -> &Shape {
        &self.ty.shape
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.ty.dtype
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.ty.rank()
    }

    /// Extent of an axis, negative from the end; 1 and an error when there is no such axis.
    pub fn dim(&self, axis: isize) -> usize {
        self.axis("dim", axis).map_or(1, |a| self.ty.shape[a])
    }

    /// Elementwise conversion to another type.
    pub fn convert(&self, dtype: DType) -> Tensor {
        if dtype == self.ty.dtype {
            return self.clone();
        }
        self.unary(Pointwise::Convert(dtype), self.ty.with_dtype(dtype))
    }

    /// The same values, through which no gradient flows.
    ///
    /// The bits go through an integer type and back; the compiler removes the round trip.
    pub fn stop_gradient(&self) -> Tensor {
        if !self.ty.dtype.is_float() {
            return self.clone();
        }
        let bits = self.ty.dtype.to_unsigned();
        let there = craneflow_ir::ops::BitcastConvert { dtype: bits };
        let back = craneflow_ir::ops::BitcastConvert {
            dtype: self.ty.dtype,
        };
        let x = self
            .tracer
            .push(there.into(), &[self], self.ty.with_dtype(bits));
        self.tracer.push(back.into(), &[&x], self.ty.clone())
    }

    /// Gradient of this scalar with respect to each of `wrt`.
    pub fn gradient(&self, wrt: &[&Tensor]) -> Vec<Tensor> {
        self.tracer.gradient(self, wrt)
    }

    /// Any pointwise function of one operand, with the type of its result.
    pub(crate) fn unary(&self, op: Pointwise, guess: Type) -> Tensor {
        self.tracer.push(op.into(), &[self], guess)
    }

    /// Notes an error and gives a placeholder.
    pub(crate) fn fail(&self, guess: Type, error: NnError) -> Tensor {
        self.tracer.fail(guess, error)
    }

    /// A placeholder; some error is noted already.
    pub(crate) fn poisoned(&self, ty: Type) -> Tensor {
        Tensor {
            tracer: self.tracer.clone(),
            value: None,
            ty,
        }
    }

    /// The position of an axis given from either end; notes an error when there is none.
    pub(crate) fn axis(&self, op: &'static str, axis: isize) -> Option<usize> {
        let rank = self.rank() as isize;
        if (-rank..rank).contains(&axis) {
            return Some(axis.rem_euclid(rank) as usize);
        }
        if self.value.is_some() {
            let error = NnError::Axis {
                layer: self.tracer.current(),
                op,
                axis,
                shape: self.ty.shape.clone(),
            };
            self.fail(self.ty.clone(), error);
        }
        None
    }

    /// Notes an error unless the elements are floats.
    pub(crate) fn must_be_float(&self, op: &'static str) -> bool {
        self.must_be(op, "a float", self.ty.dtype.is_float())
    }

    /// Notes an error unless the elements are integers.
    pub(crate) fn must_be_int(&self, op: &'static str) -> bool {
        self.must_be(op, "an integer", self.ty.dtype.is_int())
    }

    fn must_be(&self, op: &'static str, expected: &'static str, ok: bool) -> bool {
        if !ok {
            let error = NnError::DType {
                layer: self.tracer.current(),
                op,
                expected: DTypes::Words(expected),
                found: self.ty.dtype,
            };
            self.fail(self.ty.clone(), error);
        }
        ok
    }

    /// Notes an error unless the rank is `rank`.
    pub(crate) fn must_have_rank(
        &self,
        op: &'static str,
        rank: usize,
        expected: &'static str,
    ) -> bool {
        let ok = self.rank() == rank;
        if !ok {
            let error = NnError::Rank {
                layer: self.tracer.current(),
                op,
                expected,
                shape: self.ty.shape.clone(),
            };
            self.fail(self.ty.clone(), error);
        }
        ok
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({})", self.ty)
    }
}
