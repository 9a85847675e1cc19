//! Schedules: loop IR to loop IR. The lowering emits plain scalar loops with hints; the steps here, in
//! the order of `PASSES`, make of them what runs fast. None changes a bit of any result.

mod affine;
mod clean;
mod collapse;
mod depend;
mod fold;
mod grid;
mod hash;
mod lanes;
mod peel;
mod promote;
mod rebuild;
mod scan;
mod tile;
mod unroll;
mod vectorize;

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

/// A step of the schedule.
#[derive(Clone, Copy)]
pub struct SchedulePass {
    /// A word: name in dumps.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Rewrites a verified kernel to one that computes the same bits.
    pub run: fn(&mut Kernel, &Target),
}

/// The steps, in order.
pub const PASSES: &[SchedulePass] = &[
    SchedulePass {
        name: "unroll",
        about: "copies the bodies of loops that ask for it; folds and shares what becomes equal",
        run: |k, _| {
            if k.loops.iter().any(|l| l.kind == LoopKind::Unroll) {
                Rebuild::run(k, &mut unroll::Unroll);
            }
        },
    },
    SchedulePass {
        name: "peel",
        about: "cuts loops where a condition on their index changes",
        run: |k, _| {
            if peel::applies(k) {
                Rebuild::run(k, &mut peel::Peel);
                clean::sweep(k);
            }
        },
    },
    SchedulePass {
        name: "collapse",
        about: "merges nested loops that walk memory as one",
        run: |k, _| collapse::collapse(k),
    },
    SchedulePass {
        name: "tile",
        about: "walks transposes tile by tile",
        run: |k, _| tile::tile(k),
    },
    SchedulePass {
        name: "split_grid",
        about: "makes grid items blocks of 16 elements, or parts of long rows",
        run: grid::split_grid,
    },
    SchedulePass {
        name: "vectorize",
        about: "turns independent loops into loops of vectors with a scalar tail",
        run: vectorize::vectorize,
    },
    SchedulePass {
        name: "promote",
        about: "keeps tiles with constant addresses in registers",
        run: |k, _| promote::promote(k),
    },
    SchedulePass {
        name: "clean",
        about: "forwards registers, removes what nothing observes, renumbers",
        run: |k, _| {
            Rebuild::run(k, &mut Keep);
            clean::clean(k);
        },
    },
];

/// Runs all steps.
pub fn schedule(mut kernel: Kernel, target: &Target) -> Kernel {
    for pass in PASSES {
        (pass.run)(&mut kernel, target);
    }
    kernel
}
