//! The learning rate as a function of the epoch.

use super::{Callback, Run};
use crate::error::NnError;

/// Sets the learning rate before every epoch.
pub struct LearningRateScheduler<F> {
    schedule: F,
}

impl<F: FnMut(u64, f32) -> f32> LearningRateScheduler<F> {
    /// `schedule` gives the rate of an epoch, counted from 0 over the life of the model, from the epoch
    /// and the rate so far.
    pub fn new(schedule: F) -> LearningRateScheduler<F> {
        LearningRateScheduler { schedule }
    }
}

impl<F: FnMut(u64, f32) -> f32> Callback for LearningRateScheduler<F> {
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: u64) -> Result<(), NnError> {
        let rate = (self.schedule)(epoch, run.model.learning_rate());
        run.model.set_learning_rate(rate);
        Ok(())
    }
}
