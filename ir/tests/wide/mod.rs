//! Elementary functions in double-double arithmetic, good to about 100 bits: what `f64` results
//! are compared with. Plain, not fast.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The unevaluated sum of a float and what it lacks.
#[derive(Clone, Copy, Debug)]
pub struct Wide(pub f64, pub f64);

impl From<f64> for Wide {
    fn from(x: f64) -> Wide {
        Wide(x, 0.0)
    }
}

fn two_sum(a: f64, b: f64) -> Wide {
    let s = a + b;
    let t = s - a;
    Wide(s, (a - (s - t)) + (b - t))
}

impl Add for Wide {
    type Output = Wide;
    fn add(self, b: Wide) -> Wide {
        let (s, t) = (two_sum(self.0, b.0), two_sum(self.1, b.1));
        let s = two_sum(s.0, s.1 + t.0);
        two_sum(s.0, s.1 + t.1)
    }
}

impl Neg for Wide {
    type Output = Wide;
    fn neg(self) -> Wide {
        Wide(-self.0, -self.1)
    }
}

impl Sub for Wide {
    type Output = Wide;
    fn sub(self, b: Wide) -> Wide {
        self + -b
    }
}

impl Mul for Wide {
    type Output = Wide;
    fn mul(self, b: Wide) -> Wide {
        let p = self.0 * b.0;
        let e = self.0.mul_add(b.0, -p) + (self.0 * b.1 + self.1 * b.0);
        two_sum(p, e)
    }
}

impl Div for Wide {
    type Output = Wide;
    fn div(self, b: Wide) -> Wide {
        let q = Wide::from(self.0 / b.0);
        let rest = self - q * b;
        let q = q + Wide::from(rest.0 / b.0);
        let rest = self - q * b;
        q + Wide::from(rest.0 / b.0)
    }
}

const LN2: [f64; 3] = [
    std::f64::consts::LN_2,
    2.3190468138462996e-17,
    5.707708438416212e-34,
];
const HALF_PI: Wide = Wide(std::f64::consts::FRAC_PI_2, 6.123233995736766e-17);
const TWO_OVER_SQRT_PI: Wide = Wide(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);

fn one() -> Wide {
    Wide::from(1.0)
}

fn scale(x: Wide, n: i32) -> Wide {
    let half = n / 2;
    let (a, b) = (2f64.powi(half), 2f64.powi(n - half));
    Wide(x.0 * a * b, x.1 * a * b)
}

/// `e^x - 1 = 2^n (p + 1) - 1`: `(p, n)`.
fn exp_parts(x: Wide) -> (Wide, i32) {
    let n = (x.0 / LN2[0]).round();
    let r = LN2
        .iter()
        .fold(x, |r, &part| r - Wide::from(n) * Wide::from(part));
    let r = scale(r, -10);
    let series = (2..12)
        .rev()
        .fold(one(), |s, k| one() + r * s / Wide::from(k as f64));
    let p = (0..10).fold(r * series, |p, _| p + p + p * p);
    (p, n as i32)
}

pub fn exp(x: Wide) -> Wide {
    let (p, n) = exp_parts(x);
    scale(p + one(), n)
}

pub fn expm1(x: Wide) -> Wide {
    match exp_parts(x) {
        (p, 0) => p,
        (p, n) => scale(p + one(), n) - one(),
    }
}

/// `log(1 + x)`.
pub fn log1p(x: Wide) -> Wide {
    let y = Wide::from(x.0.ln_1p());
    let e = x + (one() + x) * expm1(-y);
    y + e - e * e * Wide::from(0.5)
}

pub fn log(x: Wide) -> Wide {
    let exponent = (x.0.to_bits() >> 52) as i32 - 1023;
    if exponent.abs() <= 1 {
        return log1p(x - one());
    }
    let n = Wide::from(exponent as f64);
    let log2 = LN2
        .iter()
        .rev()
        .fold(Wide::from(0.0), |s, &part| s + n * Wide::from(part));
    log1p(scale(x, -exponent) - one()) + log2
}

pub fn tanh(x: Wide) -> Wide {
    let m = expm1(x + x);
    m / (m + Wide::from(2.0))
}

pub fn logistic(x: Wide) -> Wide {
    one() / (one() + exp(-x))
}

pub fn erf(x: Wide) -> Wide {
    let square = x * x;
    let (mut term, mut sum) = (one(), one());
    for n in 1..220 {
        term = term * (square + square) / Wide::from((2 * n + 1) as f64);
        sum = sum + term;
    }
    TWO_OVER_SQRT_PI * x * exp(-square) * sum
}

pub fn cbrt(x: Wide) -> Wide {
    let y = Wide::from(x.0.cbrt());
    y - (y * y * y - x) / (y * y * Wide::from(3.0))
}

pub fn pow(x: Wide, y: Wide) -> Wide {
    exp(y * log(x))
}

/// `(sin r, cos r)` for a small `r`.
fn sin_cos_near(r: Wide) -> (Wide, Wide) {
    let z = -(r * r);
    let series = |first: i32| {
        let terms = (0..16)
            .rev()
            .map(|k| ((2 * k + first + 1) * (2 * k + first + 2)) as f64);
        terms.fold(one(), |s, k| one() + z * s / Wide::from(k))
    };
    (r * series(1), series(0))
}

fn quadrant(r: Wide, q: u64) -> (Wide, Wide) {
    let (s, c) = sin_cos_near(r);
    [(s, c), (c, -s), (-s, -c), (-c, s)][(q % 4) as usize]
}

/// `(sin x, cos x)` at any magnitude.
pub fn sin_cos(x: f64) -> (Wide, Wide) {
    let (r, q) = reduce(x.abs());
    let (s, c) = quadrant(r, q);
    if x < 0.0 { (-s, c) } else { (s, c) }
}

pub fn atan2(y: f64, x: f64) -> Wide {
    let guess = y.atan2(x);
    let n = (guess / HALF_PI.0).round();
    let (s, c) = quadrant(Wide::from(guess) - HALF_PI * Wide::from(n), n as i64 as u64);
    let (x, y) = (Wide::from(x), Wide::from(y));
    // the angle that is left, so small that it is its tangent
    Wide::from(guess) + (y * c - x * s) / (x * c + y * s)
}

/// Limbs of 32 bits after the binary point: past 2^-1074 and 100 bits beyond.
const LIMBS: usize = 40;

/// A fixed-point number, least limb first; the last limb is the integer part.
type Fixed = [u32; LIMBS + 1];

fn divide(x: &Fixed, by: u64) -> Fixed {
    let (mut result, mut rest) = ([0; LIMBS + 1], 0u64);
    for i in (0..=LIMBS).rev() {
        let value = rest << 32 | x[i] as u64;
        result[i] = (value / by) as u32;
        rest = value % by;
    }
    result
}

/// `x + y`, or `x - y` modulo 2^32.
fn add(x: &Fixed, y: &Fixed, negate: bool) -> Fixed {
    let (mut result, mut carry) = ([0; LIMBS + 1], negate as u64);
    for i in 0..=LIMBS {
        let limb = if negate { !y[i] } else { y[i] };
        let value = x[i] as u64 + limb as u64 + carry;
        result[i] = value as u32;
        carry = value >> 32;
    }
    result
}

/// `pi / 2 = 8 atan(1/5) - 2 atan(1/239)`
fn half_pi() -> Fixed {
    let atan = |factor: u32, inverse: u64| {
        let mut power = [0; LIMBS + 1];
        power[LIMBS] = factor;
        power = divide(&power, inverse);
        let mut sum = power;
        for n in 1..300u64 {
            power = divide(&power, inverse * inverse);
            sum = add(&sum, &divide(&power, 2 * n + 1), n % 2 == 1);
        }
        sum
    };
    add(&atan(8, 5), &atan(2, 239), true)
}

/// `x = q pi / 2 + r` for `x >= 0` with `|r|` up to `pi / 4`, by long division bit by bit.
fn reduce(x: f64) -> (Wide, u64) {
    if x < 0.7 {
        return (Wide::from(x), 0);
    }
    thread_local!(static HALF_PI_BITS: Fixed = half_pi());
    let modulus = HALF_PI_BITS.with(|p| *p);
    let mantissa = x.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let exponent = (x.to_bits() >> 52) as i32 - 1023;
    let (mut rest, mut quotient) = ([0u32; LIMBS + 1], 0u64);
    let reduced = |mut rest: Fixed, mut quotient: u64| {
        while less_or_equal(&modulus, &rest) {
            rest = add(&rest, &modulus, true);
            quotient += 1;
        }
        (rest, quotient % 4)
    };
    // The whole part from its highest bit on, then the fraction.
    for place in 0..=exponent {
        rest = add(&rest, &rest, false);
        rest[LIMBS] += if place <= 52 {
            (mantissa >> (52 - place)) as u32 & 1
        } else {
            0
        };
        (rest, quotient) = reduced(rest, 2 * quotient);
    }
    let mut fraction = [0; LIMBS + 1];
    let bits = (x.fract() * 2f64.powi(64)) as u64;
    (fraction[LIMBS - 1], fraction[LIMBS - 2]) = ((bits >> 32) as u32, bits as u32);
    (rest, quotient) = reduced(add(&rest, &fraction, false), quotient);
    if to_wide(&rest).0 < HALF_PI.0 / 2.0 {
        return (to_wide(&rest), quotient);
    }
    (-to_wide(&add(&modulus, &rest, true)), (quotient + 1) % 4)
}

fn less_or_equal(a: &Fixed, b: &Fixed) -> bool {
    a.iter().rev().le(b.iter().rev())
}

fn to_wide(x: &Fixed) -> Wide {
    let limb = |i: usize| Wide::from(x[i] as f64 * 2f64.powi(32 * (i as i32 - LIMBS as i32)));
    (0..=LIMBS)
        .rev()
        .fold(Wide::from(0.0), |sum, i| sum + limb(i))
}
