//! Every native operation on every element type, on edge values, against `Native::eval`.

mod common;

use common::{Buffer, edges, ops, run, same};
use craneflow_codegen::Target;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::{Access, Kernel};
use craneflow_ir::{DType, Emit, Native, Scalar};

/// A kernel that applies `op` to elements of its parameters. Constants are given as such.
fn kernel(op: Native, types: &[DType], n: usize, last: Option<Scalar>) -> Kernel {
    let to = op.infer(types).unwrap();
    let mut k = KernelBuilder::new("op", n);
    let i = k.grid();
    let mut args = vec![];
    for (j, &ty) in types.iter().enumerate() {
        let mem = k.param(ty, n, Access::Read);
        args.push(match last {
            Some(s) if j + 1 == types.len() => k.constant(s),
            _ => k.load(mem, &i),
        });
    }
    let out = k.param(to, n, Access::Write);
    let r = k.native(op, &args);
    k.store(out, &i, r);
    k.finish()
}

fn check(op: Native, types: &[DType], columns: &[Vec<Scalar>], last: Option<Scalar>, t: Target) {
    let n = columns[0].len();
    let kernel = kernel(op, types, n, last);
    let to = op.infer(types).unwrap();
    let mut buffers: Vec<Buffer> = columns.iter().map(|c| Buffer::of(c)).collect();
    buffers.push(Buffer::new(n * to.size()));
    run(&kernel, t, &mut buffers, &[n / 3]);
    for i in 0..n {
        let mut args: Vec<Scalar> = columns.iter().map(|c| c[i]).collect();
        if let (Some(s), Some(a)) = (last, args.last_mut()) {
            *a = s;
        }
        let (got, want) = (buffers.last_mut().unwrap().get(to, i), op.eval(&args));
        let exact = matches!(
            op,
            Native::Bitcast(_) | Native::Select | Native::Neg | Native::Abs
        ) || matches!(op, Native::Convert(DType::F16 | DType::BF16))
            || matches!(
                (op, types[0]),
                (Native::Convert(_), DType::F16 | DType::BF16)
            );
        let ok = if exact { got == want } else { same(got, want) };
        assert!(
            ok,
            "{op:?} {types:?} {args:x?}: {got:x?}, expected {want:x?}"
        );
    }
}

/// All pairs (triples: a cyclic choice) of edge values.
fn columns(types: &[DType]) -> Vec<Vec<Scalar>> {
    let lists: Vec<_> = types.iter().map(|&t| edges(t)).collect();
    let second = lists.get(1).map_or(1, Vec::len);
    let n = lists[0].len() * second;
    let pick = |j: usize, i: usize| {
        let at = match j {
            0 => i / second,
            1 => i % second,
            _ => i * 7 + i / second,
        };
        lists[j][at % lists[j].len()]
    };
    (0..types.len())
        .map(|j| (0..n).map(|i| pick(j, i)).collect())
        .collect()
}

fn every_operation(target: Target) {
    for op in ops() {
        for ty in DType::ALL {
            let types = match op {
                Native::Select => vec![DType::Bool, ty, ty],
                _ => vec![ty; op.arity()],
            };
            if op.infer(&types).is_some() {
                check(op, &types, &columns(&types), None, target);
            }
        }
    }
}

#[test]
fn every_operation_host() {
    every_operation(Target::Host);
}

#[test]
fn every_operation_baseline() {
    every_operation(Target::Baseline);
}

#[test]
fn constant_operands() {
    use Native::*;
    for op in [Div, Rem, Shl, ShrLogical, ShrArith, Min, Add] {
        for ty in DType::ALL {
            let types = [ty, ty];
            if op.infer(&types).is_none() {
                continue;
            }
            for c in edges(ty) {
                check(op, &types, &columns(&types), Some(c), Target::Host);
            }
        }
    }
}

/// Division of index expressions, whose range is known.
#[test]
fn index_division() {
    for extent in [5usize, 1000] {
        for d in [1i64, 2, 3, 7, 10, 64, 96, 641, 1000, 1001, 1 << 20] {
            let mut k = KernelBuilder::new("index", extent);
            let at = k.grid().mul(1_000_003).plus(5);
            let at = k.index_value(&at);
            let (quotient, remainder) = (
                k.param(DType::I64, extent, Access::Write),
                k.param(DType::I64, extent, Access::Write),
            );
            let c = k.constant(Scalar::int(DType::I64, d));
            let (q, r) = (
                k.native(Native::Div, &[at, c]),
                k.native(Native::Rem, &[at, c]),
            );
            let i = k.grid();
            k.store(quotient, &i, q);
            k.store(remainder, &i, r);
            let mut out = [Buffer::new(extent * 8), Buffer::new(extent * 8)];
            run(&k.finish(), Target::Host, &mut out, &[]);
            for i in 0..extent {
                let x = i as i64 * 1_000_003 + 5;
                assert_eq!(out[0].get(DType::I64, i).bits as i64, x / d, "{x} / {d}");
                assert_eq!(out[1].get(DType::I64, i).bits as i64, x % d, "{x} % {d}");
            }
        }
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let kernel = kernel(Native::Add, &[DType::F32, DType::F32], 4, None);
    let code = craneflow_codegen::compile(&[&kernel], &common::options(Target::Host)).unwrap();
    let (mut a, mut b) = (Buffer::new(16), Buffer::new(12));
    assert!(code.entry(0).bind(&[a.mem()]).is_err());
    assert!(code.entry(0).bind(&[a.mem(), a.mem(), b.mem()]).is_err());
    assert!(code.clif(0).unwrap().contains("fadd"));
    assert!(code.size(0) > 0 && !code.disassembly(0).unwrap().is_empty());
    let mut wide = kernel.clone();
    wide.lanes = 32;
    assert!(craneflow_codegen::compile(&[&wide], &common::options(Target::Host)).is_err());
}
