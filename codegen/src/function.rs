//! One kernel to the bytes of one function; functions are independent, so threads share the list.

use crate::emit::Emitter;
use crate::pool::Line;
use crate::{CodegenError, Options, target};
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::{Inst, Kernel, ValDef};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Function, Signature, UserFuncName, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{Context, FinalizedMachReloc};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The machine code of a kernel, not yet in executable memory.
pub(crate) struct Machine {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    pub relocs: Vec<FinalizedMachReloc>,
    pub clif: Option<String>,
    pub disassembly: Option<String>,
    /// Vector constants, passed behind the parameters.
    pub pool: Vec<Line>,
    /// Bits of the vector registers it uses, if any.
    pub vector_bits: usize,
    /// Why it does not use wider ones.
    pub refused: Option<String>,
    pub time: Duration,
}

/// `fn(args: *const *mut u8, scratch: *mut u8, start: i64, end: i64)`; behind the parameters,
/// `args` holds the address of the pool.
pub(crate) fn signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 4];
    signature
}

/// Compiles all kernels, on `options.threads` threads.
pub(crate) fn all(
    kernels: &[&Kernel],
    isa: &std::sync::Arc<dyn TargetIsa>,
    options: &Options,
) -> Result<Vec<Machine>, CodegenError> {
    let threads = options.threads.clamp(1, kernels.len().max(1));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(kernels.len()));
    let work = || {
        let mut cx = (Context::new(), FunctionBuilderContext::new());
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(kernel) = kernels.get(i) else { break };
            let machine = one(kernel, &**isa, options, &mut cx);
            done.lock().expect("no panic").push((i, machine));
        }
    };
    if threads == 1 {
        work();
    } else {
        std::thread::scope(|s| {
            for _ in 1..threads {
                s.spawn(work);
            }
            work();
        });
    }
    let mut done = done.into_inner().expect("no panic");
    done.sort_by_key(|d| d.0);
    done.into_iter().map(|d| d.1).collect()
}

fn one(
    kernel: &Kernel,
    isa: &dyn TargetIsa,
    options: &Options,
    cx: &mut (Context, FunctionBuilderContext),
) -> Result<Machine, CodegenError> {
    let started = Instant::now();
    verify_kernel(kernel)?;
    let bits = kernel.lanes * kernel.lane_bits;
    if kernel.lanes != 1 && !matches!(bits, 128 | 256 | 512) {
        return Err(CodegenError::Lanes {
            kernel: kernel.name.clone(),
            lanes: kernel.lanes,
            lane_bits: kernel.lane_bits,
        });
    }
    let widest = match kernel.lanes {
        1 => 128,
        _ => bits.min(target::vector_bits(options)),
    };
    let mut refused = None;
    for wide in [4, 2].into_iter().filter(|w| w * 128 <= widest) {
        if !gathers(kernel) {
            let mut machine = emit(kernel, isa, options, cx, wide)?;
            match widened(&machine.bytes, &machine.relocs, wide) {
                Ok(bytes) => {
                    machine.bytes = bytes;
                    machine.time = started.elapsed();
                    return Ok(machine);
                }
                Err(why) => refused = Some(why),
            }
        }
    }
    let mut machine = emit(kernel, isa, options, cx, 1)?;
    machine.time = started.elapsed();
    machine.refused = refused;
    Ok(machine)
}

/// Whether a kernel gathers elements that are not adjacent; such vectors are put together in
/// 128-bit registers.
fn gathers(kernel: &Kernel) -> bool {
    let strided = |d: &ValDef| matches!(d.inst, Inst::Gather(_, _, stride) if stride & !1 != 0);
    kernel.vals.iter().any(strided)
}

#[cfg(target_arch = "x86_64")]
fn widened(bytes: &[u8], relocs: &[FinalizedMachReloc], wide: usize) -> Result<Vec<u8>, String> {
    if !relocs.is_empty() {
        return Err("a relocation".to_string());
    }
    crate::widen::widen(bytes, wide).map_err(|e| e.0)
}

#[cfg(not(target_arch = "x86_64"))]
fn widened(_: &[u8], _: &[FinalizedMachReloc], _: usize) -> Result<Vec<u8>, String> {
    Err("this architecture".to_string())
}

fn emit(
    kernel: &Kernel,
    isa: &dyn TargetIsa,
    options: &Options,
    (cx, builder): &mut (Context, FunctionBuilderContext),
    wide: usize,
) -> Result<Machine, CodegenError> {
    cx.clear();
    cx.func = Function::with_name_signature(UserFuncName::user(0, 0), signature(isa));
    cx.set_disasm(options.listing);
    let mut fb = FunctionBuilder::new(&mut cx.func, builder);
    let registers = if cfg!(target_arch = "x86_64") { 16 } else { 32 };
    let pool = Emitter::new(kernel, &mut fb, wide, registers).kernel();
    fb.finalize(isa.frontend_config());
    let clif = options.listing.then(|| cx.func.display().to_string());
    cx.compile(isa, &mut ControlPlane::default())
        .map_err(|e| CodegenError::Function {
            kernel: kernel.name.clone(),
            message: format!("{:?}", e.inner),
        })?;
    let code = cx.compiled_code().expect("compiled above");
    Ok(Machine {
        bytes: code.code_buffer().to_vec(),
        alignment: code.buffer.alignment as u64,
        relocs: code.buffer.relocs().to_vec(),
        clif,
        disassembly: code.vcode.clone(),
        pool,
        vector_bits: 128 * wide,
        refused: None,
        time: Duration::ZERO,
    })
}
