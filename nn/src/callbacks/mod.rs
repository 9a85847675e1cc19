//! Callbacks: what happens beside the steps of a training. Names, arguments and defaults are Keras's.
//!
//! ```
//! use craneflow_nn::callbacks::{EarlyStopping, LambdaCallback};
//! use craneflow_nn::layers::{Dense, Input};
//! use craneflow_nn::{FitOptions, Sequential, Verbose, loss::Loss, optim::Sgd};
//! use ndarray::array;
//!
//! let mut model = Sequential::new(Input::new([1])).add(Dense::new(1)).build()?;
//! model.compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])?;
//! let mut early = EarlyStopping::new("loss").patience(3);
//! let mut epochs = 0;
//! let options = FitOptions {
//!     epochs: 200,
//!     verbose: Verbose::Silent,
//!     callbacks: vec![
//!         Box::new(&mut early),
//!         Box::new(LambdaCallback::new().on_epoch_end(|_, _| epochs += 1)),
//!     ],
//!     ..Default::default()
//! };
//! let (x, y) = (array![[1.0f32], [2.0]], array![[2.0f32], [4.0]]);
//! let history = model.fit(&x, &y, options)?;
//! assert_eq!(history.epochs.len(), epochs);
//! # Ok::<(), craneflow_nn::NnError>(())
//! ```

mod backup;
mod csv_logger;
mod early_stopping;
mod lambda;
mod model_checkpoint;
mod monitor;
mod nan;
mod plateau;
mod schedule;
mod tensorboard;

pub use backup::BackupAndRestore;
pub use csv_logger::CsvLogger;
pub use early_stopping::EarlyStopping;
pub use lambda::LambdaCallback;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::Mode;
pub use nan::TerminateOnNaN;
pub use plateau::ReduceLROnPlateau;
pub use schedule::LearningRateScheduler;
pub use tensorboard::TensorBoard;

pub(crate) use backup::SaveFrequency;
pub(crate) use monitor::Monitor;

use crate::checkpoint::Checkpoint;
use crate::error::NnError;
use crate::model::{Epoch, History, Logs, Model};

/// A training as its callbacks see it.
pub struct Run<'a> {
    /// What is trained.
    pub model: &'a mut Model,
    /// The epochs so far.
    pub history: &'a mut History,
    /// How many epochs were asked for.
    pub epochs: usize,
    /// Steps in an epoch, where that is known.
    pub steps: Option<usize>,
    pub(crate) stop: bool,
    pub(crate) said: Vec<String>,
}

impl Run<'_> {
    /// Ends the training after this step or epoch.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// Says something where the progress is shown, unless the training is silent.
    pub fn say(&mut self, message: impl Into<String>) {
        self.said.push(message.into());
    }
}

/// What is called while a model trains. Epochs count from 0 over the life of the model, batches from 0
/// in their epoch. An error ends the training.
pub trait Callback {
    /// Before the first epoch.
    fn on_train_begin(&mut self, _run: &mut Run<'_>) -> Result<(), NnError> {
        Ok(())
    }

    /// After the last epoch.
    fn on_train_end(&mut self, _run: &mut Run<'_>) -> Result<(), NnError> {
        Ok(())
    }

    /// Before the first step of an epoch.
    fn on_epoch_begin(&mut self, _run: &mut Run<'_>, _epoch: u64) -> Result<(), NnError> {
        Ok(())
    }

    /// After validation. What is added to `epoch.logs` is reported and kept in the history.
    fn on_epoch_end(&mut self, _run: &mut Run<'_>, _epoch: &mut Epoch) -> Result<(), NnError> {
        Ok(())
    }

    /// After a step. `logs` are the means of the epoch so far.
    fn on_batch_end(
        &mut self,
        _run: &mut Run<'_>,
        _batch: usize,
        _logs: &Logs,
    ) -> Result<(), NnError> {
        Ok(())
    }

    /// Whether the training is to look for the layer in which numbers stop being finite.
    fn finds_non_finite(&self) -> bool {
        false
    }

    /// What a resumed training needs to know; nothing for callbacks that remember nothing.
    fn state(&self) -> Checkpoint {
        Checkpoint::default()
    }

    /// Goes on from what `state` gave.
    fn restore(&mut self, _state: &Checkpoint) -> Result<(), NnError> {
        Ok(())
    }
}

impl<C: Callback + ?Sized> Callback for &mut C {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        (**self).on_train_begin(run)
    }
    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        (**self).on_train_end(run)
    }
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: u64) -> Result<(), NnError> {
        (**self).on_epoch_begin(run, epoch)
    }
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        (**self).on_epoch_end(run, epoch)
    }
    fn on_batch_end(
        &mut self,
        run: &mut Run<'_>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), NnError> {
        (**self).on_batch_end(run, batch, logs)
    }
    fn finds_non_finite(&self) -> bool {
        (**self).finds_non_finite()
    }
    fn state(&self) -> Checkpoint {
        (**self).state()
    }
    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        (**self).restore(state)
    }
}
