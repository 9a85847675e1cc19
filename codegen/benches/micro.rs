//! Speed of generated code: `cargo bench -p craneflow-codegen`, with `show` to list instructions.
#![allow(unsafe_code, missing_docs)]

use craneflow_codegen::{MemRef, Options, compile};
use craneflow_ir::loops::{
    Access, Affine, GRID, Inst, Kernel, Loop, LoopDef, LoopKind, Mem, Param, Stmt, Term, Val,
    ValDef, Var, VarDef,
};
use craneflow_ir::{DType, Native, Scalar};
use std::time::Instant;

/// Builds f32 kernels by hand, as a schedule would leave them.
struct K {
    k: Kernel,
    block: Vec<Stmt>,
}

impl K {
    fn new(name: &str, lanes: usize, grid: usize) -> K {
        let mut k = Kernel {
            name: name.into(),
            lanes,
            lane_bits: 32,
            ..Kernel::default()
        };
        k.loops.push(LoopDef {
            extent: grid,
            kind: LoopKind::Serial,
        });
        K { k, block: vec![] }
    }
    fn param(&mut self, len: usize, access: Access) -> Mem {
        let dtype = DType::F32;
        self.k.params.push(Param { dtype, len, access });
        Mem::Param(self.k.params.len() as u32 - 1)
    }
    fn put(&mut self, inst: Inst, dtype: DType, vector: bool) -> Val {
        self.k.vals.push(ValDef {
            inst,
            dtype,
            vector,
        });
        let v = Val(self.k.vals.len() as u32 - 1);
        self.block.push(Stmt::Let(v));
        v
    }
    fn f(&mut self, op: Native, args: &[Val]) -> Val {
        self.put(Inst::Native(op, args.to_vec()), DType::F32, true)
    }
    fn constant(&mut self, s: Scalar) -> Val {
        let outer = std::mem::take(&mut self.block);
        let c = self.put(Inst::Const(s.bits), s.ty, false);
        let v = self.put(Inst::Splat(c), s.ty, true);
        let made = std::mem::replace(&mut self.block, outer);
        self.k.prologue.extend(made);
        v
    }
    fn num(&mut self, x: f32) -> Val {
        self.constant(Scalar::f32(x))
    }
    fn load(&mut self, m: Mem, at: Affine, vector: bool) -> Val {
        self.put(Inst::Load(m, at), DType::F32, vector)
    }
    fn finish(mut self) -> Kernel {
        self.k.body = self.block;
        self.k
    }
}

fn at(offset: i64, terms: &[(Loop, i64)]) -> Affine {
    let terms = terms.iter().map(|&(l, c)| (Term::Loop(l), c)).collect();
    Affine { offset, terms }
}

/// C[m,n] = A[m,k] B[k,n]: grid of tiles of `mr` rows x `nv` vectors, k unrolled by `ku`.
fn gemm(
    lanes: usize,
    (m, n, kk): (usize, usize, usize),
    (mr, nv, ku): (usize, usize, usize),
) -> Kernel {
    let nr = nv * lanes;
    let mut b = K::new("gemm", lanes, m / mr);
    let (pa, pb) = (b.param(m * kk, Access::Read), b.param(kk * n, Access::Read));
    let pc = b.param(m * n, Access::Write);
    b.k.loops.push(LoopDef {
        extent: n / nr,
        kind: LoopKind::Serial,
    });
    b.k.loops.push(LoopDef {
        extent: kk / ku,
        kind: LoopKind::Serial,
    });
    let (lj, lk) = (Loop(1), Loop(2));
    let zero = b.num(0.0);
    for _ in 0..mr * nv {
        let def = VarDef {
            dtype: DType::F32,
            vector: true,
        };
        b.k.vars.push(def);
    }
    let vars: Vec<Var> = (0..mr * nv).map(|i| Var(i as u32)).collect();
    for u in 0..ku {
        let bv: Vec<Val> = (0..nv)
            .map(|j| {
                let a = at(
                    (u * n + j * lanes) as i64,
                    &[(lj, nr as i64), (lk, (ku * n) as i64)],
                );
                b.load(pb, a, true)
            })
            .collect();
        for i in 0..mr {
            let a = at(
                (i * kk + u) as i64,
                &[(GRID, (mr * kk) as i64), (lk, ku as i64)],
            );
            let s = b.load(pa, a, false);
            let s = b.put(Inst::Splat(s), DType::F32, true);
            for j in 0..nv {
                let acc = b.put(Inst::Get(vars[i * nv + j]), DType::F32, true);
                let acc = b.f(Native::Fma, &[s, bv[j], acc]);
                b.block.push(Stmt::Set(vars[i * nv + j], acc));
            }
        }
    }
    let inner = std::mem::take(&mut b.block);
    for &v in &vars {
        b.block.push(Stmt::Set(v, zero));
    }
    b.block.push(Stmt::For(lk, inner));
    for i in 0..mr {
        for j in 0..nv {
            let acc = b.put(Inst::Get(vars[i * nv + j]), DType::F32, true);
            let a = at(
                (i * n + j * lanes) as i64,
                &[(GRID, (mr * n) as i64), (lj, nr as i64)],
            );
            b.block.push(Stmt::Store(pc, a, acc));
        }
    }
    let tile = std::mem::take(&mut b.block);
    b.block.push(Stmt::For(lj, tile));
    b.finish()
}

fn exp(b: &mut K, x: Val) -> Val {
    use Native::*;
    let c = |b: &mut K, x: f32| b.num(x);
    let (hi, lo) = (c(b, 88.0), c(b, -87.0));
    let x = b.f(Min, &[x, hi]);
    let x = b.f(Max, &[x, lo]);
    let (l2e, magic) = (c(b, std::f32::consts::LOG2_E), c(b, 12582912.0));
    let t = b.f(Fma, &[x, l2e, magic]);
    let n = b.f(Sub, &[t, magic]);
    let (c1, c2) = (c(b, -0.693_359_4), c(b, 2.121_944_4e-4));
    let r = b.f(Fma, &[n, c1, x]);
    let r = b.f(Fma, &[n, c2, r]);
    let mut p = c(b, 1.987_569_1e-4);
    for k in [
        1.398_199_9e-3f32,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_66,
        0.5,
    ] {
        let k = c(b, k);
        p = b.f(Fma, &[p, r, k]);
    }
    let r2 = b.f(Mul, &[r, r]);
    let one = c(b, 1.0);
    let r1 = b.f(Add, &[r, one]);
    let y = b.f(Fma, &[p, r2, r1]);
    let i = |b: &mut K, op, x: &[Val]| b.put(Inst::Native(op, x.to_vec()), DType::I32, true);
    let ti = i(b, Bitcast(DType::I32), &[t]);
    let by = b.constant(Scalar::int(DType::I32, 23));
    let sh = i(b, Shl, &[ti, by]);
    let yi = i(b, Bitcast(DType::I32), &[y]);
    let s = i(b, Add, &[yi, sh]);
    b.f(Bitcast(DType::F32), &[s])
}

/// y = f(x), `unroll` vectors per iteration, 4096 elements per grid item.
fn map(
    name: &str,
    lanes: usize,
    n: usize,
    unroll: usize,
    f: &dyn Fn(&mut K, Val) -> Val,
) -> Kernel {
    let mut b = K::new(name, lanes, n / 4096);
    let (x, y) = (b.param(n, Access::Read), b.param(n, Access::Write));
    let step = lanes * unroll;
    b.k.loops.push(LoopDef {
        extent: 4096 / step,
        kind: LoopKind::Serial,
    });
    for u in 0..unroll {
        let a = at((u * lanes) as i64, &[(GRID, 4096), (Loop(1), step as i64)]);
        let v = b.load(x, a.clone(), true);
        let v = f(&mut b, v);
        b.block.push(Stmt::Store(y, a, v));
    }
    let inner = std::mem::take(&mut b.block);
    b.block.push(Stmt::For(Loop(1), inner));
    b.finish()
}

fn time(kernel: &Kernel, work: f64, unit: &str) {
    let show = std::env::args().any(|a| a == "show");
    let options = Options {
        listing: show,
        ..Options::default()
    };
    let code = match compile(&[kernel], &options) {
        Ok(code) => code,
        Err(e) => return println!("{e}"),
    };
    if show {
        println!(
            "{}\n{}",
            code.clif(0).unwrap(),
            code.disassembly(0).unwrap()
        );
    }
    let mut data: Vec<Vec<[f32; 16]>> = kernel
        .params
        .iter()
        .map(|p| {
            (0..p.len / 16 + 1)
                .map(|i| [(i % 13) as f32 * 0.1 - 0.5; 16])
                .collect()
        })
        .collect();
    let args: Vec<MemRef> = data
        .iter_mut()
        // SAFETY: the vectors outlive the calls, and one kernel runs at a time.
        .map(|d| unsafe { MemRef::new(d.as_mut_ptr().cast(), d.len() * 64) })
        .collect();
    let bound = code.entry(0).bind(&args).unwrap();
    let mut best = f64::MAX;
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < 0.3 {
        let t = Instant::now();
        bound.call(MemRef::none(), 0, kernel.grid());
        best = best.min(t.elapsed().as_secs_f64());
    }
    let again = compile(&[kernel], &Options::default()).unwrap();
    println!(
        "{:24} {:8.2} {unit}  {:9.2} us  compile {:.2} ms, {} bytes",
        kernel.name,
        work / best,
        best * 1e6,
        again.time(0).as_secs_f64() * 1e3,
        code.size(0),
    );
}

fn main() {
    let only = std::env::args()
        .nth(1)
        .filter(|a| !a.starts_with('-'))
        .unwrap_or_default();
    for lanes in [4, 8, 16] {
        for (m, n, k) in [(64, 64, 64), (64, 128, 784), (256, 256, 256)] {
            for ku in [1, 4, 8] {
                let mut kernel = gemm(lanes, (m, n, k), (4, 2, ku));
                kernel.name = format!("gemm{} {m} {n} {k} ku{ku}", lanes * 32);
                if kernel.name.contains(&only) {
                    time(&kernel, 2e-9 * (m * n * k) as f64, "GFLOP/s");
                }
            }
        }
        for unroll in [1, 2, 4] {
            let n = 1 << 20;
            for (name, f) in [
                ("exp", &exp as &dyn Fn(&mut K, Val) -> Val),
                ("axpb", &|b: &mut K, x| {
                    let (p, q) = (b.num(1.01), b.num(0.1));
                    b.f(Native::Fma, &[x, p, q])
                }),
            ] {
                let mut kernel = map(name, lanes, n, unroll, f);
                kernel.name = format!("{name}{} unroll {unroll}", lanes * 32);
                if kernel.name.contains(&only) {
                    time(&kernel, n as f64 * 1e-9, "G/s    ");
                }
            }
        }
    }
}
