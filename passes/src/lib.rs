//! Craneflow's passes: from a graph to a planned program of kernels.
//!
//! `PASSES` is the whole pipeline; `compile` runs it and shows what each pass made. No pass calls
//! another, and no pass fails on verified input.

pub mod donate;
pub mod fuse;
pub mod grad;
pub mod lower;
pub mod plan;
pub mod schedule;
mod show;
pub mod simplify;
pub mod split;
pub mod windows;

use craneflow_ir::loops::Program;
use craneflow_ir::{DType, Graph, Verified};
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
}

impl Default for Options {
    fn default() -> Options {
        Options {
            plain: false,
            vector_bits: 128,
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
    /// Name in dumps and on the command line; a verb.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    run: fn(Unit, &Options) -> Unit,
}

/// The pipeline.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "simplify",
        about: "fold constants, apply algebra that keeps every bit, share equal nodes, drop dead ones",
        run: |unit, _| match unit {
            Unit::Graph(g) => Unit::Graph(simplify::simplify(&g)),
            other => other,
        },
    },
    Pass {
        name: "split",
        about: "break long sums into two stages",
        run: |unit, _| match unit {
            Unit::Graph(g) => Unit::Graph(split::split(&g)),
            other => other,
        },
    },
    Pass {
        name: "windows",
        about: "pad the inputs of convolutions, so that no window leaves them",
        run: |unit, _| match unit {
            Unit::Graph(g) => Unit::Graph(windows::windows(&g)),
            other => other,
        },
    },
    Pass {
        name: "fuse",
        about: "choose groups of nodes that become one kernel each",
        run: |unit, _| match unit {
            Unit::Graph(g) => {
                let groups = fuse::fuse(&g);
                Unit::Fused(g, groups)
            }
            other => other,
        },
    },
    Pass {
        name: "lower",
        about: "turn each group into loops over buffers",
        run: |unit, o| match unit {
            Unit::Fused(g, groups) => Unit::Program(lower::lower(&g, &groups, o)),
            other => other,
        },
    },
    Pass {
        name: "donate",
        about: "let results replace donated inputs in place, or by a copy",
        run: |unit, _| match unit {
            Unit::Program(p) => Unit::Program(donate::donate(p)),
            other => other,
        },
    },
    Pass {
        name: schedule::PASSES[0].name,
        about: schedule::PASSES[0].about,
        run: |unit, o| scheduled(unit, o, 0),
    },
    Pass {
        name: schedule::PASSES[1].name,
        about: schedule::PASSES[1].about,
        run: |unit, o| scheduled(unit, o, 1),
    },
    Pass {
        name: schedule::PASSES[2].name,
        about: schedule::PASSES[2].about,
        run: |unit, o| scheduled(unit, o, 2),
    },
    Pass {
        name: schedule::PASSES[3].name,
        about: schedule::PASSES[3].about,
        run: |unit, o| scheduled(unit, o, 3),
    },
    Pass {
        name: schedule::PASSES[4].name,
        about: schedule::PASSES[4].about,
        run: |unit, o| scheduled(unit, o, 4),
    },
    Pass {
        name: schedule::PASSES[5].name,
        about: schedule::PASSES[5].about,
        run: |unit, o| scheduled(unit, o, 5),
    },
    Pass {
        name: schedule::PASSES[6].name,
        about: schedule::PASSES[6].about,
        run: |unit, o| scheduled(unit, o, 6),
    },
    Pass {
        name: schedule::PASSES[7].name,
        about: schedule::PASSES[7].about,
        run: |unit, o| scheduled(unit, o, 7),
    },
    Pass {
        name: "plan",
        about: "give every buffer its place in one arena",
        run: |unit, _| match unit {
            Unit::Program(p) => {
                let plan = plan::plan(&p);
                Unit::Planned(p, plan)
            }
            other => other,
        },
    },
];

/// Runs one step of the schedule on every kernel.
fn scheduled(unit: Unit, options: &Options, step: usize) -> Unit {
    let Unit::Program(mut p) = unit else {
        return unit;
    };
    if !options.plain {
        let target = schedule::Target {
            lanes_32: options.lanes(DType::F32),
        };
        for kernel in &mut p.kernels {
            (schedule::PASSES[step].run)(kernel, &target);
        }
    }
    Unit::Program(p)
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
        unit = (pass.run)(unit, options);
        observe(pass, &unit, start.elapsed());
    }
    match unit {
        Unit::Planned(program, plan) => (program, plan),
        _ => unreachable!("the last pass plans"),
    }
}
