//! The scalar machine: about thirty operations that every target carries out in one or a few
//! instructions with the same bits. The loop IR computes with nothing else; pointwise graph
//! operations that are not native expand to these (`scalar.rs`, `math/`).
//!
//! All operations are total: there is no trap and no undefined result. Types are those of
//! `DType`; `f16` and `bf16` occur only as the source or target of `Convert` and `Bitcast`, and in `Select`.

use crate::types::DType;

mod eval;
mod tape;

pub use eval::Evaluator;
pub use tape::Tape;

/// One scalar value: its type and its bits, zero-extended to 64. A `bool` is 0 or 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scalar {
    /// Element type.
    pub ty: DType,
    /// The bit pattern in the low `ty.bits()` bits; the rest is zero.
    pub bits: u64,
}

/// Ordering predicates. On floats they are IEEE-754: false when an operand is NaN, except `Ne`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Cmp {
    /// All predicates with their names in text form.
    pub const ALL: [(Cmp, &'static str); 6] = [
        (Cmp::Eq, "eq"),
        (Cmp::Ne, "ne"),
        (Cmp::Lt, "lt"),
        (Cmp::Le, "le"),
        (Cmp::Gt, "gt"),
        (Cmp::Ge, "ge"),
    ];

    /// Name in text form.
    pub fn name(self) -> &'static str {
        Cmp::ALL[self as usize].1
    }

    /// The predicate with this name.
    pub fn from_name(name: &str) -> Option<Cmp> {
        Cmp::ALL
            .into_iter()
            .find(|(_, n)| *n == name)
            .map(|(c, _)| c)
    }
}

/// A machine operation. Operand types are equal unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Native {
    /// `a + b`; integers wrap.
    Add,
    /// `a - b`; integers wrap.
    Sub,
    /// `a * b`; integers wrap.
    Mul,
    /// `a / b`. Integers truncate; `x / 0` is all ones (-1), `MIN / -1` is `MIN`.
    Div,
    /// Integer remainder with the sign of `a`; `x % 0` is `x`, `MIN % -1` is 0. Not for floats.
    Rem,
    /// `-a`: floats flip the sign bit, integers wrap.
    Neg,
    /// `|a|`: floats clear the sign bit; `|MIN|` is `MIN`. Unsigned: identity.
    Abs,
    /// `if a < b { a } else { b }`, so the second operand when one is NaN or both are zero.
    Min,
    /// `if b < a { a } else { b }`, so the second operand when one is NaN or both are zero.
    Max,
    /// Correctly rounded square root (floats).
    Sqrt,
    /// `a * b + c` with one rounding (floats).
    Fma,
    /// Round towards minus infinity (floats).
    Floor,
    /// Round towards plus infinity (floats).
    Ceil,
    /// Round towards zero (floats).
    Trunc,
    /// Round to nearest, ties to even (floats).
    Nearest,
    /// Bitwise and (integers, `bool`).
    And,
    /// Bitwise or (integers, `bool`).
    Or,
    /// Bitwise exclusive or (integers, `bool`).
    Xor,
    /// Bitwise not (integers, `bool`).
    Not,
    /// `a << b`, 0 when `b` (as unsigned) is not below the width.
    Shl,
    /// Logical `a >> b`, 0 when `b` (as unsigned) is not below the width.
    ShrLogical,
    /// Arithmetic `a >> b` on the bits of `a` as signed; all sign bits past the width.
    ShrArith,
    /// Number of one bits (integers), in the operand's type.
    Popcnt,
    /// Number of leading zero bits (integers), the width for 0, in the operand's type.
    Clz,
    /// Comparison of equal types; the result is `bool`. On `bool`, false < true.
    Cmp(Cmp),
    /// `select(c: bool, a, b)`: `a` where `c`, else `b`; any type for `a` and `b`.
    Select,
    /// The same bits as another type of the same width.
    Bitcast(DType),
    /// Value conversion. Integer to integer truncates or extends; to `bool` is `x != 0`; float to
    /// integer truncates towards zero and saturates, NaN gives 0; to a smaller float rounds to
    /// nearest even. Between `f16`/`bf16` and anything but `f32`, go through `f32`.
    Convert(DType),
}

impl Native {
    /// Number of operands.
    pub fn arity(self) -> usize {
        use Native::*;
        match self {
            Fma | Select => 3,
            Neg | Abs | Sqrt | Floor | Ceil | Trunc | Nearest | Not | Popcnt | Clz | Bitcast(_)
            | Convert(_) => 1,
            _ => 2,
        }
    }

    /// Type of the result for these operand types; `None` when the operation does not take them.
    pub fn infer(self, args: &[DType]) -> Option<DType> {
        use Native::*;
        if args.len() != self.arity() {
            return None;
        }
        let t = args[0];
        let same = args.iter().all(|&a| a == t);
        let half = matches!(t, DType::F16 | DType::BF16);
        let number = t != DType::Bool && !half;
        let float = t.is_float() && !half;
        match self {
            Add | Sub | Mul | Div | Min | Max => (same && number).then_some(t),
            Neg | Abs => number.then_some(t),
            Rem | Popcnt | Clz | Shl | ShrLogical | ShrArith => (same && t.is_int()).then_some(t),
            Sqrt | Fma | Floor | Ceil | Trunc | Nearest => (same && float).then_some(t),
            And | Or | Xor | Not => (same && (t.is_int() || t == DType::Bool)).then_some(t),
            Cmp(_) => (same && !half).then_some(DType::Bool),
            Select => (t == DType::Bool && args[1] == args[2]).then_some(args[1]),
            Bitcast(to) => (to.bits() == t.bits()).then_some(to),
            Convert(to) => {
                let narrow = |x| matches!(x, DType::F16 | DType::BF16);
                let ok = t == to || (!narrow(t) && !narrow(to)) || (narrow(t) && to == DType::F32);
                (ok || (t == DType::F32 && narrow(to))).then_some(to)
            }
        }
    }
}

/// Somewhere to put native operations: the interpreter computes them at once, the loop IR's
/// builder records them. Expansions (`math/`) are written once against this trait.
pub trait Emit {
    /// A value in flight.
    type V: Copy;
    /// Applies `op`. The operand types must satisfy `Native::infer`.
    fn native(&mut self, op: Native, args: &[Self::V]) -> Self::V;
    /// A constant.
    fn constant(&mut self, value: Scalar) -> Self::V;
    /// The type of a value.
    fn dtype(&self, v: Self::V) -> DType;
    /// The value of `v` when it is known already: some expansions are shorter then (a maximum with
    /// a constant is one operation). The results are the same except for the payload of a NaN.
    fn known(&self, _v: Self::V) -> Option<Scalar> {
        None
    }
}
