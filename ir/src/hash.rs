//! The hash of the tables of known nodes and values.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A table that is looked up often while something is built, and never iterated. Its hash is quick and
/// knows no secret: what fills it is a program of the user's own.
pub type Table<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// A key of a [`Table`] whose hash is computed once, however many tables are asked and however often they grow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hashed<K> {
    hash: u64,
    key: K,
}

impl<K: Hash> Hashed<K> {
    /// The key `key`.
    pub fn new(key: K) -> Hashed<K> {
        let mut mix = Mix::default();
        key.hash(&mut mix);
        Hashed {
            hash: mix.finish(),
            key,
        }
    }

    /// What it was made of.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K> Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The hash of a [`Table`].
#[derive(Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, x: u8) {
        self.write_u64(x as u64);
    }

    fn write_u32(&mut self, x: u32) {
        self.write_u64(x as u64);
    }

    fn write_usize(&mut self, x: usize) {
        self.write_u64(x as u64);
    }

    fn write_u64(&mut self, x: u64) {
        self.0 = (self.0.rotate_left(5) ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
