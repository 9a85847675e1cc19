//! Every step of the schedule keeps every bit, on kernels of all kinds and sizes, at every vector
//! width and for every cut of the grid.

mod kernels;

use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::*;
use craneflow_ir::{DType, Scalar};
use craneflow_passes::schedule::{Target, schedule, steps};
use kernels::*;
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
            eval_kernel(k, &mut args, start, end).unwrap_or_else(|e| panic!("{e}\n{}", k));
        }
        start = end;
    }
    args
}

/// All steps keep the results of `k`; gives the schedule for 128 bits.
#[track_caller]
fn check(k: Kernel) -> Kernel {
    verify_kernel(&k).unwrap_or_else(|e| panic!("{e}\n{}", k));
    let want = run(&k, &[]);
    for target in TARGETS {
        let mut now = k.clone();
        for (name, step) in steps() {
            let before = now.clone();
            step(&mut now, &target);
            if let Err(e) = verify_kernel(&now) {
                panic!("{e} after {name} for {target:?}\n{before}\n{now}");
            }
            for cuts in [&[][..], &[1], &[3, 5, 7]] {
                let found = run(&now, cuts);
                if found != want {
                    panic!("{name} for {target:?} changes results\n{before}\n{now}");
                }
            }
        }
        assert_eq!(now, schedule(k.clone(), &target));
    }
    let out = schedule(k, &Target::SIMD128);
    if std::env::var("SHOW").is_ok() {
        println!("{}", out);
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
    assert!(scratch_accesses(&k) <= 24, "{}", k);
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
    fn random_kernels(seed: u64) {
        for i in 0..3 {
            check(random::kernel(&mut random::Dice(seed.wrapping_add(i))));
        }
    }

    #[test]
    fn embeddings(n in 1usize..20, vocabulary in 1usize..6, width in 1usize..20) {
        check(embedding(n, vocabulary, width));
    }
}
