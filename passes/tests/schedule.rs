//! Every step of the schedule keeps every bit, on kernels of all kinds and sizes, at every vector
//! width and for every cut of the grid.

use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::*;
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};
use craneflow_passes::schedule::{PASSES, Target, schedule};
use proptest::prelude::*;

const TARGETS: [Target; 4] = [
    Target::SCALAR,
    Target::SIMD128,
    Target { lanes_32: 8 },
    Target { lanes_32: 16 },
];

/// Bytes of a parameter: small floats of both signs, or small integers.
fn fill(p: &Param, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = vec![];
    for _ in 0..p.len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let x = (state >> 40) as f64 / (1u64 << 22) as f64 - 2.0;
        let s = match p.dtype {
            DType::Bool => Scalar::bool(x > 0.0),
            ty if ty.is_float() => Scalar::from_f64(ty, x),
            ty => Scalar::from_f64(
                ty,
                (x * 50.0).max(if ty.is_unsigned_int() { 0.0 } else { x * 50.0 }),
            ),
        };
        bytes.extend_from_slice(&s.bits.to_le_bytes()[..p.dtype.size()]);
    }
    bytes
}

fn run(k: &Kernel, cuts: &[usize]) -> Vec<Vec<u8>> {
    let params = k.params.iter().enumerate();
    let mut args: Vec<Vec<u8>> = params.map(|(i, p)| fill(p, i as u64 + 7)).collect();
    let mut start = 0;
    let mut ends: Vec<usize> = cuts.iter().map(|c| c % k.grid().max(1)).collect();
    ends.sort();
    ends.push(k.grid());
    for end in ends {
        if end > start || end == k.grid() {
            eval_kernel(k, &mut args, start, end).unwrap_or_else(|e| panic!("{e}\n{}", show(k)));
        }
        start = end;
    }
    args
}

fn show(k: &Kernel) -> String {
    fn block(k: &Kernel, stmts: &[Stmt], depth: usize, out: &mut String) {
        for s in stmts {
            let pad = "  ".repeat(depth);
            match s {
                Stmt::Let(v) => *out += &format!("{pad}{v:?} = {:?}\n", k.val(*v)),
                Stmt::For(l, body) => {
                    *out += &format!("{pad}for {l:?} {:?}\n", k.loops[l.0 as usize]);
                    block(k, body, depth + 1, out);
                }
                Stmt::If(c, a, b) => {
                    *out += &format!("{pad}if {c:?}\n");
                    block(k, a, depth + 1, out);
                    *out += &format!("{pad}else\n");
                    block(k, b, depth + 1, out);
                }
                other => *out += &format!("{pad}{other:?}\n"),
            }
        }
    }
    let mut out = format!(
        "{} grid {} lanes {}x{}\n",
        k.name,
        k.grid(),
        k.lanes,
        k.lane_bits
    );
    for (name, part) in [
        ("prologue", &k.prologue),
        ("body", &k.body),
        ("epilogue", &k.epilogue),
    ] {
        out += &format!("{name}\n");
        block(k, part, 1, &mut out);
    }
    out
}

/// All steps keep the results of `k`; gives the schedule for 128 bits.
#[track_caller]
fn check(k: Kernel) -> Kernel {
    verify_kernel(&k).unwrap_or_else(|e| panic!("{e}\n{}", show(&k)));
    let want = run(&k, &[]);
    for target in TARGETS {
        let mut now = k.clone();
        for pass in PASSES {
            let before = now.clone();
            (pass.run)(&mut now, &target);
            if let Err(e) = verify_kernel(&now) {
                panic!(
                    "{e} after {} for {target:?}\n{}\n{}",
                    pass.name,
                    show(&before),
                    show(&now)
                );
            }
            for cuts in [&[][..], &[1], &[3, 5, 7]] {
                let found = run(&now, cuts);
                if found != want {
                    panic!(
                        "{} for {target:?} changes results\n{}\n{}",
                        pass.name,
                        show(&before),
                        show(&now)
                    );
                }
            }
        }
        assert_eq!(now, schedule(k.clone(), &target));
    }
    let out = schedule(k, &Target::SIMD128);
    if std::env::var("SHOW").is_ok() {
        println!("{}", show(&out));
    }
    out
}

fn count(k: &Kernel, f: &dyn Fn(&Kernel, &Stmt) -> bool) -> usize {
    fn block(k: &Kernel, stmts: &[Stmt], f: &dyn Fn(&Kernel, &Stmt) -> bool) -> usize {
        let inner = |s: &Stmt| match s {
            Stmt::For(_, body) => block(k, body, f),
            Stmt::If(_, a, b) => block(k, a, f) + block(k, b, f),
            _ => 0,
        };
        stmts.iter().map(|s| f(k, s) as usize + inner(s)).sum()
    }
    [&k.prologue, &k.body, &k.epilogue]
        .map(|p| block(k, p, f))
        .iter()
        .sum()
}

fn vector_stores(k: &Kernel) -> usize {
    count(
        k,
        &|k, s| matches!(s, Stmt::Store(_, _, v) if k.val(*v).vector),
    )
}

fn scratch_accesses(k: &Kernel) -> usize {
    count(k, &|k, s| match s {
        Stmt::Store(Mem::Scratch(_), ..) => true,
        Stmt::Let(v) => matches!(k.val(*v).inst, Inst::Load(Mem::Scratch(_), _)),
        _ => false,
    })
}

fn add(k: &mut KernelBuilder, a: Val, b: Val) -> Val {
    k.native(Native::Add, &[a, b])
}

/// `y = x * x + x[:, 0..1] + x[0..1, ..]`: loops over `shape`, the first as the grid or not.
fn elementwise(shape: &[usize], grid: bool, ty: DType, broadcast: [bool; 2]) -> Kernel {
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

fn transpose(rows: usize, cols: usize) -> Kernel {
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
fn row_sum(rows: usize, cols: usize, back: bool) -> Kernel {
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
fn row_sums_of(shape: &[usize], cols: usize) -> Kernel {
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
fn serial_sum(rows: usize, cols: usize, along_rows: bool) -> Kernel {
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
fn gemm(m: usize, n: usize, depth: usize, mr: usize, nr: usize, ku: usize) -> Kernel {
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
fn indices(rows: usize, cols: usize, guard: bool) -> Kernel {
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
fn pad(rows: usize, cols: usize, low: usize, high: usize) -> Kernel {
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
fn pad_and_sum([n, h, w, c]: [usize; 4], low: usize, size: usize) -> Kernel {
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
fn embedding(count: usize, vocabulary: usize, width: usize) -> Kernel {
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

#[test]
fn elementwise_kernels_become_blocks_of_vectors() {
    let k = check(elementwise(&[5, 7, 3], true, DType::F32, [false; 2]));
    assert_eq!(
        (k.grid(), k.lanes, k.epilogue.is_empty()),
        (105 / 16, 4, false)
    );
    assert_eq!(vector_stores(&k), 4);
    let k = check(elementwise(&[64, 10], false, DType::F32, [false; 2]));
    assert_eq!((k.grid(), k.epilogue.is_empty()), (40, true));
    let k = check(elementwise(&[64, 32], true, DType::F32, [false, true]));
    assert_eq!((k.grid(), k.epilogue.is_empty()), (64, true));
    let k = check(elementwise(&[3, 1030], true, DType::F32, [true, true]));
    assert_eq!((k.grid(), k.epilogue.is_empty()), (12, false));
}

#[test]
fn accumulators_live_in_registers() {
    let k = check(gemm(8, 16, 9, 4, 8, 4));
    assert_eq!((scratch_accesses(&k), k.scratch.len()), (0, 0));
    let loads = count(
        &k,
        &|k, s| matches!(s, Stmt::Let(v) if matches!(k.val(*v).inst, Inst::Load(Mem::Param(1), _))),
    );
    assert_eq!(loads, 2 * 4 + 2, "rows share loads of B");
    assert_eq!(check(row_sums_of(&[3, 4, 5], 40)).grid(), 60);
    let k = check(row_sum(3, 100, false));
    assert_eq!(k.lanes, 4);
    assert!(scratch_accesses(&k) <= 24, "{}", show(&k));
}

#[test]
fn sums_over_rows_run_in_lanes() {
    let k = check(serial_sum(9, 70, false));
    assert_eq!((k.grid(), k.lanes), (4, 4));
    assert_eq!(vector_stores(&k), 4);
}

#[test]
fn transposes_are_tiled() {
    assert_eq!(check(transpose(37, 50)).grid(), 3);
}

#[test]
fn padding_is_cut_off() {
    let k = check(pad(3, 20, 2, 5));
    assert_eq!(count(&k, &|_, s| matches!(s, Stmt::If(..))), 0);
    assert!(vector_stores(&k) > 0);
}

#[test]
fn masks_and_indices_are_vectors() {
    assert!(vector_stores(&check(indices(6, 21, false))) > 0);
    assert!(vector_stores(&check(indices(6, 21, true))) > 0);
    assert!(vector_stores(&check(embedding(6, 5, 12))) > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn elementwise_any(
        shape in prop::collection::vec(1usize..9, 1..4),
        grid: bool,
        ty in prop::sample::select(DType::ALL.into_iter().filter(|t| t.bits() != 16 || t.is_int()).collect::<Vec<_>>()),
        broadcast: [bool; 2],
    ) {
        check(elementwise(&shape, grid, ty, broadcast));
    }

    #[test]
    fn long_rows(rows in 1usize..5, cols in 500usize..1100, broadcast: [bool; 2]) {
        check(elementwise(&[rows, cols], true, DType::F32, broadcast));
    }

    #[test]
    fn transposes(rows in 1usize..70, cols in 1usize..70) {
        check(transpose(rows, cols));
    }

    #[test]
    fn row_sums(rows in 1usize..4, cols in 1usize..70, back: bool) {
        check(row_sum(rows, cols, back));
    }

    #[test]
    fn serial_sums(rows in 1usize..40, cols in 1usize..40, along: bool) {
        check(serial_sum(rows, cols, along));
    }

    #[test]
    fn gemms(m in 1usize..3, n in 1usize..3, depth in 1usize..12, mr in 1usize..5, nr in 1usize..18, ku in 1usize..5) {
        check(gemm(m * mr, n * nr, depth, mr, nr, ku));
    }

    #[test]
    fn index_values(rows in 1usize..6, cols in 1usize..40, guard: bool) {
        check(indices(rows, cols, guard));
    }

    #[test]
    fn pads(rows in 1usize..4, cols in 1usize..30, low in 0usize..6, high in 0usize..6) {
        check(pad(rows, cols, low, high));
    }

    #[test]
    fn windows(shape in prop::array::uniform4(1usize..6), low in 0usize..3, size in 1usize..4) {
        check(pad_and_sum(shape, low, size));
    }

    #[test]
    fn sums_of_matrices(shape in prop::array::uniform3(1usize..4), cols in 1usize..40) {
        check(row_sums_of(&shape, cols));
    }

    #[test]
    fn embeddings(n in 1usize..20, vocabulary in 1usize..6, width in 1usize..20) {
        check(embedding(n, vocabulary, width));
    }
}
