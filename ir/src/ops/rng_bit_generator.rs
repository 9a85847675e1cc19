//! `rng_bit_generator`.
//!
//! - (C1) The state is `u64[3]` for Philox, `u64[2]` for Threefry.
//! - (C2) The bits are unsigned integers.

use super::prelude::*;
use crate::loops::{LoopKind, Mem, Val};
use crate::native::{Emit, Evaluator, Native, Scalar};
use crate::ops::check::{arity, dtype, rule, sized};
use crate::ops::common::Algorithm;
use crate::random::{advance, block, words_per_element};
use crate::types::DType;

const OP: &str = "rng_bit_generator";

/// `rng_bit_generator(state) -> (state, bits)`: counter-based random bits, a pure function of the
/// state; `random` has the layout.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RngBitGenerator {
    /// The generator.
    pub algorithm: Algorithm,
    /// Type of the bits: an unsigned integer tensor.
    pub ty: Type,
}

const ALGORITHMS: [(&str, Algorithm); 2] = [
    ("philox", Algorithm::Philox),
    ("threefry", Algorithm::Threefry),
];

impl Rules for RngBitGenerator {
    fn attrs(&self) -> Attrs {
        let name = ALGORITHMS.iter().find(|a| a.1 == self.algorithm);
        Attrs::new(OP)
            .word("algorithm", name.expect("listed").0)
            .with("ty", crate::attrs::Attr::Type(self.ty.clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(RngBitGenerator {
            algorithm: attrs.choice("algorithm", &ALGORITHMS)?,
            ty: attrs.ty("ty")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        arity(OP, x, 1)?;
        let state = Type::new(DType::U64, [self.algorithm.state()]);
        rule(OP, "C1", x[0] == state, || {
            format!("its state must be {state}, found {}", x[0])
        })?;
        let bits = self.ty.dtype;
        dtype(OP, bits.is_unsigned_int(), "an unsigned integer (C2)", bits)?;
        Ok(vec![state, sized(OP, self.ty.clone())?])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let e = &mut Evaluator;
        let state: Vec<Scalar> = x[0].iter().collect();
        let blocks = self.algorithm.blocks(self.ty.dtype, self.ty.count());
        let mut words = vec![];
        let zero = Scalar::int(DType::U32, 0);
        for b in 0..blocks {
            let state = advance(e, &state, Scalar::int(DType::U64, b as i64));
            words.extend(block(e, self.algorithm, &state, zero));
        }
        let n = words_per_element(self.ty.dtype);
        let bits = Array::from_fn(self.ty.clone(), |i| {
            element(e, &words[i * n..(i + 1) * n], self.ty.dtype)
        });
        let state = advance(e, &state, Scalar::int(DType::U64, blocks as i64));
        vec![Array::from_fn(x[0].ty.clone(), |i| state[i]), bits]
    }

    fn vjp(&self, _b: &mut Builder, x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        Ok(vec![None; x.len()])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Stores(Box::new(|k, x, outs| self.stores(k, &x[0], outs)))
    }
}

/// An element of its words.
fn element<E: Emit>(e: &mut E, words: &[E::V], ty: DType) -> E::V {
    let mut value = e.native(Native::Convert(ty), &[words[0]]);
    if let Some(&high) = words.get(1) {
        let high = e.native(Native::Convert(ty), &[high]);
        let half = e.constant(Scalar::int(ty, 32));
        let high = e.native(Native::Shl, &[high, half]);
        value = e.native(Native::Or, &[value, high]);
    }
    value
}

/// Blocks in a grid item.
const CHUNK: usize = 256;

impl RngBitGenerator {
    /// Whole chunks are grid items: the words of a chunk are computed by columns into a tile (word
    /// `w` of all blocks together, so that vectors need no shuffle) and then put in order. The
    /// epilogue does the rest and the state.
    fn stores(&self, k: &mut KernelBuilder, state: &Operand, outs: &[Out]) {
        let words = self.algorithm.words();
        let per_block = words / words_per_element(self.ty.dtype);
        let count = self.ty.count();
        let chunks = count / (CHUNK * per_block);
        let tile = k.scratch(DType::U32, CHUNK * words);
        k.set_grid(chunks.max(1));
        let state: Vec<Val> = (0..self.algorithm.state())
            .map(|i| state.at(k, &[Index::from(i)]))
            .collect();
        if chunks > 0 {
            let first = k.grid().mul(CHUNK as i64);
            self.fill(k, &state, &first, CHUNK, tile);
            let start = first.mul(per_block as i64);
            self.arrange(k, tile, &start, CHUNK * per_block, outs[1].mem);
        }
        k.epilogue(|k| {
            let (first, done) = (chunks * CHUNK, chunks * CHUNK * per_block);
            let blocks = self.algorithm.blocks(self.ty.dtype, count);
            self.fill(k, &state, &Index::from(first), blocks - first, tile);
            self.arrange(k, tile, &Index::from(done), count - done, outs[1].mem);
            let blocks = k.constant(Scalar::int(DType::U64, blocks as i64));
            for (i, word) in advance(k, &state, blocks).into_iter().enumerate() {
                k.store(outs[0].mem, &Index::from(i), word);
            }
        });
    }

    /// The words of `blocks` blocks from block `first` on: word `w` of the `j`-th at `w * CHUNK + j`.
    fn fill(&self, k: &mut KernelBuilder, state: &[Val], first: &Index, blocks: usize, tile: Mem) {
        let first = k.index_value(first);
        let first = k.native(Native::Convert(DType::U64), &[first]);
        let state = advance(k, state, first);
        k.each(blocks, LoopKind::Lanes, |k, j| {
            let offset = k.index_value(&j);
            let offset = k.native(Native::Convert(DType::I32), &[offset]);
            let offset = k.native(Native::Bitcast(DType::U32), &[offset]);
            let words = block(k, self.algorithm, &state, offset);
            for (w, word) in words.into_iter().enumerate() {
                k.store(tile, &j.plus((w * CHUNK) as i64), word);
            }
        });
    }

    /// Stores `count` elements from `start` on out of the tile.
    fn arrange(&self, k: &mut KernelBuilder, tile: Mem, start: &Index, count: usize, out: Mem) {
        let n = words_per_element(self.ty.dtype);
        let per_block = self.algorithm.words() / n;
        let one = |k: &mut KernelBuilder, j: &Index, i: usize| {
            let word = |w: usize| j.plus(((i * n + w) * CHUNK) as i64);
            let words: Vec<Val> = (0..n).map(|w| k.load(tile, &word(w))).collect();
            let value = element(k, &words, self.ty.dtype);
            let to = start.add(&j.mul(per_block as i64)).plus(i as i64);
            k.store(out, &to, value);
        };
        k.each(count / per_block, LoopKind::Serial, |k, j| {
            (0..per_block).for_each(|i| one(k, &j, i));
        });
        let last = Index::from(count / per_block);
        (0..count % per_block).for_each(|i| one(k, &last, i));
    }
}
