//! Masks and their bytes in memory: 0 or 1 for each lane.

use crate::emit::Emitter;
use crate::vector::unaligned;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Emitter<'_, '_, '_> {
    /// Loads a byte per lane of a part as a mask.
    pub fn mask_load(&mut self, pointer: Value, offset: i32) -> Value {
        let lanes = self.part_lanes();
        if self.wide > 1 {
            let low = self.spread_bytes(pointer, offset, 0);
            let all = match lanes {
                16 => {
                    let high = self.spread_bytes(pointer, offset + 8, 8);
                    self.fb.ins().bor(low, high)
                }
                _ => low,
            };
            return self.fb.ins().ineg(all);
        }
        let load = |e: &mut Self, ty| e.fb.ins().load(ty, unaligned(), pointer, offset);
        let packed = match lanes {
            2 => {
                let two = load(self, types::I16);
                self.fb.ins().uextend(types::I32, two)
            }
            _ => load(self, types::I32),
        };
        let bytes = self.fb.ins().scalar_to_vector(types::I32X4, packed);
        let bytes = self.as_type(types::I8X16, bytes);
        let mut result = self.fb.ins().uwiden_low(bytes);
        result = self.fb.ins().uwiden_low(result);
        if lanes == 2 {
            result = self.fb.ins().uwiden_low(result);
        }
        self.fb.ins().ineg(result)
    }

    /// Up to eight bytes, each to the low byte of its lane from lane `first` on; other lanes are 0.
    /// Without crossing lanes: every 64 bits hold all bytes, of which each lane picks one.
    fn spread_bytes(&mut self, pointer: Value, offset: i32, first: usize) -> Value {
        let lanes = self.part_lanes();
        let bytes = match lanes {
            4 => {
                let four = self.fb.ins().load(types::I32, unaligned(), pointer, offset);
                self.fb.ins().uextend(types::I64, four)
            }
            _ => self.fb.ins().load(types::I64, unaligned(), pointer, offset),
        };
        let all = self.fb.ins().splat(types::I64X2, bytes);
        let all = self.as_type(types::I8X16, all);
        let pick = self.pool.picks(self.kernel.lane_bits, first, lanes);
        let pick = self.pooled(types::I8X16, pick, 0);
        let picked = self.fb.ins().x86_pshufb(all, pick);
        let ty = self.mask_type();
        self.as_type(ty, picked)
    }

    /// Stores a mask as a byte per lane.
    pub fn mask_store(&mut self, mask: Value, pointer: Value, offset: i32) {
        let lanes = self.part_lanes();
        if self.wide > 1 {
            return self.sign_store(mask, pointer, offset);
        }
        let value = self.as_type(types::I32X4, mask);
        let halves = self.fb.ins().snarrow(value, value);
        let bytes = self.fb.ins().snarrow(halves, halves);
        let words = self.as_type(types::I32X4, bytes);
        let word = self.fb.ins().extractlane(words, 0);
        if lanes == 4 {
            let ones = self.fb.ins().band_imm_s(word, 0x0101_0101);
            self.fb.ins().store(unaligned(), ones, pointer, offset);
            return;
        }
        // Each 64-bit lane has become two equal bytes.
        let low = self.fb.ins().band_imm_s(word, 1);
        let high = self.fb.ins().ushr_imm_s(word, 8);
        let high = self.fb.ins().band_imm_s(high, 0x100);
        let both = self.fb.ins().bor(low, high);
        self.fb.ins().istore16(unaligned(), both, pointer, offset);
    }

    /// The same by way of sign bits in a general register.
    fn sign_store(&mut self, mask: Value, pointer: Value, offset: i32) {
        let bits = self.fb.ins().vhigh_bits(types::I32, mask);
        let bits = self.fb.ins().uextend(types::I64, bits);
        match self.part_lanes() {
            4 => {
                let bytes = self.bits_to_bytes(bits);
                self.fb.ins().istore32(unaligned(), bytes, pointer, offset);
            }
            8 => {
                let bytes = self.bits_to_bytes(bits);
                self.fb.ins().store(unaligned(), bytes, pointer, offset);
            }
            _ => {
                let low = self.fb.ins().band_imm_s(bits, 0xff);
                let high = self.fb.ins().ushr_imm_s(bits, 8);
                let (low, high) = (self.bits_to_bytes(low), self.bits_to_bytes(high));
                self.fb.ins().store(unaligned(), low, pointer, offset);
                self.fb.ins().store(unaligned(), high, pointer, offset + 8);
            }
        }
    }

    /// Bit `i` of eight to byte `i`: a product puts a copy of the low seven bits at each byte, bit
    /// `i` lowest in byte `i`; the eighth is added by itself.
    fn bits_to_bytes(&mut self, bits: Value) -> Value {
        let seven = self.fb.ins().band_imm_s(bits, 0x7f);
        let copies = self.fb.ins().imul_imm_s(seven, 0x0002_0408_1020_4081);
        let bytes = self.fb.ins().band_imm_s(copies, 0x0101_0101_0101_0101);
        let last = self.fb.ins().ushr_imm_s(bits, 7);
        let last = self.fb.ins().ishl_imm_s(last, 56);
        self.fb.ins().bor(bytes, last)
    }
}
