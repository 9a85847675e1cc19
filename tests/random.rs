//! Random graphs through every engine. A graph is decoded from a list of small numbers, so that a
//! failure shrinks to few nodes; what is left is printed.

mod engines;
#[path = "engines/graphs.rs"]
mod graphs;

use graphs::{Choice, decode, inputs};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]
    #[test]
    fn engines_agree(choices in prop::collection::vec(any::<Choice>(), 1..16), backward: bool) {
        engines::agree(&decode(&choices, backward), &inputs());
    }
}

/// The decoder makes graphs worth testing: all kinds of nodes, and gradients.
#[test]
fn graphs_are_varied() {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 40) as u8
    };
    let mut names = std::collections::BTreeMap::new();
    for i in 0..200 {
        let choices: Vec<Choice> = (0..12).map(|_| (byte(), byte(), byte(), byte())).collect();
        let graph = decode(&choices, i % 2 == 0);
        for node in &graph.nodes {
            *names.entry(node.op.name()).or_insert(0) += 1;
        }
    }
    for name in [
        "concatenate",
        "convert",
        "dot_general",
        "dynamic_slice",
        "gather",
        "pad",
        "reduce",
        "reduce_window",
        "reshape",
        "reverse",
        "scatter",
        "select",
        "select_and_scatter",
        "slice",
        "sort",
        "transpose",
    ] {
        assert!(
            names.get(name).is_some_and(|&n| n >= 2),
            "{name}: {names:?}"
        );
    }
}
