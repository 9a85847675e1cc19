//! Every operation that `vectorizable` admits, at every width, against `Native::eval` per lane.

mod common;

use common::{Buffer, edges, run, same};
use craneflow_codegen::Target;
use craneflow_ir::loops::vector::vectorizable;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::{
    Access, Affine, GRID, Inst, Kernel, LoopDef, LoopKind, Mem, Param, Stmt, Term, Val, ValDef,
};
use craneflow_ir::{DType, Native, Scalar};

/// Builds kernels whose grid walks `n` elements, one vector per item.
struct Vectors {
    k: Kernel,
    n: usize,
}

impl Vectors {
    fn new(bits: usize, lane_bits: usize, n: usize) -> Vectors {
        let lanes = bits / lane_bits;
        assert_eq!(n % lanes, 0);
        let grid = LoopDef {
            extent: n / lanes,
            kind: LoopKind::Serial,
        };
        let k = Kernel {
            name: "vectors".to_string(),
            lanes,
            lane_bits,
            loops: vec![grid],
            ..Kernel::default()
        };
        Vectors { k, n }
    }

    fn param(&mut self, dtype: DType, len: usize, access: Access) -> Mem {
        self.k.params.push(Param { dtype, len, access });
        Mem::Param(self.k.params.len() as u32 - 1)
    }

    fn at(&self) -> Affine {
        Affine {
            offset: 0,
            terms: vec![(Term::Loop(GRID), self.k.lanes as i64)],
        }
    }

    fn put(&mut self, inst: Inst, dtype: DType, vector: bool) -> Val {
        self.k.vals.push(ValDef {
            inst,
            dtype,
            vector,
        });
        let v = Val(self.k.vals.len() as u32 - 1);
        self.k.body.push(Stmt::Let(v));
        v
    }

    fn input(&mut self, dtype: DType) -> Val {
        let n = self.n;
        let mem = self.param(dtype, n, Access::Read);
        let at = self.at();
        self.put(Inst::Load(mem, at), dtype, true)
    }

    fn splat(&mut self, s: Scalar) -> Val {
        let c = self.put(Inst::Const(s.bits), s.ty, false);
        self.put(Inst::Splat(c), s.ty, true)
    }

    fn output(&mut self, v: Val) {
        let (n, at) = (self.n, self.at());
        let mem = self.param(self.k.val(v).dtype, n, Access::Write);
        self.k.body.push(Stmt::Store(mem, at, v));
    }

    fn run(&self, target: Target, inputs: &[Vec<Scalar>]) -> Vec<Buffer> {
        verify_kernel(&self.k).unwrap();
        let mut buffers: Vec<Buffer> = inputs.iter().map(|c| Buffer::of(c)).collect();
        for p in &self.k.params[inputs.len()..] {
            buffers.push(Buffer::new(p.len * p.dtype.size()));
        }
        run(&self.k, target, &mut buffers, &[self.k.grid() / 3]);
        buffers
    }
}

/// All pairs of edge values, padded to a multiple of sixteen.
fn columns(types: &[DType]) -> Vec<Vec<Scalar>> {
    let lists: Vec<_> = types.iter().map(|&t| edges(t)).collect();
    let second = lists.get(1).map_or(1, Vec::len);
    let n = (lists[0].len() * second).next_multiple_of(16);
    let pick = |j: usize, i: usize| {
        let at = [i / second, i % second, i * 7 + i / second][j];
        lists[j][at % lists[j].len()]
    };
    (0..types.len())
        .map(|j| (0..n).map(|i| pick(j, i)).collect())
        .collect()
}

/// Width of a vector and of a lane in bits, and what runs it.
#[derive(Clone, Copy, Debug)]
struct Setting(usize, usize, Target);

fn check(op: Native, types: &[DType], amount: Option<Scalar>, at: Setting) {
    let to = op.infer(types).unwrap();
    let loaded = &types[..types.len() - amount.is_some() as usize];
    let columns = columns(loaded);
    let mut v = Vectors::new(at.0, at.1, columns[0].len());
    let mut args: Vec<Val> = loaded.iter().map(|&t| v.input(t)).collect();
    args.extend(amount.map(|s| v.splat(s)));
    let r = v.put(Inst::Native(op, args), to, true);
    v.output(r);
    let mut buffers = v.run(at.2, &columns);
    for i in 0..columns[0].len() {
        let args: Vec<Scalar> = columns.iter().map(|c| c[i]).chain(amount).collect();
        let (got, want) = (buffers.last_mut().unwrap().get(to, i), op.eval(&args));
        let exact = matches!(
            op,
            Native::Bitcast(_) | Native::Select | Native::Neg | Native::Abs
        );
        let ok = if exact { got == want } else { same(got, want) };
        assert!(
            ok,
            "{at:?} {op:?} {types:?} {args:x?}: {got:x?}, expected {want:x?}"
        );
    }
}

fn every_row(bits: usize, target: Target) -> usize {
    let mut rows = 0;
    for lane_bits in [32, 64] {
        for op in common::ops() {
            for ty in DType::ALL {
                let types = match op {
                    Native::Select => vec![DType::Bool, ty, ty],
                    _ => vec![ty; op.arity()],
                };
                let Some(to) = op.infer(&types) else { continue };
                let inst = Inst::Native(op, vec![]);
                if !vectorizable(&inst, to, &types, lane_bits) {
                    continue;
                }
                rows += 1;
                let at = Setting(bits, lane_bits, target);
                if matches!(op, Native::Shl | Native::ShrLogical | Native::ShrArith) {
                    for amount in edges(ty) {
                        check(op, &types, Some(amount), at);
                    }
                } else {
                    check(op, &types, None, at);
                }
            }
        }
    }
    rows
}

#[test]
fn every_row_host() {
    assert!(every_row(128, Target::Host) > 120);
}

#[test]
fn every_row_256() {
    every_row(256, Target::Host);
}

#[test]
fn every_row_512() {
    every_row(512, Target::Host);
}

#[test]
fn every_row_baseline() {
    every_row(128, Target::Baseline);
    every_row(512, Target::Baseline);
}

/// Splats of constants and of scalars, lane numbers, copies, gathers with every stride.
#[test]
fn sources() {
    for (lane_bits, types) in [
        (32, [DType::F32, DType::I32, DType::U32, DType::Bool]),
        (64, [DType::F64, DType::I64, DType::U64, DType::Bool]),
    ] {
        for ty in types {
            for target in [Target::Host, Target::Baseline] {
                for bits in [128, 256, 512] {
                    source(Setting(bits, lane_bits, target), ty);
                }
            }
        }
    }
}

fn source(at: Setting, ty: DType) {
    let Setting(bits, lane_bits, target) = at;
    let data: Vec<Scalar> = edges(ty).into_iter().cycle().take(64).collect();
    let mut v = Vectors::new(bits, lane_bits, 16);
    let lanes = v.k.lanes;
    let src = v.param(ty, 64, Access::Read);
    let mut want: Vec<Box<dyn Fn(usize) -> Scalar>> = vec![];
    let constant = v.splat(data[1]);
    v.output(constant);
    want.push(Box::new(|_| data[1]));
    let item = Affine {
        offset: 3,
        terms: vec![(Term::Loop(GRID), 1)],
    };
    let scalar = v.put(Inst::Load(src, item), ty, false);
    let splat = v.put(Inst::Splat(scalar), ty, true);
    v.output(splat);
    want.push(Box::new(|i| data[3 + i / lanes]));
    for stride in [0i64, 1, 2, 3, -1] {
        let at = Affine {
            offset: 15,
            terms: vec![(Term::Loop(GRID), 1)],
        };
        let g = v.put(Inst::Gather(src, at, stride), ty, true);
        v.output(g);
        let data = &data;
        want.push(Box::new(move |i| {
            data[(15 + (i / lanes) as i64 + (i % lanes) as i64 * stride) as usize]
        }));
    }
    if ty.is_int() {
        let numbers = v.put(Inst::Lanes, ty, true);
        v.output(numbers);
        want.push(Box::new(|i| Scalar::int(ty, (i % lanes) as i64)));
    }
    let mut buffers = v.run(target, std::slice::from_ref(&data));
    for (j, want) in want.iter().enumerate() {
        for i in 0..16 {
            assert_eq!(
                buffers[j + 1].get(ty, i),
                want(i),
                "{at:?} {ty} output {j} element {i}"
            );
        }
    }
}

/// More vectors alive than there are registers, so that some live on the stack.
#[test]
fn spilled() {
    for (lane_bits, ty) in [(32, DType::F32), (64, DType::F64)] {
        for bits in [128, 256, 512] {
            let mut v = Vectors::new(bits, lane_bits, 64);
            let inputs: Vec<Val> = (0..40).map(|_| v.input(ty)).collect();
            let mut sum = inputs[39];
            for &x in inputs.iter().chain(inputs.iter().rev()) {
                sum = v.put(Inst::Native(Native::Fma, vec![sum, x, inputs[0]]), ty, true);
            }
            v.output(sum);
            let number = |i: usize| Scalar::from_f64(ty, (i * 37 % 101) as f64 / 64.0 - 0.7);
            let columns: Vec<Vec<Scalar>> = (0..40)
                .map(|c| (0..64).map(|i| number(64 * c + i)).collect())
                .collect();
            let mut buffers = v.run(Target::Host, &columns);
            for i in 0..64 {
                let x: Vec<Scalar> = columns.iter().map(|c| c[i]).collect();
                let mut want = x[39];
                for &y in x.iter().chain(x.iter().rev()) {
                    want = Native::Fma.eval(&[want, y, x[0]]);
                }
                assert_eq!(buffers[40].get(ty, i), want, "{bits} bits, element {i}");
            }
        }
    }
}
