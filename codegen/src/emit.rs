//! Statements: a kernel's control flow and memory accesses as Cranelift IR.

use crate::address::Addresses;
use craneflow_ir::loops::{Affine, GRID, Inst, Kernel, Mem, Stmt, Val};
use craneflow_ir::{DType, Scalar};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};

/// Emits one kernel into one function.
pub(crate) struct Emitter<'k, 'f, 'b> {
    pub kernel: &'k Kernel,
    pub fb: &'b mut FunctionBuilder<'f>,
    pub addresses: Addresses,
    vals: Vec<Option<Value>>,
    vars: Vec<Variable>,
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
    pub fn new(kernel: &'k Kernel, fb: &'b mut FunctionBuilder<'f>) -> Emitter<'k, 'f, 'b> {
        Emitter {
            kernel,
            fb,
            addresses: Addresses::default(),
            vals: vec![None; kernel.vals.len()],
            vars: vec![],
        }
    }

    /// The whole function.
    pub fn kernel(mut self) {
        let entry = self.fb.create_block();
        self.fb.append_block_params_for_function_params(entry);
        self.fb.switch_to_block(entry);
        self.fb.seal_block(entry);
        let params = self.fb.block_params(entry).to_vec();
        let (args, scratch, start, end) = (params[0], params[1], params[2], params[3]);
        let k = self.kernel;
        for var in &k.vars {
            let ty = self.register_type(var.dtype, var.vector);
            self.vars.push(self.fb.declare_var(ty));
        }
        self.bases(args, scratch);
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
    }

    /// The type of a register that holds a value.
    pub fn register_type(&self, dtype: DType, vector: bool) -> Type {
        match vector {
            true => self.vector_type(dtype),
            false => scalar_type(dtype),
        }
    }

    /// The type of a value as vectors of this kernel hold it.
    pub fn type_of(&self, v: Val) -> Type {
        let def = self.kernel.val(v);
        self.register_type(def.dtype, def.vector)
    }

    /// Where a value is now. Integer constants are made at each use: they become immediates.
    pub fn val(&mut self, v: Val) -> Value {
        if let Some(value) = self.vals[v.0 as usize] {
            return value;
        }
        let known = self.known(v).expect("a value is computed before its use");
        self.constant(known)
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
    pub fn constant(&mut self, s: Scalar) -> Value {
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
                    let value = self.val(*v);
                    self.fb.def_var(self.vars[var.0 as usize], value);
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
        let value = match &def.inst {
            Inst::Const(_) if !def.dtype.is_float() => return,
            Inst::Const(bits) => self.constant(Scalar {
                ty: def.dtype,
                bits: *bits,
            }),
            Inst::Native(op, args) if def.vector => self.vector_native(*op, args, def.dtype),
            Inst::Native(op, args) => self.scalar_native(*op, args, def.dtype),
            Inst::Load(mem, at) if def.vector => self.vector_load(*mem, at),
            Inst::Load(mem, at) => {
                let (pointer, offset) = self.pointer(*mem, at);
                let ty = scalar_type(def.dtype);
                self.fb.ins().load(ty, aligned(), pointer, offset)
            }
            Inst::Gather(mem, at, stride) => self.gather(*mem, at, *stride),
            Inst::Index(at) => self.index(at),
            Inst::Splat(x) => self.splat(*x),
            Inst::Lanes => self.lanes(def.dtype),
            Inst::Get(var) => self.fb.use_var(self.vars[var.0 as usize]),
        };
        debug_assert_eq!(self.fb.func.dfg.value_type(value), self.type_of(v));
        debug_assert!(self.vals[v.0 as usize].is_none(), "{v:?} is defined twice");
        self.vals[v.0 as usize] = Some(value);
        if def.dtype == DType::I64 && !def.vector {
            self.addresses.define(v);
        }
    }

    fn store(&mut self, mem: Mem, at: &Affine, v: Val) {
        let def = self.kernel.val(v);
        debug_assert_eq!(def.dtype, self.kernel.mem_dtype(mem), "type of a store");
        if def.vector {
            return self.vector_store(mem, at, v);
        }
        let value = self.val(v);
        let (pointer, offset) = self.pointer(mem, at);
        self.fb.ins().store(aligned(), value, pointer, offset);
    }
}
