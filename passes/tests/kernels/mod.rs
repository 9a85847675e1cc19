//! Kernels as a lowering writes them: plain scalar loops with hints.

#![allow(dead_code)]

pub mod random;

use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::*;
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};

fn add(k: &mut KernelBuilder, a: Val, b: Val) -> Val {
    k.native(Native::Add, &[a, b])
}

/// `y = x * x + x[:, 0..1] + x[0..1, ..]`: loops over `shape`, the first as the grid or not.
pub fn elementwise(shape: &[usize], grid: bool, ty: DType, broadcast: [bool; 2]) -> Kernel {
    let n: usize = shape.iter().product();
    let mut k = KernelBuilder::new("elementwise", if grid { shape[0] } else { 1 });
    let x = k.param(ty, n, Access::Read);
    let y = k.param(ty, n, Access::Write);
    let mut body = |k: &mut KernelBuilder, at: &[Index]| {
        let here = Index::linear(at, shape);
        let v = k.load(x, &here);
        let mut v = if ty == DType::Bool {
            v
        } else {
            k.native(Native::Mul, &[v, v])
        };
        for (axis, on) in [at.len() - 1, 0].into_iter().zip(broadcast) {
            if on && ty != DType::Bool {
                let mut at = at.to_vec();
                at[axis] = Index::default();
                let w = k.load(x, &Index::linear(&at, shape));
                v = add(k, v, w);
            }
        }
        k.store(y, &here, v);
    };
    if grid {
        let i = k.grid();
        k.nest(&shape[1..], LoopKind::Lanes, &mut |k, at| {
            body(k, &[std::slice::from_ref(&i), at].concat())
        });
    } else {
        k.nest(shape, LoopKind::Lanes, &mut body);
    }
    k.finish()
}

pub fn transpose(rows: usize, cols: usize) -> Kernel {
    let mut k = KernelBuilder::new("transpose", cols);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(DType::F32, rows * cols, Access::Write);
    let c = k.grid();
    k.each(rows, LoopKind::Lanes, |k, r| {
        let v = k.load(x, &r.mul(cols as i64).add(&c));
        k.store(y, &c.mul(rows as i64).add(&r), v);
    });
    k.finish()
}

/// Sums of rows in 16 lanes, folded in halves, then `y = x - sum`.
pub fn row_sum(rows: usize, cols: usize, back: bool) -> Kernel {
    let mut k = KernelBuilder::new("row_sum", rows);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(
        DType::F32,
        if back { rows * cols } else { rows },
        Access::Write,
    );
    let p = k.scratch(DType::F32, 16);
    let row = k.grid().mul(cols as i64);
    k.each(16, LoopKind::Lanes, |k, j| {
        let zero = k.constant(Scalar::f32(0.0));
        k.store(p, &j, zero);
    });
    let step = |k: &mut KernelBuilder, c: &Index, n: usize| {
        k.each(n, LoopKind::Lanes, |k, j| {
            let v = k.load(x, &row.add(c).add(&j));
            let acc = k.load(p, &j);
            let acc = add(k, acc, v);
            k.store(p, &j, acc);
        })
    };
    k.each(cols / 16, LoopKind::Serial, |k, c| step(k, &c.mul(16), 16));
    step(&mut k, &Index::constant((cols / 16 * 16) as i64), cols % 16);
    for h in [8, 4, 2, 1] {
        k.each(h, LoopKind::Lanes, |k, j| {
            let (a, b) = (k.load(p, &j), k.load(p, &j.plus(h as i64)));
            let sum = add(k, a, b);
            k.store(p, &j, sum);
        });
    }
    let sum = k.load(p, &Index::default());
    let i = k.grid();
    if back {
        k.each(cols, LoopKind::Lanes, |k, j| {
            let v = k.load(x, &row.add(&j));
            let v = k.native(Native::Sub, &[v, sum]);
            k.store(y, &row.add(&j), v);
        });
    } else {
        k.store(y, &i, sum);
    }
    k.finish()
}

/// `row_sum` over the rows of a tensor of many axes: the first is the grid.
pub fn row_sums_of(shape: &[usize], cols: usize) -> Kernel {
    let rows: usize = shape.iter().product();
    let mut k = KernelBuilder::new("row_sums_of", shape[0]);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(DType::F32, rows, Access::Write);
    let i = k.grid();
    k.nest(&shape[1..], LoopKind::Serial, &mut |k, at| {
        let row = Index::linear(&[std::slice::from_ref(&i), at].concat(), shape);
        let at = |j: &Index| row.mul(cols as i64).add(j);
        let p = k.scratch(DType::F32, 4);
        let zero = k.constant(Scalar::f32(0.0));
        k.each(4, LoopKind::Lanes, |k, j| k.store(p, &j, zero));
        k.each(cols / 4, LoopKind::Serial, |k, c| {
            k.each(4, LoopKind::Lanes, |k, j| {
                let (v, acc) = (k.load(x, &at(&c.mul(4).add(&j))), k.load(p, &j));
                let sum = add(k, acc, v);
                k.store(p, &j, sum);
            })
        });
        let parts: Vec<Val> = (0..4).map(|j| k.load(p, &Index::constant(j))).collect();
        let sum = parts.into_iter().reduce(|a, b| add(k, a, b)).unwrap();
        k.store(y, &row, sum);
    });
    k.finish()
}

/// Sums along either axis in order, by a register.
pub fn serial_sum(rows: usize, cols: usize, along_rows: bool) -> Kernel {
    let (n, m) = if along_rows {
        (rows, cols)
    } else {
        (cols, rows)
    };
    let mut k = KernelBuilder::new("serial_sum", n);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(DType::F32, n, Access::Write);
    let i = k.grid();
    let zero = k.constant(Scalar::f32(0.0));
    let acc = k.var(zero);
    k.each(m, LoopKind::Serial, |k, j| {
        let (r, c) = if along_rows { (&i, &j) } else { (&j, &i) };
        let v = k.load(x, &r.mul(cols as i64).add(c));
        let sum = k.get(acc);
        let sum = add(k, sum, v);
        k.set(acc, sum);
    });
    let sum = k.get(acc);
    k.store(y, &i, sum);
    k.finish()
}

/// `C = max(A B + bias, 0)` by tiles of `mr x nr` with an accumulator tile, `k` unrolled by `ku`.
pub fn gemm(m: usize, n: usize, depth: usize, mr: usize, nr: usize, ku: usize) -> Kernel {
    let mut k = KernelBuilder::new("gemm", m / mr * (n / nr));
    let a = k.param(DType::F32, m * depth, Access::Read);
    let b = k.param(DType::F32, depth * n, Access::Read);
    let bias = k.param(DType::F32, n, Access::Read);
    let c = k.param(DType::F32, m * n, Access::Write);
    let acc = k.scratch(DType::F32, mr * nr);
    let tiles = (n / nr) as i64;
    let (row, col) = (
        k.grid().div(tiles).mul(mr as i64),
        k.grid().rem(tiles).mul(nr as i64),
    );
    let tile = |k: &mut KernelBuilder, f: &mut dyn FnMut(&mut KernelBuilder, Index, Index)| {
        k.each(mr, LoopKind::Unroll, |k, i| {
            k.each(nr, LoopKind::Lanes, |k, j| f(k, i.clone(), j));
        })
    };
    tile(&mut k, &mut |k, i, j| {
        let zero = k.constant(Scalar::f32(0.0));
        k.store(acc, &i.mul(nr as i64).add(&j), zero);
    });
    let step = |k: &mut KernelBuilder, at: Index| {
        tile(k, &mut |k, i, j| {
            let x = k.load(a, &row.add(&i).mul(depth as i64).add(&at));
            let y = k.load(b, &at.mul(n as i64).add(&col).add(&j));
            let slot = i.mul(nr as i64).add(&j);
            let sum = k.load(acc, &slot);
            let sum = k.native(Native::Fma, &[x, y, sum]);
            k.store(acc, &slot, sum);
        })
    };
    k.each(depth / ku, LoopKind::Serial, |k, ko| {
        k.each(ku, LoopKind::Unroll, |k, ki| {
            step(k, ko.mul(ku as i64).add(&ki))
        });
    });
    k.each(depth % ku, LoopKind::Serial, |k, ki| {
        step(k, ki.plus((depth / ku * ku) as i64))
    });
    tile(&mut k, &mut |k, i, j| {
        let v = k.load(acc, &i.mul(nr as i64).add(&j));
        let w = k.load(bias, &col.add(&j));
        let v = add(k, v, w);
        let zero = k.constant(Scalar::f32(0.0));
        let v = k.native(Native::Max, &[v, zero]);
        k.store(c, &row.add(&i).mul(n as i64).add(&col).add(&j), v);
    });
    k.finish()
}

/// A mask by index comparison, an index as a number, a condition that differs by lane.
pub fn indices(rows: usize, cols: usize, guard: bool) -> Kernel {
    let mut k = KernelBuilder::new("indices", rows);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(DType::F32, rows * cols, Access::Write);
    let i = k.grid();
    k.each(cols, LoopKind::Lanes, |k, j| {
        let (vi, vj) = (k.index_value(&i), k.index_value(&j));
        let causal = k.native(Native::Cmp(Cmp::Le), &[vj, vi]);
        let at = i.mul(cols as i64).add(&j);
        let number = k.native(Native::Convert(DType::F32), &[vj]);
        let v = if guard {
            k.choose(causal, |k| k.load(x, &at), |_| number)
        } else {
            let v = k.load(x, &at);
            k.native(Native::Select, &[causal, v, number])
        };
        let v = k.native(Native::Fma, &[v, v, number]);
        k.store(y, &at, v);
    });
    k.finish()
}

/// `x` with `low` zeros before and `high` after, by rows.
pub fn pad(rows: usize, cols: usize, low: usize, high: usize) -> Kernel {
    let out = cols + low + high;
    let mut k = KernelBuilder::new("pad", rows);
    let x = k.param(DType::F32, rows * cols, Access::Read);
    let y = k.param(DType::F32, rows * out, Access::Write);
    let i = k.grid();
    k.each(out, LoopKind::Lanes, |k, j| {
        let from = j.plus(-(low as i64));
        let inside = k.within(&from, 0, cols as i64);
        let zero = k.constant(Scalar::f32(0.0));
        let v = k.choose(
            inside,
            |k| k.load(x, &i.mul(cols as i64).add(&from)),
            |_| zero,
        );
        k.store(y, &i.mul(out as i64).add(&j), v);
    });
    k.finish()
}

/// As `pad` along two axes of `[n, h, w, c]`, a window at a time of `size` rows: sums of rows.
pub fn pad_and_sum([n, h, w, c]: [usize; 4], low: usize, size: usize) -> Kernel {
    let (oh, ow) = (h + low, w + low);
    let mut k = KernelBuilder::new("pad_and_sum", n);
    let x = k.param(DType::F32, n * h * w * c, Access::Read);
    let y = k.param(DType::F32, n * oh * ow * c, Access::Write);
    let i = k.grid();
    k.nest(&[oh, ow, c], LoopKind::Lanes, &mut |k, at| {
        let zero = k.constant(Scalar::f32(0.0));
        let mut sum = zero;
        for s in 0..size {
            let from = [at[0].plus(s as i64 - low as i64), at[1].plus(-(low as i64))];
            let inside = [
                k.within(&from[0], 0, h as i64),
                k.within(&from[1], 0, w as i64),
            ];
            let inside = k.native(Native::And, &inside);
            let here = Index::linear(
                &[i.clone(), from[0].clone(), from[1].clone(), at[2].clone()],
                &[n, h, w, c],
            );
            let v = k.choose(inside, |k| k.load(x, &here), |_| zero);
            sum = add(k, sum, v);
        }
        let to = [i.clone(), at[0].clone(), at[1].clone(), at[2].clone()];
        k.store(y, &Index::linear(&to, &[n, oh, ow, c]), sum);
    });
    k.finish()
}

/// Rows of a table by index.
pub fn embedding(count: usize, vocabulary: usize, width: usize) -> Kernel {
    let mut k = KernelBuilder::new("embedding", count);
    let table = k.param(DType::F32, vocabulary * width, Access::Read);
    let ids = k.param(DType::I32, count, Access::Read);
    let y = k.param(DType::F32, count * width, Access::Write);
    let i = k.grid();
    k.each(width, LoopKind::Lanes, |k, j| {
        let id = k.load(ids, &i);
        let (zero, last) = (
            k.constant(Scalar::int(DType::I32, 0)),
            k.constant(Scalar::int(DType::I32, vocabulary as i64 - 1)),
        );
        let id = k.native(Native::Max, &[id, zero]);
        let id = k.native(Native::Min, &[id, last]);
        let id = k.native(Native::Convert(DType::I64), &[id]);
        let id = k.as_index(id, vocabulary);
        let v = k.load(table, &id.mul(width as i64).add(&j));
        k.store(y, &i.mul(width as i64).add(&j), v);
    });
    k.finish()
}
