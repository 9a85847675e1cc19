//! Vector constants. They live in memory that the caller passes behind the parameters, so that
//! code holds no address and a constant can be the memory operand of an instruction. A constant
//! stays in a register through the kernel only while there are registers to spare.

use crate::emit::{Emitter, aligned};
use craneflow_ir::loops::{Inst, Kernel, Stmt, Val};
use craneflow_ir::{DType, Scalar};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types::I64};
use std::collections::HashMap;

/// One constant, as wide as any vector.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(align(64))]
pub(crate) struct Line([u64; 8]);

impl Line {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (b, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *b = word.to_le_bytes();
        }
        bytes
    }

    /// The lines whose bytes these are.
    pub fn all(bytes: &[u8]) -> Option<Vec<Line>> {
        let (lines, rest) = bytes.as_chunks::<64>();
        let word = |line: &[u8; 64], i| u64::from_le_bytes(line.as_chunks::<8>().0[i]);
        let line = |line| Line(std::array::from_fn(|i| word(line, i)));
        rest.is_empty().then(|| lines.iter().map(line).collect())
    }
}

/// The constants of one kernel.
pub(crate) struct Pool {
    entries: Vec<Line>,
    known: HashMap<Line, u32>,
    base: Option<Value>,
    /// Entry of a value that is a vector constant.
    of_val: Vec<Option<u32>>,
    stays: Vec<bool>,
}

impl Pool {
    /// Collects the constants of a kernel whose vectors take `parts` of `registers` registers.
    pub fn new(kernel: &Kernel, parts: usize, registers: usize) -> Pool {
        let mut pool = Pool {
            entries: vec![],
            known: HashMap::new(),
            base: None,
            of_val: vec![None; kernel.vals.len()],
            stays: vec![false; kernel.vals.len()],
        };
        if kernel.lanes == 1 {
            return pool;
        }
        for (i, def) in kernel.vals.iter().enumerate().filter(|(_, d)| d.vector) {
            pool.of_val[i] = match def.inst {
                Inst::Splat(x) => match kernel.val(x).inst {
                    Inst::Const(bits) => {
                        let ty = def.dtype;
                        Some(pool.splat(Scalar { ty, bits }, kernel.lane_bits))
                    }
                    _ => None,
                },
                Inst::Lanes => Some(pool.insert(match kernel.lane_bits {
                    64 => std::array::from_fn(|i| i as u64),
                    _ => std::array::from_fn(|i| (2 * i as u64) | ((2 * i as u64 + 1) << 32)),
                })),
                _ => None,
            };
        }
        let mut spare = registers.saturating_sub(2 + Pressure::of(kernel, &pool.of_val) * parts);
        for (i, def) in kernel.vals.iter().enumerate() {
            let cost = if def.inst == Inst::Lanes { parts } else { 1 };
            if pool.of_val[i].is_some() && cost <= spare {
                spare -= cost;
                pool.stays[i] = true;
            }
        }
        pool
    }

    fn insert(&mut self, lanes: [u64; 8]) -> u32 {
        let lanes = Line(lanes);
        let next = self.entries.len() as u32;
        let entry = *self.known.entry(lanes).or_insert(next);
        if entry == next {
            self.entries.push(lanes);
        }
        entry
    }

    /// The entry with a constant in every lane; a `bool` is a mask of `lane_bits`.
    pub fn splat(&mut self, s: Scalar, lane_bits: usize) -> u32 {
        let bits = match s.ty {
            DType::Bool => s.bits.wrapping_neg(),
            _ => s.bits,
        };
        self.insert(match lane_bits {
            64 => [bits; 8],
            _ => [(bits & 0xffff_ffff) * 0x1_0000_0001; 8],
        })
    }

    /// The entry with which `pshufb` takes, out of eight bytes that every 64 bits hold, byte `j` to
    /// the low byte of lane `first + j`, and zero elsewhere.
    pub fn picks(&mut self, lane_bits: usize, first: usize, lanes: usize) -> u32 {
        let mut bytes = [0x80u8; 64];
        for j in 0..lanes.min(8) {
            bytes[(first + j) * lane_bits / 8] = j as u8;
        }
        let word = |i: usize| std::array::from_fn(|b| bytes[8 * i + b]);
        self.insert(std::array::from_fn(|i| u64::from_le_bytes(word(i))))
    }

    /// The entry of a value, if it is a vector constant.
    pub fn entry(&self, v: Val) -> Option<u32> {
        self.of_val[v.0 as usize]
    }

    /// Whether a vector constant is kept in a register.
    pub fn stays(&self, v: Val) -> bool {
        self.stays[v.0 as usize]
    }

    /// The memory to pass to the kernel.
    pub fn finish(self) -> Vec<Line> {
        self.entries
    }
}

impl Emitter<'_, '_, '_> {
    /// Loads the pool's address, passed behind the parameters; at the kernel's entry.
    pub fn pool_base(&mut self, args: Value) {
        if self.kernel.lanes > 1 {
            let at = 8 * self.kernel.params.len() as i32;
            self.pool.base = Some(self.fb.ins().load(I64, aligned(), args, at));
        }
    }

    /// Loads part `p` of an entry.
    pub fn pooled(&mut self, ty: Type, entry: u32, p: usize) -> Value {
        let base = self.pool.base.expect("loaded at entry");
        let at = 64 * entry as i32 + (16 * self.wide * p) as i32;
        self.fb.ins().load(ty, aligned(), base, at)
    }
}

/// How many vectors that are no constants live at once.
struct Pressure<'k> {
    kernel: &'k Kernel,
    constant: &'k [Option<u32>],
    clock: usize,
    /// First and last moment of each value.
    span: Vec<Option<(usize, usize)>>,
    /// Open loops: when they began, and what they use from outside.
    loops: Vec<(usize, Vec<Val>)>,
}

impl Pressure<'_> {
    fn of(kernel: &Kernel, constant: &[Option<u32>]) -> usize {
        let span = vec![None; kernel.vals.len()];
        let mut p = Pressure {
            kernel,
            constant,
            clock: 0,
            span,
            loops: vec![],
        };
        p.block(&kernel.prologue);
        p.repeat(&kernel.body);
        p.block(&kernel.epilogue);
        let mut change = vec![0isize; p.clock + 2];
        for (start, end) in p.span.iter().flatten() {
            change[*start] += 1;
            change[*end] -= 1;
        }
        let (mut live, mut most) = (0, 0);
        for c in change {
            live += c;
            most = most.max(live);
        }
        let registers = kernel.vars.iter().filter(|v| v.vector).count();
        most as usize + registers
    }

    fn block(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            self.clock += 1;
            match stmt {
                Stmt::Let(v) => {
                    let def = self.kernel.val(*v);
                    match &def.inst {
                        Inst::Native(_, args) => args.iter().for_each(|&a| self.reads(a)),
                        Inst::Splat(a) => self.reads(*a),
                        _ => {}
                    }
                    let counts = def.vector && self.constant[v.0 as usize].is_none();
                    if counts && !matches!(def.inst, Inst::Get(_)) {
                        self.span[v.0 as usize] = Some((self.clock, self.clock));
                    }
                }
                Stmt::Store(_, _, v) | Stmt::Set(_, v) => self.reads(*v),
                Stmt::For(_, body) => self.repeat(body),
                Stmt::If(_, a, b) => {
                    self.block(a);
                    self.block(b);
                }
            }
        }
    }

    fn repeat(&mut self, body: &[Stmt]) {
        self.loops.push((self.clock, vec![]));
        self.block(body);
        self.clock += 1;
        let (_, outer) = self.loops.pop().expect("pushed above");
        outer.into_iter().for_each(|v| self.reads(v));
    }

    fn reads(&mut self, v: Val) {
        let Some((start, end)) = &mut self.span[v.0 as usize] else {
            return;
        };
        *end = self.clock;
        if let Some((began, outer)) = self.loops.last_mut()
            && *start <= *began
        {
            outer.push(v);
        }
    }
}
