//! What `dump` prints of real programs reads back: the training step of every model, after every
//! pass, is the same graph or program again, and runs with the same bits.

use craneflow_ir::text::{parse_graph, parse_program, parse_verified};
use craneflow_ir::verify::Verified;
use craneflow_nn::workloads::{self, workload};
use craneflow_passes::{Options, Unit, compile};
use craneflow_runtime::Step;

#[test]
fn every_training_step_after_every_pass() {
    for name in workloads::NAMES.iter().filter(|n| n.starts_with('W')) {
        let graph = workload(name).expect("a known workload").graph;
        let text = graph.to_string();
        let verified = parse_verified(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(verified == graph, "{name}");
        compile(graph, &Options::default(), &mut |pass, unit, _| {
            let fail = |e: &dyn std::fmt::Display| panic!("{name} after {}: {e}", pass.name);
            match unit {
                Unit::Graph(g) | Unit::Fused(g, _) => match parse_graph(&g.to_string()) {
                    Ok(read) if read == *g => {}
                    Ok(_) => fail(&"another graph"),
                    Err(e) => fail(&e),
                },
                Unit::Program(p) | Unit::Planned(p, _) => {
                    match parse_program(&p.to_string()) {
                        // Ids that nothing uses any more are not printed.
                        Ok(read) if read.to_string() == p.to_string() => {}
                        Ok(_) => fail(&"another program"),
                        Err(e) => fail(&e),
                    }
                    if let Err(e) = Verified::program(p.clone()) {
                        fail(&e);
                    }
                }
            }
        });
    }
}

#[test]
fn a_step_read_from_text_trains_alike() {
    let w = workload("W1").expect("a known workload");
    let read = parse_verified(&w.graph.to_string()).expect("what is printed reads back");
    let inputs: Vec<_> = (0..w.graph.inputs.len()).map(|i| w.first(i)).collect();
    let outputs = [&w.graph, &read].map(|graph| {
        let mut step = Step::compile(graph, &Default::default()).expect("compiles");
        step.run_arrays(&inputs).expect("inputs fit")
    });
    assert!(outputs[0] == outputs[1]);
}
