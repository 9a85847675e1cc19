//! The loop IR: buffers, loop nests, scalar and vector values; no tensors. It is the only thing code
//! generation sees.
//!
//! A `Kernel` is a function over a range of its parallel grid. Its values are in SSA form, its
//! control is structured, its memory is the buffers given as parameters and scratch tiles of its own.

pub mod bounds;
pub mod build;
pub mod eval;
pub mod index;
pub mod parts;
mod program;
pub mod reduce;
pub mod region;
pub mod vector;
pub mod verify;

pub use program::{Buffer, BufferKind, Program, Step, View};

use crate::native::Native;
use crate::types::DType;

/// A value of a kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Val(pub u32);
/// A loop of a kernel; `Loop(0)` is the grid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Loop(pub u32);
/// A mutable register of a kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Var(pub u32);
/// A buffer of a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Buf(pub u32);
/// A kernel of a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct KernelId(pub u32);

/// The grid index.
pub const GRID: Loop = Loop(0);

/// Memory a kernel can address: a parameter, or a scratch tile private to the call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Mem {
    /// The buffer passed at this position.
    Param(u32),
    /// The scratch tile at this position.
    Scratch(u32),
}

/// How a kernel uses a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Only loads; no other parameter that is written may overlap it, unless the plan has shown
    /// that each element is loaded before it is overwritten.
    Read,
    /// Only stores; every element is stored.
    Write,
    /// Loads and stores; every element is stored, and stored before it is loaded.
    ReadWrite,
}

/// A parameter: a dense buffer of `len` elements.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    /// Element type in memory.
    pub dtype: DType,
    /// Number of elements.
    pub len: usize,
    /// Direction.
    pub access: Access,
}

/// A scratch tile of `len` elements, 64-byte aligned, undefined at entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Scratch {
    /// Element type.
    pub dtype: DType,
    /// Number of elements.
    pub len: usize,
}

/// A term of an address: a loop index, or a scalar `i64` value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Term {
    /// A loop index, from 0.
    Loop(Loop),
    /// A scalar `i64` value.
    Val(Val),
}

/// `offset + sum(coefficient * term)`, in elements. Terms are distinct, sorted, coefficients not 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Affine {
    /// Constant part.
    pub offset: i64,
    /// Terms with coefficients.
    pub terms: Vec<(Term, i64)>,
}

impl Affine {
    /// Coefficient of a loop index, 0 when absent.
    pub fn coefficient(&self, l: Loop) -> i64 {
        self.terms
            .iter()
            .find(|t| t.0 == Term::Loop(l))
            .map_or(0, |t| t.1)
    }
}

/// What computes a value. A value is a scalar, or a vector of the kernel's `lanes`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Inst {
    /// A scalar constant: bits of the value's type.
    Const(u64),
    /// A native operation, lane by lane; operands are all scalars or all vectors.
    Native(Native, Vec<Val>),
    /// The element at an address; a vector takes `lanes` consecutive elements.
    Load(Mem, Affine),
    /// A vector whose lane `j` is the element at `address + j * stride`.
    Gather(Mem, Affine, i64),
    /// The value of an address expression, a scalar `i64`.
    Index(Affine),
    /// A vector whose every lane is this scalar.
    Splat(Val),
    /// The vector `0, 1, 2, ..` of an integer type with lanes of 32 or 64 bits.
    Lanes,
    /// The current value of a register.
    Get(Var),
}

impl Inst {
    /// Depth of the innermost block of which an operand is, where `vals` and `loops` are at these.
    pub fn depth(&self, vals: &[usize], loops: &[usize]) -> usize {
        let val = |v: &Val| vals[v.0 as usize];
        match self {
            Inst::Native(_, args) => args.iter().map(val).max().unwrap_or(0),
            Inst::Splat(v) => val(v),
            Inst::Index(a) | Inst::Load(_, a) | Inst::Gather(_, a, _) => {
                let term = |(term, _): &(Term, i64)| match term {
                    Term::Loop(l) => loops[l.0 as usize],
                    Term::Val(v) => val(v),
                };
                a.terms.iter().map(term).max().unwrap_or(0)
            }
            Inst::Const(_) | Inst::Lanes | Inst::Get(_) => 0,
        }
    }
}

/// Definition of a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ValDef {
    /// How it is computed.
    pub inst: Inst,
    /// Element type; `f16` and `bf16` only from `Load`, `Convert`, `Bitcast`, `Const`, `Select`, `Get`.
    pub dtype: DType,
    /// Whether it is a vector.
    pub vector: bool,
}

/// Declaration of a register.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VarDef {
    /// Element type.
    pub dtype: DType,
    /// Whether it is a vector.
    pub vector: bool,
}

/// What a schedule may do with a loop.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoopKind {
    /// Runs in order.
    Serial,
    /// Iterations are independent: may become vectors.
    Lanes,
    /// To be unrolled completely.
    Unroll,
}

/// Declaration of a loop; its index runs from 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LoopDef {
    /// Number of iterations.
    pub extent: usize,
    /// What a schedule may do with it.
    pub kind: LoopKind,
}

/// A statement.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Stmt {
    /// Computes a value here; it is visible to the end of the enclosing block.
    Let(Val),
    /// Stores an element, or `lanes` consecutive elements of a vector.
    Store(Mem, Affine, Val),
    /// Sets a register.
    Set(Var, Val),
    /// A loop.
    For(Loop, Vec<Stmt>),
    /// Runs one of two blocks by a scalar `bool`.
    If(Val, Vec<Stmt>, Vec<Stmt>),
}

/// One compiled function: `prologue` once per call, `body` for each index of the call's part of the
/// grid, `epilogue` once, by the call whose part ends at the end of the grid.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Kernel {
    /// Name, a word; does not take part in kernel equality (the program sees to that).
    pub name: String,
    /// Buffers.
    pub params: Vec<Param>,
    /// Tiles.
    pub scratch: Vec<Scratch>,
    /// Lanes of every vector value; 1 when there are none.
    pub lanes: usize,
    /// Width of one lane in bits, 32 or 64: all vectors of a kernel agree. A `bool` vector is a mask
    /// of such lanes.
    pub lane_bits: usize,
    /// Loops; entry 0 is the grid.
    pub loops: Vec<LoopDef>,
    /// Values.
    pub vals: Vec<ValDef>,
    /// Registers.
    pub vars: Vec<VarDef>,
    /// Once per call, before the grid.
    pub prologue: Vec<Stmt>,
    /// Per grid index.
    pub body: Vec<Stmt>,
    /// Once, after the last grid index.
    pub epilogue: Vec<Stmt>,
}

impl Kernel {
    /// Number of grid items.
    pub fn grid(&self) -> usize {
        self.loops[0].extent
    }

    /// Definition of a value.
    pub fn val(&self, v: Val) -> &ValDef {
        &self.vals[v.0 as usize]
    }

    /// Element type of a parameter or scratch tile.
    pub fn mem_dtype(&self, m: Mem) -> DType {
        match m {
            Mem::Param(i) => self.params[i as usize].dtype,
            Mem::Scratch(i) => self.scratch[i as usize].dtype,
        }
    }

    /// Number of elements of a parameter or scratch tile.
    pub fn mem_len(&self, m: Mem) -> usize {
        match m {
            Mem::Param(i) => self.params[i as usize].len,
            Mem::Scratch(i) => self.scratch[i as usize].len,
        }
    }

    /// Bytes of scratch a call needs, each tile rounded up to 64.
    pub fn scratch_bytes(&self) -> usize {
        self.scratch
            .iter()
            .map(|s| (s.len * s.dtype.size()).next_multiple_of(64))
            .sum()
    }
}
