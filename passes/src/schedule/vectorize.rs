//! Turns `Lanes` loops into loops of vectors with a scalar tail.

use super::Target;
use super::affine::{self, constant};
use super::lanes::{Kind, Lanes, analyse};
use super::rebuild::{Pass, Rebuild};
use super::scan::addresses;
use super::unroll::size;
use craneflow_ir::loops::*;
use craneflow_ir::{DType, Native};

/// Statements that complete unrolling of a vector loop may make.
const FULL: usize = 64;
/// Most vectors of a loop that is unrolled completely for its own sake.
const FEW: usize = 8;
/// The same where it makes the addresses of a tile constant, so that the tile can be registers.
const FULL_TILE: usize = 256;
/// Most vectors of such a loop: more would not stay in registers.
const REGISTERS: usize = 16;

/// Vectorises the loops that can be; the kernel gets lanes of 32 bits, or of 64 when no loop works
/// with those. A kernel that has vectors keeps their lanes.
pub(crate) fn vectorize(k: &mut Kernel, target: &Target) {
    if k.loops.iter().all(|l| l.kind != LoopKind::Lanes) {
        return;
    }
    for bits in [32, 64] {
        let lanes = match k.lanes {
            1 => fitting(k, target.lanes(bits), 128 / bits),
            lanes if k.lane_bits == bits => lanes,
            _ => continue,
        };
        if lanes < 2 {
            continue;
        }
        let mut pass = Vectorize {
            bits,
            lanes,
            done: false,
        };
        let mut next = k.clone();
        Rebuild::run(&mut next, &mut pass);
        if pass.done || bits == 64 {
            *k = next;
        }
        if pass.done {
            (k.lanes, k.lane_bits) = (lanes, bits);
            return;
        }
    }
}

/// The number of lanes, from `most` down to `least` by halves, with which the loops take the fewest
/// steps, those of scalar tails included; the most of equals.
fn fitting(k: &Kernel, most: usize, least: usize) -> usize {
    let loops = || k.loops.iter().filter(|l| l.kind == LoopKind::Lanes);
    let steps =
        |lanes: usize| -> usize { loops().map(|l| l.extent / lanes + l.extent % lanes).sum() };
    let halves = std::iter::successors(Some(most), |&l| (l > least).then_some(l / 2));
    halves.min_by_key(|&l| steps(l)).unwrap_or(most)
}

struct Vectorize {
    bits: usize,
    lanes: usize,
    done: bool,
}

impl Pass for Vectorize {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
        if kind == LoopKind::Lanes {
            if extent < self.lanes {
                return self.scalars(r, l, 0, extent, body);
            }
            if !self.inner(r, body)
                && let Some(found) = analyse(&r.old, &r.uses, l, body, self.bits)
            {
                self.done = true;
                return self.vectors(r, l, body, &found);
            }
        }
        r.copy_loop(self, l, body);
    }
}

impl Vectorize {
    /// Whether a loop inside becomes vectors.
    fn inner(&self, r: &Rebuild, stmts: &[Stmt]) -> bool {
        stmts.iter().any(|s| match s {
            Stmt::For(l, body) => {
                let def = &r.old.loops[l.0 as usize];
                let lanes = def.kind == LoopKind::Lanes && def.extent >= self.lanes;
                (lanes && analyse(&r.old, &r.uses, *l, body, self.bits).is_some())
                    || self.inner(r, body)
            }
            Stmt::If(_, a, b) => self.inner(r, a) || self.inner(r, b),
            _ => false,
        })
    }

    /// Iterations `from..from + n` in scalar form.
    fn scalars(&mut self, r: &mut Rebuild, l: Loop, from: usize, n: usize, body: &[Stmt]) {
        if n * size(&r.old, body) <= FULL {
            for i in from..from + n {
                r.loops[l.0 as usize] = Some(constant(i as i64));
                r.block(self, body);
            }
        } else {
            r.each(n, LoopKind::Serial, body, |r, i| {
                r.loops[l.0 as usize] = Some(affine::plus(&i, from as i64));
                r.block(self, body);
            });
        }
    }

    fn vectors(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt], found: &Lanes) {
        let extent = r.old.loops[l.0 as usize].extent;
        let (vectors, rest) = (extent / self.lanes, extent % self.lanes);
        let shape = self.shape(&r.old, l, body, vectors);
        let group = shape.repeat * shape.jam;
        let mut walker = Walker::new(l, self.lanes, found);
        r.each(vectors / group, LoopKind::Serial, body, |r, i| {
            for copy in 0..shape.repeat {
                walker.run(r, &i, group, copy * shape.jam, shape.jam, body);
            }
        });
        let left = vectors % group;
        let first = constant((vectors - left) as i64);
        if shape.jam == 1 {
            for copy in 0..left {
                walker.run(r, &first, 1, copy, 1, body);
            }
        } else {
            r.each(left, LoopKind::Serial, body, |r, i| {
                let at = affine::plus(&i, first.offset);
                walker.run(r, &at, 1, 0, 1, body);
            });
        }
        self.scalars(r, l, extent - rest, rest, body);
    }

    /// How many vectors an iteration of the vector loop holds.
    fn shape(&self, k: &Kernel, l: Loop, body: &[Stmt], vectors: usize) -> Shape {
        let size = size(k, body);
        let largest = |choices: &[usize], n: usize| {
            let fits = |c: &&usize| **c <= n;
            choices.iter().find(fits).copied().unwrap_or(1)
        };
        if body.iter().any(|s| matches!(s, Stmt::For(..))) {
            // Several accumulators hide the latency of an inner loop and share its uniform loads.
            let jam = largest(&[4, 2], vectors.min(128 / size.max(1)));
            return Shape { repeat: 1, jam };
        }
        let tile = addresses(k, body)
            .iter()
            .any(|(mem, at)| matches!(mem, Some(Mem::Scratch(_))) && at.coefficient(l) != 0);
        let few = vectors <= FEW && vectors * size <= FULL;
        let registers = tile && vectors <= REGISTERS && vectors * size <= FULL_TILE;
        let repeat = if few || registers {
            vectors
        } else {
            largest(&[4, 2], vectors.min(FULL / size.max(1)))
        };
        Shape { repeat, jam: 1 }
    }
}

/// An iteration holds `repeat` copies, one after the other, of `jam` copies statement by statement.
struct Shape {
    repeat: usize,
    jam: usize,
}

/// One vector's share of the loop.
struct Copy {
    /// Image of the loop index in lane 0.
    base: Affine,
    vals: Vec<Option<Val>>,
    vars: Vec<Option<Var>>,
}

struct Walker<'a> {
    l: Loop,
    lanes: usize,
    found: &'a Lanes,
    copies: Vec<Copy>,
    /// The condition that holds in the lanes that may set registers; by copy.
    mask: Option<(Vec<Val>, bool)>,
}

impl<'a> Walker<'a> {
    fn new(l: Loop, lanes: usize, found: &'a Lanes) -> Walker<'a> {
        Walker {
            l,
            lanes,
            found,
            copies: vec![],
            mask: None,
        }
    }

    /// Emits vectors `group * i + first ..` for `n` of them, jammed.
    fn run(
        &mut self,
        r: &mut Rebuild,
        i: &Affine,
        group: usize,
        first: usize,
        n: usize,
        body: &[Stmt],
    ) {
        self.copies = (first..first + n)
            .map(|copy| {
                let mut base = constant((copy * self.lanes) as i64);
                affine::add(&mut base, i, (group * self.lanes) as i64);
                Copy {
                    base,
                    vals: vec![None; r.old.vals.len()],
                    vars: vec![None; r.old.vars.len()],
                }
            })
            .collect();
        self.block(r, body);
    }

    fn block(&mut self, r: &mut Rebuild, stmts: &[Stmt]) {
        for s in stmts {
            match s {
                Stmt::Let(v) if self.found.vals[v.0 as usize] == Kind::Uniform => r.simple(s),
                Stmt::Let(v) => {
                    for copy in 0..self.copies.len() {
                        let image = self.value(r, copy, *v);
                        self.copies[copy].vals[v.0 as usize] = Some(image);
                    }
                }
                Stmt::Store(mem, at, v) => {
                    for copy in 0..self.copies.len() {
                        let v = self.vector(r, copy, *v);
                        let at = self.address(r, copy, at);
                        r.store(*mem, at, v);
                    }
                }
                Stmt::Set(var, v) if self.found.vars[var.0 as usize] => {
                    for copy in 0..self.copies.len() {
                        self.set(r, copy, *var, *v);
                    }
                }
                Stmt::Set(..) => r.simple(s),
                Stmt::For(l, body) => {
                    let LoopDef { extent, kind } = r.old.loops[l.0 as usize];
                    r.each(extent, kind, body, |r, i| {
                        r.loops[l.0 as usize] = Some(i);
                        self.block(r, body);
                    });
                }
                Stmt::If(c, a, b) => self.branch(r, *c, a, b),
            }
        }
    }

    fn branch(&mut self, r: &mut Rebuild, c: Val, a: &[Stmt], b: &[Stmt]) {
        if self.found.vals[c.0 as usize] == Kind::Uniform {
            let c = r.val(c);
            return match r.constant_of(c) {
                Some(known) => self.block(r, if known != 0 { a } else { b }),
                None => {
                    if self.mask.is_some() {
                        self.declare(r, a);
                        self.declare(r, b);
                    }
                    r.branch(c, [a, b], |r, stmts| self.block(r, stmts));
                }
            };
        }
        let masks: Vec<Val> = (0..self.copies.len())
            .map(|u| self.vector(r, u, c))
            .collect();
        for (stmts, holds) in [(a, true), (b, false)] {
            let mut own = masks.clone();
            if let Some((outer, outer_holds)) = &self.mask {
                for (m, &o) in own.iter_mut().zip(outer) {
                    let mut test = |op, args| r.emit(Inst::Native(op, args), DType::Bool, true);
                    let inner = if holds {
                        *m
                    } else {
                        test(Native::Not, vec![*m])
                    };
                    let o = if *outer_holds {
                        o
                    } else {
                        test(Native::Not, vec![o])
                    };
                    *m = test(Native::And, vec![o, inner]);
                }
            }
            let holds = holds || self.mask.is_some();
            let outer = self.mask.replace((own, holds));
            self.block(r, stmts);
            self.mask = outer;
        }
    }

    /// Gives the registers that `stmts` set, under a mask and one of two branches, a value before: a
    /// lane that the mask leaves out keeps it, whichever branch is taken.
    fn declare(&mut self, r: &mut Rebuild, stmts: &[Stmt]) {
        for s in stmts {
            match s {
                Stmt::Set(var, _) if self.found.vars[var.0 as usize] => {
                    let dtype = r.old.vars[var.0 as usize].dtype;
                    for copy in &mut self.copies {
                        copy.vars[var.0 as usize].get_or_insert_with(|| {
                            let zero = r.emit(Inst::Const(0), dtype, false);
                            let zero = r.emit(Inst::Splat(zero), dtype, true);
                            let image = r.register(dtype, true);
                            r.set(image, zero);
                            image
                        });
                    }
                }
                Stmt::If(_, a, b) => {
                    self.declare(r, a);
                    self.declare(r, b);
                }
                Stmt::For(_, body) => self.declare(r, body),
                _ => {}
            }
        }
    }

    fn set(&mut self, r: &mut Rebuild, copy: usize, var: Var, v: Val) {
        let mut value = self.vector(r, copy, v);
        let dtype = r.old.vars[var.0 as usize].dtype;
        let known = self.copies[copy].vars[var.0 as usize];
        let image = known.unwrap_or_else(|| r.register(dtype, true));
        // A register without a value keeps none in the lanes that do not set it.
        if let (Some((masks, holds)), true) = (&self.mask, known.is_some()) {
            let old = r.emit(Inst::Get(image), dtype, true);
            let (then, otherwise) = if *holds { (value, old) } else { (old, value) };
            let select = Inst::Native(Native::Select, vec![masks[copy], then, otherwise]);
            value = r.emit(select, dtype, true);
        }
        self.copies[copy].vars[var.0 as usize] = Some(image);
        r.set(image, value);
    }

    fn address(&self, r: &mut Rebuild, copy: usize, at: &Affine) -> Affine {
        r.loops[self.l.0 as usize] = Some(self.copies[copy].base.clone());
        r.affine(at)
    }

    /// The image of a value as a vector.
    fn vector(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        let (i, dtype) = (v.0 as usize, r.old.val(v).dtype);
        match self.found.vals[i] {
            Kind::Uniform => {
                let v = r.val(v);
                r.emit(Inst::Splat(v), dtype, true)
            }
            _ => self.copies[copy].vals[i].expect("defined before use"),
        }
    }

    /// The image of an index as a vector of `i32`.
    fn narrow(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        if self.found.vals[v.0 as usize] == Kind::Narrow {
            return self.vector(r, copy, v);
        }
        let v = r.val(v);
        let v = r.emit(
            Inst::Native(Native::Convert(DType::I32), vec![v]),
            DType::I32,
            false,
        );
        r.emit(Inst::Splat(v), DType::I32, true)
    }

    fn value(&self, r: &mut Rebuild, copy: usize, v: Val) -> Val {
        let ValDef { inst, dtype, .. } = r.old.val(v).clone();
        match inst {
            Inst::Native(op, args) => {
                if args
                    .iter()
                    .any(|a| self.found.vals[a.0 as usize] == Kind::Narrow)
                {
                    let args = args.iter().map(|&a| self.narrow(r, copy, a)).collect();
                    return self.on_narrow(r, op, args);
                }
                let args = args.iter().map(|&a| self.vector(r, copy, a)).collect();
                r.emit(Inst::Native(op, args), dtype, true)
            }
            Inst::Load(mem, at) => {
                let stride = at.coefficient(self.l);
                let at = self.address(r, copy, &at);
                let inst = match stride {
                    1 => Inst::Load(mem, at),
                    _ => Inst::Gather(mem, at, stride),
                };
                r.emit(inst, dtype, true)
            }
            Inst::Index(at) => {
                let stride = at.coefficient(self.l);
                let at = self.address(r, copy, &at);
                iota(r, at, stride)
            }
            Inst::Get(var) => {
                let var = self.copies[copy].vars[var.0 as usize].expect("set before");
                r.emit(Inst::Get(var), dtype, true)
            }
            Inst::Const(_) | Inst::Gather(..) | Inst::Splat(_) | Inst::Lanes => {
                unreachable!("no value that differs by lane")
            }
        }
    }

    fn on_narrow(&self, r: &mut Rebuild, op: Native, args: Vec<Val>) -> Val {
        match op {
            Native::Convert(DType::I32) => args[0],
            Native::Convert(DType::U32) => {
                let inst = Inst::Native(Native::Bitcast(DType::U32), args);
                r.emit(inst, DType::U32, true)
            }
            Native::Convert(to) => r.emit(Inst::Native(op, args), to, true),
            _ => r.emit(Inst::Native(op, args), DType::Bool, true),
        }
    }
}

/// `at + stride * lane`, as `i32`.
fn iota(r: &mut Rebuild, at: Affine, stride: i64) -> Val {
    const I32: DType = DType::I32;
    let base = r.emit(Inst::Index(at), DType::I64, false);
    let base = r.emit(Inst::Native(Native::Convert(I32), vec![base]), I32, false);
    let base = r.emit(Inst::Splat(base), I32, true);
    let mut lanes = r.emit(Inst::Lanes, I32, true);
    if stride != 1 {
        let stride = r.emit(Inst::Const(stride as i32 as u32 as u64), I32, false);
        let stride = r.emit(Inst::Splat(stride), I32, true);
        lanes = r.emit(Inst::Native(Native::Mul, vec![lanes, stride]), I32, true);
    }
    r.emit(Inst::Native(Native::Add, vec![base, lanes]), I32, true)
}
