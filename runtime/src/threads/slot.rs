//! One participant of the pool's jobs: how many of its chunks are unclaimed, whether it sleeps, and how it is woken.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::thread::{self, Thread};

/// The word of a slot: `left` unclaimed chunks (low half) of a job with `workers` participants (high half).
pub fn open(workers: usize, left: usize) -> u32 {
    (workers as u32) << 16 | left as u32
}

pub fn left(word: u32) -> usize {
    (word & 0xffff) as usize
}

pub fn workers(word: u32) -> usize {
    (word >> 16) as usize
}

/// The word of a slot whose worker sleeps or is about to.
pub const ASLEEP: u32 = 0xffff_0000;

/// One participant, on cache lines of its own (two, for the prefetcher that fetches pairs).
#[repr(align(128))]
pub struct Slot {
    pub word: AtomicU32,
    /// Nanoseconds since the pool's first job until which the worker is better left asleep.
    pub rests_until: AtomicU64,
    /// Whether the worker sleeps although its word does not say so. Belongs to the holder of `busy`.
    pub left_asleep: AtomicBool,
    pub thread: OnceLock<Thread>,
}

impl Slot {
    pub const fn new() -> Slot {
        Slot {
            word: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            left_asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// Gives the participant its chunks of a job and wakes it, unless it rests. Called by the holder of `busy`, `now` nanoseconds
    /// after the pool's first job.
    pub fn open(&self, chunks: u32, now: u64) {
        let sleeps = self.word.swap(chunks, AcqRel) == ASLEEP || self.left_asleep.load(Relaxed);
        if !sleeps {
            return;
        }
        let rests = now < self.rests_until.load(Relaxed);
        self.left_asleep.store(rests, Relaxed);
        if let (false, Some(thread)) = (rests, self.thread.get()) {
            thread.unpark();
        }
    }

    /// Takes one chunk for the participant in `slot`; returns how many were left before.
    pub fn claim(&self, slot: usize) -> Option<usize> {
        let word = &self.word;
        let mut seen = word.load(Relaxed);
        while left(seen) > 0 && slot < workers(seen) {
            match word.compare_exchange_weak(seen, seen - 1, Acquire, Relaxed) {
                Ok(_) => return Some(left(seen)),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Sleeps until the slot is opened, if it has no chunks. Called by its own thread.
    pub fn sleep(&self) {
        let idle = self.word.load(Relaxed);
        let falls_asleep = left(idle) == 0
            && self
                .word
                .compare_exchange(idle, ASLEEP, Relaxed, Relaxed)
                .is_ok();
        if falls_asleep {
            while self.word.load(Relaxed) == ASLEEP {
                thread::park();
            }
        }
    }
}
