//! Craneflow's passes: from a graph to a planned program of kernels.
//!
//! `PASSES` is the whole pipeline; `compile` runs it and shows what each pass made. No pass calls
//! another, and no pass fails on verified input.

pub mod donate;
pub mod fuse;
pub mod grad;
pub mod keep;
pub mod lower;
pub mod parts;
pub mod plan;
pub mod schedule;
mod show;
pub mod simplify;
pub mod split;
pub mod windows;

use craneflow_ir::loops::{Kernel, Program};
use craneflow_ir::{DType, Graph, Verified};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What passes work on.
#[derive(Clone, PartialEq, Debug)]
pub enum Unit {
    /// A graph.
    Graph(Graph),
    /// A graph and its partition into kernels.
    Fused(Graph, fuse::Groups),
    /// Kernels and the order in which they run.
    Program(Program),
    /// A program with a place for every buffer.
    Planned(Program, plan::Plan),
}

/// What the passes may vary. None of it changes a result.
#[derive(Clone, Debug)]
pub struct Options {
    /// Leave kernels as the lowering wrote them: scalar loops, plain contractions.
    pub plain: bool,
    /// Width of vectors in bits: 128, 256 or 512, or 0 for scalar code.
    pub vector_bits: usize,
    /// Most threads that schedule kernels, the caller included.
    pub threads: usize,
    /// Threads that will share a kernel's work: the fewer, the larger are the blocks of a contraction, which
    /// then reads less. No result depends on it.
    pub sharing: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            plain: false,
            vector_bits: 128,
            threads: 1,
            sharing: 8,
        }
    }
}

impl Options {
    /// Lanes of a vector of `dtype`; 1 without vectors.
    pub fn lanes(&self, dtype: DType) -> usize {
        (self.vector_bits / dtype.bits()).max(1)
    }
}

/// One entry of the pipeline.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Name in dumps and on the command line; a word.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    run: Run,
}

/// What a pass takes and gives. A unit that is at another stage passes through.
#[derive(Clone, Copy)]
enum Run {
    Graph(fn(&Graph) -> Graph),
    /// Every kernel by itself.
    Kernel(schedule::Step),
    Unit(fn(Unit, &Options) -> Unit),
}

/// The pipeline.
pub const PASSES: &[Pass] = &[
    graph(
        "simplify",
        "fold constants, apply algebra that keeps every bit, share equal nodes, drop dead ones",
        simplify::simplify,
    ),
    graph("split", "break long sums into two stages", split::split),
    graph(
        "windows",
        "write out holes and padding of convolutions, where they cannot be left out",
        windows::windows,
    ),
    unit(
        "fuse",
        "choose groups of nodes that become one kernel each",
        |unit, _| match unit {
            Unit::Graph(g) => {
                let groups = fuse::fuse(&g);
                Unit::Fused(g, groups)
            }
            other => other,
        },
    ),
    unit(
        "lower",
        "turn each group into loops over buffers",
        |unit, o| match unit {
            Unit::Fused(g, groups) => Unit::Program(lower::lower(&g, &groups, o)),
            other => other,
        },
    ),
    unit(
        "donate",
        "let results replace donated inputs in place, or by a copy",
        |unit, _| match unit {
            Unit::Program(p) => Unit::Program(donate::donate(p)),
            other => other,
        },
    ),
    unit(
        "keep",
        "lay out operands of contractions once, where they stay from run to run",
        |unit, _| match unit {
            Unit::Program(p) => Unit::Program(keep::keep(p)),
            other => other,
        },
    ),
    kernel(
        "unroll",
        "copy the bodies of loops that ask for it; fold and share what becomes equal",
        schedule::unroll,
    ),
    kernel(
        "peel",
        "cut loops where a condition on their index changes",
        schedule::peel,
    ),
    kernel(
        "collapse",
        "merge nested loops that walk memory as one",
        schedule::collapse,
    ),
    kernel("tile", "walk transposes tile by tile", schedule::tile),
    kernel(
        "split_grid",
        "make grid items blocks of 16 elements, or parts of long rows",
        schedule::split_grid,
    ),
    kernel(
        "vectorize",
        "turn independent loops into loops of vectors with a scalar tail",
        schedule::vectorize,
    ),
    kernel(
        "promote",
        "keep tiles with constant addresses in registers",
        schedule::promote,
    ),
    kernel(
        "clean",
        "forward registers, remove what nothing observes, renumber",
        schedule::clean,
    ),
    unit(
        "parts",
        "find loops whose turns fall into parts that never meet",
        |unit, _| match unit {
            Unit::Program(p) => Unit::Program(parts::parts(p)),
            other => other,
        },
    ),
    unit(
        "plan",
        "give every buffer its place in one arena",
        |unit, _| match unit {
            Unit::Program(p) => {
                let plan = plan::plan(&p);
                Unit::Planned(p, plan)
            }
            other => other,
        },
    ),
];

const fn graph(name: &'static str, about: &'static str, run: fn(&Graph) -> Graph) -> Pass {
    let run = Run::Graph(run);
    Pass { name, about, run }
}

const fn kernel(name: &'static str, about: &'static str, run: schedule::Step) -> Pass {
    let run = Run::Kernel(run);
    Pass { name, about, run }
}

const fn unit(name: &'static str, about: &'static str, run: fn(Unit, &Options) -> Unit) -> Pass {
    let run = Run::Unit(run);
    Pass { name, about, run }
}

impl Pass {
    fn apply(&self, unit: Unit, options: &Options) -> Unit {
        match (self.run, unit) {
            (Run::Graph(run), Unit::Graph(g)) => Unit::Graph(run(&g)),
            (Run::Kernel(run), Unit::Program(mut p)) if !options.plain => {
                let target = schedule::Target {
                    lanes_32: options.lanes(DType::F32),
                };
                each(&mut p.kernels, options.threads, &|k| run(k, &target));
                Unit::Program(p)
            }
            (Run::Unit(run), unit) => run(unit, options),
            (_, other) => other,
        }
    }
}

/// Runs `f` on all kernels, on at most `threads` threads, and fewer where there is little to share.
fn each(kernels: &mut [Kernel], threads: usize, f: &(dyn Fn(&mut Kernel) + Sync)) {
    /// Kernels that are worth a thread.
    const SHARE: usize = 8;
    let helpers = threads.min(kernels.len() / SHARE).saturating_sub(1);
    let left = Mutex::new(kernels.iter_mut());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(kernel) = next() {
            f(kernel);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // What a thread that could not be started would have done, the others do.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

/// Runs the pipeline on a graph, telling `observe` what every pass made and how long it took.
pub fn compile(
    graph: Verified<Graph>,
    options: &Options,
    observe: &mut dyn FnMut(&Pass, &Unit, Duration),
) -> (Program, plan::Plan) {
    let mut unit = Unit::Graph(graph.into_inner());
    for pass in PASSES {
        let start = Instant::now();
        unit = pass.apply(unit, options);
        observe(pass, &unit, start.elapsed());
    }
    match unit {
        Unit::Planned(program, plan) => (program, plan),
        _ => unreachable!("the last pass plans"),
    }
}
