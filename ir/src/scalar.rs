//! The pointwise table: every elementwise function, one row each.

use crate::attrs::Attrs;
use crate::error::TypeError;
use crate::native::{Cmp, Emit, Native};
use crate::ops::prelude::*;
use crate::types::DType;

/// How floats are compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CompareType {
    /// IEEE-754 comparison: NaN is unordered.
    Normal,
    /// IEEE-754 `totalOrder`: -NaN < -inf < .. < -0 < +0 < .. < inf < NaN.
    TotalOrder,
}

/// A pointwise operation. Operands have one shape, which the result has too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Pointwise {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Maximum,
    Minimum,
    Atan2,
    And,
    Or,
    Xor,
    Not,
    ShiftLeft,
    ShiftRightLogical,
    ShiftRightArithmetic,
    Negate,
    Abs,
    Sign,
    Floor,
    Ceil,
    RoundNearestEven,
    RoundNearestAfz,
    Sqrt,
    Rsqrt,
    Cbrt,
    Exp,
    Expm1,
    Log,
    Log1p,
    Tanh,
    Logistic,
    Sine,
    Cosine,
    Tan,
    Erf,
    Fma,
    Compare(Cmp, CompareType),
    Select,
    Clamp,
    IsFinite,
    Convert(DType),
    Popcnt,
    CountLeadingZeros,
}

impl Pointwise {
    /// IEEE comparison by a predicate.
    pub fn compare(cmp: Cmp) -> Pointwise {
        Pointwise::Compare(cmp, CompareType::Normal)
    }

    /// Name in text form.
    pub fn name(self) -> &'static str {
        todo!()
    }

    /// The op of this name with its attributes (`compare` and `convert` have some).
    pub fn parse_op(_name: &str, _attrs: &Attrs) -> Option<Result<Pointwise, TypeError>> {
        todo!()
    }

    /// The result for one element per operand; 16-bit floats are widened to `f32` and the result
    /// rounded back.
    pub fn emit<E: Emit>(self, _e: &mut E, _args: &[E::V]) -> E::V {
        todo!()
    }

    /// The machine operation it is, if it is one for this type.
    pub fn native(self, _ty: DType) -> Option<Native> {
        todo!()
    }
}

impl Rules for Pointwise {
    fn attrs(&self) -> Attrs {
        todo!()
    }

    fn parse(_attrs: &Attrs) -> Result<Self, TypeError> {
        todo!()
    }

    fn infer(&self, _x: &[Type]) -> Result<Vec<Type>, TypeError> {
        todo!()
    }

    fn eval(&self, _x: &[Array]) -> Vec<Array> {
        todo!()
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        todo!()
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        todo!()
    }
}
