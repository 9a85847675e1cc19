//! The builder of kernels: structured statements, hash-consed values. A value that does not depend
//! on a loop is placed before it, so hoisting and common subexpressions need no pass.

mod values;

use super::index::{Atom, Index};
use super::*;
use crate::hash::{Hashed, Table};
use crate::types::Type;

/// An operand of the op being lowered: asks its producer for one element.
pub struct Operand<'a> {
    /// Its tensor type.
    pub ty: Type,
    /// Computes the element at a multi-index.
    pub fetch: &'a dyn Fn(&mut KernelBuilder, &[Index]) -> Val,
}

impl Operand<'_> {
    /// The element at a multi-index, outermost axis first; the index must be within the shape.
    pub fn at(&self, k: &mut KernelBuilder, at: &[Index]) -> Val {
        debug_assert_eq!(at.len(), self.ty.rank());
        (self.fetch)(k, at)
    }
}

/// A result buffer of an op that stores its results itself.
#[derive(Clone, Debug)]
pub struct Out {
    /// Its tensor type.
    pub ty: Type,
    /// The parameter it is written through.
    pub mem: Mem,
}

/// A value: how it is computed, its type, and whether it is a vector.
type Key = Hashed<(Inst, DType, bool)>;

#[derive(Default)]
struct Block {
    stmts: Vec<Stmt>,
    memo: Table<Key, Val>,
    /// Elements of graph values computed so far, by value id and index.
    elements: Table<Hashed<(u32, Vec<Index>)>, Val>,
    /// Statements in it run under a condition, so loads must not leave it.
    guarded: bool,
}

/// Builds one kernel. Statements go to the innermost open block; pure values to the outermost block
/// in which their operands are known.
pub struct KernelBuilder {
    kernel: Kernel,
    stack: Vec<Block>,
    /// Depth of the block in which a value was computed.
    val_depth: Vec<usize>,
    /// Depth of a loop's body.
    loop_depth: Vec<usize>,
}

impl KernelBuilder {
    /// Starts a kernel with a grid of `grid` items.
    pub fn new(name: &str, grid: usize) -> KernelBuilder {
        let mut kernel = Kernel {
            name: name.to_string(),
            lanes: 1,
            lane_bits: 32,
            ..Kernel::default()
        };
        kernel.loops.push(LoopDef {
            extent: grid,
            kind: LoopKind::Serial,
        });
        let stack = vec![Block::default(), Block::default()];
        KernelBuilder {
            kernel,
            stack,
            val_depth: vec![],
            loop_depth: vec![1],
        }
    }

    /// The kernel so far.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Changes the extent of the grid; before its index is used.
    pub fn set_grid(&mut self, extent: usize) {
        self.kernel.loops[0].extent = extent;
    }

    /// The grid index.
    pub fn grid(&self) -> Index {
        Index::atom(Atom::Loop(GRID), self.kernel.grid() as i64)
    }

    /// Adds a buffer of `len` elements.
    pub fn param(&mut self, dtype: DType, len: usize, access: Access) -> Mem {
        self.kernel.params.push(Param { dtype, len, access });
        Mem::Param(self.kernel.params.len() as u32 - 1)
    }

    /// Adds a scratch tile of `len` elements.
    pub fn scratch(&mut self, dtype: DType, len: usize) -> Mem {
        self.kernel.scratch.push(Scratch { dtype, len });
        Mem::Scratch(self.kernel.scratch.len() as u32 - 1)
    }

    /// Declares a register and sets it.
    pub fn var(&mut self, init: Val) -> Var {
        let def = self.kernel.val(init);
        self.kernel.vars.push(VarDef {
            dtype: def.dtype,
            vector: def.vector,
        });
        let var = Var(self.kernel.vars.len() as u32 - 1);
        self.set(var, init);
        var
    }

    /// Sets a register.
    pub fn set(&mut self, var: Var, value: Val) {
        self.stmt(Stmt::Set(var, value));
    }

    /// Reads a register.
    pub fn get(&mut self, var: Var) -> Val {
        let VarDef { dtype, vector } = self.kernel.vars[var.0 as usize].clone();
        self.here(Inst::Get(var), dtype, vector)
    }

    /// The element at a linear index. Loads of read-only parameters are shared and hoisted; a
    /// write-only one becomes read-write.
    pub fn load(&mut self, mem: Mem, at: &Index) -> Val {
        let at = self.affine(at);
        let dtype = self.kernel.mem_dtype(mem);
        let inst = Inst::Load(mem, at);
        if self.pinned(mem) {
            self.here(inst, dtype, false)
        } else {
            self.pure(inst, dtype, false)
        }
    }

    /// Whether what memory holds may change while the kernel runs; a load makes a written parameter
    /// one that is read too.
    fn pinned(&mut self, mem: Mem) -> bool {
        match mem {
            Mem::Param(p) => match &mut self.kernel.params[p as usize].access {
                Access::Read => false,
                access => {
                    *access = Access::ReadWrite;
                    true
                }
            },
            Mem::Scratch(_) => true,
        }
    }

    /// Makes vectors of `lanes` lanes of `lane_bits` bits available; once, before any is used.
    pub fn set_lanes(&mut self, lanes: usize, lane_bits: usize) {
        (self.kernel.lanes, self.kernel.lane_bits) = (lanes, lane_bits);
    }

    /// `lanes` consecutive elements from a linear index on; one element in a kernel without vectors.
    pub fn load_vector(&mut self, mem: Mem, at: &Index) -> Val {
        if self.kernel.lanes == 1 {
            return self.load(mem, at);
        }
        let at = self.affine(at);
        let dtype = self.kernel.mem_dtype(mem);
        let inst = Inst::Load(mem, at);
        if self.pinned(mem) {
            self.here(inst, dtype, true)
        } else {
            self.pure(inst, dtype, true)
        }
    }

    /// A vector with every lane `v`; `v` itself in a kernel without vectors.
    pub fn splat(&mut self, v: Val) -> Val {
        if self.kernel.lanes == 1 {
            return v;
        }
        let dtype = self.kernel.val(v).dtype;
        self.pure(Inst::Splat(v), dtype, true)
    }

    /// Stores an element at a linear index.
    pub fn store(&mut self, mem: Mem, at: &Index, value: Val) {
        let at = self.affine(at);
        self.stmt(Stmt::Store(mem, at, value));
    }

    /// Stores an element of a result at a multi-index.
    pub fn store_at(&mut self, out: &Out, at: &[Index], value: Val) {
        self.store(out.mem, &Index::linear(at, &out.ty.shape), value);
    }

    /// A loop over `0..extent`; nothing for 0, no loop for 1.
    pub fn each(&mut self, extent: usize, kind: LoopKind, f: impl FnOnce(&mut Self, Index)) {
        match extent {
            0 => return,
            1 => return f(self, Index::default()),
            _ => {}
        }
        self.kernel.loops.push(LoopDef { extent, kind });
        let id = Loop(self.kernel.loops.len() as u32 - 1);
        self.loop_depth.push(self.stack.len());
        self.stack.push(Block::default());
        f(self, Index::atom(Atom::Loop(id), extent as i64));
        let body = self.stack.pop().expect("open loop").stmts;
        self.stmt(Stmt::For(id, body));
    }

    /// Nested loops over `extents`, outermost first; all of kind `kind` innermost, serial outside.
    pub fn nest(
        &mut self,
        extents: &[usize],
        kind: LoopKind,
        f: &mut dyn FnMut(&mut Self, &[Index]),
    ) {
        self.nest_from(extents, kind, &mut vec![], f);
    }

    fn nest_from(
        &mut self,
        extents: &[usize],
        kind: LoopKind,
        at: &mut Vec<Index>,
        f: &mut dyn FnMut(&mut Self, &[Index]),
    ) {
        let Some((&first, rest)) = extents.split_first() else {
            return f(self, at);
        };
        let outer = if rest.is_empty() {
            kind
        } else {
            LoopKind::Serial
        };
        self.each(first, outer, |k, i| {
            at.push(i);
            k.nest_from(rest, kind, at, f);
            at.pop();
        });
    }

    /// Runs `f` where `cond` (a scalar `bool`) holds.
    pub fn when(&mut self, cond: Val, f: impl FnOnce(&mut Self)) {
        let then = self.guarded(f);
        self.stmt(Stmt::If(cond, then, vec![]));
    }

    /// The value of `then` where `cond` holds, of `otherwise` elsewhere; only that one is computed.
    pub fn choose(
        &mut self,
        cond: Val,
        then: impl FnOnce(&mut Self) -> Val,
        otherwise: impl FnOnce(&mut Self) -> Val,
    ) -> Val {
        let mut var = None;
        let a = self.guarded(|k| {
            let v = then(k);
            let def = k.kernel.val(v);
            k.kernel.vars.push(VarDef {
                dtype: def.dtype,
                vector: def.vector,
            });
            let register = Var(k.kernel.vars.len() as u32 - 1);
            k.set(register, v);
            var = Some(register);
        });
        let var = var.expect("set above");
        let b = self.guarded(|k| {
            let v = otherwise(k);
            k.set(var, v);
        });
        self.stmt(Stmt::If(cond, a, b));
        self.get(var)
    }

    fn guarded(&mut self, f: impl FnOnce(&mut Self)) -> Vec<Stmt> {
        self.stack.push(Block {
            guarded: true,
            ..Block::default()
        });
        f(self);
        self.stack.pop().expect("open block").stmts
    }

    /// Statements that run once after the last grid item.
    pub fn epilogue(&mut self, f: impl FnOnce(&mut Self)) {
        assert_eq!(self.stack.len(), 2, "epilogue inside a loop");
        let body = std::mem::take(&mut self.stack[1]);
        f(self);
        let epilogue = std::mem::replace(&mut self.stack[1], body).stmts;
        self.kernel.epilogue.extend(epilogue);
    }

    /// The finished kernel.
    pub fn finish(mut self) -> Kernel {
        assert_eq!(self.stack.len(), 2, "a block is still open");
        self.kernel.body = self.stack.pop().expect("body").stmts;
        self.kernel.prologue = self.stack.pop().expect("prologue").stmts;
        self.kernel
    }

    fn stmt(&mut self, s: Stmt) {
        self.stack.last_mut().expect("open block").stmts.push(s);
    }
}
