//! The reference interpreter of the loop IR: checks every access, and that nothing undefined is read.

mod host;

pub use host::eval_program;

use super::*;
use crate::native::Scalar;
use crate::types::Type;
use thiserror::Error;

/// Greatest number of lanes a vector may have.
pub const MAX_LANES: usize = 16;

/// Why a kernel or a program cannot be evaluated.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs)]
pub enum LoopError {
    #[error("{kernel}: takes {expected} buffers, found {found}")]
    Arity {
        kernel: String,
        expected: usize,
        found: usize,
    },
    #[error("{kernel}: buffer {param} takes {expected} bytes, found {found}")]
    Length {
        kernel: String,
        param: usize,
        expected: usize,
        found: usize,
    },
    #[error("{kernel}: grid items {start}..{end} of {grid}")]
    Range {
        kernel: String,
        start: usize,
        end: usize,
        grid: usize,
    },
    #[error("{kernel}: access to element {index} of {mem:?}, which has {len}")]
    Bounds {
        kernel: String,
        mem: Mem,
        index: i64,
        len: usize,
    },
    #[error("{kernel}: element {index} of {mem:?} is loaded before it is stored")]
    Undefined {
        kernel: String,
        mem: Mem,
        index: i64,
    },
    #[error("{kernel}: {var:?} is read before it is set")]
    Unset { kernel: String, var: Var },
    #[error("takes {expected} inputs, found {found}")]
    Inputs { expected: usize, found: usize },
    #[error("input {position} is {found}, expected {expected}")]
    InputType {
        position: usize,
        expected: Type,
        found: Type,
    },
    #[error("buffer {name} is read before it is written")]
    Buffer { name: String },
}

/// Runs a verified kernel on grid items `start..end`: `args[i]` holds the bytes of parameter `i`,
/// little-endian. The epilogue runs iff `end` is the end of the grid.
pub fn eval_kernel(
    k: &Kernel,
    args: &mut [Vec<u8>],
    start: usize,
    end: usize,
) -> Result<(), LoopError> {
    let map: Vec<usize> = (0..args.len()).collect();
    eval_kernel_on(k, args, &map, start, end)
}

/// As `eval_kernel`, with parameter `i` in `memory[map[i]]`; parameters may share memory.
fn eval_kernel_on(
    k: &Kernel,
    memory: &mut [Vec<u8>],
    map: &[usize],
    start: usize,
    end: usize,
) -> Result<(), LoopError> {
    let kernel = || k.name.clone();
    if map.len() != k.params.len() {
        let (expected, found) = (k.params.len(), map.len());
        return Err(LoopError::Arity {
            kernel: kernel(),
            expected,
            found,
        });
    }
    for (param, (p, &m)) in k.params.iter().zip(map).enumerate() {
        let (expected, found) = (p.len * p.dtype.size(), memory[m].len());
        if expected != found {
            return Err(LoopError::Length {
                kernel: kernel(),
                param,
                expected,
                found,
            });
        }
    }
    let grid = k.grid();
    if start > end || end > grid {
        return Err(LoopError::Range {
            kernel: kernel(),
            start,
            end,
            grid,
        });
    }
    let mut machine = Machine::new(k, memory, map);
    machine.block(&k.prologue)?;
    let entry = machine.defined.clone();
    for item in start..end {
        machine.loops[0] = item as i64;
        machine.block(&k.body)?;
        // Items run in any order and on any thread: what one leaves in a tile is undefined for the next.
        machine.defined.clone_from(&entry);
    }
    if end == grid {
        machine.block(&k.epilogue)?;
    }
    Ok(())
}

type Row = [u64; MAX_LANES];

struct Machine<'a> {
    k: &'a Kernel,
    memory: &'a mut [Vec<u8>],
    map: &'a [usize],
    scratch: Vec<Vec<u8>>,
    /// Which elements of each tile have been stored.
    defined: Vec<Vec<bool>>,
    vals: Vec<Row>,
    vars: Vec<Option<Row>>,
    loops: Vec<i64>,
}

impl<'a> Machine<'a> {
    fn new(k: &'a Kernel, memory: &'a mut [Vec<u8>], map: &'a [usize]) -> Machine<'a> {
        let bytes = |s: &Scratch| vec![0; s.len * s.dtype.size()];
        Machine {
            k,
            memory,
            map,
            scratch: k.scratch.iter().map(bytes).collect(),
            defined: k.scratch.iter().map(|s| vec![false; s.len]).collect(),
            vals: vec![[0; MAX_LANES]; k.vals.len()],
            vars: vec![None; k.vars.len()],
            loops: vec![0; k.loops.len()],
        }
    }

    fn block(&mut self, stmts: &[Stmt]) -> Result<(), LoopError> {
        for s in stmts {
            match s {
                Stmt::Let(v) => self.vals[v.0 as usize] = self.compute(*v)?,
                Stmt::Store(mem, at, v) => self.store(*mem, at, *v)?,
                Stmt::Set(var, v) => self.vars[var.0 as usize] = Some(self.vals[v.0 as usize]),
                Stmt::For(l, body) => {
                    for i in 0..self.k.loops[l.0 as usize].extent {
                        self.loops[l.0 as usize] = i as i64;
                        self.block(body)?;
                    }
                }
                Stmt::If(c, then, otherwise) => {
                    let taken = self.vals[c.0 as usize][0] != 0;
                    self.block(if taken { then } else { otherwise })?;
                }
            }
        }
        Ok(())
    }

    fn width(&self, v: Val) -> usize {
        if self.k.val(v).vector {
            self.k.lanes
        } else {
            1
        }
    }

    fn compute(&self, v: Val) -> Result<Row, LoopError> {
        let (def, width) = (self.k.val(v), self.width(v));
        let mut out = [0; MAX_LANES];
        match &def.inst {
            Inst::Const(bits) => out[0] = *bits,
            Inst::Native(op, args) => {
                let mut scalars = [Scalar::bool(false); 3];
                for (lane, o) in out[..width].iter_mut().enumerate() {
                    for (s, a) in scalars.iter_mut().zip(args) {
                        let ty = self.k.val(*a).dtype;
                        let bits = self.vals[a.0 as usize][lane];
                        *s = Scalar { ty, bits };
                    }
                    *o = op.eval(&scalars[..args.len()]).bits;
                }
            }
            Inst::Load(mem, at) => self.load(*mem, self.address(at), 1, &mut out[..width])?,
            Inst::Gather(mem, at, stride) => {
                self.load(*mem, self.address(at), *stride, &mut out[..width])?
            }
            Inst::Index(at) => out[0] = self.address(at) as u64,
            Inst::Splat(x) => out[..width].fill(self.vals[x.0 as usize][0]),
            Inst::Lanes => (0..).zip(&mut out[..width]).for_each(|(i, o)| *o = i),
            Inst::Get(var) => {
                let kernel = || self.k.name.clone();
                out = self.vars[var.0 as usize].ok_or_else(|| LoopError::Unset {
                    kernel: kernel(),
                    var: *var,
                })?
            }
        }
        Ok(out)
    }

    fn address(&self, at: &Affine) -> i64 {
        let term = |t: &Term| match t {
            Term::Loop(l) => self.loops[l.0 as usize],
            Term::Val(v) => self.vals[v.0 as usize][0] as i64,
        };
        // Wrapping, so that an absurd address is reported by the bounds check.
        at.terms.iter().fold(at.offset, |sum, (t, c)| {
            sum.wrapping_add(c.wrapping_mul(term(t)))
        })
    }

    fn check(&self, mem: Mem, index: i64) -> Result<usize, LoopError> {
        let len = self.k.mem_len(mem);
        match usize::try_from(index) {
            Ok(i) if i < len => Ok(i),
            _ => Err(LoopError::Bounds {
                kernel: self.k.name.clone(),
                mem,
                index,
                len,
            }),
        }
    }

    fn load(&self, mem: Mem, at: i64, stride: i64, out: &mut [u64]) -> Result<(), LoopError> {
        let size = self.k.mem_dtype(mem).size();
        for (lane, o) in out.iter_mut().enumerate() {
            let index = at.wrapping_add(lane as i64 * stride);
            let i = self.check(mem, index)?;
            let bytes = match mem {
                Mem::Param(p) => &self.memory[self.map[p as usize]],
                Mem::Scratch(s) if self.defined[s as usize][i] => &self.scratch[s as usize],
                Mem::Scratch(_) => {
                    let kernel = self.k.name.clone();
                    return Err(LoopError::Undefined { kernel, mem, index });
                }
            };
            let mut word = [0; 8];
            word[..size].copy_from_slice(&bytes[i * size..(i + 1) * size]);
            *o = u64::from_le_bytes(word);
        }
        Ok(())
    }

    fn store(&mut self, mem: Mem, at: &Affine, v: Val) -> Result<(), LoopError> {
        let (at, size) = (self.address(at), self.k.mem_dtype(mem).size());
        for lane in 0..self.width(v) {
            let i = self.check(mem, at.wrapping_add(lane as i64))?;
            let bits = self.vals[v.0 as usize][lane];
            let bytes = match mem {
                Mem::Param(p) => &mut self.memory[self.map[p as usize]],
                Mem::Scratch(s) => {
                    self.defined[s as usize][i] = true;
                    &mut self.scratch[s as usize]
                }
            };
            bytes[i * size..(i + 1) * size].copy_from_slice(&bits.to_le_bytes()[..size]);
        }
        Ok(())
    }
}
