//! The pointwise operations: one variant and one row each.
//!
//! A row says what the operation takes and gives, how accurate it is, and whether it is a native
//! operation or an expansion. Names and meaning are StableHLO's. 16-bit floats are computed in
//! `f32` and rounded after every operation.

use crate::math;
use crate::native::{Cmp, Native};
use crate::types::DType;

mod emit;
mod rules;
mod vjp;

/// What `Pointwise::Compare` does with floats.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum CompareType {
    /// IEEE-754 comparison: -0 equals +0, NaN is unordered.
    Normal,
    /// The total order: -NaN < -inf < .. < -0 < +0 < .. < inf < NaN. Floats only.
    TotalOrder,
}

impl CompareType {
    /// Name in text form.
    pub fn name(self) -> &'static str {
        match self {
            CompareType::Normal => "normal",
            CompareType::TotalOrder => "total_order",
        }
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<CompareType> {
        [CompareType::Normal, CompareType::TotalOrder]
            .into_iter()
            .find(|t| t.name() == name)
    }
}

macro_rules! pointwise {
    ($($plain:ident,)*) => {
        /// An operation on elements. Its row (`row`) describes it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[allow(missing_docs)]
        pub enum Pointwise {
            $($plain,)*
            Compare(Cmp, CompareType),
            Convert(DType),
        }

        /// The operations without attributes.
        const PLAIN: &[Pointwise] = &[$(Pointwise::$plain,)*];
    };
}

pointwise! {
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
    Select,
    Clamp,
    IsFinite,
    Popcnt,
    CountLeadingZeros,
}

/// A set of element types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Class {
    Float,
    Int,
    /// Floats and integers.
    Number,
    /// Integers and `bool`.
    Bits,
    Any,
}

impl Class {
    /// True when the class has `ty`.
    pub fn contains(self, ty: DType) -> bool {
        match self {
            Class::Float => ty.is_float(),
            Class::Int => ty.is_int(),
            Class::Number => ty != DType::Bool,
            Class::Bits => !ty.is_float(),
            Class::Any => true,
        }
    }

    /// The types as error messages name them.
    pub fn name(self) -> &'static str {
        match self {
            Class::Float => "floats",
            Class::Int => "integers",
            Class::Number => "floats and integers",
            Class::Bits => "integers and bool",
            Class::Any => "all types",
        }
    }
}

/// Operand and result types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// This many operands of one type, which is also the result's.
    Same(usize, Class),
    /// This many operands of one type; the result is `bool`.
    Test(usize, Class),
    /// `bool`, then two operands of one type, which is also the result's.
    Select,
    /// One operand of any type; the result has the type of the attribute.
    To(DType),
}

/// How an operation becomes native ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lower {
    /// One native operation (`Pointwise::native` knows the few types for which it is another).
    Native(Native),
    /// Several, by a function in `math`.
    Expand,
}

/// All there is to know about one pointwise operation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name in text form.
    pub name: &'static str,
    /// Meaning in one line; `a`, `b`, `c` are the operands.
    pub about: &'static str,
    /// Operand and result types.
    pub rule: Rule,
    /// Native or expanded.
    pub lower: Lower,
    /// The function on the reals, to about the precision of `f64`; for the accuracy tests.
    pub reference: Option<fn(&[f64]) -> f64>,
    /// Largest error in units in the last place of the result: for `f32`, for `f64`. It is 0.5 for
    /// a correctly rounded result and 0 for an exact one. 16-bit floats add one rounding of their own.
    pub ulp: [f64; 2],
}

impl Row {
    const fn native(name: &'static str, native: Native, rule: Rule, about: &'static str) -> Row {
        Row {
            name,
            about,
            rule,
            lower: Lower::Native(native),
            reference: None,
            ulp: [0.0; 2],
        }
    }

    const fn expand(name: &'static str, rule: Rule, about: &'static str) -> Row {
        Row {
            name,
            about,
            rule,
            lower: Lower::Expand,
            reference: None,
            ulp: [0.0; 2],
        }
    }

    const fn float(name: &'static str, arity: usize, about: &'static str) -> Row {
        Row::expand(name, Rule::Same(arity, Class::Float), about)
    }

    const fn within(self, ulp: [f64; 2], reference: fn(&[f64]) -> f64) -> Row {
        Row {
            reference: Some(reference),
            ulp,
            ..self
        }
    }
}

impl Pointwise {
    /// IEEE comparison by a predicate.
    pub fn compare(cmp: Cmp) -> Pointwise {
        Pointwise::Compare(cmp, CompareType::Normal)
    }

    /// The operation's row.
    #[rustfmt::skip]
    pub fn row(self) -> Row {
        use Pointwise::*;
        const HALF: [f64; 2] = [0.5; 2];
        const ONE: fn(Class) -> Rule = |class| Rule::Same(1, class);
        const TWO: fn(Class) -> Rule = |class| Rule::Same(2, class);
        match self {
            Add => Row::native("add", Native::Add, TWO(Class::Any), "a + b; integers wrap; or for bool").within(HALF, |x| x[0] + x[1]),
            Subtract => Row::native("subtract", Native::Sub, TWO(Class::Number), "a - b; integers wrap").within(HALF, |x| x[0] - x[1]),
            Multiply => Row::native("multiply", Native::Mul, TWO(Class::Any), "a b; integers wrap; and for bool").within(HALF, |x| x[0] * x[1]),
            Divide => Row::native("divide", Native::Div, TWO(Class::Number), "a / b; integers truncate, x / 0 = -1, MIN / -1 = MIN").within(HALF, |x| x[0] / x[1]),
            Remainder => Row::expand("remainder", TWO(Class::Number), "a - b trunc(a / b), exact, with the sign of a; integer x % 0 = x"),
            Power => Row::expand("power", TWO(Class::Number), "a to the power b; integers wrap").within([1.25, 1.25], |x| x[0].powf(x[1])),
            Maximum => Row::expand("maximum", TWO(Class::Any), "the larger; NaN if one is, -0 < +0; or for bool"),
            Minimum => Row::expand("minimum", TWO(Class::Any), "the smaller; NaN if one is, -0 < +0; and for bool"),
            Atan2 => Row::float("atan2", 2, "angle of the point (b, a) in (-pi, pi]").within([2.0, 2.0], |x| x[0].atan2(x[1])),
            And => Row::native("and", Native::And, TWO(Class::Bits), "bitwise and"),
            Or => Row::native("or", Native::Or, TWO(Class::Bits), "bitwise or"),
            Xor => Row::native("xor", Native::Xor, TWO(Class::Bits), "bitwise exclusive or"),
            Not => Row::native("not", Native::Not, ONE(Class::Bits), "bitwise not"),
            ShiftLeft => Row::native("shift_left", Native::Shl, TWO(Class::Int), "a shifted left by b bits, 0 past the width"),
            ShiftRightLogical => Row::native("shift_right_logical", Native::ShrLogical, TWO(Class::Int), "a shifted right by b bits, zeros enter, 0 past the width"),
            ShiftRightArithmetic => Row::native("shift_right_arithmetic", Native::ShrArith, TWO(Class::Int), "a shifted right by b bits, copies of the sign bit enter"),
            Negate => Row::native("negate", Native::Neg, ONE(Class::Number), "-a; integers wrap"),
            Abs => Row::native("abs", Native::Abs, ONE(Class::Number), "|a|; |MIN| = MIN"),
            Sign => Row::expand("sign", ONE(Class::Number), "-1, 0 or 1; zeros and NaN stay"),
            Floor => Row::native("floor", Native::Floor, ONE(Class::Float), "largest integer not above a"),
            Ceil => Row::native("ceil", Native::Ceil, ONE(Class::Float), "smallest integer not below a"),
            RoundNearestEven => Row::native("round_nearest_even", Native::Nearest, ONE(Class::Float), "nearest integer, halves to even"),
            RoundNearestAfz => Row::float("round_nearest_afz", 1, "nearest integer, halves away from zero"),
            Sqrt => Row::native("sqrt", Native::Sqrt, ONE(Class::Float), "square root").within(HALF, |x| x[0].sqrt()),
            Rsqrt => Row::float("rsqrt", 1, "1 / sqrt(a), two roundings").within([1.5, 1.5], |x| 1.0 / x[0].sqrt()),
            Cbrt => Row::float("cbrt", 1, "cube root").within([1.0, 1.0], |x| x[0].cbrt()),
            Exp => Row::float("exp", 1, "e^a").within([1.0, 1.0], |x| x[0].exp()),
            Expm1 => Row::float("expm1", 1, "e^a - 1, accurate near 0").within([2.0, 2.0], |x| x[0].exp_m1()),
            Log => Row::float("log", 1, "natural logarithm").within([1.0, 1.0], |x| x[0].ln()),
            Log1p => Row::float("log1p", 1, "log(1 + a), accurate near 0").within([1.5, 1.5], |x| x[0].ln_1p()),
            Tanh => Row::float("tanh", 1, "hyperbolic tangent").within([3.0, 3.0], |x| x[0].tanh()),
            Logistic => Row::float("logistic", 1, "1 / (1 + e^-a)").within([2.5, 2.5], math::reference::logistic),
            Sine => Row::float("sine", 1, "sine of a in radians, any magnitude").within([2.0, 2.0], |x| x[0].sin()),
            Cosine => Row::float("cosine", 1, "cosine of a in radians, any magnitude").within([2.0, 2.0], |x| x[0].cos()),
            Tan => Row::float("tan", 1, "tangent of a in radians, any magnitude").within([3.5, 3.5], |x| x[0].tan()),
            Erf => Row::float("erf", 1, "error function").within([2.0, 2.0], math::reference::erf),
            Fma => Row::native("fma", Native::Fma, Rule::Same(3, Class::Float), "a b + c, rounded once").within(HALF, |x| x[0].mul_add(x[1], x[2])),
            Compare(cmp, _) => {
                let class = if self.is_total_order() { Class::Float } else { Class::Any };
                let row = Row::native("compare", Native::Cmp(cmp), Rule::Test(2, class), "a and b are so ordered; false < true");
                if self.is_total_order() { Row { lower: Lower::Expand, ..row } } else { row }
            }
            Select => Row::native("select", Native::Select, Rule::Select, "b where a, else c"),
            Clamp => Row::expand("clamp", Rule::Same(3, Class::Any), "minimum(maximum(b, a), c)"),
            IsFinite => Row::expand("is_finite", Rule::Test(1, Class::Float), "neither infinite nor NaN"),
            Convert(to) => Row::expand("convert", Rule::To(to), "the value as another type: integers truncate, floats round to nearest even or, to an integer, towards zero and saturate (NaN is 0); to bool, a != 0"),
            Popcnt => Row::native("popcnt", Native::Popcnt, ONE(Class::Int), "number of one bits"),
            CountLeadingZeros => Row::native("count_leading_zeros", Native::Clz, ONE(Class::Int), "number of leading zero bits; the width for 0"),
        }
    }

    /// Every operation, those with attributes once for each value.
    pub fn all() -> Vec<Pointwise> {
        use Pointwise::*;
        let mut all = PLAIN.to_vec();
        for (cmp, _) in Cmp::ALL {
            all.extend([
                Compare(cmp, CompareType::Normal),
                Compare(cmp, CompareType::TotalOrder),
            ]);
        }
        all.extend(DType::ALL.map(Convert));
        all
    }

    /// The operation with this name. Attributes are to be filled in: `compare` is returned as
    /// `Compare(Eq, Normal)`, `convert` as `Convert(F32)`.
    pub fn from_name(name: &str) -> Option<Pointwise> {
        match name {
            "compare" => Some(Pointwise::Compare(Cmp::Eq, CompareType::Normal)),
            "convert" => Some(Pointwise::Convert(DType::F32)),
            _ => Pointwise::all().into_iter().find(|op| op.name() == name),
        }
    }

    /// Name in text form, without attributes.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Number of operands.
    pub fn arity(self) -> usize {
        match self.row().rule {
            Rule::Same(arity, _) | Rule::Test(arity, _) => arity,
            Rule::Select => 3,
            Rule::To(_) => 1,
        }
    }

    /// Element type of the result for these operands; `None` when the operation does not take them.
    pub fn infer_dtype(self, args: &[DType]) -> Option<DType> {
        if args.len() != self.arity() {
            return None;
        }
        let same = args.iter().all(|&a| a == args[0]);
        match self.row().rule {
            Rule::Same(_, class) => (same && class.contains(args[0])).then_some(args[0]),
            Rule::Test(_, class) => (same && class.contains(args[0])).then_some(DType::Bool),
            Rule::Select => (args[0] == DType::Bool && args[1] == args[2]).then_some(args[1]),
            Rule::To(to) => Some(to),
        }
    }
}
