//! Pipelines: order, stacking, threads, errors.

use crate::data::DataError;
use crate::data::pipeline::{Pass, Pipeline, Sample};
use craneflow_ir::Array;

fn numbers(n: usize) -> Pipeline {
    Pipeline::from_fn(n, |i| Ok(vec![Array::f32([1], &[i as f32])]))
}

fn values(pipeline: &Pipeline, pass: Pass) -> Vec<f64> {
    let samples = pipeline.open(pass).expect("opens");
    samples
        .flat_map(|s| s.expect("is good")[0].to_f64())
        .collect()
}

const FIRST: Pass = Pass { seed: 1, epoch: 0 };

#[test]
fn shuffles_are_permutations_that_follow_from_seed_and_epoch() {
    for buffer in [1, 7, 100, 1000] {
        let shuffled = numbers(100).shuffle(buffer);
        let one = values(&shuffled, FIRST);
        assert_eq!(one, values(&shuffled, FIRST));
        let mut sorted = one.clone();
        sorted.sort_by(f64::total_cmp);
        let all: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(sorted, all);
        if buffer > 1 {
            assert_ne!(one, values(&shuffled, Pass { seed: 1, epoch: 1 }));
            assert_ne!(one, values(&shuffled, Pass { seed: 2, epoch: 0 }));
        }
    }
}

#[test]
fn order_and_random_numbers_do_not_depend_on_threads() {
    let noisy = |threads| {
        let noise = numbers(203).map_random(threads, |sample, rng| {
            if rng.below(3) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            let x = sample[0].to_f64()[0] as f32 + rng.uniform();
            Ok(vec![Array::f32([1], &[x])])
        });
        values(&noise.batch(10).prefetch(3), FIRST)
    };
    let one = noisy(1);
    assert_eq!(one.len(), 203);
    for threads in [2, 3, 7] {
        assert_eq!(noisy(threads), one);
    }
}

#[test]
fn stages_compose_as_their_names_say() {
    let get = |p: &Pipeline| values(p, FIRST);
    assert_eq!(get(&numbers(10).skip(3).take(4)), [3.0, 4.0, 5.0, 6.0]);
    assert_eq!(numbers(10).skip(3).take(4).len(), Some(4));
    assert_eq!(get(&numbers(2).repeat(3)), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(get(&numbers(2).concatenate(&numbers(1))), [0.0, 1.0, 0.0]);
    let odd = numbers(6).filter(|s| s[0].to_f64()[0] % 2.0 == 1.0);
    assert_eq!(get(&odd), [1.0, 3.0, 5.0]);
    let pairs = numbers(3).zip(&numbers(5));
    let pairs: Vec<Sample> = pairs.open(FIRST).unwrap().map(Result::unwrap).collect();
    assert_eq!((pairs.len(), pairs[0].len()), (3, 2));
    let batches = numbers(7).batch(3);
    assert_eq!(batches.len(), Some(3));
    let shapes: Vec<String> = batches
        .open(FIRST)
        .unwrap()
        .map(|b| b.unwrap()[0].ty.to_string())
        .collect();
    assert_eq!(shapes, ["f32[3,1]", "f32[3,1]", "f32[1,1]"]);
}

#[test]
fn sizes_are_padded_or_refused() {
    let ragged = Pipeline::from_fn(3, |i| {
        let n = i + 1;
        let data: Vec<f32> = (0..2 * n).map(|x| x as f32).collect();
        Ok(vec![Array::f32([2, n], &data)])
    });
    let batch = ragged.padded_batch(3, -1.0).open(FIRST).unwrap().next();
    let batch = batch.expect("one").expect("good");
    assert_eq!(batch[0].ty.to_string(), "f32[3,2,3]");
    assert_eq!(
        batch[0].to_f64(),
        [
            [0.0, -1.0, -1.0, 1.0, -1.0, -1.0],
            [0.0, 1.0, -1.0, 2.0, 3.0, -1.0],
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        ]
        .concat()
    );
    let refused = ragged.batch(3).open(FIRST).unwrap().next();
    let message = refused.expect("one").expect_err("is refused").to_string();
    assert!(
        message.starts_with(
            "sample 1 of the epoch: array 0 is f32[2,2], the batch begins with f32[2,1]"
        ),
        "{message}"
    );
}

#[test]
fn a_cache_reads_once_and_only_whole_passes() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let cached = Pipeline::from_fn(5, move |i| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Array::f32([1], &[i as f32])])
    })
    .cache();
    let some: Vec<_> = cached.open(FIRST).unwrap().take(2).collect();
    assert_eq!(some.len(), 2);
    assert_eq!(values(&cached, FIRST).len(), 5);
    assert_eq!(read.load(Ordering::Relaxed), 7);
    assert_eq!(values(&cached, FIRST), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(read.load(Ordering::Relaxed), 7);
}

#[test]
fn errors_and_panics_reach_the_reader_in_their_place() {
    let failing = |threads| {
        Pipeline::from_fn(20, |i| match i {
            13 => Err(DataError::Other("sample 13 is ill".into())),
            _ => Ok(vec![Array::f32([1], &[i as f32])]),
        })
        .map_random(threads, |sample, _| Ok(sample))
        .prefetch(2)
    };
    for threads in [1, 3] {
        let items: Vec<_> = failing(threads).open(FIRST).unwrap().collect();
        let good = items.iter().take_while(|i| i.is_ok()).count();
        assert_eq!(good, 13);
        let error = items[13].as_ref().expect_err("is ill");
        assert_eq!(error.to_string(), "sample 13 is ill");
    }
    let panicking = numbers(9).map_random(2, |sample, _| {
        assert!(sample[0].to_f64()[0] < 4.0, "as the test wants");
        Ok(sample)
    });
    let items: Vec<_> = panicking.open(FIRST).unwrap().collect();
    assert!(matches!(items.last(), Some(Err(DataError::Worker))));
}
