//! Accuracy of the expansions in units in the last place, against `f64` for `f32` and against
//! wider arithmetic for `f64`.
//!
//! The tests here sample. `cargo test --release -p craneflow-ir --test math_ulp -- --ignored` goes
//! through all 2^32 arguments of every `f32` function of one argument and prints the largest
//! errors; with `CRANEFLOW_MATH_ULP=exp,log` only these.

use craneflow_ir::{DType, Pointwise, Tape};

const UNARY: [Pointwise; 13] = {
    use Pointwise::*;
    [
        Exp, Expm1, Log, Log1p, Tanh, Logistic, Erf, Sine, Cosine, Tan, Cbrt, Rsqrt, Sqrt,
    ]
};

/// Size of the last place of an `f32` near `x`: that of the smaller neighbour at a power of two.
fn ulp32(x: f64) -> f64 {
    let exponent = (x.abs().to_bits() >> 52) as i32 - 1023;
    f64::from_bits(((exponent.max(-126) - 23 + 1023) as u64) << 52)
}

/// Error of `got` as an approximation of `want`, in ULP of the `f32` format; infinite when one is
/// NaN and the other not, or where the signs of zero differ.
fn error32(got: f32, want: f64) -> f64 {
    if got.is_nan() || want.is_nan() {
        return if got.is_nan() == want.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let rounded = want as f32;
    if rounded.is_infinite() || got.is_infinite() {
        let wide = if got.is_infinite() {
            2f64.powi(128).copysign(got as f64)
        } else {
            got as f64
        };
        return if got == rounded {
            0.0
        } else {
            (wide - want).abs() / ulp32(f32::MAX as f64)
        };
    }
    if rounded == 0.0 && got == 0.0 && rounded.is_sign_negative() != got.is_sign_negative() {
        return f64::INFINITY;
    }
    (got as f64 - want).abs() / ulp32(want)
}

/// Largest error over the arguments, and where it is.
fn measure32(op: Pointwise, count: usize, argument: impl Fn(usize) -> u32) -> (f64, u32) {
    let mut tape = Tape::new();
    let x = tape.argument(DType::F32);
    let y = op.emit(&mut tape, &[x]);
    let reference = op.row().reference.expect("a function on the reals");
    let mut worst = (0.0, 0);
    tape.run(
        count,
        &[y],
        |_, i| argument(i) as u64,
        |i, y| {
            let x = argument(i);
            let want = reference(&[f32::from_bits(x) as f64]);
            let error = error32(f32::from_bits(y[0] as u32), want);
            if error > worst.0 {
                worst = (error, x);
            }
        },
    );
    worst
}

fn chosen() -> impl Iterator<Item = Pointwise> {
    let names = std::env::var("CRANEFLOW_MATH_ULP").unwrap_or_default();
    UNARY
        .into_iter()
        .filter(move |op| names.is_empty() || names.split(',').any(|n| n == op.name()))
}

#[test]
#[ignore = "minutes in release mode"]
fn f32_functions_on_all_arguments() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut failed = vec![];
    for op in chosen() {
        let share = (1u64 << 32) / threads;
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                std::thread::spawn(move || {
                    measure32(op, share as usize, |i| (t * share + i as u64) as u32)
                })
            })
            .collect();
        let parts = parts.into_iter().map(|p| p.join().expect("no panic"));
        let (error, x) = parts.max_by(|a, b| a.0.total_cmp(&b.0)).expect("a thread");
        println!(
            "{:9} {error:.4} ULP at {:e} ({x:#010x})",
            op.name(),
            f32::from_bits(x)
        );
        if error > op.row().ulp[0] {
            failed.push(op);
        }
    }
    assert!(failed.is_empty(), "above the bound: {failed:?}");
}

/// Arguments where something changes: zeros, subnormal numbers, powers of two, limits of the
/// functions, all with their neighbours.
fn edges() -> Vec<u32> {
    let mut edges = vec![0x7fc0_0000, 0x7f80_0001, 0xffc0_0000, 0xffff_ffff];
    let powers = (0..256u32).map(|e| e << 23);
    let multiples = (0..200).map(|n| (n as f32 * std::f32::consts::FRAC_PI_4).to_bits());
    let limits = [
        104.0f32, 103.97, 88.72, 87.33, 18.0, 17.3, 9.02, 9.01, 3.93, 0.7072, 0.4142, 0.2929, 1e5,
    ];
    for x in powers.chain(multiples).chain(limits.map(f32::to_bits)) {
        for near in x.saturating_sub(8)..=(x + 8).min(0x7f80_0000) {
            edges.extend([near, near | 1 << 31]);
        }
    }
    edges
}

#[test]
fn f32_functions_on_sampled_arguments() {
    let edges = edges();
    let mut failed = vec![];
    for op in chosen() {
        let at_edges = measure32(op, edges.len(), |i| edges[i]);
        // An odd stride: all fractions come up.
        let sampled = measure32(op, 1 << 19, |i| (i as u32).wrapping_mul(8191));
        let (error, x) = if at_edges.0 > sampled.0 {
            at_edges
        } else {
            sampled
        };
        println!(
            "{:9} {error:.4} ULP at {:e} ({x:#010x})",
            op.name(),
            f32::from_bits(x)
        );
        if error > op.row().ulp[0] {
            failed.push((op, error, x));
        }
    }
    assert!(failed.is_empty(), "above the bound: {failed:?}");
}
