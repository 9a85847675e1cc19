//! Functions of two arguments: special cases, exactness of the remainder, accuracy in `f32`; and
//! what kind of code the expansions are.

use craneflow_ir::{DType, Emit, Native, Pointwise, Scalar, Tape};

fn run<const N: usize>(
    op: Pointwise,
    ty: DType,
    count: usize,
    x: impl Fn(usize) -> [u64; N],
) -> Vec<u64> {
    let mut tape = Tape::new();
    let args: Vec<u32> = (0..N).map(|_| tape.argument(ty)).collect();
    let y = op.emit(&mut tape, &args);
    let mut out = vec![];
    tape.run(count, &[y], |k, i| x(i)[k], |_, y| out.push(y[0]));
    out
}

fn random(i: u64) -> u64 {
    let x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

/// Zeros, ones, integers, halves, limits, infinities and NaN, of both signs.
fn special() -> Vec<f64> {
    let tiny = [f32::from_bits(1) as f64, f32::MIN_POSITIVE as f64, 1e-5];
    let large = [
        8388607.5,
        16777215.0,
        16777216.0,
        33554432.0,
        1e30,
        f32::MAX as f64,
    ];
    let small = [
        0.0,
        0.25,
        0.5,
        1.0 - 2f64.powi(-24),
        1.0,
        1.5,
        2.0,
        3.0,
        5.5,
        7.0,
        100.0,
        127.0,
        149.0,
    ];
    let positive = tiny.iter().chain(&large).chain(&small).copied();
    let positive = positive.chain([f64::INFINITY, f64::NAN]);
    positive.flat_map(|x| [x, -x]).collect()
}

fn same(got: f64, want: f64, relative: f64) -> bool {
    if want.is_nan() || want.is_infinite() || want == 0.0 {
        return got.is_nan() && want.is_nan()
            || got == want && got.is_sign_negative() == want.is_sign_negative();
    }
    (got - want).abs() <= relative * want.abs() && got.is_sign_negative() == want.is_sign_negative()
}

/// All pairs of special values, in both formats, against the standard library.
#[track_caller]
fn check_special(op: Pointwise, f32_way: fn(f32, f32) -> f32, f64_way: fn(f64, f64) -> f64) {
    let values = special();
    let n = values.len();
    let pair = |i: usize| [values[i / n], values[i % n]];
    let single = run(op, DType::F32, n * n, |i| {
        pair(i).map(|x| (x as f32).to_bits() as u64)
    });
    let double = run(op, DType::F64, n * n, |i| pair(i).map(f64::to_bits));
    for i in 0..n * n {
        let [a, b] = pair(i);
        let (got, want) = (
            f32::from_bits(single[i] as u32),
            f32_way(a as f32, b as f32),
        );
        // Subnormal results may be off by their last place.
        let relative = if want.abs() < f32::MIN_POSITIVE {
            0.5
        } else {
            3e-7
        };
        assert!(
            same(got as f64, want as f64, relative),
            "{op:?} f32 ({a}, {b}): {got}, not {want}"
        );
        let (got, want) = (f64::from_bits(double[i]), f64_way(a, b));
        assert!(
            same(got, want, 1e-15),
            "{op:?} f64 ({a}, {b}): {got}, not {want}"
        );
    }
}

#[test]
fn power_at_special_values() {
    check_special(Pointwise::Power, f32::powf, f64::powf);
}

#[test]
fn atan2_at_special_values() {
    check_special(Pointwise::Atan2, f32::atan2, f64::atan2);
}

#[test]
fn remainder_at_special_values() {
    check_special(Pointwise::Remainder, |a, b| a % b, |a, b| a % b);
}

#[test]
fn remainder_is_exact() {
    let count = 1 << 16;
    // Any bits at all, and numbers of like size, whose quotients are small integers.
    let any = |i: usize| [random(2 * i as u64), random(2 * i as u64 + 1)];
    let like = |i: usize| any(i).map(|x| x >> 12 | 0x3ff << 52);
    let narrow = |x: [u64; 2]| x.map(|x| (f64::from_bits(x) as f32).to_bits() as u64);
    for x in [&any as &dyn Fn(usize) -> [u64; 2], &like] {
        let got = run(Pointwise::Remainder, DType::F64, count, x);
        for (i, &got) in got.iter().enumerate() {
            let [a, b] = x(i).map(f64::from_bits);
            let (got, want) = (f64::from_bits(got), a % b);
            assert!(same(got, want, 0.0), "{a:e} % {b:e}: {got:e}, not {want:e}");
        }
    }
    let bits = |i: usize| any(i).map(|x| x & 0xffff_ffff);
    for x in [&bits as &dyn Fn(usize) -> [u64; 2], &|i| narrow(like(i))] {
        let got = run(Pointwise::Remainder, DType::F32, count, x);
        for (i, &got) in got.iter().enumerate() {
            let [a, b] = x(i).map(|x| f32::from_bits(x as u32));
            let (got, want) = (f32::from_bits(got as u32), a % b);
            assert!(
                same(got as f64, want as f64, 0.0),
                "{a:e} % {b:e}: {got:e}, not {want:e}"
            );
        }
    }
}

/// Largest error in ULP of the f32 results, subnormal ones included.
fn worst_f32(op: Pointwise, count: usize, x: impl Fn(usize) -> [f32; 2]) -> (f64, [f32; 2]) {
    let reference = op.row().reference.expect("a function on the reals");
    let got = run(op, DType::F32, count, |i| x(i).map(|x| x.to_bits() as u64));
    let mut worst = (0.0, [0.0; 2]);
    for (i, got) in got.into_iter().enumerate() {
        let got = f32::from_bits(got as u32) as f64;
        let want = reference(&x(i).map(|x| x as f64));
        if (want as f32).is_infinite() || want.is_nan() {
            assert!(
                same(got, want as f32 as f64, 1e-7),
                "{op:?} {:?}: {got}, not {want}",
                x(i)
            );
            continue;
        }
        let exponent = ((want.abs().to_bits() >> 52) as i32 - 1023).max(-126);
        let error = (got - want).abs() / 2f64.powi(exponent - 23);
        if error > worst.0 {
            worst = (error, x(i));
        }
    }
    worst
}

#[test]
fn f32_functions_of_two_arguments_are_accurate() {
    let unit = |i: usize, k: u64| (random(3 * i as u64 + k) >> 11) as f64 * 2f64.powi(-53);
    let count = 1 << 18;
    // Powers whose results cover the whole range: log_2 x^y in -152..130
    let spread = |i: usize| {
        let x = 2f64.powf(unit(i, 0) * 40.0 - 20.0) as f32;
        [x, ((unit(i, 1) * 282.0 - 152.0) / (x as f64).log2()) as f32]
    };
    let near_one = |i: usize| {
        let x = (1.0 + (unit(i, 0) - 0.5) * 1e-2) as f32;
        [x, ((unit(i, 1) * 282.0 - 152.0) / (x as f64).log2()) as f32]
    };
    let angle = |i: usize| {
        [0, 1].map(|k| ((unit(i, k) - 0.5) * 2f64.powf(20.0 * unit(i, 2 - k) - 10.0)) as f32)
    };
    type Case<'a> = (Pointwise, &'a dyn Fn(usize) -> [f32; 2]);
    let cases: [Case; 3] = [
        (Pointwise::Power, &spread),
        (Pointwise::Power, &near_one),
        (Pointwise::Atan2, &angle),
    ];
    for (op, x) in cases {
        let (error, at) = worst_f32(op, count, x);
        println!("{:6} {error:.4} ULP at {at:?}", op.name());
        assert!(error <= op.row().ulp[0], "{op:?} {error} at {at:?}");
    }
}

/// Notes every type that comes up.
struct Types(Tape, Vec<DType>);

impl Emit for Types {
    type V = u32;
    fn native(&mut self, op: Native, args: &[u32]) -> u32 {
        let v = self.0.native(op, args);
        self.1.push(self.0.dtype(v));
        v
    }
    fn constant(&mut self, value: Scalar) -> u32 {
        self.0.constant(value)
    }
    fn dtype(&self, v: u32) -> DType {
        self.0.dtype(v)
    }
}

/// Vector code has lanes of one width.
#[test]
fn expansions_keep_to_the_width_of_their_operands() {
    for op in Pointwise::all() {
        for ty in [
            DType::F32,
            DType::F64,
            DType::I32,
            DType::U32,
            DType::I64,
            DType::U64,
        ] {
            let mut e = Types(Tape::new(), vec![]);
            if matches!(op, Pointwise::Select | Pointwise::Convert(_)) {
                continue;
            }
            if op.infer_dtype(&vec![ty; op.arity()]).is_none() {
                continue;
            }
            let args: Vec<u32> = (0..op.arity()).map(|_| e.0.argument(ty)).collect();
            op.emit(&mut e, &args);
            let fits = |t: &DType| *t == DType::Bool || t.bits() == ty.bits();
            assert!(e.1.iter().all(fits), "{op:?} on {ty}: {:?}", e.1);
            if std::env::var_os("CRANEFLOW_OP_COUNT").is_some() {
                println!("{:20} {ty} {}", op.name(), e.1.len());
            }
        }
    }
}
