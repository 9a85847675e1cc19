//! Closures as callbacks.

use super::{Callback, Run};
use crate::error::NnError;
use crate::model::{Epoch, Logs};

type OnTrain<'a> = Box<dyn FnMut(&mut Run<'_>) + 'a>;
type OnEpochBegin<'a> = Box<dyn FnMut(&mut Run<'_>, u64) + 'a>;
type OnEpochEnd<'a> = Box<dyn FnMut(&mut Run<'_>, &mut Epoch) + 'a>;
type OnBatchEnd<'a> = Box<dyn FnMut(&mut Run<'_>, usize, &Logs) + 'a>;

/// Calls closures.
#[derive(Default)]
pub struct LambdaCallback<'a> {
    train_begin: Option<OnTrain<'a>>,
    train_end: Option<OnTrain<'a>>,
    epoch_begin: Option<OnEpochBegin<'a>>,
    epoch_end: Option<OnEpochEnd<'a>>,
    batch_end: Option<OnBatchEnd<'a>>,
}

impl<'a> LambdaCallback<'a> {
    /// Does nothing yet.
    pub fn new() -> LambdaCallback<'a> {
        LambdaCallback::default()
    }

    /// Calls `f` before the first epoch.
    pub fn on_train_begin(mut self, f: impl FnMut(&mut Run<'_>) + 'a) -> Self {
        self.train_begin = Some(Box::new(f));
        self
    }

    /// Calls `f` after the last epoch.
    pub fn on_train_end(mut self, f: impl FnMut(&mut Run<'_>) + 'a) -> Self {
        self.train_end = Some(Box::new(f));
        self
    }

    /// Calls `f` with the number of each epoch before it.
    pub fn on_epoch_begin(mut self, f: impl FnMut(&mut Run<'_>, u64) + 'a) -> Self {
        self.epoch_begin = Some(Box::new(f));
        self
    }

    /// Calls `f` with what each epoch came to.
    pub fn on_epoch_end(mut self, f: impl FnMut(&mut Run<'_>, &mut Epoch) + 'a) -> Self {
        self.epoch_end = Some(Box::new(f));
        self
    }

    /// Calls `f` with the number of each batch in its epoch and the means so far.
    pub fn on_batch_end(mut self, f: impl FnMut(&mut Run<'_>, usize, &Logs) + 'a) -> Self {
        self.batch_end = Some(Box::new(f));
        self
    }
}

impl Callback for LambdaCallback<'_> {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        if let Some(f) = &mut self.train_begin {
            f(run);
        }
        Ok(())
    }

    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        if let Some(f) = &mut self.train_end {
            f(run);
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: u64) -> Result<(), NnError> {
        if let Some(f) = &mut self.epoch_begin {
            f(run, epoch);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        if let Some(f) = &mut self.epoch_end {
            f(run, epoch);
        }
        Ok(())
    }

    fn on_batch_end(
        &mut self,
        run: &mut Run<'_>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), NnError> {
        if let Some(f) = &mut self.batch_end {
            f(run, batch, logs);
        }
        Ok(())
    }
}
