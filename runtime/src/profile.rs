//! Where the time of a step goes: each launch with its time, its arithmetic and its memory, beside what
//! the machine could do.

mod roofline;

pub use roofline::Roofline;

use craneflow_ir::loops::{self, Buf, Inst, Kernel, Program, Stmt, Val};
use craneflow_ir::{DType, Native};
use std::time::{Duration, Instant};

/// Is told when a step of a program starts and ends.
pub(crate) trait Observe: Send {
    type Start: Copy;
    fn start(&mut self) -> Self::Start;
    /// `share` is how much of the step all threads have done meanwhile.
    fn end(&mut self, number: usize, start: Self::Start, share: f64);
}

/// Nobody looks: costs nothing.
impl Observe for () {
    type Start = ();
    #[inline]
    fn start(&mut self) {}
    #[inline]
    fn end(&mut self, _: usize, (): (), _: f64) {}
}

/// One step of a program.
#[derive(Clone, Debug)]
pub struct Row {
    /// The kernel's name, or what else the step is.
    pub name: String,
    /// The kernel's number, as in dumps.
    pub kernel: Option<usize>,
    /// The layers it computes.
    pub from: String,
    /// Floating-point operations of one execution: every native operation on floats is one, a fused
    /// multiply-add two.
    pub flops: u64,
    /// Bytes of the buffers it reads and of those it writes, each counted once.
    pub bytes: u64,
    /// Executions so far; parts of some count as such.
    pub count: f64,
    /// Time of all executions. A loop's includes what runs inside.
    pub time: Duration,
    /// The shortest execution: what other programs on the machine disturbed least.
    pub best: Duration,
    /// Whether other steps run inside (a loop, a choice).
    pub control: bool,
}

/// One execution, for a timeline.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Which row.
    pub row: usize,
    /// Since the profile was made.
    pub start: Duration,
    /// How long.
    pub time: Duration,
}

/// Times of the steps of a program over some runs.
#[derive(Clone, Debug)]
pub struct Profile {
    rows: Vec<Row>,
    events: Vec<Event>,
    made: Instant,
    runs: u64,
    total: Duration,
}

/// Most events kept; later ones are counted in the rows only.
const EVENTS: usize = 1 << 16;

impl Profile {
    /// An empty profile of a program.
    pub fn new(program: &Program) -> Profile {
        let mut rows = vec![];
        describe(program, &program.steps, &mut rows);
        Profile {
            rows,
            events: Vec::with_capacity(EVENTS),
            made: Instant::now(),
            runs: 0,
            total: Duration::ZERO,
        }
    }

    /// Times one run.
    pub(crate) fn run(&mut self, run: impl FnOnce(&mut Profile)) {
        let start = Instant::now();
        run(self);
        self.total += start.elapsed();
        self.runs += 1;
    }

    /// The steps of the program, outer before inner.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Executions in order, up to a limit.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Runs so far.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Time of all runs.
    pub fn total(&self) -> Duration {
        self.total
    }
}

impl Observe for Profile {
    type Start = Instant;

    fn start(&mut self) -> Instant {
        Instant::now()
    }

    fn end(&mut self, number: usize, start: Instant, share: f64) {
        let time = start.elapsed();
        let row = &mut self.rows[number];
        row.count += share;
        row.time += time;
        row.best = row.best.min(time.div_f64(share));
        if self.events.len() < EVENTS {
            self.events.push(Event {
                row: number,
                start: start - self.made,
                time,
            });
        }
    }
}

fn describe(program: &Program, steps: &[loops::Step], rows: &mut Vec<Row>) {
    for step in steps {
        let mut row = Row {
            name: String::new(),
            kernel: None,
            from: String::new(),
            flops: 0,
            bytes: 0,
            count: 0.0,
            time: Duration::ZERO,
            best: Duration::MAX,
            control: false,
        };
        let bytes = |bufs: &[Buf]| {
            bufs.iter()
                .map(|&b| program.buffer(b).ty.bytes() as u64)
                .sum()
        };
        let mut inside: Vec<&[loops::Step]> = vec![];
        match step {
            loops::Step::Launch { kernel, args, from } => {
                let k = program.kernel(*kernel);
                row.name = k.name.clone();
                row.kernel = Some(kernel.0 as usize);
                row.from = from.clone();
                row.flops = flops(k);
                row.bytes = bytes(args);
            }
            loops::Step::Copy { from, to } => {
                row.name = "copy".to_string();
                row.bytes = bytes(&[*from, *to]);
            }
            loops::Step::Interpret { op, args, results } => {
                row.name = format!("interpreted {}", op.name());
                row.bytes = bytes(args) + bytes(results);
            }
            loops::Step::While { cond, body, .. } => {
                row.name = "while".to_string();
                row.control = true;
                inside.extend([&cond[..], &body[..]]);
            }
            loops::Step::Repeat { body, parts, .. } => {
                row.name = match parts {
                    1 => "repeat".to_string(),
                    _ => format!("repeat in {parts} parts"),
                };
                row.control = true;
                inside.push(body);
            }
            loops::Step::Case { branches, .. } => {
                row.name = "case".to_string();
                row.control = true;
                inside.extend(branches.iter().map(|b| &b[..]));
            }
        }
        rows.push(row);
        for steps in inside {
            describe(program, steps, rows);
        }
    }
}

/// Floating-point operations of one launch; of two branches, the longer.
fn flops(k: &Kernel) -> u64 {
    let grid = k.grid() as u64;
    let once = block(k, &k.prologue).saturating_add(block(k, &k.epilogue));
    grid.saturating_mul(block(k, &k.body)).saturating_add(once)
}

fn block(k: &Kernel, stmts: &[Stmt]) -> u64 {
    let of = |s: &Stmt| match s {
        Stmt::Let(v) => value(k, *v),
        Stmt::For(l, body) => (k.loops[l.0 as usize].extent as u64).saturating_mul(block(k, body)),
        Stmt::If(_, a, b) => block(k, a).max(block(k, b)),
        Stmt::Store(..) | Stmt::Set(..) => 0,
    };
    stmts.iter().map(of).fold(0, u64::saturating_add)
}

fn value(k: &Kernel, v: Val) -> u64 {
    let def = k.val(v);
    let float = matches!(def.dtype, DType::F32 | DType::F64);
    let lanes = if def.vector { k.lanes as u64 } else { 1 };
    match &def.inst {
        Inst::Native(Native::Fma, _) => 2 * lanes,
        Inst::Native(_, _) if float => lanes,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Profile, Step};
    use craneflow_ir::ops::DotGeneral;
    use craneflow_ir::{Builder, DType, Type, Verified};

    #[test]
    fn a_product_has_its_multiply_adds() {
        let mut b = Builder::new("product");
        let x = b.input("x", Type::new(DType::F32, [64, 64]));
        let y = b.op(DotGeneral::matmul(2), &[x, x]);
        b.output("y", y);
        let graph = Verified::graph(b.finish()).unwrap();
        let mut step = Step::compile(&graph, &Options::default()).unwrap();
        let mut profile = Profile::new(step.program());
        step.run_profiled(&mut profile);
        step.run_profiled(&mut profile);
        assert_eq!(profile.runs(), 2);
        assert!(profile.rows().iter().all(|r| r.count == 2.0));
        assert_eq!(profile.events().len(), 2 * profile.rows().len());
        let flops: u64 = profile.rows().iter().map(|r| r.flops).sum();
        assert_eq!(flops, 2 * 64 * 64 * 64);
        assert!(profile.rows().iter().map(|r| r.bytes).sum::<u64>() >= 2 * 64 * 64 * 4);
        assert!(
            profile
                .rows()
                .iter()
                .map(|r| r.time)
                .sum::<std::time::Duration>()
                <= profile.total()
        );
    }
}
