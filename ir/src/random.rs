//! Counter-based random bits: Philox4x32-10 and Threefry2x32-20 (Salmon et al., "Parallel random
//! numbers: as easy as 1, 2, 3", 2011), written over `Emit` with 32-bit operations alone, so that
//! the interpreter and vectors of 32-bit lanes compute the same words.
//!
//! # Layout
//!
//! The state is a vector of `u64`: the key, then the counter, least significant word first (Philox:
//! `[key, counter low, counter high]`, Threefry: `[key, counter]`). Each `u64` is two 32-bit words of
//! the algorithm, the low half first. Block `b` is the algorithm's output for counter `+ b` (wrapping
//! at the counter's width), 4 words (Philox) or 2 (Threefry); the stream is the blocks one after
//! the other. An element of up to 32 bits is the low bits of one word, a `u64` is two words, low half
//! first. The state afterwards has the counter advanced by the number of blocks begun, so that
//! states that follow one another never use a block twice.

use crate::native::{Cmp, Emit, Native, Scalar};
use crate::ops::common::Algorithm;
use crate::types::DType;

impl Algorithm {
    /// 32-bit words in a block.
    pub fn words(self) -> usize {
        match self {
            Algorithm::Philox => 4,
            Algorithm::Threefry => 2,
        }
    }

    /// `u64` words in the state.
    pub fn state(self) -> usize {
        1 + self.words() / 2
    }

    /// Blocks that `count` elements of type `ty` take.
    pub fn blocks(self, ty: DType, count: usize) -> usize {
        let per_block = self.words() / words_per_element(ty);
        count.div_ceil(per_block)
    }
}

/// 32-bit words that an element takes.
pub fn words_per_element(ty: DType) -> usize {
    ty.bits().div_ceil(32)
}

/// The state `blocks` (a `u64`) later.
pub fn advance<E: Emit>(e: &mut E, state: &[E::V], blocks: E::V) -> Vec<E::V> {
    let mut next = state.to_vec();
    let mut carry = blocks;
    for word in &mut next[1..] {
        let sum = e.native(Native::Add, &[*word, carry]);
        let over = e.native(Native::Cmp(Cmp::Lt), &[sum, carry]);
        carry = e.native(Native::Convert(DType::U64), &[over]);
        *word = sum;
    }
    next
}

/// The words of the block that is `offset` (a `u32`) after the one that `state` stands at.
pub fn block<E: Emit>(e: &mut E, algorithm: Algorithm, state: &[E::V], offset: E::V) -> Vec<E::V> {
    let mut words = vec![];
    for &s in state {
        words.push(e.native(Native::Convert(DType::U32), &[s]));
        let half = e.constant(Scalar::int(DType::U64, 32));
        let high = e.native(Native::ShrLogical, &[s, half]);
        words.push(e.native(Native::Convert(DType::U32), &[high]));
    }
    let mut carry = offset;
    for word in &mut words[2..] {
        let sum = e.native(Native::Add, &[*word, carry]);
        let over = e.native(Native::Cmp(Cmp::Lt), &[sum, carry]);
        carry = e.native(Native::Convert(DType::U32), &[over]);
        *word = sum;
    }
    let key = [words[0], words[1]];
    match algorithm {
        Algorithm::Philox => {
            let counter = [words[2], words[3], words[4], words[5]];
            philox4x32(e, key, counter).to_vec()
        }
        Algorithm::Threefry => threefry2x32(e, key, [words[2], words[3]]).to_vec(),
    }
}

/// Philox4x32 with 10 rounds.
pub fn philox4x32<E: Emit>(e: &mut E, key: [E::V; 2], counter: [E::V; 4]) -> [E::V; 4] {
    let ([mut k0, mut k1], [mut c0, mut c1, mut c2, mut c3]) = (key, counter);
    for round in 0..10 {
        if round > 0 {
            k0 = plus(e, k0, 0x9e37_79b9);
            k1 = plus(e, k1, 0xbb67_ae85);
        }
        let (high0, low0) = multiply(e, 0xd251_1f53, c0);
        let (high1, low1) = multiply(e, 0xcd9e_8d57, c2);
        let (x, y) = (xor(e, high1, c1), xor(e, high0, c3));
        (c0, c1, c2, c3) = (xor(e, x, k0), low1, xor(e, y, k1), low0);
    }
    [c0, c1, c2, c3]
}

/// Threefry2x32 with 20 rounds.
pub fn threefry2x32<E: Emit>(e: &mut E, key: [E::V; 2], counter: [E::V; 2]) -> [E::V; 2] {
    const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
    let parity = xor(e, key[0], key[1]);
    let constant = u32(e, 0x1bd1_1bda);
    let keys = [key[0], key[1], xor(e, parity, constant)];
    let add = |e: &mut E, a, b| e.native(Native::Add, &[a, b]);
    let mut x = add(e, counter[0], keys[0]);
    let mut y = add(e, counter[1], keys[1]);
    for round in 0..20 {
        x = add(e, x, y);
        let turned = rotate(e, y, ROTATIONS[round % 8]);
        y = xor(e, turned, x);
        if round % 4 == 3 {
            let s = round / 4 + 1;
            x = add(e, x, keys[s % 3]);
            y = add(e, y, keys[(s + 1) % 3]);
            y = plus(e, y, s as u32);
        }
    }
    [x, y]
}

fn u32<E: Emit>(e: &mut E, x: u32) -> E::V {
    e.constant(Scalar::int(DType::U32, x as i64))
}

fn plus<E: Emit>(e: &mut E, a: E::V, b: u32) -> E::V {
    let b = u32(e, b);
    e.native(Native::Add, &[a, b])
}

fn xor<E: Emit>(e: &mut E, a: E::V, b: E::V) -> E::V {
    e.native(Native::Xor, &[a, b])
}

fn rotate<E: Emit>(e: &mut E, x: E::V, by: u32) -> E::V {
    let (left, right) = (u32(e, by), u32(e, 32 - by));
    let high = e.native(Native::Shl, &[x, left]);
    let low = e.native(Native::ShrLogical, &[x, right]);
    e.native(Native::Or, &[high, low])
}

/// High and low word of the product of two 32-bit words, by halves of 16 bits: no step overflows.
fn multiply<E: Emit>(e: &mut E, a: u32, b: E::V) -> (E::V, E::V) {
    let (mask, half) = (u32(e, 0xffff), u32(e, 16));
    let (a_low, a_high, a) = (u32(e, a & 0xffff), u32(e, a >> 16), u32(e, a));
    let low_of = |e: &mut E, x| e.native(Native::And, &[x, mask]);
    let high_of = |e: &mut E, x| e.native(Native::ShrLogical, &[x, half]);
    let (b_low, b_high) = (low_of(e, b), high_of(e, b));
    let mul = |e: &mut E, x, y| e.native(Native::Mul, &[x, y]);
    let add = |e: &mut E, x, y| e.native(Native::Add, &[x, y]);
    let lows = mul(e, a_low, b_low);
    let (cross, carry) = (mul(e, a_high, b_low), high_of(e, lows));
    let cross = add(e, cross, carry);
    let (other, part) = (mul(e, a_low, b_high), low_of(e, cross));
    let other = add(e, other, part);
    let (high, from_cross, from_other) =
        (mul(e, a_high, b_high), high_of(e, cross), high_of(e, other));
    let high = add(e, high, from_cross);
    (add(e, high, from_other), mul(e, a, b))
}
