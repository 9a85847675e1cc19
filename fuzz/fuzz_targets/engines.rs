//! Every engine at every width of vectors: random graphs must have the bits of the reference interpreter.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/engines/mod.rs"]
mod engines;
#[path = "../../tests/engines/graphs.rs"]
mod graphs;

fuzz_target!(|input: (bool, Vec<graphs::Choice>)| {
    let (backward, choices) = input;
    let few = &choices[..choices.len().min(24)];
    engines::agree(&graphs::decode(few, backward), &graphs::inputs());
});
