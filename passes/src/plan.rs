//! Places every buffer: lifetimes to offsets in one arena. The peak is known before anything runs.

mod replace;

use craneflow_ir::loops::{Buf, BufferKind, KernelId, Program, Step};
use replace::replaces;
use std::cmp::Reverse;

/// Alignment of every buffer in bytes.
pub const ALIGN: usize = 64;

/// Where a buffer lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The caller's input at this position (also of the result that replaces it).
    Input(usize),
    /// The result at this position.
    Output(usize),
    /// An offset in bytes in the constants.
    Constant(usize),
    /// An offset in bytes in the arena.
    Arena(usize),
    /// Never touched, or a view of another buffer.
    Nowhere,
}

/// A memory plan. Sizes that no number holds are `usize::MAX`, which nothing allocates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// The place of each buffer of the program.
    pub places: Vec<Place>,
    /// Buffers that take another's place when it is read for the last time, and the first that had the place.
    pub heirs: Vec<(usize, usize)>,
    /// Bytes of inputs.
    pub input_bytes: usize,
    /// Bytes of results that replace no input.
    pub output_bytes: usize,
    /// Bytes of constants.
    pub constant_bytes: usize,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The greatest sum of arena buffers alive at one step, where what takes another's place is one with it: no plan can need less.
    pub live_bytes: usize,
    /// Scratch bytes of one worker.
    pub scratch_bytes: usize,
}

impl Plan {
    /// Bytes of everything a run touches with this many workers.
    pub fn peak_bytes(&self, workers: usize) -> usize {
        let scratch = workers.saturating_mul(self.scratch_bytes);
        [
            self.input_bytes,
            self.output_bytes,
            self.constant_bytes,
            self.arena_bytes,
        ]
        .into_iter()
        .fold(scratch, usize::saturating_add)
    }
}

/// First and last step (in walking order) that touch a buffer.
#[derive(Clone, Copy)]
struct Life {
    first: usize,
    last: usize,
}

/// A buffer of the arena (or an offset), its bytes and its life.
type Temp = (usize, usize, Life);

/// Plans the memory of a program whose donations are settled.
pub fn plan(program: &Program) -> Plan {
    let walk = Walk::over(program);
    let heirs = heirs(program, &walk);
    settle(program, walk.lives, heirs).expect("an heir's life begins where the other's ends")
}

/// The plan of a program whose kernels have lost their statements, with the heirs that [`plan`] found when they had them. `None`
/// where these cannot be heirs.
pub fn plan_again(program: &Program, heirs: Vec<(usize, usize)>) -> Option<Plan> {
    let lives = Walk::over(program).lives;
    settle(program, lives, heirs)
}

fn settle(
    program: &Program,
    mut lives: Vec<Option<Life>>,
    heirs: Vec<(usize, usize)>,
) -> Option<Plan> {
    for &(heir, first) in &heirs {
        let [a, b] = [heir, first].map(|i| program.buffers.get(i));
        let (a, b) = (a?, b?);
        let temps = a.kind == BufferKind::Temp && b.kind == BufferKind::Temp;
        let (of_heir, life) = (lives[heir].take()?, lives[first].as_mut()?);
        if !temps || a.ty.bytes() != b.ty.bytes() || of_heir.first != life.last {
            return None;
        }
        life.last = of_heir.last;
    }
    let mut plan = Plan {
        places: vec![Place::Nowhere; program.buffers.len()],
        ..Plan::default()
    };
    let mut temps = vec![];
    for (i, buffer) in program.buffers.iter().enumerate() {
        let bytes = buffer.ty.bytes().next_multiple_of(ALIGN);
        plan.places[i] = match &buffer.kind {
            BufferKind::Input(p) => {
                plan.input_bytes = plan.input_bytes.saturating_add(bytes);
                Place::Input(*p)
            }
            BufferKind::Output(_, Some(input)) => Place::Input(*input),
            BufferKind::Output(o, None) => {
                plan.output_bytes = plan.output_bytes.saturating_add(bytes);
                Place::Output(*o)
            }
            BufferKind::Constant(_) => {
                plan.constant_bytes += bytes;
                Place::Constant(plan.constant_bytes - bytes)
            }
            BufferKind::Temp | BufferKind::Kept => {
                temps.extend(lives[i].map(|life| (i, bytes, life)));
                Place::Nowhere
            }
            BufferKind::View => Place::Nowhere,
        };
    }
    plan.live_bytes = live_bytes(&temps);
    plan.scratch_bytes = program
        .kernels
        .iter()
        .map(|k| k.scratch_bytes())
        .max()
        .unwrap_or(0);
    place(&mut temps, &mut plan);
    for &(heir, first) in &heirs {
        plan.places[heir] = plan.places[first];
    }
    plan.heirs = heirs;
    Some(plan)
}

/// Buffers of the arena that take another's place: a launch writes the heir, and reads the other for the last time, element by
/// element before it is overwritten. The first of all that had the place comes with each, in the order of launches.
fn heirs(program: &Program, walk: &Walk) -> Vec<(usize, usize)> {
    let mut first_of: Vec<usize> = (0..program.buffers.len()).collect();
    let mut heirs = vec![];
    for &(clock, kernel, args) in &walk.launches {
        let kernel = program.kernel(kernel);
        let temp = |i: usize| {
            let b = args[i].0 as usize;
            let alone = args.iter().filter(|a| a.0 as usize == b).count() == 1;
            let temp = matches!(program.buffers[b].kind, BufferKind::Temp);
            walk.lives[b].filter(|_| temp && alone)
        };
        let params = 0..args.len();
        let born = |&i: &usize| temp(i).is_some_and(|l| l.first == clock);
        let dies = |&i: &usize| temp(i).is_some_and(|l| l.last == clock && l.first < clock);
        let mut dying: Vec<usize> = params.clone().filter(dies).collect();
        for to in params.filter(born) {
            let Some(at) = dying.iter().position(|&from| replaces(kernel, from, to)) else {
                continue;
            };
            let from = dying.remove(at);
            let [from, to] = [from, to].map(|i| args[i].0 as usize);
            first_of[to] = first_of[from];
            heirs.push((to, first_of[from]));
        }
    }
    heirs
}

type Key = (Reverse<usize>, usize);

/// Orders in which buffers take their places.
const ORDERS: [fn(&Temp) -> Key; 3] = [
    |&(i, bytes, _)| (Reverse(bytes), i),
    |&(_, bytes, life)| (Reverse(life.last - life.first), usize::MAX - bytes),
    |&(_, _, life)| (Reverse(usize::MAX - life.first), life.last),
];
/// Most buffers for which more than the first order is tried.
const MANY: usize = 1 << 10;

/// Places buffers in that of a few orders which needs least: largest first (greedy by size; Pisarchyk and
/// Lee, "Efficient memory management for deep neural net inference", 2020), and others where that leaves gaps.
fn place(temps: &mut [Temp], plan: &mut Plan) {
    let mut best: Option<(usize, Vec<(usize, usize)>)> = None;
    for order in ORDERS {
        temps.sort_by_key(order);
        let (bytes, places) = in_order(temps);
        if best.as_ref().is_none_or(|b| bytes < b.0) {
            best = Some((bytes, places));
        }
        let enough = best.as_ref().is_some_and(|b| b.0 <= plan.live_bytes);
        if enough || temps.len() > MANY {
            break;
        }
    }
    if let Some((bytes, places)) = best {
        plan.arena_bytes = bytes;
        for (i, offset) in places {
            plan.places[i] = Place::Arena(offset);
        }
    }
}

/// Each buffer at the lowest offset that is free for its whole life: the end of all, and the offset of each.
fn in_order(temps: &[Temp]) -> (usize, Vec<(usize, usize)>) {
    let mut placed: Vec<Temp> = vec![];
    let (mut end, mut places) = (0, vec![]);
    for &(i, bytes, life) in temps {
        let mut offset = 0usize;
        for &(at, size, other) in &placed {
            let meets = other.first <= life.last && life.first <= other.last;
            let next = at.saturating_add(size);
            if meets && at < offset.saturating_add(bytes) && offset < next {
                offset = next;
            }
        }
        let at = placed.partition_point(|p| p.0 < offset);
        placed.insert(at, (offset, bytes, life));
        places.push((i, offset));
        end = end.max(offset.saturating_add(bytes));
    }
    (end, places)
}

fn live_bytes(temps: &[Temp]) -> usize {
    let mut changes: Vec<(usize, bool, usize)> = temps
        .iter()
        .flat_map(|&(_, bytes, l)| [(l.first, true, bytes), (l.last + 1, false, bytes)])
        .collect();
    changes.sort_unstable();
    let (mut live, mut most) = (0u128, 0u128);
    for (_, born, bytes) in changes {
        if born {
            live += bytes as u128
        } else {
            live -= bytes as u128
        }
        most = most.max(live);
    }
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// A walk over the steps of a program, in order.
#[derive(Default)]
struct Walk<'a> {
    clock: usize,
    lives: Vec<Option<Life>>,
    /// Each launch and when it is.
    launches: Vec<(usize, KernelId, &'a [Buf])>,
}

impl<'a> Walk<'a> {
    fn over(program: &'a Program) -> Walk<'a> {
        let mut walk = Walk {
            lives: vec![None; program.buffers.len()],
            ..Walk::default()
        };
        walk.steps(&program.steps);
        for (life, buffer) in walk.lives.iter_mut().zip(&program.buffers) {
            if let (Some(life), BufferKind::Kept) = (life, &buffer.kind) {
                (life.first, life.last) = (0, walk.clock);
            }
        }
        walk
    }

    fn steps(&mut self, steps: &'a [Step]) {
        for step in steps {
            match step {
                Step::Launch { kernel, args, .. } => {
                    self.launches.push((self.clock, *kernel, args));
                    args.iter().for_each(|&b| self.touch(b));
                }
                Step::Copy { from, to } => [from, to].into_iter().for_each(|&b| self.touch(b)),
                Step::Interpret { args, results, .. } => {
                    args.iter().chain(results).for_each(|&b| self.touch(b));
                }
                Step::While { cond, pred, body } => {
                    let first = self.clock;
                    self.steps(cond);
                    self.touch(*pred);
                    self.steps(body);
                    let last = self.clock;
                    // What the loop touches lives through all of its iterations.
                    let inside = |l: &&mut Life| l.last >= first;
                    self.lives
                        .iter_mut()
                        .flatten()
                        .filter(inside)
                        .for_each(|l| {
                            l.first = l.first.min(first);
                            l.last = last;
                        });
                }
                Step::Repeat {
                    parts, views, body, ..
                } => {
                    let first = self.clock;
                    let sources = || views.iter().flat_map(|(_, view)| view.sources());
                    sources().for_each(|b| self.touch(b));
                    // Only what views move to, or what was there before, is carried from turn to turn.
                    let carried: Vec<usize> = (0..self.lives.len())
                        .filter(|&b| self.lives[b].is_some_and(|l| l.first < first))
                        .chain(sources().map(|b| b.0 as usize))
                        .collect();
                    let before: Vec<_> = carried
                        .iter()
                        .map(|&b| self.lives[b].map(|l| l.last))
                        .collect();
                    self.clock += 1;
                    self.steps(body);
                    for (&b, before) in carried.iter().zip(before) {
                        let used = sources().any(|s| s.0 as usize == b);
                        if let Some(life) = &mut self.lives[b]
                            && (used || Some(life.last) != before)
                        {
                            life.last = self.clock;
                        }
                    }
                    if *parts > 1 {
                        // Each part is in a turn of its own.
                        let inside = self.lives.iter_mut().flatten();
                        for life in inside.filter(|life| life.last > first) {
                            life.first = life.first.min(first);
                            life.last = self.clock;
                        }
                    }
                }
                Step::Case { index, branches } => {
                    self.touch(*index);
                    branches.iter().for_each(|b| self.steps(b));
                }
            }
            self.clock += 1;
        }
    }

    fn touch(&mut self, b: Buf) {
        let now = self.clock;
        let life = self.lives[b.0 as usize].get_or_insert(Life {
            first: now,
            last: now,
        });
        life.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp(i: usize, bytes: usize, first: usize, last: usize) -> Temp {
        (i, bytes, Life { first, last })
    }

    #[test]
    fn buffers_that_live_together_do_not_overlap() {
        let mut temps = vec![
            temp(0, 128, 0, 2),
            temp(1, 64, 1, 3),
            temp(2, 128, 3, 4),
            temp(3, 64, 4, 5),
        ];
        let mut plan = Plan {
            places: vec![Place::Nowhere; 4],
            ..Plan::default()
        };
        place(&mut temps, &mut plan);
        assert_eq!(plan.places, [0, 128, 0, 128].map(Place::Arena));
        assert_eq!((plan.arena_bytes, live_bytes(&temps)), (192, 192));
    }
}
