//! A training ends with the same bits on every machine: what the weights are is written down here.

use craneflow::nn::models::BuiltIn;
use craneflow::prelude::*;
use std::hash::Hasher;

/// Of all weights after an epoch. A change of the model, of its initial weights, or of the
/// order of a sum changes it, and says so; vectors, threads and machines never do.
const WEIGHTS: u64 = 0x05c3_d8f0_b316_94f8;

/// FNV-1a, by its authors Fowler, Noll and Vo.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_training_ends_with_the_same_bits_everywhere() {
    let digits = craneflow::nn::data::digits();
    let (x, y) = (
        digits.train.inputs(),
        digits.train.class_ids().expect("classes"),
    );
    let entry = BuiltIn::find("digits_cnn").expect("a built-in model");
    for threads in [1, 3] {
        let run = Options {
            threads,
            ..Options::default()
        };
        let mut model = entry.model().expect("builds").seed(1).options(run);
        entry.compile(&mut model, None).expect("compiles");
        let options = FitOptions {
            batch_size: 32,
            epochs: 1,
            verbose: Verbose::Silent,
            ..FitOptions::default()
        };
        model.fit(x, y, options).expect("learns");
        let names: Vec<String> = model.weights().iter().map(|w| w.name.clone()).collect();
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        for name in names {
            for weight in model.weight(&name).expect("a weight") {
                hash.write(&weight.to_le_bytes());
            }
        }
        assert_eq!(hash.finish(), WEIGHTS, "{:#x}", hash.finish());
    }
}
