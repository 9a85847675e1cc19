//! A step allocates nothing once it has run: neither on the caller nor on the pool.

use craneflow::ir::{Array, Scalar};
use craneflow::nn::models::BuiltIn;
use craneflow::runtime::{Options, Step};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A compiled training step of a perceptron, with weights of 0.01 and made-up samples.
fn step(threads: usize) -> Step {
    let entry = BuiltIn::find("mlp").expect("a built-in model");
    let mut model = entry.model().expect("builds");
    entry.compile(&mut model, None).expect("compiles");
    let graph = model.train_graph(32).expect("traces");
    let options = Options {
        threads,
        ..Options::default()
    };
    let mut step = Step::compile(&graph, &options).expect("compiles");
    for i in 0..step.inputs().len() {
        let ty = step.inputs()[i].ty.clone();
        let value = Scalar::from_f64(ty.dtype, if ty.dtype.is_float() { 0.01 } else { 3.0 });
        step.set_array(i, &Array::splat(ty, value))
            .expect("the type is the input's");
    }
    step
}

/// Calls of the allocator by ten steps.
fn round(step: &mut Step) -> usize {
    let region = Region::new(ALLOCATOR);
    for _ in 0..10 {
        step.run();
    }
    let change = region.change();
    std::thread::sleep(std::time::Duration::from_millis(20));
    change.allocations + change.reallocations + change.deallocations
}

// One test only: others of this process would be counted too.
#[test]
fn nothing_is_allocated_after_the_first_step() {
    for threads in [1, 2] {
        let mut step = step(threads);
        let before = step.peak_bytes();
        step.run();
        // A worker of the pool may start late, and a thread that starts allocates: once for each.
        let rounds: Vec<_> = (0..8).map(|_| round(&mut step)).collect();
        let noisy = rounds.iter().filter(|calls| **calls > 0).count();
        assert!(
            noisy < threads,
            "calls of the allocator in rounds of 10 steps with {threads} threads: {rounds:?}"
        );
        assert_eq!(step.peak_bytes(), before);
        let loss = step
            .output_named("loss")
            .expect("a training step has a loss");
        assert!(step.output::<f32>(loss).expect("f32")[0].is_finite());
    }
}
