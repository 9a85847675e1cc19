//! How long threads that wait stay awake.

use super::cores;
use std::time::{Duration, Instant};

/// How long a thread that waits for work, or for the end of a job, spins before it sleeps. About what a wake-up costs.
pub const SPIN: Duration = Duration::from_micros(40);

/// How long the participant in `slot` may spin: with more participants than cores it would keep another from working.
pub fn patience(slot: usize) -> Duration {
    if slot < cores() { SPIN } else { Duration::ZERO }
}

/// Spins until `ready`, for about `patience`; returns whether it is.
pub fn spin(patience: Duration, ready: impl Fn() -> bool) -> bool {
    if patience.is_zero() {
        return ready();
    }
    let mut since = None;
    loop {
        for _ in 0..16 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if since.get_or_insert_with(Instant::now).elapsed() > patience {
            return false;
        }
    }
}
