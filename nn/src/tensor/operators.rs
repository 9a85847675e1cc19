//! Elementwise operations and the operators of Rust, with broadcasting.

use super::Tensor;
use crate::error::{DTypes, NnError};
use craneflow_ir::ops::BroadcastInDim;
use craneflow_ir::{Cmp, DType, Pointwise, Shape, Type};

impl Tensor {
    /// Repeats to `shape`: axes are aligned at the end, and an extent of 1 is repeated.
    pub fn broadcast_to(&self, shape: &[usize]) -> Tensor {
        let guess = self.ty.with_shape(shape);
        if broadcast_shape(self.shape(), &guess.shape).is_ok_and(|s| s == guess.shape) {
            return self.repeated(&guess.shape);
        }
        let error = NnError::Argument {
            layer: self.tracer.current(),
            op: "broadcast_to",
            what: "the shape",
            expected: format!("one that {} repeats to", self.shape()),
            found: guess.shape.to_string(),
        };
        self.fail(guess, error)
    }

    /// `broadcast_to` a shape that is known to fit.
    fn repeated(&self, shape: &Shape) -> Tensor {
        if self.shape() == shape {
            return self.clone();
        }
        let first = shape.rank() - self.rank();
        let op = BroadcastInDim {
            shape: shape.clone(),
            axes: (first..shape.rank()).collect(),
        };
        self.tracer
            .push(op.into(), &[self], self.ty.with_shape(shape.clone()))
    }

    /// Broadcasts all operands to their joint shape; `None` after an error.
    fn aligned(op: &'static str, x: &[&Tensor]) -> Option<Vec<Tensor>> {
        let mut shape = x[0].shape().clone();
        for y in &x[1..] {
            match broadcast_shape(&shape, y.shape()) {
                Ok(joint) => shape = joint,
                Err((left_axis, right_axis)) => {
                    let error = NnError::Broadcast {
                        layer: x[0].tracer.current(),
                        op,
                        left: shape,
                        right: y.shape().clone(),
                        left_axis,
                        right_axis,
                    };
                    x[0].fail(x[0].ty.clone(), error);
                    return None;
                }
            }
        }
        Some(x.iter().map(|x| x.repeated(&shape)).collect())
    }

    /// A pointwise function of operands of one element type.
    fn pointwise(op: Pointwise, name: &'static str, x: &[&Tensor], to: Option<DType>) -> Tensor {
        let first = x[0];
        let guess = first.ty.with_dtype(to.unwrap_or(first.dtype()));
        if let Some(other) = x.iter().find(|y| y.dtype() != first.dtype()) {
            let error = NnError::DType {
                layer: first.tracer.current(),
                op: name,
                expected: DTypes::One(first.dtype()),
                found: other.dtype(),
            };
            return first.fail(guess, error);
        }
        match Tensor::aligned(name, x) {
            Some(x) => {
                let guess = guess.with_shape(x[0].shape().clone());
                let x: Vec<&Tensor> = x.iter().collect();
                first.tracer.push(op.into(), &x, guess)
            }
            None => first.poisoned(guess),
        }
    }

    /// Elementwise comparison; the result is `bool`.
    pub fn compare(&self, cmp: Cmp, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        let op = Pointwise::compare(cmp);
        Tensor::pointwise(op, "compare", &[self, &other], Some(DType::Bool))
    }

    /// `self ? a : b`, elementwise; `self` must be `bool`.
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Tensor {
        if self.dtype() != DType::Bool || a.dtype() != b.dtype() {
            let wrong_condition = self.dtype() != DType::Bool;
            let error = NnError::DType {
                layer: self.tracer.current(),
                op: "select",
                expected: DTypes::One(if wrong_condition {
                    DType::Bool
                } else {
                    a.dtype()
                }),
                found: if wrong_condition {
                    self.dtype()
                } else {
                    b.dtype()
                },
            };
            return a.fail(a.ty.clone(), error);
        }
        match Tensor::aligned("select", &[a, self, b]) {
            Some(x) => {
                let guess = x[0].ty.clone();
                self.tracer
                    .push(Pointwise::Select.into(), &[&x[1], &x[0], &x[2]], guess)
            }
            None => a.poisoned(a.ty.clone()),
        }
    }

    /// The greater of two elements; NaN when one is.
    pub fn maximum(&self, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        Tensor::pointwise(Pointwise::Maximum, "maximum", &[self, &other], None)
    }

    /// The lesser of two elements; NaN when one is.
    pub fn minimum(&self, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        Tensor::pointwise(Pointwise::Minimum, "minimum", &[self, &other], None)
    }

    /// `self` to the power of `other`.
    pub fn power(&self, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        Tensor::pointwise(Pointwise::Power, "power", &[self, &other], None)
    }

    /// The angle of the point (`other`, `self`), in radians.
    pub fn atan2(&self, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        Tensor::pointwise(Pointwise::Atan2, "atan2", &[self, &other], None)
    }

    /// Remainder of the division, with the sign of `self`.
    pub fn remainder(&self, other: impl Operand) -> Tensor {
        let other = other.tensor(self);
        Tensor::pointwise(Pointwise::Remainder, "remainder", &[self, &other], None)
    }

    /// Elements limited to `low..=high`.
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        self.maximum(low).minimum(high)
    }

    /// `self * self`.
    pub fn square(&self) -> Tensor {
        self * self
    }

    /// Elementwise and of `bool` or integers.
    pub fn and(&self, other: &Tensor) -> Tensor {
        Tensor::pointwise(Pointwise::And, "and", &[self, other], None)
    }

    /// Elementwise or of `bool` or integers.
    pub fn or(&self, other: &Tensor) -> Tensor {
        Tensor::pointwise(Pointwise::Or, "or", &[self, other], None)
    }
}

/// The joint shape of two under broadcasting, or the axes of each that do not fit.
fn broadcast_shape(a: &Shape, b: &Shape) -> Result<Shape, (usize, usize)> {
    let rank = a.rank().max(b.rank());
    let mut joint = vec![1; rank];
    for back in 1..=rank {
        let extent = |s: &Shape| s.rank().checked_sub(back).map_or(1, |axis| s[axis]);
        joint[rank - back] = match (extent(a), extent(b)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return Err((a.rank() - back, b.rank() - back)),
        };
    }
    Ok(Shape(joint))
}

/// What can stand at the right of an operator: a tensor, or a number of the tensor's type.
pub trait Operand {
    /// As a tensor of the trace and element type of `of`.
    fn tensor(&self, of: &Tensor) -> Tensor;
}

impl Operand for Tensor {
    fn tensor(&self, _: &Tensor) -> Tensor {
        self.clone()
    }
}

impl Operand for &Tensor {
    fn tensor(&self, _: &Tensor) -> Tensor {
        (*self).clone()
    }
}

macro_rules! numbers {
    ($($t:ty)*) => {$(
        impl Operand for $t {
            fn tensor(&self, of: &Tensor) -> Tensor {
                of.tracer.full(&Type::new(of.dtype(), of.shape().clone()), f64::from(*self))
            }
        }
    )*};
}

macro_rules! operators {
    ($t:ty: $($Op:ident $op:ident),*) => {$(
        impl std::ops::$Op<&Tensor> for $t {
            type Output = Tensor;
            fn $op(self, x: &Tensor) -> Tensor { std::ops::$Op::$op(self.tensor(x), x) }
        }
        impl std::ops::$Op<Tensor> for $t {
            type Output = Tensor;
            fn $op(self, x: Tensor) -> Tensor { std::ops::$Op::$op(self.tensor(&x), &x) }
        }
    )*};
}
numbers!(f32 f64 i32);
// Only `f64` may stand on the left: with one choice, `1.0 - x` needs no type annotation.
operators!(f64: Add add, Sub sub, Mul mul, Div div);

macro_rules! binary {
    ($($Op:ident $op:ident $Pointwise:ident $name:literal),*) => {$(
        impl<T: Operand> std::ops::$Op<T> for &Tensor {
            type Output = Tensor;
            fn $op(self, other: T) -> Tensor {
                Tensor::pointwise(Pointwise::$Pointwise, $name, &[self, &other.tensor(self)], None)
            }
        }
        impl<T: Operand> std::ops::$Op<T> for Tensor {
            type Output = Tensor;
            fn $op(self, other: T) -> Tensor { std::ops::$Op::$op(&self, other) }
        }
    )*};
}
binary!(Add add Add "add", Sub sub Subtract "subtract", Mul mul Multiply "multiply", Div div Divide "divide");

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        self.unary(Pointwise::Negate, self.ty.clone())
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        -&self
    }
}

macro_rules! functions {
    ($($name:ident $Op:ident $about:literal),* $(,)?) => {
        impl Tensor {$(
            #[doc = $about]
            pub fn $name(&self) -> Tensor {
                if self.must_be_float(stringify!($name)) {
                    self.unary(Pointwise::$Op, self.ty.clone())
                } else {
                    self.poisoned(self.ty.clone())
                }
            }
        )*}
    };
}
functions! {
    exp Exp "e to the power of each element.",
    expm1 Expm1 "`exp(x) - 1`, exact near 0.",
    log Log "Natural logarithm.",
    log1p Log1p "`log(1 + x)`, exact near 0.",
    tanh Tanh "Hyperbolic tangent.",
    sigmoid Logistic "`1 / (1 + exp(-x))`.",
    sqrt Sqrt "Square root.",
    rsqrt Rsqrt "`1 / sqrt(x)`.",
    sin Sine "Sine.",
    cos Cosine "Cosine.",
    erf Erf "The error function.",
    tan Tan "Tangent.",
    floor Floor "Rounds down.",
    ceil Ceil "Rounds up.",
    round RoundNearestEven "Rounds to the nearest whole number, halves to the even one.",
}

impl Tensor {
    /// Absolute value.
    pub fn abs(&self) -> Tensor {
        self.unary(Pointwise::Abs, self.ty.clone())
    }

    /// Elementwise exclusive or of `bool` or integers.
    pub fn xor(&self, other: &Tensor) -> Tensor {
        Tensor::pointwise(Pointwise::Xor, "xor", &[self, other], None)
    }

    /// Integers shifted right by `bits`, with zeros from the left.
    pub fn shift_right(&self, bits: u32) -> Tensor {
        let bits = self.tracer.full(&self.ty, f64::from(bits));
        let op = Pointwise::ShiftRightLogical;
        Tensor::pointwise(op, "shift_right_logical", &[self, &bits], None)
    }

    /// -1, 0 or 1, as the element is; no gradient.
    pub fn sign(&self) -> Tensor {
        self.unary(Pointwise::Sign, self.ty.clone())
    }

    /// Elementwise not of `bool` or integers.
    pub fn not(&self) -> Tensor {
        self.unary(Pointwise::Not, self.ty.clone())
    }

    /// `max(x, 0)`, with gradient 0 at 0; NaN stays.
    pub fn relu(&self) -> Tensor {
        let zero = self.tracer.full(&self.ty, 0.0);
        self.compare(Cmp::Le, &zero).select(&zero, self)
    }
}
