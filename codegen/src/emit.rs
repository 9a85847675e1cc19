//! Statements: a kernel's control flow and memory accesses as Cranelift IR.

use crate::address::Addresses;
use crate::pool::{Line, Pool};
use craneflow_ir::loops::{Affine, GRID, Inst, Kernel, Mem, Stmt, Val, ValDef};
use craneflow_ir::{DType, Scalar};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};

/// Emits one kernel into one function.
pub(crate) struct Emitter<'k, 'f, 'b> {
    pub kernel: &'k Kernel,
    pub fb: &'b mut FunctionBuilder<'f>,
    pub addresses: Addresses,
    pub pool: Pool,
    /// Registers that hold one vector: 1, or more where the target's vectors are shorter.
    pub parts: usize,
    /// Factor by which registers will be widened; vectors then have forms without crossing lanes.
    pub wide: usize,
    vals: Vec<Slot>,
    vars: Vec<[Variable; MAX_PARTS]>,
}

/// Most registers per vector: 16 lanes of 32 bits in 128-bit registers.
pub(crate) const MAX_PARTS: usize = 4;

/// Where a value is.
#[derive(Clone, Copy)]
enum Slot {
    Undefined,
    Scalar(Value),
    Vector([Value; MAX_PARTS]),
    /// A vector constant, loaded from the pool where it is used.
    Pooled(u32),
}

/// The register type of a scalar; a `bool` is 0 or 1.
pub(crate) fn scalar_type(dtype: DType) -> Type {
    match dtype {
        DType::Bool | DType::I8 | DType::U8 => types::I8,
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => types::I16,
        DType::I32 | DType::U32 => types::I32,
        DType::I64 | DType::U64 => types::I64,
        DType::F32 => types::F32,
        DType::F64 => types::F64,
    }
}

/// Flags of accesses to scalars: kernels are verified, so none can trap.
pub(crate) fn aligned() -> MemFlagsData {
    MemFlagsData::trusted()
}

impl<'k, 'f, 'b> Emitter<'k, 'f, 'b> {
    /// For registers of `wide` times 128 bits, of which the target has `registers`.
    pub fn new(
        kernel: &'k Kernel,
        fb: &'b mut FunctionBuilder<'f>,
        wide: usize,
        registers: usize,
    ) -> Emitter<'k, 'f, 'b> {
        let parts = (kernel.lanes * kernel.lane_bits / (128 * wide)).max(1);
        Emitter {
            kernel,
            fb,
            addresses: Addresses::default(),
            pool: Pool::new(kernel, parts, registers),
            parts,
            wide,
            vals: vec![Slot::Undefined; kernel.vals.len()],
            vars: vec![],
        }
    }

    /// The whole function. Returns the bytes of the constants it loads.
    pub fn kernel(mut self) -> Vec<Line> {
        let entry = self.fb.create_block();
        self.fb.append_block_params_for_function_params(entry);
        self.fb.switch_to_block(entry);
        self.fb.seal_block(entry);
        let params = self.fb.block_params(entry).to_vec();
        let (args, scratch, start, end) = (params[0], params[1], params[2], params[3]);
        let k = self.kernel;
        for var in &k.vars {
            let ty = self.register_type(var.dtype, var.vector);
            let parts = if var.vector { self.parts } else { 1 };
            let mut registers = [Variable::from_u32(0); MAX_PARTS];
            registers[..parts].fill_with(|| self.fb.declare_var(ty));
            self.vars.push(registers);
        }
        self.bases(args, scratch);
        self.pool_base(args);
        self.block(&k.prologue);
        if !k.body.is_empty() {
            let some = self.fb.ins().icmp(IntCC::SignedLessThan, start, end);
            self.branch(some, |e| e.each(GRID, &k.body, Some((start, end))), None);
        }
        if !k.epilogue.is_empty() {
            let last = k.grid() as i64;
            let last = self.fb.ins().icmp_imm_s(IntCC::Equal, end, last);
            self.branch(last, |e| e.block(&k.epilogue), None);
        }
        self.fb.ins().return_(&[]);
        self.pool.finish()
    }

    /// The type of a register that holds a value.
    pub fn register_type(&self, dtype: DType, vector: bool) -> Type {
        match vector {
            true => self.vector_type(dtype),
            false => scalar_type(dtype),
        }
    }

    /// Where a scalar is now. Integer constants are made at each use: they become immediates.
    pub fn val(&mut self, v: Val) -> Value {
        if let Slot::Scalar(value) = self.vals[v.0 as usize] {
            return value;
        }
        let known = self.known(v).expect("a value is computed before its use");
        self.scalar_constant(known)
    }

    /// Where part `p` of a vector is now.
    pub fn part(&mut self, v: Val, p: usize) -> Value {
        match self.vals[v.0 as usize] {
            Slot::Vector(parts) => parts[p],
            Slot::Pooled(entry) => {
                let ty = self.vector_type(self.kernel.val(v).dtype);
                self.pooled(ty, entry, p)
            }
            Slot::Scalar(_) | Slot::Undefined => panic!("{v:?} is no vector, or not computed yet"),
        }
    }

    /// The scalar constant that a value is.
    pub fn known(&self, v: Val) -> Option<Scalar> {
        let def = self.kernel.val(v);
        match def.inst {
            Inst::Const(bits) => Some(Scalar {
                ty: def.dtype,
                bits,
            }),
            _ => None,
        }
    }

    /// A scalar constant.
    pub fn scalar_constant(&mut self, s: Scalar) -> Value {
        match s.ty {
            DType::F32 => self.fb.ins().f32const(f32::from_bits(s.bits as u32)),
            DType::F64 => self.fb.ins().f64const(f64::from_bits(s.bits)),
            _ => {
                let ty = scalar_type(s.ty);
                self.iconst(ty, s.bits as i64)
            }
        }
    }

    /// An integer constant, wrapped to the width of `ty`.
    pub fn iconst(&mut self, ty: Type, x: i64) -> Value {
        let unused = 64 - ty.bits();
        let bits = ((x as u64) << unused >> unused) as i64;
        self.fb.ins().iconst(ty, bits)
    }

    /// Statements in order.
    pub fn block(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Let(v) => self.define(*v),
                Stmt::Store(mem, at, v) => self.store(*mem, at, *v),
                Stmt::Set(var, v) => {
                    let registers = self.vars[var.0 as usize];
                    if !self.kernel.val(*v).vector {
                        let value = self.val(*v);
                        self.fb.def_var(registers[0], value);
                        continue;
                    }
                    for (p, &register) in registers[..self.parts].iter().enumerate() {
                        let value = self.part(*v, p);
                        self.fb.def_var(register, value);
                    }
                }
                Stmt::For(l, body) => self.each(*l, body, None),
                Stmt::If(cond, a, b) => {
                    let cond = self.val(*cond);
                    let otherwise = (!b.is_empty()).then_some(b.as_slice());
                    self.branch(cond, |e| e.block(a), otherwise);
                }
            }
        }
    }

    fn branch(&mut self, cond: Value, then: impl FnOnce(&mut Self), otherwise: Option<&[Stmt]>) {
        let (a, after) = (self.fb.create_block(), self.fb.create_block());
        let b = match otherwise {
            Some(_) => self.fb.create_block(),
            None => after,
        };
        self.fb.ins().brif(cond, a, &[], b, &[]);
        self.fb.seal_block(a);
        self.fb.switch_to_block(a);
        let scope = self.addresses.open();
        then(self);
        self.addresses.close(scope);
        self.fb.ins().jump(after, &[]);
        if let Some(stmts) = otherwise {
            self.fb.seal_block(b);
            self.fb.switch_to_block(b);
            let scope = self.addresses.open();
            self.block(stmts);
            self.addresses.close(scope);
            self.fb.ins().jump(after, &[]);
        }
        self.fb.seal_block(after);
        self.fb.switch_to_block(after);
    }

    fn define(&mut self, v: Val) {
        let def = self.kernel.val(v);
        let slot = match def.vector {
            true => self.define_vector(v),
            false if matches!(def.inst, Inst::Const(_)) && !def.dtype.is_float() => return,
            false => Slot::Scalar(self.define_scalar(&def.inst, def.dtype)),
        };
        let before = std::mem::replace(&mut self.vals[v.0 as usize], slot);
        debug_assert!(matches!(before, Slot::Undefined), "{v:?} is defined twice");
        if def.dtype == DType::I64 && !def.vector {
            self.addresses.define(v);
        }
    }

    fn define_scalar(&mut self, inst: &Inst, ty: DType) -> Value {
        match inst {
            Inst::Const(bits) => self.scalar_constant(Scalar { ty, bits: *bits }),
            Inst::Native(op, args) => self.scalar_native(*op, args, ty),
            Inst::Load(mem, at) => {
                let (pointer, offset) = self.pointer(*mem, at);
                self.fb
                    .ins()
                    .load(scalar_type(ty), aligned(), pointer, offset)
            }
            Inst::Index(at) => self.index(at),
            Inst::Get(var) => self.fb.use_var(self.vars[var.0 as usize][0]),
            Inst::Gather(..) | Inst::Splat(_) | Inst::Lanes => unreachable!("{inst:?} is a vector"),
        }
    }

    fn define_vector(&mut self, v: Val) -> Slot {
        let ValDef { inst, dtype, .. } = self.kernel.val(v);
        if let Some(entry) = self.pool.entry(v) {
            if !self.pool.stays(v) {
                return Slot::Pooled(entry);
            }
            let ty = self.vector_type(*dtype);
            return Slot::Vector(self.each_part(|e, p| e.pooled(ty, entry, p)));
        }
        if let Inst::Splat(x) = inst {
            return Slot::Vector([self.splat(*x); MAX_PARTS]);
        }
        Slot::Vector(self.each_part(|e, p| match inst {
            Inst::Native(op, args) => e.vector_native(*op, args, *dtype, p),
            Inst::Load(mem, at) => e.vector_load(*mem, at, p),
            Inst::Gather(mem, at, stride) => e.gather(*mem, at, *stride, p),
            Inst::Get(var) => e.fb.use_var(e.vars[var.0 as usize][p]),
            Inst::Const(_) | Inst::Index(_) | Inst::Splat(_) | Inst::Lanes => {
                unreachable!("{inst:?} is a scalar or pooled")
            }
        }))
    }

    fn each_part(&mut self, mut f: impl FnMut(&mut Self, usize) -> Value) -> [Value; MAX_PARTS] {
        let first = f(self, 0);
        let mut parts = [first; MAX_PARTS];
        for (p, part) in parts.iter_mut().enumerate().take(self.parts).skip(1) {
            *part = f(self, p);
        }
        parts
    }

    fn store(&mut self, mem: Mem, at: &Affine, v: Val) {
        let def = self.kernel.val(v);
        debug_assert_eq!(def.dtype, self.kernel.mem_dtype(mem), "type of a store");
        if def.vector {
            return (0..self.parts).for_each(|p| self.vector_store(mem, at, v, p));
        }
        let value = self.val(v);
        let (pointer, offset) = self.pointer(mem, at);
        self.fb.ins().store(aligned(), value, pointer, offset);
    }
}
