//! Random bits: published test vectors, the layout of state and elements, and the loops.

mod common;
use common::{check, error, ty};
use craneflow_ir::native::Evaluator;
use craneflow_ir::ops::RngBitGenerator;
use craneflow_ir::ops::common::Algorithm;
use craneflow_ir::random::{philox4x32, threefry2x32};
use craneflow_ir::{Array, DType, Scalar, Type};

fn words<const N: usize>(x: [u32; N]) -> [Scalar; N] {
    x.map(|x| Scalar::int(DType::U32, x as i64))
}

fn bits<const N: usize>(x: [Scalar; N]) -> [u32; N] {
    x.map(|x| x.bits as u32)
}

/// The vectors that the authors publish with their library: all zeros, all ones, digits of pi.
#[test]
fn known_answers() {
    let e = &mut Evaluator;
    let philox = [
        (
            [0; 4],
            [0; 2],
            [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
        ),
        (
            [u32::MAX; 4],
            [u32::MAX; 2],
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
        ),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ];
    for (counter, key, expect) in philox {
        assert_eq!(bits(philox4x32(e, words(key), words(counter))), expect);
    }
    let threefry = [
        ([0; 2], [0; 2], [0x6b200159, 0x99ba4efe]),
        ([u32::MAX; 2], [u32::MAX; 2], [0x1cb996fc, 0xbb002be7]),
        (
            [0x243f6a88, 0x85a308d3],
            [0x13198a2e, 0x03707344],
            [0xc4923a9c, 0x483df7a0],
        ),
    ];
    for (counter, key, expect) in threefry {
        assert_eq!(bits(threefry2x32(e, words(key), words(counter))), expect);
    }
}

fn state(words: &[u64]) -> Array {
    let ty = Type::new(DType::U64, [words.len()]);
    Array::from_fn(ty, |i| Scalar::int(DType::U64, words[i] as i64))
}

fn generate(algorithm: Algorithm, words: &[u64], bits: &str) -> (Vec<u64>, Vec<u64>) {
    let op = RngBitGenerator {
        algorithm,
        ty: ty(bits),
    };
    let y = check(op, &[state(words)]);
    let list = |a: &Array| a.iter().map(|s| s.bits).collect();
    (list(&y[0]), list(&y[1]))
}

#[test]
fn layout() {
    let (next, y) = generate(Algorithm::Philox, &[0, 0, 0], "u32[5]");
    assert_eq!(next, [0, 2, 0]);
    assert_eq!(y[..4], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    // The fifth is the first word of the next block.
    let (_, second) = generate(Algorithm::Philox, &[0, 1, 0], "u32[1]");
    assert_eq!(y[4..], second[..]);
    let (next, y) = generate(Algorithm::Philox, &[0, 0, 0], "u64[2]");
    assert_eq!(
        (next, y),
        (vec![0, 1, 0], vec![0xe169c58d6627e8d5, 0x9b00dbd8bc57ac4c])
    );
    let (_, y) = generate(Algorithm::Philox, &[0, 0, 0], "u8[3]");
    assert_eq!(y, [0xd5, 0x8d, 0x4c]);
    let (next, y) = generate(Algorithm::Threefry, &[0, 0], "u16[2]");
    assert_eq!((next, y), (vec![0, 1], vec![0x0159, 0x4efe]));
    let (next, y) = generate(Algorithm::Threefry, &[9, 7], "u32[0]");
    assert_eq!((next, y), (vec![9, 7], vec![]));
}

#[test]
fn the_counter_carries() {
    let last = u64::MAX;
    let (next, y) = generate(Algorithm::Philox, &[5, last, 3], "u32[8]");
    assert_eq!(next, [5, 1, 4]);
    let (_, second) = generate(Algorithm::Philox, &[5, 0, 4], "u32[4]");
    assert_eq!(y[4..], second[..]);
    let (next, _) = generate(Algorithm::Philox, &[5, last, last], "u32[8]");
    assert_eq!(next, [5, 1, 0]);
    let (next, _) = generate(Algorithm::Threefry, &[5, last], "u32[4]");
    assert_eq!(next, [5, 1]);
}

#[test]
fn loops_agree_across_chunks() {
    for bits in ["u32[1024]", "u32[3,1025]", "u64[1026]", "u16[4095]"] {
        generate(Algorithm::Philox, &[1 << 40, (1 << 32) - 300, 8], bits);
        generate(Algorithm::Threefry, &[1 << 40, (1 << 32) - 300], bits);
    }
}

#[test]
fn errors() {
    let op = |bits: &str| RngBitGenerator {
        algorithm: Algorithm::Philox,
        ty: ty(bits),
    };
    assert_eq!(
        error(op("u32[2]"), &[ty("u64[2]")]),
        "rng_bit_generator: its state must be u64[3], found u64[2] (C1)"
    );
    assert_eq!(
        error(op("f32[2]"), &[ty("u64[3]")]),
        "rng_bit_generator: takes an unsigned integer (C2), found f32"
    );
    assert!(error(op("u64[4611686018427387904]"), &[ty("u64[3]")]).contains("too large"));
    assert!(error(op("u64[2]"), &[]).contains("takes 1 operands"));
}
