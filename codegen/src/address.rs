//! Addresses. An affine address is a chain of sums, outermost term first, each computed where its
//! last term becomes known: a loop's body adds the loop's term only. A loop keeps, for each stride,
//! either one pointer that advances or, where several buffers share the stride, one offset.

use crate::emit::Emitter;
use craneflow_ir::hash::Table;
use craneflow_ir::loops::{Affine, Inst, Loop, Mem, Stmt, Term};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types::I64};
use std::collections::{BTreeMap, HashSet};

/// Where a sum starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Base {
    Zero,
    Param(u32),
    Scratch,
}

/// `base + sum(coefficient * term)` in bytes, terms in the order in which they become known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Sum {
    base: Base,
    terms: Vec<(Term, i64)>,
}

/// Sums that are known at the place of emission.
#[derive(Default)]
pub(crate) struct Addresses {
    /// When a loop's index became known, 0 while it is not.
    loop_order: Vec<u32>,
    /// The same of values.
    val_order: Vec<u32>,
    clock: u32,
    params: Vec<Option<Value>>,
    scratch: Option<Value>,
    scratch_offset: Vec<i64>,
    memo: Table<Sum, Value>,
    /// Keys of `memo` in order of insertion; a scope ends by undoing its part.
    trail: Vec<Sum>,
    /// Running multiples of a loop's index: stride and value.
    offsets: Vec<Vec<(i64, Value)>>,
}

/// Marks the begin of a scope of known sums.
pub(crate) struct Scope(usize);

/// The bounds of the grid's part, when the loop is the grid.
type Part = Option<(Value, Value)>;

/// Something a loop advances by `stride` bytes per iteration.
struct Runner {
    stride: i64,
    /// What it starts from; an offset starts from zero.
    from: Option<Sum>,
}

impl Addresses {
    fn new(kernel: &craneflow_ir::loops::Kernel, scratch: Value) -> Addresses {
        let tiles = kernel.scratch.iter();
        let mut end = 0;
        let scratch_offset = tiles.map(|t| {
            let start = end;
            end += (t.len * t.dtype.size()).next_multiple_of(64) as i64;
            start
        });
        Addresses {
            scratch_offset: scratch_offset.collect(),
            loop_order: vec![0; kernel.loops.len()],
            val_order: vec![0; kernel.vals.len()],
            params: vec![None; kernel.params.len()],
            offsets: vec![vec![]; kernel.loops.len()],
            scratch: Some(scratch),
            ..Addresses::default()
        }
    }

    fn order(&self, term: &Term) -> u32 {
        match term {
            Term::Loop(l) => self.loop_order[l.0 as usize],
            Term::Val(v) => self.val_order[v.0 as usize],
        }
    }

    fn tick(&mut self) -> u32 {
        self.clock += 1;
        self.clock
    }

    /// A scalar `i64` value became known.
    pub fn define(&mut self, v: craneflow_ir::loops::Val) {
        self.val_order[v.0 as usize] = self.tick();
    }

    pub fn open(&self) -> Scope {
        Scope(self.trail.len())
    }

    pub fn close(&mut self, scope: Scope) {
        for sum in self.trail.drain(scope.0..) {
            self.memo.remove(&sum);
        }
    }

    fn remember(&mut self, sum: Sum, value: Value) {
        self.trail.push(sum.clone());
        self.memo.insert(sum, value);
    }
}

impl Emitter<'_, '_, '_> {
    /// Loads the pointers that the kernel uses; at its entry.
    pub fn bases(&mut self, args: Value, scratch: Value) {
        self.addresses = Addresses::new(self.kernel, scratch);
        let k = self.kernel;
        let mut used = HashSet::new();
        for block in [&k.prologue, &k.body, &k.epilogue] {
            self.sums(block, &mut vec![], &mut used);
        }
        let mut used: Vec<Base> = used.into_iter().map(|s| s.base).collect();
        used.sort();
        used.dedup();
        for base in used {
            if let Base::Param(p) = base {
                let flags = cranelift_codegen::ir::MemFlagsData::trusted();
                let pointer = self.fb.ins().load(I64, flags, args, 8 * p as i32);
                self.addresses.params[p as usize] = Some(pointer);
            }
        }
    }

    /// The address of an element: a pointer and a displacement.
    pub fn pointer(&mut self, mem: Mem, at: &Affine) -> (Value, i32) {
        let (sum, offset) = self.place(Some(mem), at);
        let pointer = self.sum(&sum);
        match i32::try_from(offset) {
            Ok(offset) => (pointer, offset),
            Err(_) => (self.fb.ins().iadd_imm_s(pointer, offset), 0),
        }
    }

    /// The value of an affine expression.
    pub fn index(&mut self, at: &Affine) -> Value {
        let (sum, offset) = self.place(None, at);
        if sum.terms.is_empty() {
            return self.iconst(I64, offset);
        }
        let value = self.sum(&sum);
        match offset {
            0 => value,
            _ => self.fb.ins().iadd_imm_s(value, offset),
        }
    }

    /// Splits an address into its sum, known terms first, and a constant number of bytes.
    fn place(&self, mem: Option<Mem>, at: &Affine) -> (Sum, i64) {
        let size = mem.map_or(1, |m| self.kernel.mem_dtype(m).size() as i64);
        let (base, mut offset) = match mem {
            None => (Base::Zero, 0),
            Some(Mem::Param(p)) => (Base::Param(p), 0),
            Some(Mem::Scratch(s)) => (Base::Scratch, self.addresses.scratch_offset[s as usize]),
        };
        offset += at.offset * size;
        let mut terms = Vec::with_capacity(at.terms.len());
        for &(term, c) in &at.terms {
            match term {
                Term::Loop(l) if self.kernel.loops[l.0 as usize].extent == 1 => {}
                Term::Val(v) => match self.kernel.val(v).inst {
                    Inst::Const(bits) => offset += bits as i64 * c * size,
                    _ => terms.push((term, c * size)),
                },
                Term::Loop(_) => terms.push((term, c * size)),
            }
        }
        terms.sort_by_key(|(t, _)| (self.addresses.order(t).wrapping_sub(1), *t));
        (Sum { base, terms }, offset)
    }

    /// The value of a sum whose terms are all known.
    fn sum(&mut self, sum: &Sum) -> Value {
        if let Some(&value) = self.addresses.memo.get(sum) {
            return value;
        }
        let Some((&(term, c), rest)) = sum.terms.split_last() else {
            return match sum.base {
                Base::Zero => self.iconst(I64, 0),
                Base::Param(p) => self.addresses.params[p as usize].expect("loaded at entry"),
                Base::Scratch => self.addresses.scratch.expect("set at entry"),
            };
        };
        let rest = Sum {
            base: sum.base,
            terms: rest.to_vec(),
        };
        let alone = rest.base == Base::Zero && rest.terms.is_empty();
        let rest = (!alone).then(|| self.sum(&rest));
        let term = match term {
            Term::Loop(l) => self.multiple(l, c),
            Term::Val(v) => {
                let value = self.val(v);
                self.times(value, c)
            }
        };
        let value = match rest {
            Some(rest) => self.fb.ins().iadd(rest, term),
            None => term,
        };
        self.addresses.remember(sum.clone(), value);
        value
    }

    /// `c` times the index of an open loop.
    fn multiple(&mut self, l: Loop, c: i64) -> Value {
        let offsets = &self.addresses.offsets[l.0 as usize];
        let best = offsets
            .iter()
            .filter(|(stride, _)| c % stride == 0)
            .max_by_key(|(stride, _)| stride.abs());
        let &(stride, value) = best.expect("every stride of a loop was foreseen");
        self.times(value, c / stride)
    }

    fn times(&mut self, value: Value, c: i64) -> Value {
        match c {
            1 => value,
            _ if c > 0 && c.count_ones() == 1 => {
                let shift = c.trailing_zeros() as i64;
                self.fb.ins().ishl_imm_s(value, shift)
            }
            _ => self.fb.ins().imul_imm_s(value, c),
        }
    }

    /// Adds the distinct sums of the accesses in a block, in order of first use.
    fn sums(&self, block: &[Stmt], list: &mut Vec<Sum>, seen: &mut HashSet<Sum>) {
        let mut add = |mem, at| {
            let (sum, _) = self.place(mem, at);
            if seen.insert(sum.clone()) {
                list.push(sum);
            }
        };
        for stmt in block {
            match stmt {
                Stmt::Let(v) => match &self.kernel.val(*v).inst {
                    Inst::Load(mem, at) | Inst::Gather(mem, at, _) => add(Some(*mem), at),
                    Inst::Index(at) => add(None, at),
                    _ => {}
                },
                Stmt::Store(mem, at, _) => add(Some(*mem), at),
                Stmt::Set(..) | Stmt::For(..) | Stmt::If(..) => {}
            }
        }
        for stmt in block {
            match stmt {
                Stmt::For(_, body) => self.sums(body, list, seen),
                Stmt::If(_, a, b) => {
                    self.sums(a, list, seen);
                    self.sums(b, list, seen);
                }
                _ => {}
            }
        }
    }

    /// A loop, or the part of the grid given by its bounds, which must not be empty.
    pub fn each(&mut self, l: Loop, body: &[Stmt], part: Part) {
        let extent = self.kernel.loops[l.0 as usize].extent as i64;
        if extent == 1 {
            let scope = self.addresses.open();
            self.block(body);
            return self.addresses.close(scope);
        }
        let runners = self.runners(l, body);
        let (mut start, mut limit) = (vec![], None);
        for r in &runners {
            let from = r.from.as_ref().map(|s| self.sum(s));
            start.push(self.advanced(from, r.stride, part.map(|p| p.0), 0));
        }
        if let Some(r) = runners.first()
            && (part.is_some() || r.from.is_some())
        {
            let from = r.from.as_ref().map(|s| self.sum(s));
            limit = Some(self.advanced(from, r.stride, part.map(|p| p.1), extent));
        }
        let (header, exit) = (self.fb.create_block(), self.fb.create_block());
        let args: Vec<BlockArg> = start.iter().map(|&v| v.into()).collect();
        self.fb.ins().jump(header, &args);
        self.fb.switch_to_block(header);
        let scope = self.addresses.open();
        let now = self.enter(l, &runners, header);
        self.block(body);
        let next: Vec<Value> = now
            .iter()
            .zip(&runners)
            .map(|(&v, r)| self.fb.ins().iadd_imm_s(v, r.stride))
            .collect();
        let limit = limit.unwrap_or_else(|| {
            let end = extent * runners[0].stride;
            self.iconst(I64, end)
        });
        let more = self.fb.ins().icmp(IntCC::NotEqual, next[0], limit);
        let args: Vec<BlockArg> = next.iter().map(|&v| v.into()).collect();
        self.fb.ins().brif(more, header, &args, exit, &[]);
        self.fb.seal_block(header);
        self.fb.seal_block(exit);
        self.fb.switch_to_block(exit);
        self.addresses.close(scope);
        self.addresses.loop_order[l.0 as usize] = 0;
        self.addresses.offsets[l.0 as usize].clear();
    }

    /// `from + stride * at`, where `at` is a value or a constant.
    fn advanced(&mut self, from: Option<Value>, stride: i64, at: Option<Value>, k: i64) -> Value {
        let distance = match at {
            Some(at) => self.times(at, stride),
            None if k == 0 && from.is_some() => return from.expect("tested"),
            None => self.iconst(I64, stride * k),
        };
        match from {
            Some(from) => self.fb.ins().iadd(from, distance),
            None => distance,
        }
    }

    /// Block parameters for the runners, made known as sums and offsets of the loop.
    fn enter(
        &mut self,
        l: Loop,
        runners: &[Runner],
        header: cranelift_codegen::ir::Block,
    ) -> Vec<Value> {
        self.addresses.loop_order[l.0 as usize] = self.addresses.tick();
        let mut now = vec![];
        for r in runners {
            let value = self.fb.append_block_param(header, I64);
            match &r.from {
                Some(from) => {
                    let mut sum = from.clone();
                    sum.terms.push((Term::Loop(l), r.stride));
                    self.addresses.remember(sum, value);
                }
                None => self.addresses.offsets[l.0 as usize].push((r.stride, value)),
            }
            now.push(value);
        }
        now
    }

    /// Computes what the accesses in a loop's body need from outside, and decides what the loop
    /// advances; the first runner also decides the end.
    fn runners(&mut self, l: Loop, body: &[Stmt]) -> Vec<Runner> {
        let mut sums = vec![];
        self.sums(body, &mut sums, &mut HashSet::new());
        let mut seen = HashSet::new();
        let mut strides: BTreeMap<i64, Vec<Sum>> = BTreeMap::new();
        for mut sum in sums {
            let stride = sum.terms.iter().find(|t| t.0 == Term::Loop(l)).map(|t| t.1);
            let unknown = |t: &(Term, i64)| self.addresses.order(&t.0) == 0;
            let known = sum.terms.iter().position(unknown);
            sum.terms.truncate(known.unwrap_or(sum.terms.len()));
            if !sum.terms.is_empty() {
                self.sum(&sum);
            }
            if let Some(stride) = stride
                && seen.insert((sum.clone(), stride))
            {
                strides.entry(stride).or_default().push(sum);
            }
        }
        let (mut offsets, mut pointers): (Vec<i64>, Vec<Runner>) = (vec![], vec![]);
        for (stride, from) in strides {
            let derived = |u: &i64| [2, 4, 8].iter().any(|f| u * f == stride);
            if from.len() == 1 && from[0].base != Base::Zero {
                let from = from.into_iter().next();
                pointers.push(Runner { stride, from });
            } else if !offsets.iter().any(derived) {
                offsets.push(stride);
            }
        }
        let offsets = offsets
            .into_iter()
            .map(|stride| Runner { stride, from: None });
        let mut runners: Vec<Runner> = offsets.chain(pointers).collect();
        if runners.is_empty() {
            runners.push(Runner {
                stride: 1,
                from: None,
            });
        }
        runners
    }
}
