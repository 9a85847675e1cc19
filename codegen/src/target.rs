//! The instruction set to compile for, and the functions that generated code may call on machines
//! that lack an instruction.

use crate::{CodegenError, Options};
use cranelift_codegen::ir::LibCall;
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};

/// An instruction set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// All that this machine has.
    Host,
    /// What every machine of this architecture has: the same bits, slower.
    Baseline,
}

/// Cranelift's target for these options.
pub(crate) fn isa(options: &Options) -> Result<OwnedTargetIsa, CodegenError> {
    let machine = |e: &dyn std::fmt::Display| CodegenError::Machine(e.to_string());
    let mut flags = settings::builder();
    let verify = if options.verify { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", "none"),
        ("enable_verifier", verify),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
    ] {
        flags.set(name, value).map_err(|e| machine(&e))?;
    }
    let builder = match options.target {
        Target::Host => {
            let mut host = cranelift_native::builder().map_err(|e| machine(&e))?;
            // Widening maps VEX instructions only. Flags of other architectures do not exist here.
            for feature in ["f", "vl", "dq", "bitalg", "vbmi"] {
                let _ = host.set(&format!("has_avx512{feature}"), "false");
            }
            host
        }
        Target::Baseline => isa::lookup(target_lexicon::Triple::host()).map_err(|e| machine(&e))?,
    };
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|e| machine(&e))
}

/// Bits of the widest vector registers to use.
pub(crate) fn vector_bits(options: &Options) -> usize {
    match options.target {
        Target::Host => host_vector_bits().min(options.vector_bits),
        Target::Baseline => 128,
    }
}

/// Bits of this machine's widest vector registers that generated code can use: the best width for
/// a schedule.
pub fn host_vector_bits() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        let avx512 = has!("avx512f") && has!("avx512dq") && has!("avx512bw");
        match (avx2, avx512) {
            (true, true) => 512,
            (true, false) => 256,
            _ => 128,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    128
}

/// Names of the functions below.
pub(crate) fn libcall_name(call: LibCall) -> String {
    format!("craneflow_{call:?}")
}

/// The functions behind the operations that some processors have no instruction for, by name.
pub(crate) fn libcalls() -> [(String, *const u8); 11] {
    [
        (LibCall::FmaF32, fma_f32 as *const u8),
        (LibCall::FmaF64, fma_f64 as *const u8),
        (LibCall::FloorF32, floor_f32 as *const u8),
        (LibCall::FloorF64, floor_f64 as *const u8),
        (LibCall::CeilF32, ceil_f32 as *const u8),
        (LibCall::CeilF64, ceil_f64 as *const u8),
        (LibCall::TruncF32, trunc_f32 as *const u8),
        (LibCall::TruncF64, trunc_f64 as *const u8),
        (LibCall::NearestF32, nearest_f32 as *const u8),
        (LibCall::NearestF64, nearest_f64 as *const u8),
        (LibCall::Probestack, probestack as *const u8),
    ]
    .map(|(call, address)| (libcall_name(call), address))
}

extern "C" fn fma_f32(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}
extern "C" fn fma_f64(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}
extern "C" fn floor_f32(a: f32) -> f32 {
    a.floor()
}
extern "C" fn floor_f64(a: f64) -> f64 {
    a.floor()
}
extern "C" fn ceil_f32(a: f32) -> f32 {
    a.ceil()
}
extern "C" fn ceil_f64(a: f64) -> f64 {
    a.ceil()
}
extern "C" fn trunc_f32(a: f32) -> f32 {
    a.trunc()
}
extern "C" fn trunc_f64(a: f64) -> f64 {
    a.trunc()
}
extern "C" fn nearest_f32(a: f32) -> f32 {
    a.round_ties_even()
}
extern "C" fn nearest_f64(a: f64) -> f64 {
    a.round_ties_even()
}
extern "C" fn probestack() {
    unreachable!("generated functions use little stack")
}
