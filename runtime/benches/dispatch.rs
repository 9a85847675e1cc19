//! What it costs to hand a job to the pool: the round trip of an empty job, with workers spinning and with workers asleep, and
//! how a loop of a few microseconds scales. Times in nanoseconds.

use craneflow_runtime::threads::{cores, parallel_for};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs `f` `times` times, `pause` apart, and prints percentiles of its time.
fn measure(name: &str, times: usize, pause: Duration, mut f: impl FnMut()) {
    let mut ns: Vec<u128> = (0..times)
        .map(|_| {
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            let start = Instant::now();
            f();
            start.elapsed().as_nanos()
        })
        .collect();
    ns.sort_unstable();
    let at = |percent: usize| ns[(times - 1) * percent / 100];
    println!(
        "{name:<44} min {:>7}  p10 {:>7}  median {:>7}  p90 {:>7}",
        ns[0],
        at(10),
        at(50),
        at(90)
    );
}

fn main() {
    println!("{} cores", cores());
    let empty =
        |budget, grid| move || parallel_for(budget, grid, &|start, _, _| _ = black_box(start));
    for (budget, grid) in [(1, 2), (2, 2), (2, 64), (4, 4)] {
        let name = format!("empty, budget {budget}, grid {grid}, back to back");
        measure(&name, 100_000, Duration::ZERO, empty(budget, grid));
    }
    measure(
        "empty, budget 2, grid 2, workers asleep",
        1000,
        Duration::from_millis(1),
        empty(2, 2),
    );
    for items in [256, 1024, 4096, 16384] {
        for budget in [1, 2] {
            let work = |start: usize, end: usize, _: usize| {
                let sum = (start..end).fold(1.0f32, |sum, i| black_box(i as f32).mul_add(sum, 0.5));
                black_box(sum);
            };
            let name = format!("{items} dependent steps, budget {budget}");
            measure(&name, 20_000, Duration::ZERO, || {
                parallel_for(budget, items, &work)
            });
        }
    }
}
