//! Scheduled kernels, compiled at every vector width, have the bits of the plain kernels that were
//! scheduled.
#![allow(missing_docs)]

mod common;
#[path = "../../passes/tests/kernels/mod.rs"]
mod kernels;

use common::{Buffer, options};
use craneflow_codegen::{MemRef, Target as Machine, compile};
use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::{Kernel, Param};
use craneflow_ir::{DType, Scalar};
use craneflow_passes::schedule::{Target, schedule};
use kernels::*;
use proptest::prelude::*;

/// Small floats of both signs, or small integers.
fn fill(p: &Param, seed: u64) -> Vec<u8> {
    let value = |i: usize| ((i as u64 * 7919 + seed * 104_729) % 1013) as f64 / 200.0 - 2.5;
    let element = |i: usize| match p.dtype {
        DType::Bool => Scalar::bool(value(i) > 0.0),
        ty if ty.is_unsigned_int() => Scalar::from_f64(ty, value(i).abs() * 20.0),
        ty if ty.is_int() => Scalar::from_f64(ty, value(i) * 20.0),
        ty => Scalar::from_f64(ty, value(i)),
    };
    let bytes = |i| element(i).bits.to_le_bytes()[..p.dtype.size()].to_vec();
    (0..p.len).flat_map(bytes).collect()
}

fn check(plain: Kernel) {
    let params = plain.params.iter().enumerate();
    let inputs: Vec<Vec<u8>> = params.map(|(i, p)| fill(p, i as u64)).collect();
    let mut want = inputs.clone();
    eval_kernel(&plain, &mut want, 0, plain.grid()).unwrap();
    for lanes_32 in [1, 4, 8, 16] {
        let k = schedule(plain.clone(), &Target { lanes_32 });
        let code = compile(&[&k], &options(Machine::Host)).unwrap();
        let entry = code.entry(0);
        let mut buffers: Vec<Buffer> = inputs.iter().map(|b| Buffer::bytes_of(b)).collect();
        let args: Vec<MemRef> = buffers.iter_mut().map(Buffer::mem).collect();
        let mut scratch = Buffer::new(k.scratch_bytes());
        let cut = k.grid() / 2;
        entry.call(&args, scratch.mem(), 0, cut);
        entry.call(&args, scratch.mem(), cut, k.grid());
        let found: Vec<Vec<u8>> = buffers.iter_mut().map(|b| b.bytes().to_vec()).collect();
        assert_eq!(found, want, "{lanes_32} lanes\n{plain}\n{k}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn elementwise_any(
        shape in prop::collection::vec(1usize..9, 1..4),
        grid: bool,
        ty in prop::sample::select(vec![
            DType::F32, DType::F64, DType::I8, DType::I32, DType::U32, DType::I64, DType::Bool,
        ]),
        broadcast: [bool; 2],
    ) {
        check(elementwise(&shape, grid, ty, broadcast));
    }

    #[test]
    fn rows(rows in 1usize..5, cols in 1usize..1100, back: bool) {
        check(elementwise(&[rows, cols], true, DType::F32, [true, back]));
        check(row_sum(rows, cols % 100 + 1, back));
        check(serial_sum(rows * 8, cols % 40 + 1, back));
    }

    #[test]
    fn transposes(rows in 1usize..70, cols in 1usize..70) {
        check(transpose(rows, cols));
    }

    #[test]
    fn gemms(n in 1usize..3, depth in 1usize..12, mr in 1usize..5, nr in 1usize..18, ku in 1usize..5) {
        check(gemm(2 * mr, n * nr, depth, mr, nr, ku));
    }

    #[test]
    fn random_kernels(seed: u64) {
        for i in 0..8 {
            check(random::kernel(&mut random::Dice(seed.wrapping_add(i))));
        }
    }

    #[test]
    fn indices_and_conditions(rows in 1usize..6, cols in 1usize..40, guard: bool, low in 0usize..6) {
        check(indices(rows, cols, guard));
        check(pad(rows, cols, low, 5 - low));
        check(embedding(rows, cols, cols));
        check(pad_and_sum([rows, 3, cols % 6 + 1, 3], low % 3, 2));
        check(row_sums_of(&[rows, 2, 3], cols));
    }
}
