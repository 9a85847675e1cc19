//! How long each workload takes to trace and compile, pass by pass.
//!
//! `cargo bench --bench compile [W1 W2 ..]`

use craneflow::nn::workloads::{NAMES, workload};
use craneflow::runtime::{Options, Step};
use std::error::Error;
use std::time::Instant;

/// Compilations of which the fastest counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let training = NAMES.iter().filter(|name| name.starts_with('W'));
    for name in training.filter(|name| asked.is_empty() || asked.iter().any(|a| a == *name)) {
        let graph = workload(name)?.graph;
        let mut best: Option<(f64, Step)> = None;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let step = Step::compile(&graph, &Options::default())?;
            let time = start.elapsed().as_secs_f64();
            if best.as_ref().is_none_or(|(least, _)| time < *least) {
                best = Some((time, step));
            }
        }
        let (time, step) = best.expect("there is a round");
        let kernels = step.program().kernels.len();
        println!(
            "{name}: {:.1} ms, {} nodes, {kernels} kernels",
            time * 1e3,
            graph.nodes.len()
        );
        for (pass, time) in &step.times().passes {
            println!("  {pass:12} {:8.2} ms", time.as_secs_f64() * 1e3);
        }
        println!(
            "  {:12} {:8.2} ms",
            "codegen",
            step.times().codegen.as_secs_f64() * 1e3
        );
    }
    Ok(())
}
