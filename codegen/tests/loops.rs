//! Control flow and addressing: loops, conditions, registers, scratch, computed indices.

mod common;

use common::{Buffer, run};
use craneflow_codegen::Target;
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, LoopKind};
use craneflow_ir::{DType, Emit, Native, Scalar};

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 1000) as f32 - 500.0).collect()
}

fn buffer(data: &[f32]) -> Buffer {
    Buffer::of(&data.iter().map(|&x| Scalar::f32(x)).collect::<Vec<_>>())
}

#[track_caller]
fn expect(b: &mut Buffer, want: &[f32]) {
    for (i, w) in want.iter().enumerate() {
        let got = f32::from_bits(b.get(DType::F32, i).bits as u32);
        assert_eq!(
            got.to_bits(),
            w.to_bits(),
            "element {i}: {got}, expected {w}"
        );
    }
}

#[test]
fn matrix_product_with_registers() {
    let (m, n, p) = (5, 7, 11);
    let mut k = KernelBuilder::new("dot", m);
    let a = k.param(DType::F32, m * p, Access::Read);
    let b = k.param(DType::F32, p * n, Access::Read);
    let c = k.param(DType::F32, m * n, Access::Write);
    let zero = k.constant(Scalar::f32(0.0));
    let i = k.grid();
    k.each(n, LoopKind::Serial, |k, j| {
        let acc = k.var(zero);
        k.each(p, LoopKind::Serial, |k, q| {
            let x = k.load(a, &i.mul(p as i64).add(&q));
            let y = k.load(b, &q.mul(n as i64).add(&j));
            let s = k.get(acc);
            let s = k.native(Native::Fma, &[x, y, s]);
            k.set(acc, s);
        });
        let s = k.get(acc);
        k.store(c, &i.mul(n as i64).add(&j), s);
    });
    let (x, y) = (numbers(m * p), numbers(p * n));
    let mut want = vec![0f32; m * n];
    for i in 0..m {
        for j in 0..n {
            for q in 0..p {
                want[i * n + j] = x[i * p + q].mul_add(y[q * n + j], want[i * n + j]);
            }
        }
    }
    let mut buffers = [buffer(&x), buffer(&y), buffer(&vec![0.0; m * n])];
    run(&k.finish(), Target::Host, &mut buffers, &[0, 2, 3]);
    expect(&mut buffers[2], &want);
}

/// A reversed, strided copy of three axes in several types at once.
#[test]
fn strides_of_all_kinds() {
    let (d0, d1, d2) = (3usize, 4, 5);
    let n = d0 * d1 * d2;
    let types = [
        DType::F32,
        DType::U8,
        DType::I64,
        DType::Bool,
        DType::F64,
        DType::I16,
    ];
    let mut k = KernelBuilder::new("strides", d0);
    let i = k.grid();
    let ins: Vec<_> = types.map(|t| k.param(t, n, Access::Read)).to_vec();
    let outs: Vec<_> = types.map(|t| k.param(t, n, Access::Write)).to_vec();
    k.each(d1, LoopKind::Serial, |k, j| {
        let at1 = i.mul((d1 * d2) as i64).add(&j.mul(d2 as i64));
        k.each(d2, LoopKind::Serial, |k, l| {
            let from = at1.add(&l);
            let to = l.mul(-((d0 * d1) as i64)).plus((d0 * d1 * (d2 - 1)) as i64);
            let to = to.add(&j.mul(d0 as i64)).add(&i);
            for (x, y) in ins.iter().zip(&outs) {
                let v = k.load(*x, &from);
                k.store(*y, &to, v);
            }
        });
    });
    let kernel = k.finish();
    let data = |t: DType, i: usize| match t {
        DType::Bool => Scalar::bool(i % 3 == 1),
        _ => Scalar::from_f64(t, i as f64),
    };
    let mut buffers: Vec<Buffer> = vec![];
    for t in types {
        buffers.push(Buffer::of(&(0..n).map(|i| data(t, i)).collect::<Vec<_>>()));
    }
    buffers.extend(types.map(|t| Buffer::new(n * t.size())));
    run(&kernel, Target::Host, &mut buffers, &[1]);
    for (t, &ty) in types.iter().enumerate() {
        for at in 0..n {
            let (i, j, l) = (at / (d1 * d2), at / d2 % d1, at % d2);
            let to = (d2 - 1 - l) * d0 * d1 + j * d0 + i;
            assert_eq!(
                buffers[types.len() + t].get(ty, to),
                data(ty, at),
                "{ty} {at}"
            );
        }
    }
}

/// Rows picked by computed indices, through a condition, a scratch tile and an epilogue.
#[test]
fn picked_rows() {
    let (rows, width, table) = (6usize, 9usize, 4usize);
    let mut k = KernelBuilder::new("rows", rows);
    let ids = k.param(DType::I64, rows, Access::Read);
    let src = k.param(DType::F32, table * width, Access::Read);
    let out = k.param(DType::F32, rows * width, Access::Write);
    let count = k.param(DType::I64, 2, Access::ReadWrite);
    let _unused = k.scratch(DType::U8, 3);
    let tile = k.scratch(DType::F32, width);
    let i = k.grid();
    let id = k.load(ids, &i);
    let bound = k.constant(Scalar::int(DType::I64, table as i64));
    let ok = k.native(Native::Cmp(craneflow_ir::Cmp::Lt), &[id, bound]);
    let row = k.as_index(id, table);
    let minus = k.constant(Scalar::f32(-1.0));
    let wi = width as i64;
    k.each(width, LoopKind::Serial, |k, j| {
        let v = k.choose(ok, |k| k.load(src, &row.mul(wi).add(&j)), |_| minus);
        k.store(tile, &j, v);
    });
    k.each(width, LoopKind::Serial, |k, j| {
        let v = k.load(tile, &j.mul(-1).plus(wi - 1));
        k.store(out, &i.mul(wi).add(&j), v);
    });
    k.when(ok, |k| {
        let at = Index::constant(0);
        let n = k.load(count, &at);
        let one = k.constant(Scalar::int(DType::I64, 1));
        let n = k.native(Native::Add, &[n, one]);
        k.store(count, &at, n);
    });
    k.epilogue(|k| {
        let n = k.load(count, &Index::constant(0));
        k.store(count, &Index::constant(1), n);
    });
    let picked = [3i64, 9, 0, 2, 100, 1];
    let data = numbers(table * width);
    let ids: Vec<Scalar> = picked.iter().map(|&x| Scalar::int(DType::I64, x)).collect();
    let mut want = vec![];
    for id in picked {
        for j in (0..width).rev() {
            want.push(if id < 4 {
                data[id as usize * width + j]
            } else {
                -1.0
            });
        }
    }
    let out = buffer(&vec![0.0; rows * width]);
    let mut buffers = [Buffer::of(&ids), buffer(&data), out, Buffer::new(16)];
    run(&k.finish(), Target::Host, &mut buffers, &[4]);
    expect(&mut buffers[2], &want);
    assert_eq!(buffers[3].get(DType::I64, 0).bits, 4);
    assert_eq!(buffers[3].get(DType::I64, 1).bits, 4);
}

/// Loop indices as values, a carried register across nested loops, loops of one iteration.
#[test]
fn index_values_and_carried_registers() {
    let mut k = KernelBuilder::new("carry", 1);
    let out = k.param(DType::I64, 4, Access::Write);
    let zero = k.constant(Scalar::int(DType::I64, 0));
    let acc = k.var(zero);
    let steps = k.var(zero);
    let one = k.constant(Scalar::int(DType::I64, 1));
    k.each(4, LoopKind::Serial, |k, i| {
        k.each(3, LoopKind::Serial, |k, j| {
            let at = k.index_value(&i.mul(100).add(&j.mul(-7)).plus(1_000_000_000_000));
            let s = k.get(acc);
            let s = k.native(Native::Add, &[s, at]);
            k.set(acc, s);
            let n = k.get(steps);
            let n = k.native(Native::Add, &[n, one]);
            k.set(steps, n);
        });
        let s = k.get(acc);
        k.store(out, &i, s);
    });
    let mut buffers = [Buffer::new(32)];
    run(&k.finish(), Target::Host, &mut buffers, &[]);
    let mut acc = 0;
    for i in 0..4 {
        for j in 0..3 {
            acc += i * 100 - 7 * j + 1_000_000_000_000i64;
        }
        assert_eq!(buffers[0].get(DType::I64, i as usize).bits as i64, acc);
    }
}

#[test]
fn code_outlives_its_handle() {
    let mut k = KernelBuilder::new("fill", 8);
    let out = k.param(DType::F32, 8, Access::Write);
    let one = k.constant(Scalar::f32(1.0));
    let i = k.grid();
    k.store(out, &i, one);
    let kernel = k.finish();
    let mut b = buffer(&[0.0; 8]);
    let bound = {
        let code = craneflow_codegen::compile(&[&kernel; 5], &Default::default()).unwrap();
        code.entry(3).bind(&[b.mem()]).unwrap()
    };
    bound.call(craneflow_codegen::MemRef::none(), 0, 8);
    expect(&mut b, &[1.0; 8]);
}
