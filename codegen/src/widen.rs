//! Wide vectors for x86-64. Cranelift's vectors have 128 bits; a function in which lanes never mix
//! means the same at 256 and 512. So the function is decoded, each packed instruction replaced by
//! its wider form, the stack frame scaled with its vector slots, and all of it encoded anew. What is
//! not known to be safe is refused; the caller then compiles with narrower registers.

mod rows;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, Instruction,
    InstructionBlock, Mnemonic, OpKind, Register,
};
use rows::{How, Row, row, scalar};
use std::collections::HashSet;

/// Where the function is decoded and encoded; not 0, which marks added instructions.
const BASE: u64 = 0x1_0000;
/// What the stack frame is aligned to, so that no vector in it lies across two lines of the cache.
const LINE: i32 = 64;
/// The mask register that added instructions use: functions come without any.
const MASK: Register = Register::K1;
/// Displacements take one byte where that is enough.
const SHORT: u32 = 1;

/// Why a function was refused: the instruction.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub String);

fn refused<T>(i: &Instruction) -> Result<T, Refused> {
    Err(Refused(format!("{:?}", i.code())))
}

/// The function with vectors of `factor` (2 or 4) times 128 bits.
pub(crate) fn widen(bytes: &[u8], factor: usize) -> Result<Vec<u8>, Refused> {
    let (code, constants) = decode(bytes)?;
    let mut wide = Wide {
        factor,
        aligns: restores(&code),
        out: Vec::with_capacity(code.len() + 8),
    };
    // Widening makes no instruction more than 32 bytes longer; constants keep their alignment.
    let behind = (bytes.len() + 32 * code.len()).next_multiple_of(64) + constants % 64;
    let moved = BASE + behind as u64;
    let targets: HashSet<u64> = code.iter().map(|i| i.near_branch_target()).collect();
    let mut skip = false;
    for (n, i) in code.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let first = wide.out.len();
        match loaded_broadcast(&code[n..], &targets) {
            Some((load, row)) => {
                skip = true;
                wide.packed(&load, row)?;
            }
            None => wide.instruction(i)?,
        }
        if i.is_ip_rel_memory_operand() {
            let target = i.ip_rel_memory_address() - BASE - constants as u64 + moved;
            wide.out[first].set_memory_displacement64(target);
        }
        for (n, added) in wide.out[first..].iter_mut().enumerate() {
            added.set_ip(if n == 0 { i.ip() } else { 0 });
        }
    }
    let block = InstructionBlock::new(&wide.out, BASE);
    let encoded = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE)
        .map_err(|e| Refused(e.to_string()))?;
    let mut result = encoded.code_buffer;
    if constants < bytes.len() {
        result.resize(behind, 0xcc);
        result.extend_from_slice(&bytes[constants..]);
    }
    Ok(result)
}

/// A scalar load that only the next instruction uses, to repeat it in all lanes: the load that
/// does both, which leaves the arithmetic units alone.
fn loaded_broadcast(code: &[Instruction], targets: &HashSet<u64>) -> Option<(Instruction, Row)> {
    let [load, spread, rest @ ..] = code else {
        return None;
    };
    let narrow = match (load.code(), spread.code()) {
        (Code::VEX_Vmovss_xmm_m32, Code::VEX_Vbroadcastss_xmm_xmm) => {
            Code::VEX_Vbroadcastss_xmm_m32
        }
        (Code::VEX_Vmovsd_xmm_m64, Code::VEX_Vpshufd_xmm_xmmm128_imm8)
            if spread.immediate8() == 0x44 =>
        {
            Code::VEX_Vpbroadcastq_xmm_xmmm64
        }
        _ => return None,
    };
    let (from, to) = (load.op0_register(), spread.op0_register());
    let used = spread.op1_kind() == OpKind::Register && spread.op1_register() == from;
    let alone = !load.is_ip_rel_memory_operand() && !targets.contains(&spread.ip());
    if !used || !alone || (from != to && !dead(rest, from)) {
        return None;
    }
    let mut both = *load;
    both.set_code(narrow);
    both.set_op0_register(to);
    Some((both, row(narrow)?))
}

/// Whether a vector register is surely written before it is read.
fn dead(code: &[Instruction], r: Register) -> bool {
    for i in code {
        let names = |k| i.op_kind(k) == OpKind::Register && i.op_register(k) == r;
        if (1..i.op_count()).any(names) {
            return false;
        }
        if i.op_count() > 0 && names(0) {
            return overwrites(i.code());
        }
        if i.near_branch_target() != 0 || i.mnemonic() == Mnemonic::Ret {
            return i.mnemonic() == Mnemonic::Ret;
        }
    }
    false
}

/// Moves, which do not read their first operand.
fn overwrites(code: Code) -> bool {
    matches!(
        code,
        Code::VEX_Vmovss_xmm_m32
            | Code::VEX_Vmovsd_xmm_m64
            | Code::VEX_Vmovups_xmm_xmmm128
            | Code::VEX_Vmovdqu_xmm_xmmm128
            | Code::VEX_Vbroadcastss_xmm_xmm
            | Code::Movdqa_xmm_xmmm128
    )
}

/// Whether the function finds its caller's stack pointer in `rbp`, so that its own may be rounded down.
fn restores(code: &[Instruction]) -> bool {
    let moves = |i: &Instruction, to, from| {
        let registers = i.op_count() == 2 && i.op1_kind() == OpKind::Register;
        i.mnemonic() == Mnemonic::Mov
            && registers
            && i.op0_register() == to
            && i.op1_register() == from
    };
    let [push, keep, rest @ ..] = code else {
        return false;
    };
    let kept = push.mnemonic() == Mnemonic::Push && push.op0_register() == Register::RBP;
    kept && moves(keep, Register::RBP, Register::RSP)
        && rest.windows(2).all(|pair| {
            let drops =
                pair[0].mnemonic() == Mnemonic::Add && pair[0].op0_register() == Register::RSP;
            !drops || moves(&pair[1], Register::RSP, Register::RBP)
        })
}

/// The instructions, and where the constants behind them begin.
fn decode(bytes: &[u8]) -> Result<(Vec<Instruction>, usize), Refused> {
    let mut decoder = Decoder::with_ip(64, bytes, BASE, DecoderOptions::NONE);
    let mut code: Vec<Instruction> = vec![];
    let mut constants = bytes.len();
    while decoder.can_decode() && decoder.position() < constants {
        let i = decoder.decode();
        if i.is_invalid() {
            return refused(&i);
        }
        if i.is_ip_rel_memory_operand() {
            let target = i.ip_rel_memory_address().wrapping_sub(BASE) as usize;
            if target <= decoder.position() || target >= bytes.len() {
                return refused(&i);
            }
            constants = constants.min(target);
        }
        code.push(i);
    }
    // Padding before the constants decodes to something that is never reached.
    while code.last().is_some_and(|i| !ends(i)) {
        code.pop();
    }
    Ok((code, constants))
}

fn ends(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Ret || i.mnemonic() == Mnemonic::Jmp
}

struct Wide {
    factor: usize,
    /// Whether the stack frame is aligned.
    aligns: bool,
    out: Vec<Instruction>,
}

impl Wide {
    fn register(&self, r: Register) -> Register {
        if !r.is_xmm() {
            return r;
        }
        let number = r as u32 - Register::XMM0 as u32;
        match self.factor {
            2 => Register::YMM0 + number,
            _ => Register::ZMM0 + number,
        }
    }

    fn instruction(&mut self, i: &Instruction) -> Result<(), Refused> {
        if let Some(row) = row(i.code()) {
            // A vector constant of the function's own has 128 bits.
            if i.is_ip_rel_memory_operand() {
                return refused(i);
            }
            return self.packed(i, row);
        }
        let vector = |k| i.op_kind(k) == OpKind::Register && i.op_register(k).is_vector_register();
        if (0..i.op_count()).any(vector) && !scalar(i.mnemonic()) {
            return refused(i);
        }
        let frame = i.op_count() == 1 && i.op0_register() == Register::RBP;
        match i.mnemonic() {
            Mnemonic::Call => return refused(i),
            Mnemonic::Push | Mnemonic::Pop if !frame => return refused(i),
            _ => {}
        }
        if i.mnemonic() == Mnemonic::Ret {
            self.out.push(Instruction::with(Code::VEX_Vzeroupper));
        }
        let mut same = *i;
        self.frame(&mut same)?;
        self.out.push(same);
        let opens = i.mnemonic() == Mnemonic::Sub && i.op0_register() == Register::RSP;
        if opens && self.aligns {
            let align = Instruction::with2(Code::And_rm64_imm8, Register::RSP, -LINE);
            self.out.push(align.map_err(|e| Refused(e.to_string()))?);
        }
        Ok(())
    }

    /// Scales what is relative to the stack pointer.
    fn frame(&self, i: &mut Instruction) -> Result<(), Refused> {
        let factor = self.factor as i64;
        let memory = (0..i.op_count()).any(|k| i.op_kind(k) == OpKind::Memory);
        if memory && i.memory_base() == Register::RSP {
            if i.memory_index() != Register::None {
                return refused(i);
            }
            let at = i.memory_displacement64() as i64 * factor;
            i.set_memory_displacement64(at as u64);
            i.set_memory_displ_size(SHORT);
        } else if memory && i.memory_base() == Register::RBP {
            return refused(i);
        }
        let moves = i.op_count() > 0
            && i.op0_kind() == OpKind::Register
            && i.op0_register() == Register::RSP;
        if moves {
            let code = match i.code() {
                Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 => Code::Sub_rm64_imm32,
                Code::Add_rm64_imm8 | Code::Add_rm64_imm32 => Code::Add_rm64_imm32,
                _ if matches!(i.mnemonic(), Mnemonic::Pop | Mnemonic::Mov) => return Ok(()),
                _ => return refused(i),
            };
            let bytes = i.immediate(1) as i32 * factor as i32;
            let ip = i.ip();
            *i = Instruction::with2(code, Register::RSP, bytes)
                .map_err(|e| Refused(e.to_string()))?;
            i.set_ip(ip);
        }
        Ok(())
    }

    fn packed(&mut self, i: &Instruction, row: Row) -> Result<(), Refused> {
        let zmm = self.factor == 4;
        let mut w = *i;
        self.frame(&mut w)?;
        w.set_code(if zmm { row.zmm } else { row.ymm });
        for k in 0..i.op_count() {
            if i.op_kind(k) == OpKind::Register {
                let element = row.how == How::Source || row.how == How::LowTwice;
                if !(element && k == 1) {
                    w.set_op_register(k, self.register(i.op_register(k)));
                }
            }
        }
        if w.memory_displ_size() > 0 {
            w.set_memory_displ_size(SHORT);
        }
        if row.how == How::LowTwice {
            let low = i.immediate8() == 0x44 && i.op1_kind() == OpKind::Register;
            if !low {
                return refused(i);
            }
        }
        if !zmm {
            self.out.push(w);
            return Ok(());
        }
        self.masked(i, row, w)
    }

    /// The 512-bit forms that go by way of a mask register.
    fn masked(&mut self, i: &Instruction, row: Row, mut w: Instruction) -> Result<(), Refused> {
        let error = |e: iced_x86::IcedError| Refused(e.to_string());
        let expand = |code, r| Instruction::with2(code, r, MASK).map_err(error);
        match row.how {
            How::Lanes | How::Source | How::LowTwice => self.out.push(w),
            How::Compare32 | How::Compare64 => {
                let to = w.op0_register();
                w.set_op0_register(MASK);
                self.out.push(w);
                let code = match row.how {
                    How::Compare32 => Code::EVEX_Vpmovm2d_zmm_kr,
                    _ => Code::EVEX_Vpmovm2q_zmm_kr,
                };
                self.out.push(expand(code, to)?);
            }
            How::Blend32 | How::Blend64 => {
                let mask = self.register(i.op3_register());
                let code = match row.how {
                    How::Blend32 => Code::EVEX_Vpmovd2m_kr_zmm,
                    _ => Code::EVEX_Vpmovq2m_kr_zmm,
                };
                self.out
                    .push(Instruction::with2(code, MASK, mask).map_err(error)?);
                w.set_op_mask(MASK);
                self.out.push(w);
            }
            How::Signs32 | How::Signs64 => {
                let to = match i.op0_register() {
                    r if r.is_gpr64() => Register::EAX + (r as u32 - Register::RAX as u32),
                    r => r,
                };
                let source = self.register(i.op1_register());
                let get = Instruction::with2(row.zmm, MASK, source).map_err(error)?;
                self.out.push(get);
                let code = match row.how {
                    How::Signs32 => Code::VEX_Kmovw_r32_kr,
                    _ => Code::VEX_Kmovb_r32_kr,
                };
                self.out.push(expand(code, to)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_mixes_lanes_and_what_it_does_not_know() {
        let ret = 0xc3;
        for (bytes, wide) in [
            (vec![ret], true),
            // vaddps xmm0, xmm1, xmm2
            (vec![0xc5, 0xf0, 0x58, 0xc2, ret], true),
            // vshufps xmm0, xmm1, xmm2, 1
            (vec![0xc5, 0xf0, 0xc6, 0xc2, 1, ret], false),
            // vpshufd xmm0, xmm1, 0x44 repeats the low half; 0x1b reverses
            (vec![0xc5, 0xf9, 0x70, 0xc1, 0x44, ret], true),
            (vec![0xc5, 0xf9, 0x70, 0xc1, 0x1b, ret], false),
            // call rax; push rbx
            (vec![0xff, 0xd0, ret], false),
            (vec![0x53, ret], false),
            // movups xmm0, [rbp + 16]
            (vec![0x0f, 0x10, 0x45, 0x10, ret], false),
            // no instruction
            (vec![0x06], false),
        ] {
            for factor in [2, 4] {
                let found = widen(&bytes, factor);
                assert_eq!(found.is_ok(), wide, "{bytes:x?}: {found:x?}");
            }
        }
    }

    #[test]
    fn frames_are_aligned_where_the_stack_pointer_is_restored() {
        let begins = [0x55, 0x48, 0x89, 0xe5]; // push rbp; mov rbp, rsp
        let uses = [
            0x48, 0x83, 0xec, 0x20, 0x0f, 0x11, 0x04, 0x24, 0x48, 0x83, 0xc4, 0x20,
        ]; // sub, movups, add
        let ends = [0x48, 0x89, 0xec, 0x5d, 0xc3]; // mov rsp, rbp; pop rbp; ret
        let plain = [&uses[..], &[0xc3]].concat();
        for (function, aligned) in [([&begins[..], &uses, &ends].concat(), true), (plain, false)] {
            let wide = widen(&function, 4).expect("is widened");
            let (code, _) = decode(&wide).expect("is code");
            let found = code.iter().any(|i| i.code() == Code::And_rm64_imm8);
            assert_eq!(found, aligned);
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), zmm: bool) {
            let _ = widen(&bytes, if zmm { 4 } else { 2 });
        }
    }
}
