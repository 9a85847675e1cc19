//! Events: something that is done once, well or with an error, and who waits for it.

use crate::abi::{EventIsReady, EventOf, EventOnReady, EventSet};
use crate::boundary::{Address, Ptr, tell_ready};
use crate::error::Failure;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

type Outcome = Result<(), Failure>;
type Waiter = Box<dyn FnOnce(Outcome) + Send>;

/// Something that is done once.
#[derive(Default)]
pub struct Signal {
    /// Whether `state` holds an outcome; read without the lock.
    done: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waiters: Vec<Waiter>,
}

impl Signal {
    /// Not done yet.
    pub fn pending() -> Arc<Signal> {
        Arc::new(Signal::default())
    }

    /// Done, and well.
    pub fn ready() -> Arc<Signal> {
        static READY: OnceLock<Arc<Signal>> = OnceLock::new();
        let ready = || {
            let signal = Signal::pending();
            signal.set(Ok(()));
            signal
        };
        READY.get_or_init(ready).clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait; only the first outcome counts.
    pub fn set(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome.clone());
        self.done.store(true, Ordering::Release);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.changed.notify_all();
        for waiter in waiters {
            waiter(outcome.clone());
        }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// The outcome, if it is done.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.is_done() {
            true => self.lock().outcome.clone(),
            false => None,
        }
    }

    /// Waits until it is done.
    pub fn wait(&self) -> Outcome {
        let mut state = self.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            state = (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls `waiter` when it is done, at once if it is already.
    pub fn on_done(&self, waiter: Waiter) {
        let mut state = self.lock();
        match state.outcome.clone() {
            None => state.waiters.push(waiter),
            Some(outcome) => {
                drop(state);
                waiter(outcome);
            }
        }
    }
}

/// An event as C holds it.
pub struct Event(pub Arc<Signal>);

impl Event {
    /// Hands an event over to C.
    pub fn give(signal: Arc<Signal>) -> Ptr<Event> {
        Ptr::give(Event(signal))
    }
}

pub fn destroy(args: &mut EventOf) -> Result<(), Failure> {
    drop(args.event.take());
    Ok(())
}

pub fn is_ready(args: &mut EventIsReady) -> Result<(), Failure> {
    args.is_ready = args.event.get("event")?.0.is_done().into();
    Ok(())
}

pub fn error(args: &mut EventOf) -> Result<(), Failure> {
    args.event.get("event")?.0.outcome().unwrap_or(Ok(()))
}

pub fn wait(args: &mut EventOf) -> Result<(), Failure> {
    args.event.get("event")?.0.wait()
}

pub fn on_ready(args: &mut EventOnReady) -> Result<(), Failure> {
    let signal = &args.event.get("event")?.0;
    let callback = args.callback.ok_or(Failure::Null("callback"))?;
    let user = Address(args.user);
    signal.on_done(Box::new(move |outcome| {
        tell_ready(callback, outcome, user.get())
    }));
    Ok(())
}

pub fn create(args: &mut EventOf) -> Result<(), Failure> {
    args.event = Event::give(Signal::pending());
    Ok(())
}

pub fn set(args: &mut EventSet) -> Result<(), Failure> {
    let message = || String::from_utf8_lossy(args.message.bytes()).into_owned();
    let outcome = match args.code {
        0 => Ok(()),
        _ => Err(Failure::Invalid(message())),
    };
    args.event.get("event")?.0.set(outcome);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_hear_the_first_outcome_once() {
        let (signal, heard) = (Signal::pending(), Arc::new(Mutex::new(vec![])));
        let listen = || {
            let heard = heard.clone();
            signal.on_done(Box::new(move |o| heard.lock().unwrap().push(o.is_ok())));
        };
        listen();
        assert!(!signal.is_done() && signal.outcome().is_none());
        signal.set(Err(Failure::Deleted));
        signal.set(Ok(()));
        listen();
        assert_eq!(*heard.lock().unwrap(), [false, false]);
        assert!(signal.wait().is_err());
        assert!(Signal::ready().wait().is_ok());
    }

    #[test]
    fn another_thread_ends_the_wait() {
        let signal = Signal::pending();
        std::thread::scope(|scope| {
            scope.spawn(|| signal.set(Ok(())));
            assert!(signal.wait().is_ok());
        });
    }
}
