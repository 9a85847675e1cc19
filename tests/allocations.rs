//! A step allocates nothing once it has run: neither on the caller nor on the pool.

use craneflow::ir::text::parse_verified;
use craneflow::ir::{Array, Graph, Scalar, Verified};
use craneflow::nn::models::BuiltIn;
use craneflow::runtime::{Options, Step};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A loop whose turns depend on its input, with a choice in each turn.
const LOOP: &str = "
graph @collatz(%n: i32[], %x: f32[1000]) {
  %m, %y: (i32[], f32[1000]) = while %n, %x {cond=(%i: i32[], %v: f32[1000]) {
    %2: i32[] = constant 1
    %3: bool[] = compare %i, %2 {direction=gt}
    return %3
  }, body=(%i: i32[], %v: f32[1000]) {
    %2: i32[] = constant 2
    %3: i32[] = remainder %i, %2
    %4: i32[] = case %3, %i {branches=[(%j: i32[]) {
      %1: i32[] = constant 2
      %2: i32[] = divide %j, %1
      return %2
    }, (%j: i32[]) {
      %1: i32[] = constant 3
      %2: i32[] = multiply %j, %1
      %3: i32[] = constant 1
      %4: i32[] = add %2, %3
      return %4
    }]}
    %5: f32[1000] = cosine %v
    return %4, %5
  }}
  return %m as m, %y as y
}";

/// A training step of a built-in model on batches of 8.
fn training(model: &str) -> Verified<Graph> {
    let entry = BuiltIn::find(model).expect("a built-in model");
    let mut model = entry.model().expect("builds");
    entry.compile(&mut model, None).expect("compiles");
    model.train_graph(8).expect("traces")
}

/// The compiled graph, with inputs of 0.01 or 3.
fn step(graph: &Verified<Graph>, threads: usize) -> Step {
    let options = Options::with_threads(threads);
    let mut step = Step::compile(graph, &options).expect("compiles");
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
    let graphs = [
        ("loss", training("mlp")),
        ("loss", training("digits_cnn")),
        ("y", parse_verified(LOOP).expect("parses")),
    ];
    for (output, graph) in graphs {
        for threads in [1, 2] {
            let mut step = step(&graph, threads);
            let before = step.peak_bytes();
            step.run();
            // A worker of the pool may start late, and a thread that starts allocates: once for each.
            let rounds: Vec<_> = (0..8).map(|_| round(&mut step)).collect();
            let noisy = rounds.iter().filter(|calls| **calls > 0).count();
            assert!(
                noisy < threads,
                "{}: calls of the allocator in rounds of 10 steps with {threads} threads: {rounds:?}",
                graph.name
            );
            assert_eq!(step.peak_bytes(), before);
            let y = step.output_named(output).expect("an output of the graph");
            assert!(step.output::<f32>(y).expect("f32")[0].is_finite());
        }
    }
}
