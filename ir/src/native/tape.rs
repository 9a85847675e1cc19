//! A scalar function recorded once and run over columns of elements.

use super::eval::{Kernel, kernel};
use super::{Emit, Native, Scalar};
use crate::types::DType;

/// Elements computed between two steps; the columns of a block stay in the first-level cache.
const BLOCK: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Step {
    Argument,
    Constant(u64),
    Native(Kernel, [u32; 3]),
}

/// Native operations in the order they were emitted. A value is its position.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    steps: Vec<Step>,
    types: Vec<DType>,
    ops: Vec<Native>,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Adds an argument; they are numbered in this order.
    pub fn argument(&mut self, ty: DType) -> u32 {
        self.push(Step::Argument, ty)
    }

    fn push(&mut self, step: Step, ty: DType) -> u32 {
        self.steps.push(step);
        self.types.push(ty);
        self.steps.len() as u32 - 1
    }

    /// The operations so far, without arguments and constants.
    pub fn ops(&self) -> &[Native] {
        &self.ops
    }

    /// Calls `store(i, bits)` with `results` for each element `i` of `0..count`; `load(k, i)` gives
    /// the bits of argument `k`.
    pub fn run(
        &self,
        count: usize,
        results: &[u32],
        load: impl Fn(usize, usize) -> u64,
        mut store: impl FnMut(usize, &[u64]),
    ) {
        let mut columns = vec![[0u64; BLOCK]; self.steps.len()];
        for (column, step) in columns.iter_mut().zip(&self.steps) {
            if let Step::Constant(bits) = step {
                column.fill(*bits);
            }
        }
        let mut row = vec![0; results.len()];
        for start in (0..count).step_by(BLOCK) {
            let len = BLOCK.min(count - start);
            self.block(&mut columns, len, |k, i| load(k, start + i));
            for i in start..start + len {
                let lane = results.iter().map(|&r| columns[r as usize][i - start]);
                row.iter_mut().zip(lane).for_each(|(x, bits)| *x = bits);
                store(i, &row);
            }
        }
    }

    fn block(&self, columns: &mut [[u64; BLOCK]], len: usize, load: impl Fn(usize, usize) -> u64) {
        let mut argument = 0;
        for (n, step) in self.steps.iter().enumerate() {
            let (before, rest) = columns.split_at_mut(n);
            let out = &mut rest[0][..len];
            match step {
                Step::Constant(_) => {}
                Step::Argument => {
                    for (i, x) in out.iter_mut().enumerate() {
                        *x = load(argument, i);
                    }
                    argument += 1;
                }
                Step::Native(kernel, args) => kernel(out, args.map(|a| &before[a as usize][..len])),
            }
        }
    }
}

impl Emit for Tape {
    type V = u32;

    fn native(&mut self, op: Native, args: &[u32]) -> u32 {
        let mut types = [DType::Bool; 3];
        let mut slots = [args[0]; 3];
        for (i, &a) in args.iter().enumerate() {
            types[i] = self.types[a as usize];
            slots[i] = a;
        }
        let types = &types[..args.len()];
        let ty = op.infer(types);
        let ty = ty.unwrap_or_else(|| panic!("{op:?} does not take {types:?}"));
        self.ops.push(op);
        self.push(Step::Native(kernel(op, types), slots), ty)
    }

    fn constant(&mut self, value: Scalar) -> u32 {
        self.push(Step::Constant(value.bits), value.ty)
    }

    fn dtype(&self, v: u32) -> DType {
        self.types[v as usize]
    }

    fn known(&self, v: u32) -> Option<Scalar> {
        match self.steps[v as usize] {
            Step::Constant(bits) => Some(Scalar {
                ty: self.dtype(v),
                bits,
            }),
            _ => None,
        }
    }
}
