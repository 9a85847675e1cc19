//! What is done on threads of its own: elements go through bounded channels, in order. Threads end
//! when the stream is dropped.

use super::{Pass, Pipeline, Sample, Samples, Stage};
use crate::data::DataError;
use crate::rng::Rng;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

type Item = Result<Sample, DataError>;

/// Elements that each worker may be ahead.
const AHEAD: usize = 2;

type Function = dyn Fn(Sample, &mut Rng) -> Result<Sample, DataError> + Send + Sync;

pub(super) struct Map {
    pub input: Pipeline,
    pub f: Arc<Function>,
    pub threads: usize,
    pub stage: u64,
}

impl Stage for Map {
    fn len(&self) -> Option<usize> {
        self.input.len()
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let input = self.input.open_at(pass, skip)?;
        let first = skip as u64;
        let (f, stage) = (self.f.clone(), self.stage);
        let apply =
            move |index: u64, sample: Sample| f(sample, &mut pass.rng(stage, first + index));
        if self.threads < 2 {
            let numbered = (0..).zip(input);
            return Ok(Box::new(numbered.map(move |(i, sample)| apply(i, sample?))));
        }
        let mut results = vec![];
        let mut tasks = vec![];
        for _ in 0..self.threads {
            let (task, todo) = sync_channel::<(u64, Sample)>(AHEAD);
            let (done, result) = sync_channel::<Item>(AHEAD);
            let apply = apply.clone();
            spawn(move || {
                for (index, sample) in todo {
                    if done.send(apply(index, sample)).is_err() {
                        break;
                    }
                }
            })?;
            tasks.push(task);
            results.push(result);
        }
        let (problem, problems) = sync_channel(1);
        spawn(move || deal(input, &tasks, &problem))?;
        Ok(Box::new(InTurn {
            results,
            problems,
            next: 0,
            ended: false,
        }))
    }
}

/// Deals elements out to the workers in turn. Ends with how many there were and what was wrong.
fn deal(
    input: Samples,
    tasks: &[SyncSender<(u64, Sample)>],
    problem: &SyncSender<(u64, Option<DataError>)>,
) {
    let mut count = 0;
    for (index, item) in (0..).zip(input) {
        count = index;
        match item {
            Ok(sample) => {
                let worker = index as usize % tasks.len();
                if tasks[worker].send((index, sample)).is_err() {
                    return;
                }
                count = index + 1;
            }
            Err(error) => {
                let _ = problem.send((count, Some(error)));
                return;
            }
        }
    }
    let _ = problem.send((count, None));
}

/// Takes the results of the workers in turn.
struct InTurn {
    results: Vec<Receiver<Item>>,
    problems: Receiver<(u64, Option<DataError>)>,
    next: u64,
    ended: bool,
}

impl Iterator for InTurn {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        let worker = self.next as usize % self.results.len();
        if let Ok(item) = self.results[worker].recv() {
            self.next += 1;
            return Some(item);
        }
        // No more from this worker: the input ended here, or the worker did.
        // Nobody waits to be read any more, so that the dealer gets to its end.
        self.ended = true;
        self.results.clear();
        match self.problems.recv() {
            Ok((count, error)) if count == self.next => error.map(Err),
            _ => Some(Err(DataError::Worker)),
        }
    }
}

pub(super) struct Prefetch {
    pub input: Pipeline,
    pub n: usize,
}

impl Stage for Prefetch {
    fn len(&self) -> Option<usize> {
        self.input.len()
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        let input = self.input.clone();
        let (give, take) = sync_channel::<Option<Item>>(self.n);
        spawn(move || {
            let samples = match input.open_at(pass, skip) {
                Ok(samples) => samples,
                Err(error) => Box::new(std::iter::once(Err(error))),
            };
            for item in samples {
                if give.send(Some(item)).is_err() {
                    return;
                }
            }
            let _ = give.send(None);
        })?;
        Ok(Box::new(Ahead { take, ended: false }))
    }
}

struct Ahead {
    take: Receiver<Option<Item>>,
    ended: bool,
}

impl Iterator for Ahead {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        match self.take.recv() {
            Ok(Some(item)) => Some(item),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(_) => {
                self.ended = true;
                Some(Err(DataError::Worker))
            }
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), DataError> {
    let builder = thread::Builder::new().name("craneflow-data".to_string());
    let spawned = builder.spawn(work);
    spawned.map(|_| ()).map_err(|source| DataError::Io {
        path: "a thread for data".into(),
        source,
    })
}
