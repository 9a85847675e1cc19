//! Gradients of the pointwise operations.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::Pointwise;
use crate::build::Builder;
use crate::graph::Value;
use crate::native::Cmp;

impl Pointwise {
    /// Gradients of the operands `x` from the gradient `dy` of the float result `y`.
    ///
    /// Where `maximum`, `minimum` and `clamp` have a tie, all of `dy` goes to the bound, that is to
    /// the second operand of the first two: `maximum(x, 0)` has slope 0 at 0.
    pub(super) fn gradients(
        self,
        b: &mut Builder,
        x: &[Value],
        y: Value,
        dy: Value,
    ) -> Vec<Option<Value>> {
        use Pointwise::*;
        if let Some(slope) = self.slope(b, x[0], y) {
            return vec![Some(b.mul(dy, slope))];
        }
        match self {
            Add => vec![Some(dy), Some(dy)],
            Subtract => vec![Some(dy), Some(b.neg(dy))],
            Negate => vec![Some(b.neg(dy))],
            Multiply => vec![Some(b.mul(dy, x[1])), Some(b.mul(dy, x[0]))],
            Fma => vec![Some(b.mul(dy, x[1])), Some(b.mul(dy, x[0])), Some(dy)],
            Divide => {
                let da = b.div(dy, x[1]);
                let db = b.mul(da, y);
                vec![Some(da), Some(b.neg(db))]
            }
            // y = a - n b with n a whole number
            Remainder => {
                let multiple = b.sub(x[0], y);
                let n = b.div(multiple, x[1]);
                let n = b.op(RoundNearestEven, &[n]);
                let db = b.mul(dy, n);
                vec![Some(dy), Some(b.neg(db))]
            }
            Power => power(b, x, y, dy),
            Atan2 => {
                let squares = (b.mul(x[0], x[0]), b.mul(x[1], x[1]));
                let sum = b.add(squares.0, squares.1);
                let dy = b.div(dy, sum);
                let db = b.mul(dy, x[0]);
                vec![Some(b.mul(dy, x[1])), Some(b.neg(db))]
            }
            Maximum | Minimum => {
                let cmp = if self == Maximum { Cmp::Gt } else { Cmp::Lt };
                // The result is beyond the second operand where the first is, so the gradient needs the
                // result only: an activation, which is stored, rather than what it was computed from.
                let first = b.compare(cmp, y, x[1]);
                let (da, db) = split(b, first, dy);
                vec![Some(da), Some(db)]
            }
            Clamp => {
                let raised = b.max(x[1], x[0]);
                let below = b.compare(Cmp::Lt, raised, x[2]);
                let (d_raised, d_hi) = split(b, below, dy);
                let inside = b.compare(Cmp::Gt, x[1], x[0]);
                let (d, d_lo) = split(b, inside, d_raised);
                vec![Some(d_lo), Some(d), Some(d_hi)]
            }
            Select => {
                let (da, db) = split(b, x[0], dy);
                vec![None, Some(da), Some(db)]
            }
            Convert(_) => {
                let from = b.ty(x[0]).dtype;
                vec![from.is_float().then(|| b.convert(dy, from))]
            }
            // Piecewise constant.
            _ => vec![None; x.len()],
        }
    }

    /// Derivative of a function of one variable.
    fn slope(self, b: &mut Builder, x: Value, y: Value) -> Option<Value> {
        use Pointwise::*;
        Some(match self {
            Abs => b.sign(x),
            Sqrt => {
                let half = b.like(y, 0.5);
                b.div(half, y)
            }
            Rsqrt => {
                let square = b.mul(y, y);
                let cube = b.mul(square, y);
                let factor = b.like(y, -0.5);
                b.mul(cube, factor)
            }
            Cbrt => {
                let square = b.mul(y, y);
                let third = b.like(y, 1.0 / 3.0);
                b.div(third, square)
            }
            Exp => y,
            Expm1 => plus(b, y, 1.0),
            Log => {
                let one = b.like(x, 1.0);
                b.div(one, x)
            }
            Log1p => {
                let one = b.like(x, 1.0);
                let sum = b.add(x, one);
                b.div(one, sum)
            }
            Tanh => {
                let square = b.mul(y, y);
                let one = b.like(y, 1.0);
                b.sub(one, square)
            }
            Logistic => {
                let one = b.like(y, 1.0);
                let rest = b.sub(one, y);
                b.mul(y, rest)
            }
            Sine => b.cos(x),
            Cosine => {
                let sine = b.sin(x);
                b.neg(sine)
            }
            Tan => {
                let square = b.mul(y, y);
                plus(b, square, 1.0)
            }
            Erf => {
                let square = b.mul(x, x);
                let exponent = b.neg(square);
                let bell = b.exp(exponent);
                let scale = b.like(x, FRAC_2_SQRT_PI);
                b.mul(bell, scale)
            }
            _ => return None,
        })
    }
}

fn plus(b: &mut Builder, x: Value, c: f64) -> Value {
    let c = b.like(x, c);
    b.add(x, c)
}

/// `dy` where `c`, and `dy` where not; zero elsewhere.
fn split(b: &mut Builder, c: Value, dy: Value) -> (Value, Value) {
    let zero = b.like(dy, 0.0);
    (b.select(c, dy, zero), b.select(c, zero, dy))
}

/// `d(a^b) = b a^(b-1) da + log(a) a^b db`. The first is 0 for `b = 0`, the second for `a = 0`,
/// where a factor may be infinite.
fn power(b: &mut Builder, x: &[Value], y: Value, dy: Value) -> Vec<Option<Value>> {
    let (zero, one) = (b.like(y, 0.0), b.like(y, 1.0));
    let constant = b.compare(Cmp::Eq, x[1], zero);
    let less = b.sub(x[1], one);
    let exponent = b.select(constant, one, less);
    let power = b.pow(x[0], exponent);
    let slope = b.mul(x[1], power);
    let da = b.mul(dy, slope);
    let origin = b.compare(Cmp::Eq, x[0], zero);
    let base = b.select(origin, one, x[0]);
    let log = b.log(base);
    let slope = b.mul(log, y);
    let db = b.mul(dy, slope);
    vec![Some(da), Some(db)]
}
