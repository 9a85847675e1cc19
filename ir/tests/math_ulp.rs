//! Accuracy of the expansions in units in the last place, against `f64` for `f32` and against
//! wider arithmetic for `f64`.
//!
//! The tests here sample. `cargo test --release -p craneflow-ir --test math_ulp -- --ignored` goes
//! through all 2^32 arguments of every `f32` function of one argument and prints the largest
//! errors; with `CRANEFLOW_MATH_ULP=exp,log` only these.

mod wide;

use craneflow_ir::{DType, Pointwise, Tape};
use wide::Wide;

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
        // The sign bit is set in the upper half; it passes through these.
        let symmetric = matches!(op, Pointwise::Sine | Pointwise::Cosine | Pointwise::Tan)
            || matches!(op, Pointwise::Erf | Pointwise::Tanh | Pointwise::Cbrt);
        let share = (1u64 << if symmetric { 31 } else { 32 }) / threads;
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

/// Numbers that look random: bits of a Weyl sequence, mixed.
fn random(i: u64) -> u64 {
    let x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

/// A float with an exponent in `exponents`, either sign, and a random fraction.
fn random_float(i: u64, exponents: std::ops::Range<i64>) -> f64 {
    let exponent =
        exponents.start + (random(i ^ 0x55) % (exponents.end - exponents.start) as u64) as i64;
    let bits = random(i) & (1 << 63 | ((1 << 52) - 1)) | ((exponent + 1023) as u64) << 52;
    f64::from_bits(bits)
}

/// What `op` computes for these columns of `f64` arguments.
fn run64(op: Pointwise, columns: &[Vec<f64>]) -> Vec<f64> {
    let mut tape = Tape::new();
    let args: Vec<u32> = columns.iter().map(|_| tape.argument(DType::F64)).collect();
    let y = op.emit(&mut tape, &args);
    let mut results = vec![];
    let load = |k: usize, i: usize| columns[k][i].to_bits();
    tape.run(columns[0].len(), &[y], load, |_, y| {
        results.push(f64::from_bits(y[0]))
    });
    results
}

/// Largest error in ULP over normal results, and the arguments.
fn measure64(
    op: Pointwise,
    columns: &[Vec<f64>],
    reference: impl Fn(&[f64]) -> Wide,
) -> (f64, Vec<f64>) {
    let mut worst = (0.0, vec![]);
    for (i, got) in run64(op, columns).into_iter().enumerate() {
        let x: Vec<f64> = columns.iter().map(|c| c[i]).collect();
        let want = reference(&x);
        let exponent = ((want.0.to_bits() >> 52) & 0x7ff) as i32;
        if exponent <= 54 || exponent == 0x7ff {
            continue;
        }
        let mut ulp = f64::from_bits(((exponent - 52) as u64) << 52);
        if want.0.abs() == f64::from_bits((exponent as u64) << 52) && want.1 * want.0 < 0.0 {
            ulp *= 0.5;
        }
        let error = ((got - want.0) - want.1).abs() / ulp;
        if error.is_nan() || error > worst.0 {
            worst = (if error.is_nan() { f64::INFINITY } else { error }, x);
        }
    }
    worst
}

#[test]
fn f64_functions_on_sampled_arguments() {
    use Pointwise::*;
    type Case = (Pointwise, std::ops::Range<i64>, fn(&[f64]) -> Wide);
    let cases: [Case; 14] = [
        (Exp, -60..9, |x| wide::exp(x[0].into())),
        (Expm1, -60..9, |x| wide::expm1(x[0].into())),
        (Log, -1022..1024, |x| wide::log(x[0].abs().into())),
        (Log, -2..2, |x| wide::log(x[0].abs().into())),
        (Log1p, -60..3, |x| wide::log1p(x[0].into())),
        (Tanh, -60..5, |x| wide::tanh(x[0].into())),
        (Logistic, -20..9, |x| wide::logistic(x[0].into())),
        (Erf, -60..3, |x| wide::erf(x[0].into())),
        (Sine, -30..60, |x| wide::sin_cos(x[0]).0),
        (Sine, 60..1024, |x| wide::sin_cos(x[0]).0),
        (Cosine, -30..60, |x| wide::sin_cos(x[0]).1),
        (Cosine, 60..1024, |x| wide::sin_cos(x[0]).1),
        (Tan, -30..1024, |x| {
            wide::sin_cos(x[0]).0 / wide::sin_cos(x[0]).1
        }),
        (Cbrt, -300..300, |x| wide::cbrt(x[0].into())),
    ];
    let mut failed = vec![];
    for (op, exponents, reference) in cases {
        let count = if exponents.end > 1000 && op != Log {
            1 << 10
        } else {
            1 << 13
        };
        let argument = |i| match op {
            Log => random_float(i, exponents.clone()).abs(),
            Log1p => random_float(i, exponents.clone()).max(-0.999),
            _ => random_float(i, exponents.clone()),
        };
        let (error, x) = measure64(op, &[(0..count).map(argument).collect()], reference);
        println!("f64 {:9} {error:.4} ULP at {x:?}", op.name());
        if error > op.row().ulp[1] {
            failed.push((op, error, x));
        }
    }
    let columns = |a: std::ops::Range<i64>, b: std::ops::Range<i64>| {
        let column = |seed: u64, e: std::ops::Range<i64>| {
            (0..1 << 13)
                .map(|i| random_float(i + seed, e.clone()))
                .collect::<Vec<_>>()
        };
        [column(0, a), column(1 << 40, b)]
    };
    let pairs = [
        columns(-20..20, -20..20),
        columns(-2..2, -60..12),
        columns(-300..300, -8..4),
    ];
    for [a, b] in pairs {
        let positive: Vec<f64> = a.iter().map(|x| x.abs()).collect();
        let power = measure64(Power, &[positive, b.clone()], |x| {
            wide::pow(x[0].into(), x[1].into())
        });
        let angle = measure64(Atan2, &[a, b], |x| wide::atan2(x[0], x[1]));
        for (op, (error, x)) in [(Power, power), (Atan2, angle)] {
            println!("f64 {:9} {error:.4} ULP at {x:?}", op.name());
            if error > op.row().ulp[1] {
                failed.push((op, error, x));
            }
        }
    }
    assert!(failed.is_empty(), "above the bound: {failed:?}");
}
