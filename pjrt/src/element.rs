//! Element types and array types as C and programs name them.

use crate::error::Failure;
use craneflow_import::stablehlo::{Arg, ElementType};

/// Element types in the order of their numbers in the C API, from 1 on; 23 is the token, which no
/// array has.
const NUMBERED: [Option<ElementType>; 29] = {
    use ElementType::*;
    [
        Some(Bool),
        Some(I8),
        Some(I16),
        Some(I32),
        Some(I64),
        Some(U8),
        Some(U16),
        Some(U32),
        Some(U64),
        Some(F16),
        Some(F32),
        Some(F64),
        Some(BF16),
        Some(Complex64),
        Some(Complex128),
        Some(F8E5M2),
        Some(F8E4M3FN),
        Some(F8E4M3B11FNUZ),
        Some(F8E5M2FNUZ),
        Some(F8E4M3FNUZ),
        Some(I4),
        Some(U4),
        None,
        Some(I2),
        Some(U2),
        Some(F8E4M3),
        Some(F8E3M4),
        Some(F8E8M0FNU),
        Some(F4E2M1FN),
    ]
};

/// The number of an element type.
pub fn number(element: ElementType) -> Result<u32, Failure> {
    let at = NUMBERED.iter().position(|&e| e == Some(element));
    at.map(|i| i as u32 + 1)
        .ok_or_else(|| Failure::Invalid(format!("arrays of {element:?} cannot leave a program")))
}

/// The element type with a number.
pub fn element(number: u32) -> Result<ElementType, Failure> {
    let found = NUMBERED.get((number as usize).wrapping_sub(1));
    (found.copied().flatten())
        .ok_or_else(|| Failure::Invalid(format!("element type {number} is not known")))
}

/// Bytes of an element in memory: those narrower than a byte take one.
pub fn size(element: ElementType) -> usize {
    use ElementType::*;
    match element {
        I16 | U16 | F16 | BF16 => 2,
        I32 | U32 | F32 => 4,
        I64 | U64 | F64 | Complex64 => 8,
        Complex128 => 16,
        _ => 1,
    }
}

/// Makes the bytes of elements from outside what programs take them for: a truth value is 0 or 1, an
/// integer of 2 or 4 bits fills its byte by its sign.
pub fn normalise(element: ElementType, bytes: &mut [u8]) {
    let each: fn(u8) -> u8 = match element {
        ElementType::Bool => |b| u8::from(b != 0),
        ElementType::I4 => |b| ((b << 4) as i8 >> 4) as u8,
        ElementType::I2 => |b| ((b << 6) as i8 >> 6) as u8,
        ElementType::U4 | ElementType::F4E2M1FN => |b| b & 15,
        ElementType::U2 => |b| b & 3,
        _ => return,
    };
    bytes.iter_mut().for_each(|b| *b = each(*b));
}

/// Whether any bytes are elements.
pub fn any_bytes(element: ElementType) -> bool {
    use ElementType::*;
    !matches!(element, Bool | I2 | I4 | U2 | U4 | F4E2M1FN)
}

/// The type of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArrayType {
    /// Element type.
    pub element: ElementType,
    /// Its number in the C API.
    pub number: u32,
    /// Extents.
    pub dims: Vec<i64>,
    /// Size in bytes, dense.
    pub bytes: usize,
}

impl ArrayType {
    /// The type with these extents.
    pub fn new(element: ElementType, dims: Vec<i64>) -> Result<ArrayType, Failure> {
        let bytes = dims.iter().try_fold(size(element), |bytes, &d| {
            usize::try_from(d).ok().and_then(|d| bytes.checked_mul(d))
        });
        let wrong = || Failure::Invalid(format!("{element:?}{dims:?} is no type of an array"));
        Ok(ArrayType {
            element,
            number: number(element)?,
            bytes: bytes.ok_or_else(wrong)?,
            dims,
        })
    }

    /// The type of an argument or a result.
    pub fn of(arg: &Arg) -> Result<ArrayType, Failure> {
        ArrayType::new(arg.element, arg.dims.iter().map(|&d| d as i64).collect())
    }
}

impl std::fmt::Display for ArrayType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{:?}", self.element, self.dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_interface() {
        let known = [
            (1, ElementType::Bool),
            (4, ElementType::I32),
            (11, ElementType::F32),
            (13, ElementType::BF16),
            (14, ElementType::Complex64),
            (21, ElementType::I4),
            (29, ElementType::F4E2M1FN),
        ];
        for (n, e) in known {
            assert_eq!(element(n).expect("known"), e);
            assert_eq!(number(e).expect("known"), n);
        }
        for n in [0, 23, 30, u32::MAX] {
            assert!(element(n).is_err(), "{n}");
        }
    }

    #[test]
    fn sizes_that_no_machine_has_are_refused() {
        let of = |dims: &[i64]| ArrayType::new(ElementType::F32, dims.to_vec());
        assert_eq!(of(&[2, 3]).expect("a type").bytes, 24);
        assert_eq!(of(&[0, 3]).expect("a type").bytes, 0);
        assert!(of(&[-1]).is_err());
        assert!(of(&[i64::MAX, i64::MAX]).is_err());
    }

    #[test]
    fn narrow_integers_fill_their_bytes() {
        let mut bytes = [0xf7, 0x0f, 0x08];
        normalise(ElementType::I4, &mut bytes);
        assert_eq!(bytes.map(|b| b as i8), [7, -1, -8]);
        normalise(ElementType::Bool, &mut bytes);
        assert_eq!(bytes, [1, 1, 1]);
    }
}
