//! Scalars and arrays as text. Printing is exact: floats print the fewest digits that read back as
//! the same bits, other NaNs than the canonical one as bits.

use crate::array::Array;
use crate::native::Scalar;
use crate::types::DType;
use std::fmt::Write;

/// The bits that `nan` stands for: quiet, positive, without payload.
pub(super) fn canonical_nan(ty: DType) -> u64 {
    match ty {
        DType::F16 => 0x7e00,
        DType::BF16 => 0x7fc0,
        DType::F32 => 0x7fc0_0000,
        _ => 0x7ff8_0000_0000_0000,
    }
}

/// A scalar: `true`, `-3`, `0.5`, `inf`, `nan`, or `0x7fc00001` for another NaN.
pub fn scalar_text(s: Scalar) -> String {
    match s.ty {
        DType::Bool => (s.bits != 0).to_string(),
        DType::U64 => s.bits.to_string(),
        ty if ty.is_int() => s.to_i64().to_string(),
        ty => {
            let x = s.to_f64();
            match (ty, x.is_nan()) {
                (_, true) if s.bits == canonical_nan(ty) => "nan".to_string(),
                (_, true) => format!("{:#x}", s.bits),
                (DType::F64, _) => format!("{x:?}"),
                // 16-bit floats are exact in f32.
                _ => format!("{:?}", x as f32),
            }
        }
    }
}

/// An array without its type: `1.5`, `[[1, 2], [3, 4]]`, `splat(0.0)`, or `[]` without elements.
pub fn array_text(a: &Array) -> String {
    let splat = a.splat_value().filter(|_| a.ty.rank() > 0);
    if let Some(value) = splat.filter(|_| a.ty.count() > 1) {
        return format!("splat({})", scalar_text(value));
    }
    if a.ty.count() == 0 {
        return "[]".to_string();
    }
    let mut out = String::new();
    nested(a, 0, &mut 0, &mut out);
    out
}

fn nested(a: &Array, axis: usize, next: &mut usize, out: &mut String) {
    if axis == a.ty.rank() {
        let _ = write!(out, "{}", scalar_text(a.get(*next)));
        *next += 1;
        return;
    }
    out.push('[');
    for i in 0..a.ty.shape[axis] {
        if i > 0 {
            out.push_str(", ");
        }
        nested(a, axis + 1, next, out);
    }
    out.push(']');
}
