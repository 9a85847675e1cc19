//! Rebuilds a kernel while a pass replaces its loops. Values are hash-consed, folded and hoisted on
//! the way as when the kernel was built: equal loads and constants of unrolled copies become one.

mod values;

use super::affine;
use super::scan::{count_uses, registers, stored, uses};
use craneflow_ir::DType;
use craneflow_ir::hash::{Hashed, Table};
use craneflow_ir::loops::*;

/// A pass: what becomes of each loop.
pub(super) trait Pass {
    /// Emits the loop `l` of the old kernel.
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]);
}

/// Keeps every loop.
pub(super) struct Keep;

impl Pass for Keep {
    fn for_loop(&mut self, r: &mut Rebuild, l: Loop, body: &[Stmt]) {
        r.copy_loop(self, l, body);
    }
}

/// A value: how it is computed, its type, and whether it is a vector.
type Key = Hashed<(Inst, DType, bool)>;

#[derive(Default)]
struct Block {
    stmts: Vec<Stmt>,
    /// Values with the version of the memory they were loaded from.
    memo: Table<Key, (Val, u32)>,
    /// Loads must not leave it.
    guarded: bool,
    /// Memory stored to in it, when it is run many times.
    stores: Vec<Mem>,
}

/// A kernel being rebuilt.
pub(super) struct Rebuild {
    /// The kernel as it was.
    pub old: Kernel,
    /// The kernel as it becomes.
    pub new: Kernel,
    /// Images of old values (scalars, unless the old value is a vector).
    pub vals: Vec<Option<Val>>,
    /// Images of old loop indices.
    pub loops: Vec<Option<Affine>>,
    /// Images of old registers.
    vars: Vec<Var>,
    /// Number of statements that touch each old register.
    pub uses: Vec<usize>,
    stack: Vec<Block>,
    val_depth: Vec<usize>,
    loop_depth: Vec<usize>,
    versions: [Vec<u32>; 2],
    /// Values that registers are known to hold here.
    held: Vec<Option<Val>>,
}

impl Rebuild {
    /// Starts from a kernel; nothing is emitted yet, the prologue is open.
    pub fn new(old: Kernel) -> Rebuild {
        let new = Kernel {
            name: old.name.clone(),
            params: old.params.clone(),
            scratch: old.scratch.clone(),
            lanes: old.lanes,
            lane_bits: old.lane_bits,
            loops: vec![old.loops[0].clone()],
            vars: old.vars.clone(),
            ..Kernel::default()
        };
        let mut loops = vec![None; old.loops.len()];
        loops[0] = Some(affine::of_loop(GRID, 1, 0));
        Rebuild {
            vals: vec![None; old.vals.len()],
            loops,
            stack: vec![Block::default()],
            val_depth: vec![],
            loop_depth: vec![1],
            versions: [vec![0; old.params.len()], vec![0; old.scratch.len()]],
            held: vec![None; old.vars.len()],
            vars: (0..old.vars.len() as u32).map(Var).collect(),
            uses: uses(&old),
            old,
            new,
        }
    }

    /// Rebuilds all of a kernel with a pass.
    pub fn run(k: &mut Kernel, pass: &mut impl Pass) {
        let mut r = Rebuild::new(std::mem::take(k));
        let (prologue, body, epilogue) = r.parts();
        r.block(pass, &prologue);
        r.section(&body, |r| r.block(pass, &body));
        r.new.body = r.take();
        r.section(&epilogue, |r| {
            r.after(&body);
            r.block(pass, &epilogue)
        });
        r.new.epilogue = r.take();
        *k = r.finish();
    }

    /// Takes the statements out of the old kernel: prologue, body, epilogue.
    pub fn parts(&mut self) -> (Vec<Stmt>, Vec<Stmt>, Vec<Stmt>) {
        let take = std::mem::take;
        let old = &mut self.old;
        (
            take(&mut old.prologue),
            take(&mut old.body),
            take(&mut old.epilogue),
        )
    }

    /// Opens the body or the epilogue, whose old statements are `stmts`, and fills it.
    pub fn section(&mut self, stmts: &[Stmt], f: impl FnOnce(&mut Self)) {
        let held = self.held.clone();
        self.open(stmts, false);
        f(self);
        self.restore(held);
    }

    /// What `stmts` store runs before the block that is open, so loads must not leave it.
    pub fn after(&mut self, stmts: &[Stmt]) {
        let block = self.stack.last_mut().expect("open block");
        block.stores.extend(stored(stmts));
    }

    /// The statements of the block that is open.
    pub fn take(&mut self) -> Vec<Stmt> {
        self.stack.pop().expect("open block").stmts
    }

    /// The finished kernel.
    pub fn finish(mut self) -> Kernel {
        assert_eq!(self.stack.len(), 1, "a block is still open");
        self.new.prologue = self.take();
        self.new
    }

    /// Opens a block that repeats, with old statements `stmts`.
    fn open(&mut self, stmts: &[Stmt], guarded: bool) {
        let stores = stored(stmts);
        stores.iter().for_each(|&m| self.bump(m));
        self.forget(stmts);
        self.held[self.old.vars.len()..].fill(None);
        self.stack.push(Block {
            guarded,
            stores,
            ..Block::default()
        });
    }

    fn forget(&mut self, stmts: &[Stmt]) {
        for var in registers(stmts) {
            self.held[self.vars[var.0 as usize].0 as usize] = None;
        }
    }

    /// Gives the registers that only `stmts` touch new images, before one more copy of `stmts`: so
    /// every register stays the affair of one loop.
    pub fn fresh_registers(&mut self, stmts: &[Stmt]) {
        let mut inside = vec![0; self.uses.len()];
        count_uses(&self.old, stmts, &mut inside);
        for var in registers(stmts) {
            let i = var.0 as usize;
            if inside[i] == self.uses[i] {
                let VarDef { dtype, vector } = self.old.vars[i].clone();
                self.vars[i] = self.register(dtype, vector);
            }
        }
    }

    fn bump(&mut self, mem: Mem) {
        *match mem {
            Mem::Param(i) => &mut self.versions[0][i as usize],
            Mem::Scratch(i) => &mut self.versions[1][i as usize],
        } += 1;
    }

    /// Emits old statements.
    pub fn block(&mut self, pass: &mut impl Pass, stmts: &[Stmt]) {
        for s in stmts {
            match s {
                Stmt::For(l, body) => pass.for_loop(self, *l, body),
                Stmt::If(c, then, otherwise) => self.copy_if(pass, *c, then, otherwise),
                simple => self.simple(simple),
            }
        }
    }

    /// Emits an old statement that is neither a loop nor a condition.
    pub fn simple(&mut self, s: &Stmt) {
        match s {
            Stmt::Let(v) => {
                let image = self.image(*v);
                self.vals[v.0 as usize] = Some(image);
            }
            Stmt::Store(mem, at, v) => {
                let (at, v) = (self.affine(at), self.val(*v));
                self.store(*mem, at, v);
            }
            Stmt::Set(var, v) => {
                let v = self.val(*v);
                self.set(self.vars[var.0 as usize], v);
            }
            Stmt::For(..) | Stmt::If(..) => unreachable!("simple statement"),
        }
    }

    /// Emits an old loop as it is.
    pub fn copy_loop(&mut self, pass: &mut impl Pass, l: Loop, body: &[Stmt]) {
        let LoopDef { extent, kind } = self.old.loops[l.0 as usize].clone();
        self.each(extent, kind, body, |r, i| {
            r.loops[l.0 as usize] = Some(i);
            r.block(pass, body);
        });
    }

    /// Emits a loop that holds images of the old statements `stmts`; none for an extent of 0, and
    /// no loop for 1.
    pub fn each(
        &mut self,
        extent: usize,
        kind: LoopKind,
        stmts: &[Stmt],
        f: impl FnOnce(&mut Self, Affine),
    ) {
        match extent {
            0 => return,
            1 => return f(self, affine::constant(0)),
            _ => {}
        }
        self.new.loops.push(LoopDef { extent, kind });
        let id = Loop(self.new.loops.len() as u32 - 1);
        self.loop_depth.push(self.stack.len());
        self.open(stmts, false);
        let held = self.held.clone();
        f(self, affine::of_loop(id, 1, 0));
        self.restore(held);
        let body = self.take();
        self.push(Stmt::For(id, body));
    }

    /// What registers hold after a block, from what they held before it. What the block may have
    /// set, registers that a pass added included, is cleared by the caller or here.
    fn restore(&mut self, mut held: Vec<Option<Val>>) {
        held.resize(self.new.vars.len(), None);
        held[self.old.vars.len()..].fill(None);
        self.held = held;
    }

    fn copy_if(&mut self, pass: &mut impl Pass, c: Val, then: &[Stmt], otherwise: &[Stmt]) {
        let c = self.val(c);
        if let Some(known) = self.constant_of(c) {
            return self.block(pass, if known != 0 { then } else { otherwise });
        }
        self.branch(c, [then, otherwise], |r, stmts| r.block(pass, stmts));
    }

    /// Emits a condition whose blocks `f` fills from old statements.
    pub fn branch(&mut self, c: Val, blocks: [&[Stmt]; 2], mut f: impl FnMut(&mut Self, &[Stmt])) {
        let held = self.held.clone();
        let [a, b] = blocks.map(|stmts| {
            self.restore(held.clone());
            self.open(stmts, true);
            f(self, stmts);
            self.take()
        });
        self.restore(held);
        blocks.into_iter().for_each(|stmts| self.forget(stmts));
        self.push(Stmt::If(c, a, b));
    }

    /// Stores a new value; a load of the same address finds it.
    pub fn store(&mut self, mem: Mem, at: Affine, v: Val) {
        self.bump(mem);
        self.push(Stmt::Store(mem, at.clone(), v));
        let ValDef { dtype, vector, .. } = *self.new.val(v);
        let load = Inst::Load(mem, at);
        let version = self.version(&load);
        let block = self.stack.last_mut().expect("open block");
        let key = Key::new((load, dtype, vector));
        block.memo.insert(key, (v, version));
    }

    /// Declares a register.
    pub fn register(&mut self, dtype: DType, vector: bool) -> Var {
        self.new.vars.push(VarDef { dtype, vector });
        self.held.push(None);
        Var(self.new.vars.len() as u32 - 1)
    }

    /// Sets a register to a new value.
    pub fn set(&mut self, var: Var, v: Val) {
        self.held[var.0 as usize] = Some(v);
        self.push(Stmt::Set(var, v));
    }

    fn push(&mut self, s: Stmt) {
        self.stack.last_mut().expect("open block").stmts.push(s);
    }
}
