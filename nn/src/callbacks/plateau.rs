//! Lowers the learning rate when a training gets no better.

use super::monitor::{note, number};
use super::{Callback, Mode, Monitor, Run};
use crate::checkpoint::Checkpoint;
use crate::error::{Layer, NnError};
use crate::model::Epoch;

/// Multiplies the learning rate when a number has not become better for some epochs. The learning rate
/// itself is reported as `learning_rate`.
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f32,
    patience: usize,
    cooldown: usize,
    min_lr: f32,
    wait: usize,
    cooling: usize,
}

impl ReduceLROnPlateau {
    /// Watches `monitor`, such as `val_loss`; a tenth after 10 epochs.
    pub fn new(monitor: &str) -> ReduceLROnPlateau {
        let mut monitor = Monitor::new(monitor);
        monitor.min_delta = 1e-4;
        ReduceLROnPlateau {
            monitor,
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            min_lr: 0.0,
            wait: 0,
            cooling: 0,
        }
    }

    /// Sets what the rate is multiplied by, below 1; default 0.1.
    pub fn factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets how many epochs without anything better are borne; default 10.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Sets what is better.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// Sets how much better counts as better; default 1e-4.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// Sets how many epochs pass after a reduction before waiting begins again; default 0.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// Sets the least rate; default 0.
    pub fn min_lr(mut self, rate: f32) -> Self {
        self.min_lr = rate;
        self
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<(), NnError> {
        if self.factor.is_nan() || self.factor >= 1.0 {
            return Err(NnError::Argument {
                layer: Layer::default(),
                op: "ReduceLROnPlateau",
                what: "factor",
                expected: "below 1".to_string(),
                found: self.factor.to_string(),
            });
        }
        self.monitor.best = None;
        self.wait = 0;
        self.cooling = 0;
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        let value = self.monitor.value(epoch)?;
        let rate = run.model.learning_rate();
        if self.cooling > 0 {
            self.cooling -= 1;
            self.wait = 0;
        }
        if self.monitor.note(value) {
            self.wait = 0;
        } else if self.cooling == 0 {
            self.wait += 1;
            if self.wait >= self.patience && rate > self.min_lr {
                let lower = (rate * self.factor).max(self.min_lr);
                run.model.set_learning_rate(lower);
                run.say(format!(
                    "Epoch {}: the learning rate goes from {rate} to {lower}",
                    epoch.number + 1
                ));
                self.cooling = self.cooldown;
                self.wait = 0;
            }
        }
        Ok(())
    }

    fn state(&self) -> Checkpoint {
        let mut state = Checkpoint::default();
        self.monitor.save(&mut state);
        note(&mut state, "wait", self.wait);
        note(&mut state, "cooling", self.cooling);
        state
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        self.monitor.restore(state);
        self.wait = number(state, "wait").unwrap_or(0);
        self.cooling = number(state, "cooling").unwrap_or(0);
        Ok(())
    }
}
