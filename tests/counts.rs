//! What a run of each workload executes, counted in the loop language: a change that makes programs do more
//! shows here on any machine, however noisy its clock.
//!
//! `CRANEFLOW_BLESS=1` writes the figures that were found.

use craneflow::ir::loops::{Inst, Kernel, Program, Step, Stmt};
use craneflow::nn::workloads::{NAMES, workload};
use craneflow::passes::{self, Options};
use std::fmt::Write;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/counts.txt");

/// The share by which a figure may be off before it counts as changed.
const SLACK: f64 = 0.03;

/// What one run executes.
#[derive(Default)]
struct Counts {
    launches: u64,
    copies: u64,
    /// Instructions of kernels; one on vectors is one.
    instructions: u64,
    /// Bytes of the buffers that launches and copies take.
    bytes: u64,
}

impl Counts {
    fn steps(&mut self, p: &Program, steps: &[Step], times: u64) {
        for step in steps {
            match step {
                Step::Launch { kernel, args, .. } => {
                    let bytes: usize = args.iter().map(|&b| p.buffer(b).ty.bytes()).sum();
                    self.launches += times;
                    self.bytes += times * bytes as u64;
                    self.instructions += times * whole(p.kernel(*kernel));
                }
                Step::Copy { from, .. } => {
                    self.copies += times;
                    self.bytes += times * 2 * p.buffer(*from).ty.bytes() as u64;
                }
                Step::Repeat { count, body, .. } => self.steps(p, body, times * *count as u64),
                other => panic!("no workload has this step: {other:?}"),
            }
        }
    }
}

fn whole(k: &Kernel) -> u64 {
    block(k, &k.prologue) + k.grid() as u64 * block(k, &k.body) + block(k, &k.epilogue)
}

/// Instructions of a block; of two branches the longer.
fn block(k: &Kernel, stmts: &[Stmt]) -> u64 {
    let of = |s: &Stmt| match s {
        Stmt::Let(v) => u64::from(!matches!(k.val(*v).inst, Inst::Const(_) | Inst::Get(_))),
        Stmt::Store(..) => 1,
        Stmt::Set(..) => 0,
        Stmt::For(l, body) => k.loops[l.0 as usize].extent as u64 * block(k, body),
        Stmt::If(_, a, b) => block(k, a).max(block(k, b)),
    };
    stmts.iter().map(of).sum()
}

/// The figures of a workload, with the name of each.
fn figures(name: &str) -> Vec<(&'static str, u64)> {
    let graph = workload(name).expect("a known workload").graph;
    let options = Options {
        vector_bits: 512,
        ..Options::default()
    };
    let (program, plan) = passes::compile(graph, &options, &mut |_, _, _| {});
    let mut counts = Counts::default();
    counts.steps(&program, &program.steps, 1);
    vec![
        ("kernels", program.kernels.len() as u64),
        ("launches", counts.launches),
        ("copies", counts.copies),
        ("instructions", counts.instructions),
        ("bytes", counts.bytes),
        ("arena", plan.arena_bytes as u64),
        ("live", plan.live_bytes as u64),
    ]
}

#[test]
fn programs_execute_what_is_written_down() {
    let mut found = String::new();
    for name in NAMES.iter().filter(|name| name.starts_with('W')) {
        for (figure, count) in figures(name) {
            writeln!(found, "{name} {figure} {count}").expect("a string takes all");
        }
    }
    if std::env::var_os("CRANEFLOW_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(PATH, found).expect("the folder can be written to");
        return;
    }
    let expected = std::fs::read_to_string(PATH).expect("a file of the repository");
    let number = |line: &str| -> (String, f64) {
        let (name, count) = line.rsplit_once(' ').expect("a name and a count");
        (name.to_string(), count.parse().expect("a count"))
    };
    assert_eq!(found.lines().count(), expected.lines().count());
    let mut changed = vec![];
    for (now, then) in found.lines().zip(expected.lines()) {
        let ((name, now), (other, then)) = (number(now), number(then));
        assert_eq!(name, other);
        if (now - then).abs() > SLACK * then {
            changed.push(format!("{name}: {now}, was {then}"));
        }
    }
    assert!(
        changed.is_empty(),
        "CRANEFLOW_BLESS=1 accepts:\n{}",
        changed.join("\n")
    );
}

/// Memory is within a fifth of the least that the order of steps allows, but for a page.
#[test]
fn memory_is_near_its_bound() {
    for name in NAMES.iter().filter(|name| name.starts_with('W')) {
        let figures = figures(name);
        let of = |figure| figures.iter().find(|f| f.0 == figure).expect("counted").1;
        let (arena, live) = (of("arena"), of("live"));
        assert!(
            5 * arena <= 6 * live + 5 * 4096,
            "{name}: {arena} bytes where {live} are live at once"
        );
    }
}
