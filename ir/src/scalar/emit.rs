//! From pointwise operations to native ones.

use std::cell::RefCell;

use super::{CompareType, Lower, Pointwise};
use crate::math::{basic, erf, exp, expr::Expr, log, pow, root, tanh, trig};
use crate::native::{Emit, Native};
use crate::types::DType;

impl Pointwise {
    /// The machine operation it is on operands of type `ty` (for `select`, the type of its
    /// branches), if it is one.
    pub fn native(self, ty: DType) -> Option<Native> {
        use Pointwise::*;
        match (self, ty) {
            (Convert(to), _) => Some(Native::Convert(to)).filter(|op| op.infer(&[ty]).is_some()),
            (Select, _) => Some(Native::Select),
            (_, DType::F16 | DType::BF16) => None,
            (Add | Maximum, DType::Bool) => Some(Native::Or),
            (Multiply | Minimum, DType::Bool) => Some(Native::And),
            (Maximum, _) if ty.is_int() => Some(Native::Max),
            (Minimum, _) if ty.is_int() => Some(Native::Min),
            (Remainder, _) if ty.is_int() => Some(Native::Rem),
            _ => match self.row().lower {
                Lower::Native(native) => Some(native),
                Lower::Expand => None,
            },
        }
    }

    /// Emits the operation for one element of each operand. The operand types must satisfy
    /// `infer_dtype`. 16-bit floats are widened to `f32` and the result is rounded back.
    pub fn emit<E: Emit>(self, e: &mut E, args: &[E::V]) -> E::V {
        let ty = e.dtype(args[args.len() - 1]);
        if let Some(native) = self.native(ty) {
            return e.native(native, args);
        }
        let moves_bits = matches!(self, Pointwise::Convert(_)) || self.is_total_order();
        if ty.compute() == ty || moves_bits {
            return self.expand(e, args);
        }
        let widen = Native::Convert(DType::F32);
        let wide: Vec<_> = args.iter().map(|&a| e.native(widen, &[a])).collect();
        let result = self.emit(e, &wide);
        match e.dtype(result) {
            DType::F32 => e.native(Native::Convert(ty), &[result]),
            _ => result,
        }
    }

    pub(super) fn is_total_order(self) -> bool {
        matches!(self, Pointwise::Compare(_, CompareType::TotalOrder))
    }

    /// The one dispatch from operations to expansions.
    fn expand<E: Emit>(self, e: &mut E, args: &[E::V]) -> E::V {
        let e = RefCell::new(e);
        let x = |i: usize| Expr::new(&e, args[i]);
        let a = x(0);
        let result = match self {
            Pointwise::Power if a.ty().is_int() => basic::integer_power(a, x(1)),
            Pointwise::Maximum => basic::maximum(a, x(1)),
            Pointwise::Minimum => basic::minimum(a, x(1)),
            Pointwise::Clamp => basic::minimum(basic::maximum(x(1), a), x(2)),
            Pointwise::Sign => basic::sign(a),
            Pointwise::RoundNearestAfz => basic::round_nearest_afz(a),
            Pointwise::Rsqrt => a.lit(1.0) / a.sqrt(),
            Pointwise::Power => pow::power(a, x(1)),
            Pointwise::Remainder => pow::remainder(a, x(1)),
            Pointwise::Atan2 => trig::atan2(a, x(1)),
            Pointwise::Sine => trig::sine(a),
            Pointwise::Cosine => trig::cosine(a),
            Pointwise::Tan => trig::tan(a),
            Pointwise::Cbrt => root::cbrt(a),
            Pointwise::Exp => exp::exp(a),
            Pointwise::Expm1 => exp::expm1(a),
            Pointwise::Logistic => exp::logistic(a),
            Pointwise::Log => log::log(a),
            Pointwise::Log1p => log::log1p(a),
            Pointwise::Tanh => tanh::tanh(a),
            Pointwise::Erf => erf::erf(a),
            Pointwise::IsFinite => basic::is_finite(a),
            Pointwise::Compare(cmp, _) => basic::compare_total(cmp, a, x(1)),
            Pointwise::Convert(to) => basic::convert(a, to),
            _ => unreachable!("{self:?} is native"),
        };
        result.v
    }
}
