//! What a run does, in order: the steps of a program with what threads share of each.

use crate::cost::Sharing;
use craneflow_ir::loops::{self, Access, Buf, BufferKind, KernelId, Program, View};
use craneflow_ir::ops::Op;

/// What a run does, in order. Launches are positions in [`Actions::launches`].
#[derive(Debug)]
pub(crate) enum Action {
    Launch(usize),
    Copy {
        from: Buf,
        to: Buf,
    },
    Interpret {
        op: Box<Op>,
        args: Vec<Buf>,
        results: Vec<Buf>,
    },
    While {
        cond: Numbered,
        pred: Buf,
        body: Numbered,
    },
    Repeat(Repeat),
    Case {
        index: Buf,
        branches: Vec<Numbered>,
    },
}

/// Actions with the positions of their steps in the program, outer before inner.
pub(crate) type Numbered = Vec<(usize, Action)>;

/// A counted loop.
#[derive(Debug)]
pub(crate) struct Repeat {
    pub count: usize,
    /// Parts that never meet.
    pub parts: usize,
    /// Threads that share the parts; where it is 1, threads share single launches.
    pub budget: usize,
    pub views: Vec<(Buf, View)>,
    pub body: Numbered,
}

/// A kernel with the buffers it takes.
#[derive(Debug)]
pub(crate) struct Launch {
    pub kernel: KernelId,
    pub args: Vec<Buf>,
    /// Threads that share it.
    pub budget: usize,
    pub grid: usize,
}

/// The steps of a program, ready to be bound to addresses.
#[derive(Debug)]
pub(crate) struct Actions {
    pub list: Numbered,
    pub launches: Vec<Launch>,
    /// For each of the first actions, which compute what is kept between runs: the inputs that it follows from.
    pub kept: Vec<Vec<usize>>,
    /// For each buffer: where launches take it, as launch and parameter.
    pub sites: Vec<Vec<(u32, u32)>>,
    /// All views, sources first.
    pub views: Vec<(Buf, View)>,
    /// Most threads that share parts of a loop; 0 where there is no such loop.
    pub budget: usize,
    /// Steps so far, those inside others included.
    count: usize,
}

/// How the steps of a program become actions.
struct How<'a> {
    /// Estimated time of each kernel in picoseconds.
    times: &'a [u64],
    /// Most threads that share a kernel.
    threads: usize,
    sharing: Sharing,
}

impl How<'_> {
    /// Whether threads should share the parts of a loop.
    fn shares(&mut self, parts: usize, count: usize, body: &[loops::Step]) -> bool {
        let launches = body.iter().filter_map(|step| match step {
            loops::Step::Launch { kernel, .. } => Some(self.times[kernel.0 as usize]),
            _ => None,
        });
        let turn = launches.fold(0, u64::saturating_add);
        let time = turn.saturating_mul(count as u64);
        self.threads > 1 && self.sharing.pays(parts, time)
    }
}

impl Actions {
    /// The steps of a program whose kernels take about this many picoseconds each.
    pub(crate) fn new(program: &Program, times: &[u64], threads: usize) -> Actions {
        let mut actions = Actions {
            list: vec![],
            launches: vec![],
            kept: kept(program),
            sites: vec![vec![]; program.buffers.len()],
            views: vec![],
            budget: 0,
            count: 0,
        };
        let mut how = How {
            times,
            threads,
            sharing: Sharing::default(),
        };
        actions.list = actions.of_steps(program, &mut how, &program.steps);
        actions
    }

    fn of_steps(&mut self, p: &Program, how: &mut How<'_>, steps: &[loops::Step]) -> Numbered {
        let numbered = |s| {
            self.count += 1;
            (self.count - 1, self.of_step(p, how, s))
        };
        steps.iter().map(numbered).collect()
    }

    fn of_step(&mut self, p: &Program, how: &mut How<'_>, step: &loops::Step) -> Action {
        match step {
            loops::Step::Launch { kernel, args, .. } => {
                let at = self.launches.len();
                for (i, b) in args.iter().enumerate() {
                    self.sites[b.0 as usize].push((at as u32, i as u32));
                }
                let k = p.kernel(*kernel);
                let shared = how.sharing.pays(k.grid(), how.times[kernel.0 as usize]);
                self.launches.push(Launch {
                    kernel: *kernel,
                    args: args.clone(),
                    budget: if shared { how.threads } else { 1 },
                    grid: k.grid(),
                });
                Action::Launch(at)
            }
            loops::Step::Copy { from, to } => Action::Copy {
                from: *from,
                to: *to,
            },
            loops::Step::Interpret { op, args, results } => Action::Interpret {
                op: Box::new(op.clone()),
                args: args.clone(),
                results: results.clone(),
            },
            loops::Step::While { cond, pred, body } => Action::While {
                cond: self.of_steps(p, how, cond),
                pred: *pred,
                body: self.of_steps(p, how, body),
            },
            loops::Step::Repeat {
                count,
                parts,
                views,
                body,
            } => {
                self.views.extend(views);
                let shared = *parts > 1 && how.shares(*parts, *count, body);
                let body = self.of_steps(p, how, body);
                if shared {
                    self.budget = self.budget.max(how.threads);
                    how.sharing = Sharing::default();
                }
                Action::Repeat(Repeat {
                    count: *count,
                    parts: *parts,
                    budget: if shared { how.threads } else { 1 },
                    views: views.clone(),
                    body,
                })
            }
            loops::Step::Case { index, branches } => Action::Case {
                index: *index,
                branches: (branches.iter())
                    .map(|b| self.of_steps(p, how, b))
                    .collect(),
            },
        }
    }
}

/// The inputs from which kept buffers follow, for each of the launches that compute some, which come first.
fn kept(program: &Program) -> Vec<Vec<usize>> {
    let mut of: Vec<Vec<usize>> = vec![vec![]; program.buffers.len()];
    let mut kept = vec![];
    for step in &program.steps {
        let loops::Step::Launch { kernel, args, .. } = step else {
            break;
        };
        let is_kept = |b: &Buf| program.buffer(*b).kind == BufferKind::Kept;
        let mut inputs: Vec<usize> = vec![];
        for &b in args {
            match program.buffer(b).kind {
                BufferKind::Input(i) => inputs.push(i),
                _ => inputs.extend(&of[b.0 as usize]),
            }
        }
        let params = program.kernel(*kernel).params.iter().zip(args);
        let mut written = params.filter(|(p, _)| p.access != Access::Read);
        if !written.any(|(_, b)| is_kept(b)) {
            break;
        }
        inputs.sort_unstable();
        inputs.dedup();
        args.iter()
            .filter(|b| is_kept(b))
            .for_each(|b| of[b.0 as usize].clone_from(&inputs));
        kept.push(inputs);
    }
    kept
}
