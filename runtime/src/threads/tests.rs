use super::slot::ASLEEP;
use super::split::part;
use super::*;
use std::sync::atomic::AtomicU64;

const BUDGETS: [usize; 7] = [0, 1, 2, 3, 4, 7, 300];
const GRIDS: [usize; 16] = [
    0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 64, 100, 257, 1000, 1031, 4099,
];

/// A pool of the test's own, so that tests running side by side do not find it busy.
fn pool() -> &'static Pool {
    Box::leak(Box::new(Pool::new()))
}

/// Runs one job and checks that each item is visited once, in ranges that follow the rule, by slots within the budget.
fn check(pool: &'static Pool, budget: usize, grid: usize) {
    let visits: Vec<AtomicU32> = (0..grid).map(|_| AtomicU32::new(0)).collect();
    let split = Split::new(grid, budget);
    let mut ranges: Vec<_> = (0..split.chunks).map(|chunk| split.items(chunk)).collect();
    let seen = Mutex::new(Vec::new());
    pool.run(budget, grid, &|start, end, slot| {
        assert!(slot < budget.max(1) && start < end);
        visits[start..end]
            .iter()
            .for_each(|v| _ = v.fetch_add(1, Relaxed));
        seen.lock().unwrap().push((start, end));
    });
    assert!(
        visits.iter().all(|v| v.load(Relaxed) == 1),
        "budget {budget}, grid {grid}"
    );
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    ranges.sort_unstable();
    assert_eq!(seen, ranges, "budget {budget}, grid {grid}");
}

/// Repeats `attempt` until it succeeds, for a machine may be too busy for a worker to come in time.
fn eventually(what: &str, mut attempt: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !attempt() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
    }
}

/// Panics without a report on the terminal.
fn fail(message: impl ToString) {
    resume_unwind(Box::new(message.to_string()))
}

fn payload(result: thread::Result<()>) -> String {
    *result
        .expect_err("the job panicked")
        .downcast::<String>()
        .expect("a formatted message")
}

#[test]
fn every_item_once() {
    let pool = pool();
    for _ in 0..10 {
        for budget in BUDGETS {
            for grid in GRIDS {
                check(pool, budget, grid);
            }
        }
    }
}

#[test]
fn parts_cover_and_are_even() {
    for total in GRIDS {
        for parts in 1..=total.min(70) {
            let mut next = 0;
            for i in 0..parts {
                let (start, end) = part(total, parts, i);
                assert_eq!(start, next);
                assert!(end - start == total / parts || end - start == total.div_ceil(parts));
                next = end;
            }
            assert_eq!(next, total);
        }
    }
}

#[test]
fn sums_do_not_depend_on_the_budget() {
    let x: Vec<f32> = (0..4099).map(|i| (i as f32 * 0.37).sin() * 1e3).collect();
    let row_sums = |budget, rows: usize| {
        let sums: Vec<AtomicU32> = (0..rows).map(|_| AtomicU32::new(0)).collect();
        parallel_for(budget, rows, &|start, end, _| {
            for (row, sum) in (start..end).zip(&sums[start..end]) {
                let (from, to) = part(x.len(), rows, row);
                sum.store(x[from..to].iter().sum::<f32>().to_bits(), Relaxed);
            }
        });
        sums.into_iter()
            .map(AtomicU32::into_inner)
            .collect::<Vec<_>>()
    };
    for rows in GRIDS {
        for budget in BUDGETS {
            assert_eq!(
                row_sums(budget, rows),
                row_sums(1, rows),
                "budget {budget}, rows {rows}"
            );
        }
    }
}

#[test]
fn calls_of_one_slot_do_not_overlap() {
    let pool = pool();
    for budget in [2, 3, 4, 7] {
        for _ in 0..200 {
            let inside: Vec<AtomicBool> = (0..budget).map(|_| AtomicBool::new(false)).collect();
            pool.run(budget, 64, &|_, _, slot| {
                assert!(!inside[slot].swap(true, Relaxed));
                std::hint::spin_loop();
                inside[slot].store(false, Relaxed);
            });
        }
    }
}

#[test]
fn nested_calls_run_on_their_caller() {
    let pool = pool();
    let total = AtomicU64::new(0);
    pool.run(4, 16, &|start, end, _| {
        let me = thread::current().id();
        pool.run(4, 100, &|from, to, slot| {
            assert_eq!((thread::current().id(), slot), (me, 0));
            total.fetch_add(((end - start) * (to - from)) as u64, Relaxed);
        });
    });
    assert_eq!(total.into_inner(), 1600);
}

#[test]
fn concurrent_callers() {
    let pool = pool();
    thread::scope(|scope| {
        for caller in 0..4 {
            scope.spawn(move || {
                for i in 0..300 {
                    check(pool, 2 + (caller + i) % 3, GRIDS[i % GRIDS.len()]);
                }
            });
        }
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
    let pool = pool();
    for budget in [1, 2, 4] {
        for bad in [0, 5, 15] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(budget, 16, &|start, end, _| {
                    if (start..end).contains(&bad) {
                        fail(bad);
                    }
                });
            }));
            assert_eq!(payload(result), bad.to_string());
            check(pool, budget, 1000);
        }
    }
}

#[test]
fn panics_everywhere() {
    let pool = pool();
    for _ in 0..50 {
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(3, 12, &|start, _, _| fail(start))
        }));
        assert!(payload(result).parse::<usize>().expect("a start") < 12);
    }
    check(pool, 3, 1000);
}

#[test]
fn a_panic_waits_for_the_others() {
    let pool = pool();
    for _ in 0..20 {
        let running = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(2, 2, &|_, _, slot| {
                running.fetch_add(1, Relaxed);
                if slot == 0 {
                    running.fetch_sub(1, Relaxed);
                    fail("caller");
                }
                thread::sleep(Duration::from_millis(1));
                running.fetch_sub(1, Relaxed);
            });
        }));
        assert_eq!(running.into_inner(), 0);
        assert!(result.is_ok() || payload(result) == "caller");
    }
}

#[test]
fn many_tiny_jobs() {
    let pool = pool();
    for (budget, jobs) in [(2, 100_000), (4, 20_000)] {
        let total = AtomicU64::new(0);
        for _ in 0..jobs {
            pool.run(budget, budget, &|start, end, _| {
                _ = total.fetch_add((end - start) as u64, Relaxed)
            });
        }
        assert_eq!(total.into_inner(), (jobs * budget) as u64);
    }
}

/// Pauses around the spinning time make workers fall asleep just as a job comes, and callers just as it ends.
#[test]
fn tiny_jobs_at_the_edge_of_sleep() {
    let pool = pool();
    for i in 0..4000u32 {
        let pause = |n: u32| {
            let until = Instant::now() + SPIN * (n % 16) / 10;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        };
        pause(i);
        let total = AtomicU32::new(0);
        pool.run(2, 2, &|start, _, slot| {
            if slot != 0 {
                pause(i / 16);
            }
            total.fetch_add(1 + start as u32, Relaxed);
        });
        assert_eq!(total.into_inner(), 3);
    }
}

#[test]
fn workers_share_the_work() {
    let pool = pool();
    let slots = Mutex::new([0; 4]);
    eventually("every slot takes part", || {
        pool.run(4, 64, &|_, _, slot| {
            thread::sleep(Duration::from_millis(1));
            slots.lock().unwrap()[slot] += 1;
        });
        slots.lock().unwrap().iter().all(|&chunks| chunks > 0)
    });
}

#[test]
fn idle_workers_sleep() {
    let pool = pool();
    check(pool, 4, 64);
    eventually("every worker sleeps", || {
        thread::sleep(Duration::from_millis(1));
        (1..4).all(|slot| pool.slots[slot].word.load(Relaxed) == ASLEEP)
    });
    check(pool, 4, 64);
}

#[test]
fn workers_that_rest_are_woken_later() {
    let pool = pool();
    check(pool, 2, 64);
    eventually("the worker sleeps", || {
        thread::sleep(Duration::from_millis(1));
        pool.slots[1].word.load(Relaxed) == ASLEEP
    });
    pool.slots[1].rests_until.store(u64::MAX, Relaxed);
    for _ in 0..3 {
        check(pool, 2, 64);
        assert!(pool.slots[1].left_asleep.load(Relaxed));
    }
    pool.slots[1].rests_until.store(0, Relaxed);
    eventually("the worker takes part", || {
        let helped = AtomicBool::new(false);
        pool.run(2, 64, &|_, _, slot| {
            thread::sleep(Duration::from_millis(1));
            helped.fetch_or(slot == 1, Relaxed);
        });
        helped.into_inner()
    });
    assert!(!pool.slots[1].left_asleep.load(Relaxed));
}

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
#[test]
fn floats_are_computed_in_the_default_environment() {
    #[cfg(target_arch = "x86_64")]
    const FLUSH: float::Control = float::DEFAULT | 0x8040;
    #[cfg(target_arch = "aarch64")]
    const FLUSH: float::Control = 1 << 24;
    let control = |c| {
        if cfg!(target_arch = "x86_64") {
            c & !0x3f
        } else {
            c
        }
    };

    thread::spawn(move || {
        float::set(FLUSH);
        let pool = pool();
        let helped = AtomicBool::new(false);
        eventually("a worker takes part", || {
            pool.run(3, 12, &|_, _, slot| {
                thread::sleep(Duration::from_millis(1));
                if slot > 0 {
                    assert_eq!(control(float::get()), float::DEFAULT);
                    helped.store(true, Relaxed);
                }
            });
            helped.load(Relaxed)
        });
        with_default_float(|| assert_eq!(control(float::get()), float::DEFAULT));
        assert_eq!(control(float::get()), FLUSH);
        _ = catch_unwind(|| with_default_float(|| fail("restored all the same")));
        assert_eq!(control(float::get()), FLUSH);
        float::set(float::DEFAULT);
    })
    .join()
    .expect("the checks passed");
}
