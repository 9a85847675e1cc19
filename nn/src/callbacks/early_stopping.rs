//! Ends a training that gets no better.

use super::monitor::{note, number};
use super::{Callback, Mode, Monitor, Run};
use crate::checkpoint::Checkpoint;
use crate::error::NnError;
use crate::model::Epoch;
use craneflow_ir::Array;

/// Ends the training when a number has not become better for some epochs.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: u64,
    wait: usize,
    best_epoch: Option<u64>,
    stopped_epoch: Option<u64>,
    best_weights: Vec<(String, Array)>,
}

impl EarlyStopping {
    /// Watches `monitor`, such as `val_loss`. Ends after the first epoch that is no better.
    pub fn new(monitor: &str) -> EarlyStopping {
        EarlyStopping {
            monitor: Monitor::new(monitor),
            patience: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            best_epoch: None,
            stopped_epoch: None,
            best_weights: vec![],
        }
    }

    /// Sets how much better counts as better; default 0.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta.abs();
        self
    }

    /// Sets how many epochs without anything better are borne; default 0.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Sets what is better.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// Sets a value that must be beaten for waiting to begin anew.
    pub fn baseline(mut self, value: f64) -> Self {
        self.baseline = Some(value);
        self
    }

    /// Takes the weights of the best epoch in the end.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// Sets the epoch of the life of the model, from 0, that is the first to be looked at.
    pub fn start_from_epoch(mut self, epoch: u64) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The epoch with the best value.
    pub fn best_epoch(&self) -> Option<u64> {
        self.best_epoch
    }

    /// The best value.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }

    /// The epoch after which the training was ended, if it was.
    pub fn stopped_epoch(&self) -> Option<u64> {
        self.stopped_epoch
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<(), NnError> {
        self.wait = 0;
        self.monitor.best = None;
        self.best_epoch = None;
        self.stopped_epoch = None;
        self.best_weights.clear();
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        let value = self.monitor.value(epoch)?;
        if epoch.number < self.start_from_epoch {
            return Ok(());
        }
        self.wait += 1;
        if self.monitor.note(value) {
            self.best_epoch = Some(epoch.number);
            if self.restore_best_weights {
                self.best_weights = run.model.weight_arrays();
            }
            if self.baseline.is_none_or(|b| self.monitor.better(value, b)) {
                self.wait = 0;
            }
        }
        if self.wait > 0 && self.wait >= self.patience {
            self.stopped_epoch = Some(epoch.number);
            run.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        let restored = self.restore_best_weights && !self.best_weights.is_empty();
        let best = self.best_epoch.filter(|_| restored).map(|best| best + 1);
        let weights = best.map(|best| format!("the weights are those of epoch {best}"));
        match (self.stopped_epoch, weights) {
            (Some(epoch), None) => run.say(format!("Epoch {}: early stopping", epoch + 1)),
            (Some(epoch), Some(weights)) => {
                run.say(format!("Epoch {}: early stopping; {weights}", epoch + 1));
            }
            (None, Some(weights)) if best < Some(run.model.epochs()) => run.say(weights),
            (None, _) => {}
        }
        if restored {
            run.model.set_weight_arrays(&self.best_weights)?;
        }
        Ok(())
    }

    fn state(&self) -> Checkpoint {
        let mut state = Checkpoint::default();
        self.monitor.save(&mut state);
        note(&mut state, "wait", self.wait);
        if let Some(epoch) = self.best_epoch {
            note(&mut state, "best_epoch", epoch);
        }
        if let Some(epoch) = self.stopped_epoch {
            note(&mut state, "stopped_epoch", epoch);
        }
        state.tensors = self.best_weights.iter().cloned().collect();
        state
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        self.monitor.restore(state);
        self.wait = number(state, "wait").unwrap_or(0);
        self.best_epoch = number(state, "best_epoch");
        self.stopped_epoch = number(state, "stopped_epoch");
        self.best_weights = state.tensors.clone().into_iter().collect();
        Ok(())
    }
}
