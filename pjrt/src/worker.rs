//! The thread that runs what was dispatched, in the order of dispatch.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Dispatched and not yet finished jobs beyond which who dispatches waits: each holds its arrays.
const MOST_WAITING: usize = 32;

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a job now: what it dispatches must not wait for the worker.
pub fn inside() -> bool {
    INSIDE.get()
}

/// Runs `f` as a job, on this thread.
pub fn as_job<R>(f: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(true);
    let result = f();
    INSIDE.set(before);
    result
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                self.changed.notify_all();
                as_job(job);
                state = self.lock();
            } else if state.closed {
                return;
            } else {
                state = self.wait(state);
            }
        }
    }
}

/// A thread with a queue; dropping it waits for all that was dispatched.
pub struct Worker {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. Where the system refuses, jobs run on who dispatches them.
    pub fn start() -> Worker {
        let queue = Arc::new(Queue::default());
        let serving = queue.clone();
        let builder = thread::Builder::new().name("craneflow-worker".into());
        Worker {
            thread: builder.spawn(move || serving.serve()).ok(),
            queue,
        }
    }

    /// Runs `job` after all that was dispatched before. Jobs do not panic.
    pub fn dispatch(&self, job: Job) {
        if self.thread.is_none() {
            return as_job(job);
        }
        let mut state = self.queue.lock();
        while state.jobs.len() >= MOST_WAITING {
            state = self.queue.wait(state);
        }
        state.jobs.push_back(job);
        drop(state);
        self.queue.changed.notify_all();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // The last reference to a client may go with a job, on the worker itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn jobs_run_in_order_and_all_before_the_end() {
        let (send, receive) = mpsc::channel();
        let worker = Worker::start();
        for i in 0..200 {
            let send = send.clone();
            worker.dispatch(Box::new(move || send.send((i, inside())).unwrap()));
        }
        drop((worker, send));
        let seen: Vec<(i32, bool)> = receive.into_iter().collect();
        assert_eq!(seen, (0..200).map(|i| (i, true)).collect::<Vec<_>>());
        assert!(!inside());
    }
}
