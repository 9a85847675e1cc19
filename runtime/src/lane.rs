//! What a thread needs to take parts of a counted loop through all turns: addresses of its own, for each thread may be in another
//! turn.

use crate::actions::{Action, Repeat};
use crate::arena::{AlignedBuf, copy};
use crate::executable::Executable;
use crate::profile::Observe;
use crate::threads::parallel_for;
use craneflow_codegen::{Bound, MemRef};
use craneflow_ir::loops::{Buf, View};
use std::sync::{Mutex, PoisonError};

/// Where the views of a turn are.
pub(crate) struct Turn<'a> {
    pub exe: &'a Executable,
    /// The address of each buffer of the program.
    pub table: &'a mut [MemRef],
    pub launches: &'a mut [Bound],
}

impl Turn<'_> {
    /// Moves views to where they are in turn `t`.
    pub(crate) fn at(&mut self, views: &[(Buf, View)], t: usize) {
        for &(v, view) in views {
            let to = place(self.exe, self.table, v, view, t);
            self.table[v.0 as usize] = to;
            for &(launch, param) in &self.exe.actions.sites[v.0 as usize] {
                let launch = &mut self.launches[launch as usize];
                let bound = launch.rebind(param as usize, to);
                bound.expect("a view has the size of its type");
            }
        }
    }
}

/// Where a view is in turn `t`.
pub(crate) fn place(exe: &Executable, table: &[MemRef], v: Buf, view: View, t: usize) -> MemRef {
    let ty = &exe.program.buffer(v).ty;
    let (of, first) = view.at(t).expect("a view starts within its source");
    table[of.0 as usize].part(first * ty.dtype.size(), ty.bytes())
}

/// The addresses that one thread works with.
#[derive(Debug)]
pub(crate) struct Lane {
    table: Vec<MemRef>,
    launches: Vec<Bound>,
}

impl Lane {
    pub(crate) fn new(table: &[MemRef], launches: &[Bound]) -> Mutex<Lane> {
        Mutex::new(Lane {
            table: table.to_vec(),
            launches: launches.to_vec(),
        })
    }

    /// Takes over the addresses of the run for the launches of a loop.
    fn begin(&mut self, exe: &Executable, table: &[MemRef], repeat: &Repeat) {
        self.table.copy_from_slice(table);
        for (_, action) in &repeat.body {
            if let Action::Launch(at) = action {
                for (i, b) in exe.actions.launches[*at].args.iter().enumerate() {
                    let bound = self.launches[*at].rebind(i, table[b.0 as usize]);
                    bound.expect("buffers have the sizes of their types");
                }
            }
        }
    }

    /// Takes the parts `start..end` through all turns.
    fn run(
        &mut self,
        exe: &Executable,
        scratch: MemRef,
        repeat: &Repeat,
        (start, end): (usize, usize),
        observe: &mut impl Observe,
    ) {
        let share = (end - start) as f64 * repeat.budget as f64 / repeat.parts as f64;
        for t in 0..repeat.count {
            let mut turn = Turn {
                exe,
                table: &mut self.table,
                launches: &mut self.launches,
            };
            turn.at(&repeat.views, t);
            for (number, action) in &repeat.body {
                let started = observe.start();
                match action {
                    Action::Launch(at) => {
                        let items = exe.actions.launches[*at].grid / repeat.parts;
                        self.launches[*at].call(scratch, start * items, end * items);
                    }
                    Action::Copy { from, to } => {
                        let bytes = exe.program.buffer(*to).ty.bytes() / repeat.parts;
                        let part = |m: MemRef| m.part(start * bytes, (end - start) * bytes);
                        let [from, to] = [from, to].map(|b| part(self.table[b.0 as usize]));
                        copy(from, to);
                    }
                    _ => unreachable!("parts are of launches and copies"),
                }
                observe.end(*number, started, share);
            }
        }
    }
}

/// Runs a loop, each thread some of its parts.
pub(crate) fn run(
    exe: &Executable,
    table: &[MemRef],
    scratch: &[AlignedBuf],
    lanes: &[Mutex<Lane>],
    repeat: &Repeat,
    observe: &mut impl Observe,
) {
    let lane = |slot: usize| lanes[slot].lock().unwrap_or_else(PoisonError::into_inner);
    (0..repeat.budget).for_each(|slot| lane(slot).begin(exe, table, repeat));
    // The caller's part stands for all.
    let observe = Mutex::new(observe);
    parallel_for(repeat.budget, repeat.parts, &|start, end, slot| {
        let own = scratch[slot].mem(0, scratch[slot].len());
        let mut lane = lane(slot);
        match slot {
            0 => {
                let mut observe = observe.lock().unwrap_or_else(PoisonError::into_inner);
                lane.run(exe, own, repeat, (start, end), &mut **observe);
            }
            _ => lane.run(exe, own, repeat, (start, end), &mut ()),
        }
    });
}
