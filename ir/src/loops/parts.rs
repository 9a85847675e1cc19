//! Parts of a `repeat` that never meet.
//!
//! Part `i` of `n` is the `i`-th of `n` equal runs of every grid, and of the elements of every buffer that a turn writes.
//! Where a launch touches nothing but its part of these buffers, a thread takes a part through all turns, and waits for no
//! other: the rows of a recurrent layer's batch.

use super::{
    Access, Affine, Buf, BufferKind, Inst, Kernel, Mem, Program, Step, Stmt, Term, Val, View,
};
use crate::native::Native;
use std::collections::HashMap;

/// Most parts, which is more than the threads that would share them.
const MOST: usize = 32;

/// The most parts, up to a limit, into which the turns fall; 1 where they do not.
pub fn most(p: &Program, views: &[(Buf, View)], body: &[Step]) -> usize {
    let units = body.iter().map(|step| match step {
        Step::Launch { kernel, .. } => p.kernel(*kernel).grid(),
        Step::Copy { to, .. } => p.buffer(*to).ty.count(),
        _ => 1,
    });
    let common = units.fold(0, gcd);
    (2..=MOST.min(common))
        .rev()
        .find(|&n| common.is_multiple_of(n) && independent(p, views, body, n))
        .unwrap_or(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether the turns fall into `parts` parts that never meet.
pub fn independent(p: &Program, views: &[(Buf, View)], body: &[Step], parts: usize) -> bool {
    let Some(written) = Written::of(p, views, body) else {
        return false;
    };
    let divides = |n: usize| n.is_multiple_of(parts);
    (1..=MOST).contains(&parts)
        && written.lens.values().all(|&len| divides(len))
        && body.iter().all(|step| match step {
            Step::Launch { kernel, args, .. } => {
                let k = p.kernel(*kernel);
                let met: Vec<bool> = args.iter().map(|&b| written.holds(b)).collect();
                divides(k.grid()) && (0..parts).all(|part| stays_in(k, &met, part, parts))
            }
            Step::Copy { to, .. } => divides(p.buffer(*to).ty.count()),
            _ => false,
        })
}

/// The memory that a turn writes.
struct Written<'a> {
    p: &'a Program,
    views: &'a [(Buf, View)],
    /// The elements that a turn has of each buffer that is written, in every use the same.
    lens: HashMap<Buf, usize>,
}

impl<'a> Written<'a> {
    /// `None` where the body does more than launch and copy, or uses what it writes in pieces that do not lie on each other.
    fn of(p: &'a Program, views: &'a [(Buf, View)], body: &[Step]) -> Option<Written<'a>> {
        let mut written = Written {
            p,
            views,
            lens: HashMap::new(),
        };
        let mut uses: Vec<(Buf, bool)> = vec![];
        for step in body {
            match step {
                Step::Launch { kernel, args, .. } => {
                    let params = p.kernel(*kernel).params.iter();
                    let stored = params.map(|param| param.access != Access::Read);
                    uses.extend(args.iter().copied().zip(stored));
                }
                Step::Copy { from, to } => uses.extend([(*from, false), (*to, true)]),
                _ => return None,
            }
        }
        for &(b, _) in uses.iter().filter(|u| u.1) {
            for root in written.roots(b)? {
                written.lens.insert(root, p.buffer(b).ty.count());
            }
        }
        let fits = |&(b, _): &(Buf, bool)| {
            let len = p.buffer(b).ty.count();
            let same = |root: &Buf| written.lens.get(root).is_none_or(|&l| l == len);
            let roots = written.roots(b);
            let whole = match written.view(b) {
                Some(View::Slice { of, first, step })
                    if written.lens.contains_key(&written.root(of)) =>
                {
                    len > 0 && first.is_multiple_of(len) && step % len as i64 == 0
                }
                _ => true,
            };
            whole && roots.is_some_and(|roots| roots.iter().all(same))
        };
        uses.iter().all(fits).then_some(written)
    }

    fn view(&self, b: Buf) -> Option<View> {
        self.views.iter().find(|v| v.0 == b).map(|v| v.1)
    }

    /// The buffers whose memory a buffer is; `None` for a view of a loop around this one.
    fn roots(&self, b: Buf) -> Option<[Buf; 2]> {
        let of = self.view(b).map_or([b, b], |view| view.sources());
        let own = of
            .iter()
            .all(|&b| self.p.buffer(b).kind != BufferKind::View);
        own.then(|| of.map(|b| self.root(b)))
    }

    /// A result that replaces an input is the same memory.
    fn root(&self, b: Buf) -> Buf {
        let BufferKind::Output(_, Some(input)) = self.p.buffer(b).kind else {
            return b;
        };
        let is_input = |other: &super::Buffer| other.kind == BufferKind::Input(input);
        let at = self.p.buffers.iter().position(is_input);
        at.map_or(b, |i| Buf(i as u32))
    }

    /// Whether a turn writes some of this buffer's memory.
    fn holds(&self, b: Buf) -> bool {
        let roots = self.roots(b);
        roots.is_some_and(|roots| roots.iter().any(|root| self.lens.contains_key(root)))
    }
}

/// Whether the items of a part touch nothing but their part of the parameters that are `met`.
fn stays_in(k: &Kernel, met: &[bool], part: usize, parts: usize) -> bool {
    let items = k.grid() / parts;
    let mut ranges = Ranges {
        k,
        grid: ((part * items) as i64, ((part + 1) * items) as i64 - 1),
        known: HashMap::new(),
    };
    let mut inside = |mem: Mem, at: &Affine, reach: i64| {
        let Mem::Param(i) = mem else {
            return true;
        };
        if !met[i as usize] {
            return true;
        }
        let len = k.params[i as usize].len / parts;
        let (first, end) = ((part * len) as i64, ((part + 1) * len) as i64);
        ranges.affine(at).is_some_and(|(lo, hi)| {
            lo.saturating_add(reach.min(0)) >= first && hi.saturating_add(reach.max(0)) < end
        })
    };
    let mut elsewhere = |mem: Mem, _: &Affine, _: i64| match mem {
        Mem::Param(i) => !met[i as usize],
        Mem::Scratch(_) => true,
    };
    accesses(k, &k.prologue, &mut elsewhere)
        && accesses(k, &k.epilogue, &mut elsewhere)
        && accesses(k, &k.body, &mut inside)
}

/// Whether `test` holds for every access of a block: the memory, the first element, and how far the last lane is from it.
fn accesses(k: &Kernel, block: &[Stmt], test: &mut dyn FnMut(Mem, &Affine, i64) -> bool) -> bool {
    let lanes = |v: Val| {
        if k.val(v).vector {
            k.lanes as i64 - 1
        } else {
            0
        }
    };
    block.iter().all(|stmt| match stmt {
        Stmt::Let(v) => match &k.val(*v).inst {
            Inst::Load(mem, at) => test(*mem, at, lanes(*v)),
            Inst::Gather(mem, at, stride) => test(*mem, at, lanes(*v).saturating_mul(*stride)),
            _ => true,
        },
        Stmt::Store(mem, at, v) => test(*mem, at, lanes(*v)),
        Stmt::Set(..) => true,
        Stmt::For(_, body) => accesses(k, body, test),
        Stmt::If(_, a, b) => accesses(k, a, test) && accesses(k, b, test),
    })
}

/// Bounds of addresses, for a run of the grid.
struct Ranges<'a> {
    k: &'a Kernel,
    grid: (i64, i64),
    known: HashMap<Val, Option<(i64, i64)>>,
}

impl Ranges<'_> {
    fn affine(&mut self, at: &Affine) -> Option<(i64, i64)> {
        let mut range = (at.offset, at.offset);
        for &(term, c) in &at.terms {
            let (lo, hi) = match term {
                Term::Loop(super::GRID) => self.grid,
                Term::Loop(l) => (0, self.k.loops[l.0 as usize].extent as i64 - 1),
                Term::Val(v) => self.val(v)?,
            };
            let ends = (lo.checked_mul(c)?, hi.checked_mul(c)?);
            range.0 = range.0.checked_add(ends.0.min(ends.1))?;
            range.1 = range.1.checked_add(ends.0.max(ends.1))?;
        }
        Some(range)
    }

    fn val(&mut self, v: Val) -> Option<(i64, i64)> {
        if let Some(&known) = self.known.get(&v) {
            return known;
        }
        let range = match &self.k.val(v).inst {
            Inst::Const(bits) => Some((*bits as i64, *bits as i64)),
            Inst::Index(at) => self.affine(at),
            Inst::Native(op, args) => self.native(*op, args),
            _ => None,
        };
        self.known.insert(v, range);
        range
    }

    /// What the grid is taken apart with: quotients and remainders of what is not negative, sums, bounds.
    fn native(&mut self, op: Native, args: &[Val]) -> Option<(i64, i64)> {
        let &[a, b] = args else {
            return None;
        };
        let (a, b) = (self.val(a)?, self.val(b)?);
        let divisor = (b.0 == b.1 && b.0 > 0 && a.0 >= 0).then_some(b.0);
        match op {
            Native::Div => divisor.map(|d| (a.0 / d, a.1 / d)),
            Native::Rem => divisor.map(|d| match a.0 / d == a.1 / d {
                true => (a.0 % d, a.1 % d),
                false => (0, d - 1),
            }),
            Native::Min => Some((a.0.min(b.0), a.1.min(b.1))),
            Native::Max => Some((a.0.max(b.0), a.1.max(b.1))),
            Native::Add => Some((a.0.checked_add(b.0)?, a.1.checked_add(b.1)?)),
            _ => None,
        }
    }
}
