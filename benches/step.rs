//! Time of one step of each workload, on one thread and on all.
//!
//! `cargo bench --bench step [W1 M3 ..]`; `craneflow bench` prints one workload in more detail.

use craneflow::nn::workloads::{NAMES, workload};
use craneflow::runtime::{Options, Step};
use std::error::Error;
use std::time::{Duration, Instant};

/// Time spent on one workload and number of threads.
const TIME: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let cores = Options::default().threads;
    for name in NAMES {
        if !asked.is_empty() && !asked.iter().any(|a| a == name) {
            continue;
        }
        let load = workload(name)?;
        let mut line = format!("{name:8}");
        for threads in [1, cores] {
            let options = Options {
                threads,
                ..Options::default()
            };
            let mut step = Step::compile(&load.graph, &options)?;
            for (i, array) in load.inputs.iter().enumerate() {
                step.set_array(i, array)?;
            }
            let us = median(&mut step).as_secs_f64() * 1e6;
            line += &format!("  {us:12.1} us on {threads}");
        }
        println!("{line}");
    }
    Ok(())
}

/// Median time of a run.
fn median(step: &mut Step) -> Duration {
    for _ in 0..3 {
        step.run();
    }
    let (mut times, start) = (vec![], Instant::now());
    while start.elapsed() < TIME || times.len() < 7 {
        let one = Instant::now();
        step.run();
        times.push(one.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}
