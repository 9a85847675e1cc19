//! Native operations on scalars: one exhaustive match. Narrow integers live in registers of their
//! own width, `bool` as 0 or 1 in 8 bits.

mod convert;
mod divide;

use crate::emit::{Emitter, scalar_type};
use craneflow_ir::loops::{Inst, Val};
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Value};

/// Flags of a bit cast.
pub(crate) fn cast() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}

/// The float predicate; false on NaN, except for `Ne`.
pub(crate) fn float_cc(cmp: Cmp) -> FloatCC {
    match cmp {
        Cmp::Eq => FloatCC::Equal,
        Cmp::Ne => FloatCC::NotEqual,
        Cmp::Lt => FloatCC::LessThan,
        Cmp::Le => FloatCC::LessThanOrEqual,
        Cmp::Gt => FloatCC::GreaterThan,
        Cmp::Ge => FloatCC::GreaterThanOrEqual,
    }
}

/// The integer predicate.
pub(crate) fn int_cc(cmp: Cmp, signed: bool) -> IntCC {
    match (cmp, signed) {
        (Cmp::Eq, _) => IntCC::Equal,
        (Cmp::Ne, _) => IntCC::NotEqual,
        (Cmp::Lt, true) => IntCC::SignedLessThan,
        (Cmp::Le, true) => IntCC::SignedLessThanOrEqual,
        (Cmp::Gt, true) => IntCC::SignedGreaterThan,
        (Cmp::Ge, true) => IntCC::SignedGreaterThanOrEqual,
        (Cmp::Lt, false) => IntCC::UnsignedLessThan,
        (Cmp::Le, false) => IntCC::UnsignedLessThanOrEqual,
        (Cmp::Gt, false) => IntCC::UnsignedGreaterThan,
        (Cmp::Ge, false) => IntCC::UnsignedGreaterThanOrEqual,
    }
}

/// A scalar in flight.
#[derive(Clone, Copy)]
pub(crate) struct Typed {
    value: Value,
    ty: DType,
    /// What it is known to be.
    known: Option<Scalar>,
}

/// For the conversions of 16-bit floats, which are expansions of other operations.
impl Emit for Emitter<'_, '_, '_> {
    type V = Typed;

    fn native(&mut self, op: Native, args: &[Typed]) -> Typed {
        let types: Vec<DType> = args.iter().map(|a| a.ty).collect();
        let ty = op.infer(&types).expect("an expansion fits its types");
        Typed {
            value: self.apply(op, args, ty),
            ty,
            known: None,
        }
    }

    fn constant(&mut self, s: Scalar) -> Typed {
        Typed {
            value: self.scalar_constant(s),
            ty: s.ty,
            known: Some(s),
        }
    }

    fn dtype(&self, v: Typed) -> DType {
        v.ty
    }
}

impl Emitter<'_, '_, '_> {
    /// Applies `op` to scalars; `to` is the type of the result.
    pub fn scalar_native(&mut self, op: Native, args: &[Val], to: DType) -> Value {
        let types: Vec<DType> = args.iter().map(|&a| self.kernel.val(a).dtype).collect();
        debug_assert_eq!(op.infer(&types), Some(to), "{op:?} {types:?}");
        let t = types[0];
        if matches!(op, Native::Div | Native::Rem) && !t.is_float() {
            return self.divide(op, args[0], args[1], t);
        }
        if let Some(bits) = self.float_bits(op, args, to) {
            return bits;
        }
        let typed = args.iter().zip(types).map(|(&a, ty)| Typed {
            value: self.val(a),
            ty,
            known: self.known(a),
        });
        let typed: Vec<Typed> = typed.collect();
        self.apply(op, &typed, to)
    }

    /// Bits of two floats combined, as a float again: this needs no trip through integer registers.
    fn float_bits(&mut self, op: Native, args: &[Val], to: DType) -> Option<Value> {
        if op != Native::Bitcast(to) || !matches!(to, DType::F32 | DType::F64) {
            return None;
        }
        let kernel = self.kernel;
        let Inst::Native(bits, of) = &kernel.val(args[0]).inst else {
            return None;
        };
        let float = |v: Val| match &kernel.val(v).inst {
            Inst::Native(Native::Bitcast(_), x) if kernel.val(x[0]).dtype == to => Some(x[0]),
            _ => None,
        };
        let (Native::And | Native::Or | Native::Xor, [a, b]) = (bits, &of[..]) else {
            return None;
        };
        let (a, b) = (float(*a)?, float(*b)?);
        let (a, b) = (self.val(a), self.val(b));
        let ins = self.fb.ins();
        Some(match bits {
            Native::And => ins.band(a, b),
            Native::Or => ins.bor(a, b),
            _ => ins.bxor(a, b),
        })
    }

    /// The same, except integer division, on values that need not be in the kernel.
    fn apply(&mut self, op: Native, args: &[Typed], to: DType) -> Value {
        let t = args[0].ty;
        let (float, signed) = (t.is_float(), t.is_signed_int());
        let x: Vec<Value> = args.iter().map(|a| a.value).collect();
        let a = x[0];
        if matches!(op, Native::Shl | Native::ShrLogical | Native::ShrArith) {
            return self.shift(op, a, args[1], t);
        }
        let ins = self.fb.ins();
        match op {
            Native::Add if float => ins.fadd(a, x[1]),
            Native::Add => ins.iadd(a, x[1]),
            Native::Sub if float => ins.fsub(a, x[1]),
            Native::Sub => ins.isub(a, x[1]),
            Native::Mul if float => ins.fmul(a, x[1]),
            Native::Mul => ins.imul(a, x[1]),
            Native::Div => ins.fdiv(a, x[1]),
            Native::Neg if float => ins.fneg(a),
            Native::Neg => ins.ineg(a),
            Native::Abs if float => ins.fabs(a),
            Native::Abs if signed => {
                let minus = ins.ineg(a);
                let negative = self.fb.ins().icmp_imm_s(IntCC::SignedLessThan, a, 0);
                self.fb.ins().select(negative, minus, a)
            }
            Native::Abs => a,
            Native::Min if float => {
                let less = ins.fcmp(FloatCC::LessThan, a, x[1]);
                self.fb.ins().select(less, a, x[1])
            }
            Native::Max if float => {
                let less = ins.fcmp(FloatCC::LessThan, x[1], a);
                self.fb.ins().select(less, a, x[1])
            }
            Native::Min if signed => ins.smin(a, x[1]),
            Native::Min => ins.umin(a, x[1]),
            Native::Max if signed => ins.smax(a, x[1]),
            Native::Max => ins.umax(a, x[1]),
            Native::Sqrt => ins.sqrt(a),
            Native::Fma => ins.fma(a, x[1], x[2]),
            Native::Floor => ins.floor(a),
            Native::Ceil => ins.ceil(a),
            Native::Trunc => ins.trunc(a),
            Native::Nearest => ins.nearest(a),
            Native::And => ins.band(a, x[1]),
            Native::Or => ins.bor(a, x[1]),
            Native::Xor => ins.bxor(a, x[1]),
            Native::Not if t == DType::Bool => ins.bxor_imm_s(a, 1),
            Native::Not => ins.bnot(a),
            Native::Popcnt => ins.popcnt(a),
            Native::Clz => ins.clz(a),
            Native::Cmp(cmp) if float => ins.fcmp(float_cc(cmp), a, x[1]),
            Native::Cmp(cmp) => ins.icmp(int_cc(cmp, signed), a, x[1]),
            Native::Select => ins.select(a, x[1], x[2]),
            Native::Bitcast(_) if scalar_type(t) == scalar_type(to) => a,
            Native::Bitcast(_) => ins.bitcast(scalar_type(to), cast(), a),
            Native::Convert(_) => self.convert(a, t, to),
            Native::Rem | Native::Shl | Native::ShrLogical | Native::ShrArith => {
                unreachable!("handled above")
            }
        }
    }
}
