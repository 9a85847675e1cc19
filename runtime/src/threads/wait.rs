//! How long threads that wait stay awake.
//!
//! Sleeping costs two system calls and, on a machine whose idle cores halt, some ten microseconds until the thread is back; spinning
//! keeps a core from others. So a thread spins for about the time that it must expect to wait, and not at all where it would keep
//! the thread it waits for from running.

use super::cores;
use std::time::{Duration, Instant};

/// How long a worker without a job, and at least how long a caller, spins before it sleeps. A few times what a wake-up costs, so that
/// workers stay awake between the kernels of a step.
pub const SPIN: Duration = Duration::from_micros(100);

/// How long a thread spins at most for the end of a job.
const LONGEST: Duration = Duration::from_millis(1);

/// The processor that the calling thread is on; `None` where the system does not say.
pub fn processor() -> Option<usize> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return Some(rustix::thread::sched_getcpu());
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// How long a caller may spin for the chunks of `workers - 1` others, if its own took `each` in the mean: one of them is then
/// probably all that is missing. With more participants than cores it would keep one from working.
pub fn patience(workers: usize, each: Duration) -> Duration {
    match workers <= cores() {
        true => (2 * each).clamp(SPIN, LONGEST),
        false => Duration::ZERO,
    }
}

/// Spins until `ready`, for about `patience`; returns whether it is.
pub fn spin(patience: Duration, ready: impl Fn() -> bool) -> bool {
    if patience.is_zero() {
        return ready();
    }
    let mut since = None;
    spin_while(ready, || {
        since.get_or_insert_with(Instant::now).elapsed() <= patience
    })
}

/// How long a worker that slept because it was beside its caller is not woken: it would take turns with the caller for each job.
pub const REST: Duration = Duration::from_millis(1);

/// How a worker's waiting ended.
#[derive(PartialEq, Eq)]
pub enum Waited {
    /// There is work.
    Ready,
    /// There was none for a while.
    InVain,
    /// On the processor of the thread that would give it.
    Beside,
}

/// Spins in slot `slot` until `ready`. Gives up some time after a job was last open (`busy`), earlier when that takes long, and
/// at once `beside` the caller, on the same processor.
pub fn spin_for_job(
    slot: usize,
    ready: impl Fn() -> bool,
    busy: impl Fn() -> bool,
    beside: impl Fn() -> bool,
) -> Waited {
    let in_vain = |ready| match ready {
        true => Waited::Ready,
        false => Waited::InVain,
    };
    if slot >= cores() {
        return in_vain(ready());
    }
    let mut waits: Option<(Instant, Instant)> = None;
    let mut hinders = false;
    let ready = spin_while(ready, || {
        let now = Instant::now();
        let (first, last_busy) = waits.get_or_insert((now, now));
        if busy() {
            *last_busy = now;
        }
        hinders = beside();
        now - *last_busy <= SPIN && now - *first <= LONGEST && !hinders
    });
    match hinders && !ready {
        true => Waited::Beside,
        false => in_vain(ready),
    }
}

/// Spins until `ready`, asking now and then whether to `go_on`; returns whether it is ready.
fn spin_while(ready: impl Fn() -> bool, mut go_on: impl FnMut() -> bool) -> bool {
    loop {
        for _ in 0..16 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if !go_on() {
            return false;
        }
    }
}
