//! What one run at a time needs: arena, scratch, and the addresses of every buffer.

use crate::actions::Action;
use crate::arena::{AlignedBuf, MemoryError, copy, lend, lend_mut};
use crate::executable::{Executable, Port};
use crate::lane::{self, Lane, Turn, place};
use crate::profile::{Observe, Profile};
use crate::step::RunError;
use crate::threads::{parallel_for, with_default_float};
use craneflow_codegen::{Bound, MemRef};
use craneflow_ir::loops::Buf;
use craneflow_ir::{Array, Scalar};
use craneflow_passes::plan::Place;
use std::sync::{Arc, Mutex};

/// An input as one run is given it: dense row-major elements, aligned to 64 bytes.
pub enum Argument<'a> {
    /// Only read.
    Borrowed(&'a [u8]),
    /// Only read, and with the elements that this argument had in the last run of the workspace.
    Same(&'a [u8]),
    /// Given away: if an output replaces this input, it is found here after the run.
    Donated(&'a mut [u8]),
}

impl Argument<'_> {
    fn len(&self) -> usize {
        match self {
            Argument::Borrowed(bytes) | Argument::Same(bytes) => bytes.len(),
            Argument::Donated(bytes) => bytes.len(),
        }
    }
}

/// The memory of one run at a time of an executable.
#[derive(Debug)]
pub struct Workspace {
    executable: Arc<Executable>,
    /// Referred to by `table`.
    arena: AlignedBuf,
    scratch: Vec<AlignedBuf>,
    /// The address of each buffer of the program.
    table: Vec<MemRef>,
    /// The launches with their addresses; empty until all buffers have one.
    launches: Vec<Bound>,
    /// For each thread that shares parts of a loop.
    lanes: Vec<Mutex<Lane>>,
    /// Which of the launches that compute what is kept need not run.
    kept: Vec<bool>,
    /// Runs so far; counted up to 2.
    runs: usize,
}

impl Workspace {
    /// Allocates the arena and the scratch of an executable.
    pub fn new(executable: &Arc<Executable>) -> Result<Workspace, MemoryError> {
        let plan = executable.plan();
        let arena = AlignedBuf::of_small_pages(plan.arena_bytes)?;
        let scratch = (0..executable.threads())
            .map(|_| AlignedBuf::zeroed(plan.scratch_bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let bytes = executable.program.buffers.iter().map(|b| b.ty.bytes());
        let place = |(bytes, place): (usize, &Place)| match *place {
            Place::Constant(offset) => executable.constants.mem(offset, bytes),
            Place::Arena(offset) => arena.mem(offset, bytes),
            Place::Input(_) | Place::Output(_) | Place::Nowhere => MemRef::none(),
        };
        let table = bytes.zip(&plan.places).map(place).collect();
        Ok(Workspace {
            executable: executable.clone(),
            arena,
            scratch,
            table,
            launches: vec![],
            lanes: vec![],
            kept: vec![false; executable.actions.kept.len()],
            runs: 0,
        })
    }

    /// Notes that an input has other elements than in the last run.
    pub(crate) fn changed(&mut self, input: usize) {
        for (kept, inputs) in self.kept.iter_mut().zip(&self.executable.actions.kept) {
            *kept &= !inputs.contains(&input);
        }
    }

    /// What it runs.
    pub fn executable(&self) -> &Arc<Executable> {
        &self.executable
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.scratch.iter().map(AlignedBuf::len).sum::<usize>()
    }

    /// Runs the program. `inputs` are all inputs; an input that an output replaces must be given away,
    /// and holds that output afterwards. `outputs` are places for the outputs that replace no input,
    /// in order; every byte of them is written.
    pub fn run(
        &mut self,
        inputs: &mut [Argument<'_>],
        outputs: &mut [&mut [u8]],
    ) -> Result<(), RunError> {
        check(&self.executable, inputs, outputs)?;
        for (i, argument) in inputs.iter().enumerate() {
            if !matches!(argument, Argument::Same(_)) {
                self.changed(i);
            }
        }
        let inputs: Vec<MemRef> = (inputs.iter_mut())
            .map(|a| match a {
                Argument::Borrowed(bytes) | Argument::Same(bytes) => lend(bytes),
                Argument::Donated(bytes) => lend_mut(bytes),
            })
            .collect();
        let mut places = outputs.iter_mut();
        let outputs: Vec<MemRef> = (self.executable.outputs().iter())
            .map(|port| match port.partner {
                Some(input) => inputs[input],
                None => places.next().map_or(MemRef::none(), |o| lend_mut(o)),
            })
            .collect();
        self.bind(&inputs, &outputs);
        self.perform();
        Ok(())
    }

    /// Sets the addresses of inputs and outputs, each of the size of its type.
    pub(crate) fn bind(&mut self, inputs: &[MemRef], outputs: &[MemRef]) {
        let Workspace {
            executable: exe,
            table,
            launches,
            lanes,
            ..
        } = self;
        let fits = "buffers have the sizes of their types";
        for (b, place) in exe.plan.places.iter().enumerate() {
            let to = match *place {
                Place::Input(i) => inputs[i],
                Place::Output(o) => outputs[o],
                Place::Constant(_) | Place::Arena(_) | Place::Nowhere => continue,
            };
            if std::mem::replace(&mut table[b], to).as_ptr() == to.as_ptr() {
                continue;
            }
            if !launches.is_empty() {
                for &(launch, param) in &exe.actions.sites[b] {
                    let launch = &mut launches[launch as usize];
                    launch.rebind(param as usize, to).expect(fits);
                }
            }
        }
        if launches.is_empty() {
            for &(v, view) in &exe.actions.views {
                table[v.0 as usize] = place(exe, table, v, view, 0);
            }
            launches.extend(exe.actions.launches.iter().map(|l| {
                let refs: Vec<MemRef> = l.args.iter().map(|b| table[b.0 as usize]).collect();
                exe.code.entry(l.kernel.0 as usize).bind(&refs).expect(fits)
            }));
            lanes.extend((0..exe.actions.budget).map(|_| Lane::new(table, launches)));
        }
    }

    /// Runs on the addresses that were bound last, whose memory the caller holds.
    pub(crate) fn perform(&mut self) {
        let (mut run, kept) = self.started();
        with_default_float(|| run.all(kept, &mut ()));
    }

    /// The same, and adds the times of all steps to `profile`.
    pub(crate) fn perform_profiled(&mut self, profile: &mut Profile) {
        let (mut run, kept) = self.started();
        with_default_float(|| profile.run(|profile| run.all(kept, profile)));
    }

    fn started(&mut self) -> (Run<'_>, &mut [bool]) {
        // Huge pages make a run a little faster, but the first one slower, which is the only one of many programs.
        if self.runs == 1 && self.arena.renew() {
            self.kept.fill(false);
        }
        self.runs = (self.runs + 1).min(2);
        let run = Run {
            exe: &self.executable,
            scratch: &self.scratch,
            table: &mut self.table,
            launches: &mut self.launches,
            lanes: &self.lanes,
        };
        (run, &mut self.kept)
    }
}

/// A run that is under way.
struct Run<'a> {
    exe: &'a Executable,
    scratch: &'a [AlignedBuf],
    table: &'a mut [MemRef],
    launches: &'a mut [Bound],
    lanes: &'a [Mutex<Lane>],
}

impl Run<'_> {
    /// Runs the program, without what is `kept`.
    fn all(&mut self, kept: &mut [bool], observe: &mut impl Observe) {
        let (first, rest) = self.exe.actions.list.split_at(kept.len());
        for (action, kept) in first.chunks(1).zip(kept) {
            if !std::mem::replace(kept, true) {
                self.perform(action, observe);
            }
        }
        self.perform(rest, observe);
    }

    fn perform(&mut self, actions: &[(usize, Action)], observe: &mut impl Observe) {
        for (number, action) in actions {
            let started = observe.start();
            match action {
                Action::Launch(at) => {
                    let (bound, launch) = (&self.launches[*at], &self.exe.actions.launches[*at]);
                    let scratch = self.scratch;
                    parallel_for(launch.budget, launch.grid, &|start, end, slot| {
                        let scratch = &scratch[slot];
                        bound.call(scratch.mem(0, scratch.len()), start, end)
                    });
                }
                Action::Copy { from, to } => copy(self.mem(*from), self.mem(*to)),
                Action::Interpret { op, args, results } => {
                    let args: Vec<Array> = args.iter().map(|&b| self.read(b)).collect();
                    for (array, &b) in op.rules().eval(&args).iter().zip(results) {
                        crate::arena::write(self.mem(b), array.bytes());
                    }
                }
                Action::While { cond, pred, body } => loop {
                    self.perform(cond, observe);
                    if self.scalar(*pred).bits == 0 {
                        break;
                    }
                    self.perform(body, observe);
                },
                Action::Repeat(repeat) if repeat.budget > 1 => {
                    lane::run(
                        self.exe,
                        self.table,
                        self.scratch,
                        self.lanes,
                        repeat,
                        observe,
                    );
                }
                Action::Repeat(repeat) => {
                    for t in 0..repeat.count {
                        let mut turn = Turn {
                            exe: self.exe,
                            table: self.table,
                            launches: self.launches,
                        };
                        turn.at(&repeat.views, t);
                        self.perform(&repeat.body, observe);
                    }
                }
                Action::Case { index, branches } => {
                    let chosen =
                        usize::try_from(self.scalar(*index).to_i64()).unwrap_or(usize::MAX);
                    self.perform(&branches[chosen.min(branches.len() - 1)], observe);
                }
            }
            observe.end(*number, started, 1.0);
        }
    }

    fn mem(&self, b: Buf) -> MemRef {
        self.table[b.0 as usize]
    }

    /// The first element of a buffer.
    fn scalar(&self, b: Buf) -> Scalar {
        let ty = self.exe.program.buffer(b).ty.dtype;
        let mut bits = [0; 8];
        crate::arena::read_into(&mut bits[..ty.size()], self.mem(b));
        Scalar {
            ty,
            bits: u64::from_le_bytes(bits),
        }
    }

    /// A copy of a buffer for the reference interpreter.
    fn read(&self, b: Buf) -> Array {
        let ty = self.exe.program.buffer(b).ty.clone();
        let bytes = crate::arena::read(self.mem(b));
        Array::from_bytes(ty, bytes).expect("a buffer has the bytes of its type")
    }
}

/// Whether inputs and outputs are as many, as large and as generously given as the program needs.
fn check(
    executable: &Executable,
    inputs: &[Argument<'_>],
    outputs: &[&mut [u8]],
) -> Result<(), RunError> {
    let ports = executable.inputs();
    if inputs.len() != ports.len() {
        return Err(RunError::Inputs {
            expected: ports.len(),
            found: inputs.len(),
        });
    }
    for (port, given) in ports.iter().zip(inputs) {
        sized("input", port, given.len())?;
        if port.partner.is_some() && !matches!(given, Argument::Donated(_)) {
            return Err(RunError::NotDonated {
                name: port.name.clone(),
            });
        }
    }
    let places = executable.outputs().iter().filter(|p| p.partner.is_none());
    let expected = places.clone().count();
    if outputs.len() != expected {
        return Err(RunError::Outputs {
            expected,
            found: outputs.len(),
        });
    }
    (places.zip(outputs)).try_for_each(|(port, given)| sized("output", port, given.len()))
}

fn sized(what: &'static str, port: &Port, found: usize) -> Result<(), RunError> {
    match port.ty.bytes() == found {
        true => Ok(()),
        false => Err(RunError::Bytes {
            what,
            name: port.name.clone(),
            ty: port.ty.clone(),
            expected: port.ty.bytes(),
            found,
        }),
    }
}
