//! Time of one step of each workload, and of one of many tiny kernels, on one thread and on all.
//!
//! `cargo bench --bench step [W1 M3 tiny ..]`; `craneflow bench` prints one workload in more detail.

use craneflow::ir::ops::DotGeneral;
use craneflow::ir::{Builder, DType, Type, Verified};
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
            let options = Options::with_threads(threads);
            let mut step = Step::compile(&load.graph, &options)?;
            for i in 0..load.graph.inputs.len() {
                step.set_array(i, &load.first(i))?;
            }
            let us = median(&mut step).as_secs_f64() * 1e6;
            line += &format!("  {us:12.1} us on {threads}");
        }
        println!("{line}");
    }
    if asked.is_empty() || asked.iter().any(|a| a == "tiny") {
        tiny(cores)?;
    }
    Ok(())
}

/// Products of 4 x 4 in a chain, each a kernel: what a kernel costs beside its work.
fn tiny(threads: usize) -> Result<(), Box<dyn Error>> {
    const KERNELS: usize = 1000;
    let mut b = Builder::new("tiny");
    let x = b.input("x", Type::new(DType::F32, [4, 4]));
    let chain = (0..KERNELS).fold(x, |y, _| b.op(DotGeneral::matmul(2), &[y, x]));
    b.output("y", chain);
    let options = Options::with_threads(threads);
    let mut step = Step::compile(&Verified::graph(b.finish())?, &options)?;
    let ns = median(&mut step).as_secs_f64() * 1e9 / KERNELS as f64;
    println!("tiny      {ns:12.1} ns a kernel on {threads}");
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
