//! Products of matrices by the whole pipeline beside those of `faer`, whose kernels for x86-64 are of
//! `private-gemm-x86`: in turn, on one thread, by its processor time.
//! `cargo bench -p craneflow-host --bench products`; other shapes follow `--`, as `2048x384x128`.
#![allow(missing_docs)]

use craneflow_ir::ops::DotGeneral;
use craneflow_ir::{Array, Builder, DType, Scalar, Type, Verified};
use craneflow_runtime::{Options, Step};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rustix::time::{ClockId, clock_gettime};

/// Rows and columns of the product, and the extent that is contracted.
const SHAPES: [(usize, usize, usize); 14] = [
    (64, 64, 64),
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (64, 128, 784),
    (7744, 64, 288),
    (43264, 32, 9),
    (2048, 384, 128),
    (2048, 512, 128),
    (2048, 128, 512),
    (32, 512, 128),
    (1, 1024, 1024),
];

fn value(i: usize) -> f32 {
    (i % 97) as f32 * 0.01 - 0.5
}

/// `C[m, n] = A[m, k] B[k, n]`, compiled.
fn ours(m: usize, n: usize, k: usize) -> Step {
    let mut b = Builder::new("product");
    let f32s = |shape: [usize; 2]| Type::new(DType::F32, shape.to_vec());
    let lhs = b.input("a", f32s([m, k]));
    let rhs = b.input("b", f32s([k, n]));
    let dot = DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        lhs_contract: vec![1],
        rhs_contract: vec![0],
    };
    let c = b.op(dot, &[lhs, rhs]);
    b.output("c", c);
    let graph = Verified::graph(b.finish()).expect("right");
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let mut step = Step::compile(&graph, &options).expect("compiles");
    for i in 0..2 {
        let ty = step.inputs()[i].ty.clone();
        let array = Array::from_fn(ty, |i| Scalar::f32(value(i)));
        step.set_array(i, &array).expect("of its type");
    }
    step
}

/// Seconds of this thread for one call.
fn once(f: &mut dyn FnMut()) -> f64 {
    let processor = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
    };
    let start = processor();
    f();
    processor() - start
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A shape, as `m x n x k` without blanks.
fn shape(text: &str) -> Option<(usize, usize, usize)> {
    let mut parts = text.split('x').map(|part| part.parse().ok());
    let shape = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(shape)
}

fn main() {
    println!(
        "{:20} {:>12} {:>12} {:>12}",
        "one thread, medians", "GFLOP/s", "faer", "time / faer"
    );
    let named: Vec<_> = std::env::args().filter_map(|a| shape(&a)).collect();
    let shapes = if named.is_empty() {
        SHAPES.to_vec()
    } else {
        named
    };
    for (m, n, k) in shapes {
        let mut step = ours(m, n, k);
        let a: Vec<f32> = (0..m * k).map(value).collect();
        let b: Vec<f32> = (0..k * n).map(value).collect();
        let mut c = vec![0.0f32; m * n];
        let mut faer = || {
            let c = MatMut::from_row_major_slice_mut(&mut c, m, n);
            let a = MatRef::from_row_major_slice(&a, m, k);
            let b = MatRef::from_row_major_slice(&b, k, n);
            matmul(c, Accum::Replace, a, b, 1.0, Par::Seq);
        };
        let flops = 2.0 * (m * n * k) as f64;
        let runs = ((2e10 / flops) as usize).clamp(7, 2001);
        let (mut own, mut peer) = (vec![], vec![]);
        for _ in 0..runs {
            own.push(once(&mut || step.run()));
            peer.push(once(&mut faer));
        }
        let (own, peer) = (median(own), median(peer));
        println!(
            "{:20} {:12.1} {:12.1} {:12.2}",
            format!("{m}x{n}x{k}"),
            flops / own * 1e-9,
            flops / peer * 1e-9,
            own / peer
        );
    }
}
