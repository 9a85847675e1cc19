//! Vectors of 128 bits: native operations lane by lane, loads, stores and lane constants. A `bool`
//! vector is a mask of integer lanes, all ones or all zeros; in memory it is one byte per element.

use crate::emit::{Emitter, aligned};
use crate::scalar::{cast, float_cc, int_cc};
use craneflow_ir::loops::vector::splat_constant;
use craneflow_ir::loops::{Affine, Mem, Val};
use craneflow_ir::{Cmp, DType, Native, Scalar};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};

/// Flags of vector accesses: aligned to an element only.
pub(crate) fn unaligned() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// The most significant bit of a type.
fn sign_bit(t: DType) -> u64 {
    1 << (t.bits() - 1)
}

impl Emitter<'_, '_, '_> {
    /// The register type of a vector of this element type.
    pub fn vector_type(&self, dtype: DType) -> Type {
        match dtype {
            DType::F32 => types::F32X4,
            DType::F64 => types::F64X2,
            DType::I64 | DType::U64 => types::I64X2,
            DType::I32 | DType::U32 => types::I32X4,
            _ => self.mask_type(),
        }
    }

    pub fn mask_type(&self) -> Type {
        match self.kernel.lane_bits {
            64 => types::I64X2,
            _ => types::I32X4,
        }
    }

    pub fn as_type(&mut self, ty: Type, x: Value) -> Value {
        match self.fb.func.dfg.value_type(x) == ty {
            true => x,
            false => self.fb.ins().bitcast(ty, cast(), x),
        }
    }

    /// A constant in every lane.
    pub fn constant_of(&mut self, s: Scalar) -> Value {
        let ty = self.vector_type(s.ty);
        let entry = self.pool.splat(s, self.kernel.lane_bits);
        self.pooled(ty, entry, 0)
    }

    /// Every lane is this scalar, which is no constant.
    pub fn splat(&mut self, x: Val) -> Value {
        let dtype = self.kernel.val(x).dtype;
        let (ty, mut value) = (self.vector_type(dtype), self.val(x));
        if dtype == DType::Bool {
            value = self.fb.ins().bmask(ty.lane_type(), value);
        }
        self.fb.ins().splat(ty, value)
    }

    /// Lanes in one part.
    pub fn part_lanes(&self) -> usize {
        self.kernel.lanes / self.parts
    }

    /// The address of part `p` of consecutive elements.
    fn part_pointer(&mut self, mem: Mem, at: &Affine, p: usize) -> (Value, i32) {
        let at = Affine {
            offset: at.offset + (p * self.part_lanes()) as i64,
            terms: at.terms.clone(),
        };
        self.pointer(mem, &at)
    }

    /// Part `p` of `op` applied lane by lane; `to` is the element type of the result.
    pub fn vector_native(&mut self, op: Native, args: &[Val], to: DType, p: usize) -> Value {
        let t = self.kernel.val(args[0]).dtype;
        let (float, signed) = (t.is_float(), t.is_signed_int());
        if matches!(op, Native::Shl | Native::ShrLogical | Native::ShrArith) {
            return self.vector_shift(op, args[0], args[1], t, p);
        }
        let x: Vec<Value> = args.iter().map(|&a| self.part(a, p)).collect();
        let a = x[0];
        let ins = self.fb.ins();
        match op {
            Native::Add if float => ins.fadd(a, x[1]),
            Native::Add => ins.iadd(a, x[1]),
            Native::Sub if float => ins.fsub(a, x[1]),
            Native::Sub => ins.isub(a, x[1]),
            Native::Mul if float => ins.fmul(a, x[1]),
            Native::Mul => ins.imul(a, x[1]),
            Native::Div => ins.fdiv(a, x[1]),
            Native::Neg if float => {
                let sign = self.constant_of(Scalar {
                    ty: t,
                    bits: sign_bit(t),
                });
                self.fb.ins().bxor(a, sign)
            }
            Native::Neg => ins.ineg(a),
            Native::Abs if float => {
                let rest = self.constant_of(Scalar {
                    ty: t,
                    bits: sign_bit(t) - 1,
                });
                self.fb.ins().band(a, rest)
            }
            Native::Abs if signed => ins.iabs(a),
            Native::Abs => a,
            Native::Min if float => self.pick(a, x[1], a, x[1]),
            Native::Max if float => self.pick(x[1], a, a, x[1]),
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
            Native::Not => ins.bnot(a),
            Native::Cmp(cmp) if float => ins.fcmp(float_cc(cmp), a, x[1]),
            Native::Cmp(cmp) if t == DType::U64 && !matches!(cmp, Cmp::Eq | Cmp::Ne) => {
                let sign = self.constant_of(Scalar {
                    ty: t,
                    bits: sign_bit(t),
                });
                let (l, r) = (self.fb.ins().bxor(a, sign), self.fb.ins().bxor(x[1], sign));
                self.fb.ins().icmp(int_cc(cmp, true), l, r)
            }
            Native::Cmp(cmp) => ins.icmp(int_cc(cmp, signed), a, x[1]),
            Native::Select => {
                let ty = self.fb.func.dfg.value_type(x[1]);
                let mask = self.as_type(ty, a);
                self.fb.ins().bitselect(mask, x[1], x[2])
            }
            Native::Bitcast(_) => {
                let ty = self.vector_type(to);
                self.as_type(ty, a)
            }
            Native::Convert(_) => self.vector_convert(a, t, to),
            Native::Rem
            | Native::Popcnt
            | Native::Clz
            | Native::Shl
            | Native::ShrLogical
            | Native::ShrArith => unreachable!("{op:?} has no vector form"),
        }
    }

    /// `if l < r { a } else { b }` per lane: one instruction where the target has it.
    fn pick(&mut self, l: Value, r: Value, a: Value, b: Value) -> Value {
        let ty = self.fb.func.dfg.value_type(a);
        let less = self.fb.ins().fcmp(FloatCC::LessThan, l, r);
        let mask = self.fb.ins().bitcast(ty, cast(), less);
        self.fb.ins().bitselect(mask, a, b)
    }

    fn vector_shift(&mut self, op: Native, a: Val, by: Val, t: DType, p: usize) -> Value {
        let amount = splat_constant(self.kernel, by).expect("vectors are shifted by a constant");
        let (x, width) = (self.part(a, p), t.bits() as u64);
        let by = amount.min(width - 1) as i64;
        match op {
            Native::ShrArith if width == 64 => {
                // (x >> by, with zeros shifted in) as a number of 64 - by bits, sign-extended
                let moved = self.fb.ins().ushr_imm_s(x, by);
                let bits = sign_bit(t) >> by;
                let sign = self.constant_of(Scalar { ty: t, bits });
                let flipped = self.fb.ins().bxor(moved, sign);
                let sign = self.constant_of(Scalar { ty: t, bits });
                self.fb.ins().isub(flipped, sign)
            }
            Native::ShrArith => self.fb.ins().sshr_imm_s(x, by),
            _ if amount >= width => self.constant_of(Scalar { ty: t, bits: 0 }),
            Native::Shl => self.fb.ins().ishl_imm_s(x, by),
            _ => self.fb.ins().ushr_imm_s(x, by),
        }
    }

    fn vector_convert(&mut self, a: Value, from: DType, to: DType) -> Value {
        let ty = self.vector_type(to);
        match (from, to) {
            _ if from == to => a,
            (DType::Bool, _) => {
                let one = self.constant_of(Scalar::from_f64(to, 1.0));
                let mask = self.as_type(ty, a);
                self.fb.ins().band(mask, one)
            }
            (DType::F32, DType::I32) => self.fb.ins().fcvt_to_sint_sat(ty, a),
            (DType::I32, DType::F32) => self.fb.ins().fcvt_from_sint(ty, a),
            _ => unreachable!("conversion from {from} to {to} has no vector form"),
        }
    }

    /// Part `p` of consecutive elements.
    pub fn vector_load(&mut self, mem: Mem, at: &Affine, p: usize) -> Value {
        let (pointer, offset) = self.part_pointer(mem, at, p);
        let dtype = self.kernel.mem_dtype(mem);
        if dtype != DType::Bool {
            let ty = self.vector_type(dtype);
            return self.fb.ins().load(ty, unaligned(), pointer, offset);
        }
        self.mask_load(pointer, offset)
    }

    /// Stores part `p` of consecutive elements.
    pub fn vector_store(&mut self, mem: Mem, at: &Affine, v: Val, p: usize) {
        let value = self.part(v, p);
        let (pointer, offset) = self.part_pointer(mem, at, p);
        if self.kernel.mem_dtype(mem) != DType::Bool {
            self.fb.ins().store(unaligned(), value, pointer, offset);
            return;
        }
        self.mask_store(value, pointer, offset);
    }

    /// Part `p` of a vector whose lane `j` is the element at `at + j * stride`.
    pub fn gather(&mut self, mem: Mem, at: &Affine, stride: i64, p: usize) -> Value {
        if stride == 1 {
            return self.vector_load(mem, at, p);
        }
        let first = p * self.part_lanes();
        let dtype = self.kernel.mem_dtype(mem);
        let ty = self.vector_type(dtype);
        let lane = |e: &mut Self, j: usize| {
            let at = Affine {
                offset: at.offset + (first + j) as i64 * stride,
                terms: at.terms.clone(),
            };
            let (pointer, offset) = e.pointer(mem, &at);
            match dtype {
                DType::Bool => {
                    let byte = e.fb.ins().load(types::I8, aligned(), pointer, offset);
                    e.fb.ins().bmask(ty.lane_type(), byte)
                }
                _ => e.fb.ins().load(ty.lane_type(), aligned(), pointer, offset),
            }
        };
        let zeroth = lane(self, 0);
        if stride == 0 {
            return self.fb.ins().splat(ty, zeroth);
        }
        let mut value = self.fb.ins().scalar_to_vector(ty, zeroth);
        for j in 1..self.part_lanes() {
            let next = lane(self, j);
            value = self.fb.ins().insertlane(value, next, j as u8);
        }
        value
    }
}
