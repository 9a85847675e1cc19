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
        Target::Host => cranelift_native::builder().map_err(|e| machine(&e))?,
        Target::Baseline => isa::lookup(target_lexicon::Triple::host()).map_err(|e| machine(&e))?,
    };
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|e| machine(&e))
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
