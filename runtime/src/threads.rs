//! The process's one pool of worker threads, and the floating-point environment they run in.
//!
//! [`parallel_for`] cuts a grid of items into chunks, by a rule that knows the grid and the thread budget only, and hands them
//! out. Every participant owns a run of neighbouring chunks; one that has finished its own takes over chunks of the others. So
//! no worker is ever needed: one that is late, asleep or could not be started only means that the others do its share.
//!
//! # Protocol
//!
//! `busy` is held by the one caller whose job is open. A `Slot` per participant holds how many of its chunks are unclaimed.
//!
//! 1. The caller acquires `busy`, writes `job` and `pending = chunks`, then opens the slots with release stores.
//! 2. Whoever lowers the `left` of a slot by compare-and-swap owns that chunk. The swap acquires what the opening store released
//!    (other claims in between are read-modify-writes and continue its release sequence), so `job` and `pending` are visible.
//!    `job` is read only *after* a claim: the claimed chunk keeps the job open, hence `job` unchanged. A swap that was prepared
//!    against an earlier job and meets an equal word in a later one is simply a claim in the later one.
//! 3. A worker subtracts what it finished from `pending` with release; the caller reads it with acquire. Once only the caller's
//!    own chunks are missing, no worker will touch `job` or the closure again, and all slots have `left = 0`.
//! 4. A worker falls asleep by swapping a word with `left = 0` for `ASLEEP`. The caller opens a slot by `swap`: both act on one
//!    word, so either the worker's exchange fails, or the caller sees `ASLEEP` and unparks it. The worker parks only while the
//!    word is `ASLEEP`, and an unpark that comes first makes the park return: no wake-up is lost. Of a worker that had to share
//!    its caller's processor, the caller puts the wake-up off to a later job, and notes that it owes one.
//! 5. A caller falls asleep by replacing, in one addition, its own share of `pending` by the bit `WAITING`. The worker whose
//!    subtraction leaves exactly that bit takes `done` and notifies; the caller tests and waits under `done`. It may notify a
//!    later job's caller instead, which tests again.

#![allow(
    unsafe_code,
    reason = "the closure of a job is shared with workers that outlive it"
)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

mod slot;
mod split;
#[cfg(test)]
mod tests;
mod wait;

use slot::{Slot, left, open, workers};
use split::Split;
pub(crate) use wait::SPIN;
use wait::{REST, Waited, patience, processor, spin, spin_for_job};

/// The largest thread budget; larger ones count as this.
pub const MAX_THREADS: usize = 256;

/// What a job runs: first item, end of the items, slot of the participant (`0..budget`; 0 is the caller).
type Body<'a> = dyn Fn(usize, usize, usize) + Sync + 'a;

/// Runs `f(start, end, slot)` over disjoint ranges that cover `0..grid`, on at most `budget` threads, the caller among them.
///
/// The ranges are a function of `grid` and `budget` alone. Which thread runs which range is not: a result must not depend on
/// `slot`, which exists to give every participant its own scratch memory (`slot < budget`, and no two running calls of one job
/// share it). Within one job, calls with the same slot come one after another.
///
/// With a budget or a grid of 1, `f(0, grid, 0)` runs on the caller at once. While another job is running in the process, nested
/// calls included, all ranges run on the caller, in order. Nothing is allocated, except when a budget is larger than any before:
/// then threads are started (if the system refuses, the others do their work).
///
/// # Panics
/// If `f` panics, with one of the payloads, after all running calls of `f` have ended. Ranges not yet started may be left out.
pub fn parallel_for(budget: usize, grid: usize, f: &(dyn Fn(usize, usize, usize) + Sync)) {
    static POOL: Pool = Pool::new();
    POOL.run(budget, grid, f);
}

/// Runs `f` with the default floating-point environment (round to nearest even, denormals kept, no traps) and puts the caller's
/// back. Workers always run in the default one; a host process may have set its threads to flush denormals, which changes bits.
pub fn with_default_float<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(float::Control);
    impl Drop for Restore {
        fn drop(&mut self) {
            float::set(self.0);
        }
    }
    let _restore = Restore(float::get());
    float::set(float::DEFAULT);
    f()
}

/// The number of threads the process may run at once: the default budget.
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// The bit of `pending` that says that the caller sleeps.
const WAITING: u32 = 1 << 31;

/// No processor's number.
const UNKNOWN: usize = usize::MAX;

/// The open job.
#[derive(Clone, Copy)]
struct Job {
    /// Valid while chunks are claimed and unfinished.
    body: *const Body<'static>,
    split: Split,
}

#[repr(align(128))]
struct Line<T>(T);

struct Pool {
    slots: [Slot; MAX_THREADS],
    /// Written by the holder of `busy` while no chunk is claimed, read by owners of a claimed chunk.
    job: Line<UnsafeCell<Job>>,
    /// Unfinished chunks, and [`WAITING`].
    pending: Line<AtomicU32>,
    busy: Line<AtomicBool>,
    /// The processor of the caller when it opened its last job; [`UNKNOWN`] if the system does not say.
    home: Line<AtomicUsize>,
    /// The largest budget served so far. Written by the holder of `busy`.
    grown: AtomicUsize,
    /// The start of the first job.
    epoch: OnceLock<Instant>,
    /// Whether `panic` holds something.
    panicked: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    done: Mutex<()>,
    wake: Condvar,
}

// SAFETY: `job` is the only field that is not `Sync`. By the protocol above it is written only while `busy` is held and no chunk
// is claimed, and read only by threads that have claimed a chunk. The body it points to is `Sync`.
unsafe impl Sync for Pool {}

impl Pool {
    const fn new() -> Pool {
        Pool {
            slots: [const { Slot::new() }; MAX_THREADS],
            job: Line(UnsafeCell::new(Job {
                body: &|_, _, _| {},
                split: Split {
                    grid: 0,
                    chunks: 0,
                    workers: 0,
                },
            })),
            pending: Line(AtomicU32::new(0)),
            busy: Line(AtomicBool::new(false)),
            home: Line(AtomicUsize::new(UNKNOWN)),
            grown: AtomicUsize::new(1),
            epoch: OnceLock::new(),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
            done: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// [`parallel_for`] on this pool.
    fn run(&'static self, budget: usize, grid: usize, f: &Body<'_>) {
        let split = Split::new(grid, budget);
        if split.workers <= 1 {
            if grid > 0 {
                f(0, grid, 0);
            }
            return;
        }
        if self.busy.0.load(Relaxed) || self.busy.0.swap(true, Acquire) {
            for chunk in 0..split.chunks {
                let (start, end) = split.items(chunk);
                f(start, end, 0);
            }
            return;
        }
        self.grow(split.workers);
        let start = Instant::now();
        self.open(f, split, self.nanoseconds(start));
        let own = self.work(0, split.workers);
        let each = start.elapsed() / own.max(1);
        self.wait(own, patience(split.workers, each));
        let panic = self
            .panicked
            .load(Relaxed)
            .then(|| self.take_panic())
            .flatten();
        self.busy.0.store(false, Release);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Starts the threads that a budget needs and no earlier one did. Called by the holder of `busy`.
    fn grow(&'static self, budget: usize) {
        let grown = self.grown.load(Relaxed);
        if budget <= grown {
            return;
        }
        for slot in grown..budget {
            let worker = thread::Builder::new().name(format!("craneflow-{slot}"));
            if let Ok(handle) = worker.spawn(move || self.serve(slot)) {
                self.slots[slot]
                    .thread
                    .get_or_init(|| handle.thread().clone());
            }
        }
        self.grown.store(budget, Relaxed);
    }

    /// Nanoseconds since the pool's first job.
    fn nanoseconds(&self, at: Instant) -> u64 {
        (at - *self.epoch.get_or_init(|| at)).as_nanos() as u64
    }

    /// Publishes a job and wakes its workers, those that do not rest. Called by the holder of `busy`, `now` nanoseconds after the
    /// pool's first job.
    fn open(&self, f: &Body<'_>, split: Split, now: u64) {
        // SAFETY: only the lifetime changes. `run` does not return before every claimed chunk is finished, and the pointer is
        // followed only for a claimed chunk.
        let body = unsafe { std::mem::transmute::<*const Body<'_>, *const Body<'static>>(f) };
        // SAFETY: this thread holds `busy` and the last job's chunks are all finished, so nobody else has access.
        unsafe { *self.job.0.get() = Job { body, split } };
        self.pending.0.store(split.chunks as u32, Relaxed);
        let home = processor().unwrap_or(UNKNOWN);
        if self.home.0.load(Relaxed) != home {
            self.home.0.store(home, Relaxed);
        }
        for (i, slot) in self.slots[..split.workers].iter().enumerate() {
            let (start, end) = split.owned(i);
            slot.open(open(split.workers, end - start), now);
        }
    }

    /// Claims and runs chunks, those of `slot` first, until no participant has any left. Returns how many.
    fn work(&self, slot: usize, workers: usize) -> u32 {
        let mut finished = 0;
        for owner in (slot..workers).chain(0..slot) {
            while let Some(left) = self.slots[owner].claim(slot) {
                self.run_chunk(owner, left, slot);
                finished += 1;
            }
        }
        finished
    }

    /// Runs the chunk that was claimed when `owner` had `left` of them, unless the job has panicked.
    fn run_chunk(&self, owner: usize, left: usize, slot: usize) {
        // SAFETY: a chunk of the open job is claimed and unfinished, so `job` is not written and the body is alive.
        let (body, split) = unsafe { ((*self.job.0.get()).body, (*self.job.0.get()).split) };
        if self.panicked.load(Relaxed) {
            return;
        }
        let (start, end) = split.items(split.owned(owner).1 - left);
        // SAFETY: as above; `run` keeps the body borrowed until this chunk is finished.
        let body = unsafe { &*body };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(start, end, slot))) {
            self.keep_panic(payload);
        }
    }

    /// Returns once all chunks but the caller's `own` are finished too. Sleeps if that takes longer than `patience`.
    fn wait(&self, own: u32, patience: Duration) {
        let pending = &self.pending.0;
        if spin(patience, || pending.load(Acquire) == own) {
            return;
        }
        if pending.fetch_add(WAITING - own, AcqRel) == own {
            return;
        }
        let mut guard = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while pending.load(Acquire) != WAITING {
            guard = self
                .wake
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The life of a worker thread.
    fn serve(&self, slot: usize) {
        // A thread inherits the environment of the one that starts it.
        float::set(float::DEFAULT);
        let word = &self.slots[slot].word;
        loop {
            let ready = || left(word.load(Relaxed)) > 0;
            let busy = || self.busy.0.load(Relaxed);
            let beside = || processor() == Some(self.home.0.load(Relaxed));
            match spin_for_job(slot, ready, busy, beside) {
                Waited::Ready => {
                    let finished = self.work(slot, workers(word.load(Relaxed)));
                    if finished > 0
                        && self.pending.0.fetch_sub(finished, Release) == WAITING + finished
                    {
                        drop(self.done.lock());
                        self.wake.notify_all();
                    }
                    continue;
                }
                Waited::Beside => {
                    let until = self.nanoseconds(Instant::now() + REST);
                    self.slots[slot].rests_until.store(until, Relaxed);
                }
                Waited::InVain => {}
            }
            self.slots[slot].sleep();
        }
    }

    /// Keeps the first payload of a job.
    fn keep_panic(&self, payload: Box<dyn Any + Send>) {
        let mut kept = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        match *kept {
            None => *kept = Some(payload),
            // Dropping a payload may panic in turn, which must not end a worker.
            Some(_) => std::mem::forget(payload),
        }
        self.panicked.store(true, Relaxed);
    }

    fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.panicked.store(false, Relaxed);
        self.panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The control register of floating-point arithmetic. Getting and setting it does nothing where it is not known.
mod float {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    pub use x86_64::*;
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    mod x86_64 {
        use std::arch::asm;
        pub type Control = u32;
        /// All exceptions masked, none raised, no flushing, round to nearest even.
        pub const DEFAULT: Control = 0x1f80;

        pub fn get() -> Control {
            let mut mxcsr = 0u32;
            // SAFETY: stores MXCSR to a live local and changes nothing else.
            unsafe { asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack, preserves_flags)) };
            mxcsr
        }

        pub fn set(mxcsr: Control) {
            // SAFETY: `mxcsr` is `DEFAULT`, which compiled code assumes, or what this thread had when `get` was called.
            unsafe { asm!("ldmxcsr [{}]", in(reg) &mxcsr, options(nostack, preserves_flags)) };
        }
    }

    #[cfg(all(target_arch = "aarch64", not(miri)))]
    pub use aarch64::*;
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    mod aarch64 {
        use std::arch::asm;
        pub type Control = u64;
        /// No traps, no flushing, round to nearest even.
        pub const DEFAULT: Control = 0;

        pub fn get() -> Control {
            let fpcr;
            // SAFETY: reads a register that user code may read.
            unsafe { asm!("mrs {}, fpcr", out(reg) fpcr, options(nostack, preserves_flags)) };
            fpcr
        }

        pub fn set(fpcr: Control) {
            // SAFETY: `fpcr` is `DEFAULT`, which compiled code assumes, or what this thread had when `get` was called.
            unsafe { asm!("msr fpcr, {}", in(reg) fpcr, options(nostack, preserves_flags)) };
        }
    }

    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    pub use unknown::*;
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    mod unknown {
        pub type Control = ();
        pub const DEFAULT: Control = ();
        pub fn get() -> Control {}
        pub fn set(_: Control) {}
    }
}
