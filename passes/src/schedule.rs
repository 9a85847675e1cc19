//! Schedules: loop IR to loop IR. The lowering emits plain scalar loops with hints; the steps here, in
//! the order of `PASSES`, make of them what runs fast. None changes a bit of any result.

mod affine;
mod clean;
mod collapse;
mod depend;
mod fold;
mod grid;
mod lanes;
mod peel;
mod promote;
mod rebuild;
mod scan;
mod tile;
mod unroll;
mod vectorize;

use crate::{PASSES, Run};
use craneflow_ir::loops::{Kernel, LoopKind};
use rebuild::{Keep, Rebuild};

/// What a schedule must know about the machine. No result depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Lanes of 32 bits in a vector: 4, 8 or 16; 1 for none.
    pub lanes_32: usize,
}

impl Target {
    /// Vectors of 128 bits.
    pub const SIMD128: Target = Target { lanes_32: 4 };
    /// No vectors.
    pub const SCALAR: Target = Target { lanes_32: 1 };

    /// Lanes of a vector whose lanes have `bits` bits, 32 or 64; 1 for none.
    pub fn lanes(&self, bits: usize) -> usize {
        (self.lanes_32 * 32 / bits).max(1)
    }
}

impl Default for Target {
    fn default() -> Target {
        Target::SIMD128
    }
}

/// Rewrites a verified kernel to one that computes the same bits.
pub type Step = fn(&mut Kernel, &Target);

/// The steps with their names, in the order of `PASSES`.
pub fn steps() -> impl Iterator<Item = (&'static str, Step)> {
    PASSES.iter().filter_map(|pass| match pass.run {
        Run::Kernel(step) => Some((pass.name, step)),
        _ => None,
    })
}

/// Runs all steps.
pub fn schedule(mut kernel: Kernel, target: &Target) -> Kernel {
    for (_, step) in steps() {
        step(&mut kernel, target);
    }
    kernel
}

pub(crate) fn unroll(k: &mut Kernel, _: &Target) {
    if k.loops.iter().any(|l| l.kind == LoopKind::Unroll) {
        Rebuild::run(k, &mut unroll::Unroll);
    }
}

pub(crate) fn peel(k: &mut Kernel, _: &Target) {
    if peel::applies(k) {
        Rebuild::run(k, &mut peel::Peel);
        clean::sweep(k);
    }
}

pub(crate) fn collapse(k: &mut Kernel, _: &Target) {
    collapse::collapse(k);
}

pub(crate) fn tile(k: &mut Kernel, _: &Target) {
    tile::tile(k);
}

pub(crate) use grid::split_grid;
pub(crate) use vectorize::vectorize;

pub(crate) fn promote(k: &mut Kernel, _: &Target) {
    promote::promote(k);
}

pub(crate) fn clean(k: &mut Kernel, _: &Target) {
    Rebuild::run(k, &mut Keep);
    clean::clean(k);
}
