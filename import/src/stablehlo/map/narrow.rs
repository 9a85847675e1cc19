//! Element types that the graph does not have: integers and floats narrower than a byte, and floats
//! of a byte. They are computed in a wider type and brought back into range after every operation.

use super::value::dtype;
use super::{Cx, Fault};
use crate::stablehlo::tree::ElementType;
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::Gather;
use craneflow_ir::{Array, DType, Pointwise, Type, Value};

/// What a narrow float does beyond its largest number.
#[derive(Clone, Copy, PartialEq)]
enum Beyond {
    /// Infinities and NaNs, as IEEE-754 has them.
    Infinity,
    /// No infinity; NaN is all ones.
    Ones,
    /// No infinity and no negative zero; NaN is the sign bit alone.
    Sign,
    /// Neither infinity nor NaN: the largest number.
    Largest,
}

/// A binary floating-point format.
#[derive(Clone, Copy)]
struct Format {
    exponent: i32,
    mantissa: i32,
    bias: i32,
    beyond: Beyond,
}

fn format(element: ElementType) -> Option<Format> {
    use ElementType::*;
    let (exponent, mantissa, bias, beyond) = match element {
        F4E2M1FN => (2, 1, 1, Beyond::Largest),
        F6E2M3FN => (2, 3, 1, Beyond::Largest),
        F6E3M2FN => (3, 2, 3, Beyond::Largest),
        F8E3M4 => (3, 4, 3, Beyond::Infinity),
        F8E4M3 => (4, 3, 7, Beyond::Infinity),
        F8E4M3FN => (4, 3, 7, Beyond::Ones),
        F8E4M3FNUZ => (4, 3, 8, Beyond::Sign),
        F8E4M3B11FNUZ => (4, 3, 11, Beyond::Sign),
        F8E5M2 => (5, 2, 15, Beyond::Infinity),
        F8E5M2FNUZ => (5, 2, 16, Beyond::Sign),
        _ => return None,
    };
    Some(Format {
        exponent,
        mantissa,
        bias,
        beyond,
    })
}

impl Format {
    /// The sign bit.
    fn sign(self) -> u32 {
        1 << (self.exponent + self.mantissa)
    }

    /// The number with these bits.
    fn value(self, bits: u32) -> f32 {
        let code = bits & (self.sign() - 1);
        let negative = bits & self.sign() != 0;
        let (ones, fraction) = (self.sign() - 1, code & ((1 << self.mantissa) - 1));
        let (top, full) = (code >> self.mantissa, (1u32 << self.exponent) - 1);
        let magnitude = match self.beyond {
            Beyond::Infinity if top == full && fraction == 0 => f32::INFINITY,
            Beyond::Infinity if top == full => f32::NAN,
            Beyond::Ones if code == ones => f32::NAN,
            Beyond::Sign if negative && code == 0 => return f32::NAN,
            _ => {
                let (whole, scale) = match top {
                    0 => (fraction, 1 - self.bias),
                    _ => (fraction + (1 << self.mantissa), top as i32 - self.bias),
                };
                whole as f32 * 2f32.powi(scale - self.mantissa)
            }
        };
        if negative { -magnitude } else { magnitude }
    }

    /// The largest number.
    fn largest(self) -> f32 {
        let all = (0..self.sign()).map(|code| self.value(code));
        all.filter(|v| v.is_finite()).fold(0.0, f32::max)
    }

    fn smallest_exponent(self) -> i32 {
        1 - self.bias
    }
}

/// Powers of two as their exponents: no sign, no zero, and NaN is all ones.
const SCALE: ElementType = ElementType::F8E8M0FNU;

/// Values of all bit patterns of a narrow float, by their 8 low bits.
pub fn values(element: ElementType) -> Option<[f32; 256]> {
    if element == SCALE {
        let value = |i: usize| {
            if i == 255 {
                f32::NAN
            } else {
                2f32.powi(i as i32 - 127)
            }
        };
        return Some(std::array::from_fn(value));
    }
    let format = format(element)?;
    let bits = 2 * format.sign();
    Some(std::array::from_fn(|i| format.value(i as u32 % bits)))
}

/// The type in which an element is passed in and out.
pub fn stored(element: ElementType) -> DType {
    match element == SCALE || format(element).is_some() {
        true => DType::U8,
        false => dtype(element),
    }
}

/// Bits of an integer narrower than a byte, and whether it has a sign.
fn narrow_int(element: ElementType) -> Option<(u64, bool)> {
    use ElementType::*;
    Some(match element {
        I2 => (2, true),
        I4 => (4, true),
        U2 => (2, false),
        U4 => (4, false),
        _ => return None,
    })
}

impl Cx<'_> {
    /// An argument as it is computed with.
    pub fn load_narrow(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        match values(element) {
            None => self.narrowed(v, element),
            Some(table) => {
                let f64s: Vec<f64> = table.iter().map(|&v| v as f64).collect();
                let table = self
                    .b
                    .constant(Array::from_f64(Type::new(DType::F32, [256]), &f64s));
                let rank = self.ty(v).rank();
                let op = Gather {
                    offset_dims: vec![],
                    collapsed_slice_dims: vec![0],
                    operand_batching_dims: vec![],
                    start_indices_batching_dims: vec![],
                    start_index_map: vec![0],
                    index_vector_dim: rank,
                    slice_sizes: vec![1],
                };
                self.push(op, &[table, v])
            }
        }
    }

    /// A result as it is passed out.
    pub fn store_narrow(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        if element == SCALE {
            return self.scale(v);
        }
        let Some(format) = format(element) else {
            return Ok(v);
        };
        let (_, steps, octave) = self.rounded(v, format)?;
        // Numbers of one binade follow each other, and binades do: a code is a sum.
        let per_binade = self.like(v, 2f64.powi(format.mantissa));
        let code = self.push(Pointwise::Fma, &[octave, per_binade, steps])?;
        let code = self.push(Pointwise::Convert(DType::U8), &[code])?;
        let code = self.overflow(v, code, format)?;
        let bits = self.push(super::bits::bitcast(DType::U32), &[v])?;
        let shift = self.int_like(bits, 31);
        let negative = self.push(Pointwise::ShiftRightLogical, &[bits, shift])?;
        let negative = self.push(Pointwise::Convert(DType::U8), &[negative])?;
        let place = self.int_like(negative, (format.exponent + format.mantissa) as u64);
        let sign = self.push(Pointwise::ShiftLeft, &[negative, place])?;
        let signed = self.push(Pointwise::Or, &[code, sign])?;
        if format.beyond != Beyond::Sign {
            return Ok(signed);
        }
        let zero = self.int_like(code, 0);
        let zero = self.b.compare(Cmp::Eq, code, zero);
        let signed = self.b.select(zero, code, signed);
        let nan = self.b.compare(Cmp::Ne, v, v);
        let largest = self.like(v, format.largest() as f64);
        let magnitude = self.b.abs(v);
        let beyond = self.past(magnitude, largest, format)?;
        let nan = self.b.or(nan, beyond);
        let only_sign = self.int_like(code, format.sign() as u64);
        Ok(self.b.select(nan, only_sign, signed))
    }

    /// Exponents of positive numbers: the nearest, the greater of two as near. Other numbers have none.
    fn scale(&mut self, v: Value) -> Result<Value, Fault> {
        let bits = self.push(super::bits::bitcast(DType::U32), &[v])?;
        let (half, normal) = (self.int_like(bits, 1 << 22), self.int_like(bits, 1 << 23));
        let (shift, zero) = (self.int_like(bits, 23), self.like(v, 0.0));
        let sum = self.b.add(bits, half);
        let exponent = self.push(Pointwise::ShiftRightLogical, &[sum, shift])?;
        // The smallest scale, half the smallest normal number, has no exponent of its own in `f32`.
        let past = self.b.compare(Cmp::Gt, bits, half);
        let past = self.b.convert(past, DType::U32);
        let small = self.b.compare(Cmp::Lt, bits, normal);
        let exponent = self.b.select(small, past, exponent);
        let exponent = self.b.convert(exponent, DType::U8);
        let positive = self.b.compare(Cmp::Gt, v, zero);
        let finite = self.push(Pointwise::IsFinite, &[v])?;
        let valid = self.b.and(positive, finite);
        let nan = self.int_like(exponent, 255);
        Ok(self.b.select(valid, exponent, nan))
    }

    /// Codes with those beyond the largest number replaced.
    fn overflow(&mut self, v: Value, code: Value, format: Format) -> Result<Value, Fault> {
        let magnitude = self.b.abs(v);
        let largest = self.like(v, format.largest() as f64);
        let beyond = self.past(magnitude, largest, format)?;
        let full = ((1u64 << format.exponent) - 1) << format.mantissa;
        let (beyond_code, nan_code) = match format.beyond {
            Beyond::Infinity => (full, full | 1 << (format.mantissa - 1)),
            Beyond::Ones | Beyond::Largest => {
                let ones = format.sign() as u64 - 1;
                (ones, ones)
            }
            Beyond::Sign => (0, 0),
        };
        let (beyond_code, nan_code) = (
            self.int_like(code, beyond_code),
            self.int_like(code, nan_code),
        );
        let code = self.b.select(beyond, beyond_code, code);
        let nan = self.b.compare(Cmp::Ne, v, v);
        Ok(self.b.select(nan, nan_code, code))
    }

    /// Whether magnitudes round to more than the largest number.
    fn past(&mut self, magnitude: Value, largest: Value, format: Format) -> Result<Value, Fault> {
        let (rounded, ..) = self.rounded(magnitude, format)?;
        Ok(self.b.compare(Cmp::Gt, rounded, largest))
    }

    /// Magnitudes rounded to the precision of a format as if it had no largest number, as `steps` of
    /// `2^-mantissa` within binade number `octave`: rounded, steps, octave.
    fn rounded(&mut self, v: Value, format: Format) -> Result<(Value, Value, Value), Fault> {
        let magnitude = self.b.abs(v);
        let bits = self.push(super::bits::bitcast(DType::I32), &[magnitude])?;
        let shift = self.int_like(bits, 23);
        let exponent = self.push(Pointwise::ShiftRightLogical, &[bits, shift])?;
        let lowest = self.int_like(bits, (format.smallest_exponent() + 127) as u64);
        let exponent = self.b.max(exponent, lowest);
        // 2^(exponent - mantissa), the distance of numbers there.
        let down = self.int_like(bits, format.mantissa as u64);
        let below = self.b.sub(exponent, down);
        let distance = self.push(Pointwise::ShiftLeft, &[below, shift])?;
        let distance = self.push(super::bits::bitcast(DType::F32), &[distance])?;
        let steps = self.b.div(magnitude, distance);
        let steps = self.push(Pointwise::RoundNearestEven, &[steps])?;
        let rounded = self.b.mul(steps, distance);
        let octave = self.b.sub(exponent, lowest);
        let octave = self.b.convert(octave, DType::F32);
        Ok((rounded, steps, octave))
    }

    /// Floats brought into the range of a narrow integer type that they are to be converted to.
    pub fn saturated(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        match narrow_int(element) {
            Some((bits, signed)) if self.ty(v).dtype.is_float() => {
                let least = if signed { -(1i64 << (bits - 1)) } else { 0 };
                let most = (1i64 << (bits - signed as u64)) - 1;
                let (low, high) = (self.like(v, least as f64), self.like(v, most as f64));
                self.push(Pointwise::Clamp, &[low, v, high])
            }
            _ => Ok(v),
        }
    }

    /// What was computed with elements of a narrow type, back in its range.
    pub fn narrowed(&mut self, v: Value, element: ElementType) -> Result<Value, Fault> {
        // Of another type than the program declares: who compares the two says so.
        if self.ty(v).dtype != super::value::dtype(element) {
            return Ok(v);
        }
        if let Some((bits, signed)) = narrow_int(element) {
            let up = self.int_like(v, 8 - bits);
            let shifted = self.push(Pointwise::ShiftLeft, &[v, up])?;
            let back = match signed {
                true => Pointwise::ShiftRightArithmetic,
                false => Pointwise::ShiftRightLogical,
            };
            return self.push(back, &[shifted, up]);
        }
        match values(element) {
            None => Ok(v),
            Some(_) => {
                let bits = self.store_narrow(v, element)?;
                self.load_narrow(bits, element)
            }
        }
    }
}

/// Bits of an element that is not complex.
pub fn bits(element: ElementType) -> usize {
    match (narrow_int(element), format(element)) {
        (Some((bits, _)), _) => bits as usize,
        (_, Some(format)) => (1 + format.exponent + format.mantissa) as usize,
        _ => stored(element).bits(),
    }
}
