//! One kernel to the bytes of one function; functions are independent, so threads share the list.

use crate::emit::Emitter;
use crate::pool::Line;
use crate::{CodegenError, Options};
use craneflow_ir::loops::Kernel;
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
    (cx, builder): &mut (Context, FunctionBuilderContext),
) -> Result<Machine, CodegenError> {
    let started = Instant::now();
    let parts = kernel.lanes * kernel.lane_bits / 128;
    if kernel.lanes != 1 && !matches!(parts, 1 | 2 | 4) {
        return Err(CodegenError::Lanes {
            kernel: kernel.name.clone(),
            lanes: kernel.lanes,
            lane_bits: kernel.lane_bits,
        });
    }
    cx.clear();
    cx.func = Function::with_name_signature(UserFuncName::user(0, 0), signature(isa));
    cx.set_disasm(options.listing);
    let mut fb = FunctionBuilder::new(&mut cx.func, builder);
    let registers = if cfg!(target_arch = "x86_64") { 16 } else { 32 };
    let pool = Emitter::new(kernel, &mut fb, parts.max(1), registers).kernel();
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
        time: started.elapsed(),
    })
}
