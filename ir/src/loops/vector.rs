//! What may be a vector: the contract between the schedule, which makes vectors, and code
//! generation, which has an instruction for each. Everything else stays scalar.

use super::{Inst, Kernel, Val};
use crate::native::Native;
use crate::types::DType;

/// Whether vectors of this element type exist in a kernel with lanes of `lane_bits`; a `bool` is a
/// lane mask.
pub fn vector_dtype(ty: DType, lane_bits: usize) -> bool {
    match lane_bits {
        32 => matches!(ty, DType::Bool | DType::F32 | DType::I32 | DType::U32),
        64 => matches!(ty, DType::Bool | DType::F64 | DType::I64 | DType::U64),
        _ => false,
    }
}

/// Whether `inst`, with a result of type `result` and operands of types `operands` (of a `Native`
/// or a `Splat`; else empty), may be computed as a vector with lanes of `lane_bits`. The amount of
/// a shift must moreover be `splat_constant`.
pub fn vectorizable(inst: &Inst, result: DType, operands: &[DType], lane_bits: usize) -> bool {
    let known = |&ty: &DType| vector_dtype(ty, lane_bits);
    if !known(&result) || !operands.iter().all(known) {
        return false;
    }
    match inst {
        Inst::Native(op, _) => native(*op, result, operands, lane_bits),
        Inst::Load(..) | Inst::Gather(..) | Inst::Splat(_) | Inst::Get(_) => true,
        Inst::Lanes => result.is_int(),
        Inst::Const(_) | Inst::Index(_) => false,
    }
}

fn native(op: Native, result: DType, operands: &[DType], lane_bits: usize) -> bool {
    use Native::*;
    let t = operands[0];
    let (mask, wide) = (t == DType::Bool, lane_bits == 64);
    match op {
        Add | Sub | Neg => !mask,
        Mul | Min | Max | Abs => t.is_float() || (t.is_int() && !wide),
        Div | Sqrt | Fma | Floor | Ceil | Trunc | Nearest => t.is_float(),
        And | Or | Xor | Not => !t.is_float(),
        Shl | ShrLogical | ShrArith => t.is_int(),
        Cmp(cmp) => !mask || matches!(cmp, crate::Cmp::Eq | crate::Cmp::Ne),
        Select => true,
        Bitcast(_) => !mask && result != DType::Bool,
        Convert(to) => match (t, to) {
            (DType::Bool, DType::F32 | DType::F64) => true,
            (DType::Bool, DType::I32 | DType::U32) => true,
            (DType::F32, DType::I32) | (DType::I32, DType::F32) => true,
            (from, to) => from == to,
        },
        Rem | Popcnt | Clz => false,
    }
}

/// The bits of the constant that every lane of `v` holds, if it is the splat of a constant.
pub fn splat_constant(k: &Kernel, v: Val) -> Option<u64> {
    match k.val(v).inst {
        Inst::Splat(x) => match k.val(x).inst {
            Inst::Const(bits) => Some(bits),
            _ => None,
        },
        _ => None,
    }
}
