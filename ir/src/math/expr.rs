//! Operator notation over `Emit`, so that expansions read as formulas.

use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Sub};

use crate::native::{Cmp, Emit, Native, Scalar};
use crate::types::DType;

/// `2^n` for an exponent of normal `f64`.
pub(crate) const fn pow2(n: i64) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// A value in flight together with where its users go.
pub(crate) struct Expr<'s, E: Emit> {
    emit: &'s RefCell<&'s mut E>,
    pub(crate) v: E::V,
}

impl<E: Emit> Clone for Expr<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E: Emit> Copy for Expr<'_, E> {}

/// An operand: an expression, or a literal that takes the type of the other operand.
pub(crate) trait Operand<'s, E: Emit> {
    fn like(self, other: Expr<'s, E>) -> Expr<'s, E>;
}

impl<'s, E: Emit> Operand<'s, E> for Expr<'s, E> {
    fn like(self, _: Expr<'s, E>) -> Expr<'s, E> {
        self
    }
}

impl<'s, E: Emit> Operand<'s, E> for f64 {
    fn like(self, other: Expr<'s, E>) -> Expr<'s, E> {
        let bits = match other.ty() {
            DType::F32 => (self as f32).to_bits() as u64,
            DType::F64 => self.to_bits(),
            ty => panic!("float literal for {ty}"),
        };
        other.raw(bits)
    }
}

impl<'s, E: Emit> Operand<'s, E> for i64 {
    fn like(self, other: Expr<'s, E>) -> Expr<'s, E> {
        let ty = other.ty();
        assert!(!ty.is_float(), "integer literal for {ty}");
        other.raw(self as u64 & (u64::MAX >> (64 - ty.bits())))
    }
}

impl<'s, E: Emit> Expr<'s, E> {
    pub(crate) fn new(emit: &'s RefCell<&'s mut E>, v: E::V) -> Self {
        Expr { emit, v }
    }

    pub(crate) fn ty(self) -> DType {
        self.emit.borrow().dtype(self.v)
    }

    pub(crate) fn is_f32(self) -> bool {
        self.ty() == DType::F32
    }

    fn op<const N: usize>(self, op: Native, args: [E::V; N]) -> Self {
        Expr {
            emit: self.emit,
            v: self.emit.borrow_mut().native(op, &args),
        }
    }

    /// The constant of the type of `self` with these bits.
    pub(crate) fn raw(self, bits: u64) -> Self {
        let value = Scalar {
            ty: self.ty(),
            bits,
        };
        Expr {
            emit: self.emit,
            v: self.emit.borrow_mut().constant(value),
        }
    }

    /// A constant of the type of `self`.
    pub(crate) fn lit(self, value: impl Operand<'s, E>) -> Self {
        value.like(self)
    }

    /// What is known of the value when the code is made.
    pub(crate) fn known(self) -> Option<Scalar> {
        self.emit.borrow().known(self.v)
    }

    fn binary(self, op: Native, b: impl Operand<'s, E>) -> Self {
        let b = b.like(self);
        self.op(op, [self.v, b.v])
    }

    /// `self * b + c`, rounded once.
    pub(crate) fn fma(self, b: impl Operand<'s, E>, c: impl Operand<'s, E>) -> Self {
        let (b, c) = (b.like(self), c.like(self));
        self.op(Native::Fma, [self.v, b.v, c.v])
    }

    /// `if self < b { self } else { b }`.
    pub(crate) fn min(self, b: impl Operand<'s, E>) -> Self {
        self.binary(Native::Min, b)
    }

    /// `if b < self { self } else { b }`.
    pub(crate) fn max(self, b: impl Operand<'s, E>) -> Self {
        self.binary(Native::Max, b)
    }

    /// `self` kept within `lo..=hi`; a NaN stays.
    pub(crate) fn within(self, lo: f64, hi: f64) -> Self {
        self.lit(lo).max(self.lit(hi).min(self))
    }

    pub(crate) fn srl(self, by: impl Operand<'s, E>) -> Self {
        self.binary(Native::ShrLogical, by)
    }

    pub(crate) fn sra(self, by: impl Operand<'s, E>) -> Self {
        self.binary(Native::ShrArith, by)
    }

    pub(crate) fn cmp(self, cmp: Cmp, b: impl Operand<'s, E>) -> Self {
        self.binary(Native::Cmp(cmp), b)
    }

    pub(crate) fn eq(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Eq, b)
    }

    pub(crate) fn ne(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Ne, b)
    }

    pub(crate) fn lt(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Lt, b)
    }

    pub(crate) fn le(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Le, b)
    }

    pub(crate) fn gt(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Gt, b)
    }

    pub(crate) fn ge(self, b: impl Operand<'s, E>) -> Self {
        self.cmp(Cmp::Ge, b)
    }

    pub(crate) fn is_nan(self) -> Self {
        self.ne(self)
    }

    /// `a` where `self` (a `bool`), else `b`. At least one of them is not a literal.
    pub(crate) fn select(self, a: Expr<'s, E>, b: impl Operand<'s, E>) -> Self {
        let b = b.like(a);
        self.op(Native::Select, [self.v, a.v, b.v])
    }

    pub(crate) fn abs(self) -> Self {
        self.op(Native::Abs, [self.v])
    }

    pub(crate) fn sqrt(self) -> Self {
        self.op(Native::Sqrt, [self.v])
    }

    pub(crate) fn trunc(self) -> Self {
        self.op(Native::Trunc, [self.v])
    }

    pub(crate) fn nearest(self) -> Self {
        self.op(Native::Nearest, [self.v])
    }

    pub(crate) fn bitcast(self, ty: DType) -> Self {
        self.op(Native::Bitcast(ty), [self.v])
    }

    pub(crate) fn convert(self, ty: DType) -> Self {
        self.op(Native::Convert(ty), [self.v])
    }

    /// A float as the signed integer with the same bits.
    pub(crate) fn bits(self) -> Self {
        self.bitcast(if self.ty().bits() == 32 {
            DType::I32
        } else {
            DType::I64
        })
    }

    /// A 32 or 64-bit integer as the float with the same bits.
    pub(crate) fn float(self) -> Self {
        self.bitcast(if self.ty().bits() == 32 {
            DType::F32
        } else {
            DType::F64
        })
    }

    /// The magnitude of `self` with the sign of `s`.
    pub(crate) fn copysign(self, s: Expr<'s, E>) -> Self {
        let sign = if self.is_f32() { 1 << 31 } else { i64::MIN };
        (self.abs().bits() | (s.bits() & sign)).float()
    }

    /// The polynomial in `self` with these coefficients, highest power first, by Horner's rule
    /// with fused steps.
    pub(crate) fn poly(self, coefficients: &[f64]) -> Self {
        let first = self.lit(coefficients[0]);
        coefficients[1..]
            .iter()
            .fold(first, |sum, &c| sum.fma(self, c))
    }
}

macro_rules! operator {
    ($($Trait:ident $method:ident $op:expr;)*) => { $(
        impl<'s, E: Emit, R: Operand<'s, E>> $Trait<R> for Expr<'s, E> {
            type Output = Self;
            fn $method(self, b: R) -> Self {
                self.binary($op, b)
            }
        }
    )* };
}

operator! {
    Add add Native::Add;
    Sub sub Native::Sub;
    Mul mul Native::Mul;
    Div div Native::Div;
    BitAnd bitand Native::And;
    BitOr bitor Native::Or;
    BitXor bitxor Native::Xor;
    Shl shl Native::Shl;
}

impl<E: Emit> Neg for Expr<'_, E> {
    type Output = Self;
    fn neg(self) -> Self {
        self.op(Native::Neg, [self.v])
    }
}

impl<E: Emit> Not for Expr<'_, E> {
    type Output = Self;
    fn not(self) -> Self {
        self.op(Native::Not, [self.v])
    }
}
