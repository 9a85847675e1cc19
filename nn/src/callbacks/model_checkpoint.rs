//! Saves the model while it trains.

use super::{Callback, Mode, Monitor, Run, SaveFrequency};
use crate::checkpoint::Checkpoint;
use crate::error::NnError;
use crate::model::{Epoch, Logs};

/// Saves the model after every epoch, or after those that are better than all before.
///
/// The path may hold `{epoch}`, which counts from 1, and names of logs: `m-{epoch:03}-{val_loss:.2}`.
/// Keras's spelling of formats, `{epoch:02d}` and `{val_loss:.2f}`, is understood.
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    path: String,
    monitor: Monitor,
    save_best_only: bool,
    save_weights_only: bool,
    frequency: SaveFrequency,
    steps: usize,
}

impl ModelCheckpoint {
    /// Saves to `path` after every epoch.
    pub fn new(path: impl Into<String>) -> ModelCheckpoint {
        ModelCheckpoint {
            path: path.into(),
            monitor: Monitor::new("val_loss"),
            save_best_only: false,
            save_weights_only: false,
            frequency: SaveFrequency::Epoch,
            steps: 0,
        }
    }

    /// Sets the number that says what is best; default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor.name = name.to_string();
        self
    }

    /// Sets what is better.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// Saves only when the number is better than ever before.
    pub fn save_best_only(mut self, only: bool) -> Self {
        self.save_best_only = only;
        self
    }

    /// Leaves out the state of the training.
    pub fn save_weights_only(mut self, only: bool) -> Self {
        self.save_weights_only = only;
        self
    }

    /// Saves after every so many steps instead of after epochs.
    pub fn save_freq(mut self, steps: usize) -> Self {
        self.frequency = SaveFrequency::Steps(steps.max(1));
        self
    }

    /// Sets what the first save must beat.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.monitor.best = Some(value);
        self
    }

    fn save(&self, run: &mut Run<'_>, epoch: u64, logs: &Logs) -> Result<(), NnError> {
        let path = formatted(&self.path, epoch + 1, logs)?;
        match self.save_weights_only {
            true => run.model.save_weights(path),
            false => run.model.save(path),
        }
    }
}

impl Callback for ModelCheckpoint {
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        if self.frequency != SaveFrequency::Epoch {
            return Ok(());
        }
        if self.save_best_only {
            let value = self.monitor.value(epoch)?;
            if !self.monitor.note(value) {
                return Ok(());
            }
        }
        self.save(run, epoch.number, &epoch.logs)
    }

    fn on_batch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &Logs) -> Result<(), NnError> {
        self.steps += 1;
        match self.frequency {
            SaveFrequency::Steps(n) if self.steps.is_multiple_of(n) => {
                let epoch = run.model.epochs();
                self.save(run, epoch, logs)
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> Checkpoint {
        let mut state = Checkpoint::default();
        self.monitor.save(&mut state);
        super::monitor::note(&mut state, "steps", self.steps);
        state
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        self.monitor.restore(state);
        self.steps = super::monitor::number(state, "steps").unwrap_or(0);
        Ok(())
    }
}

/// The path with its fields filled in.
fn formatted(path: &str, epoch: u64, logs: &Logs) -> Result<String, NnError> {
    let mut text = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let unclosed = || NnError::Unknown {
            what: "field in the path of a checkpoint",
            name: format!("{{{after}"),
            known: ["{epoch}", "{loss}"].iter().collect(),
        };
        let (field, after) = after.split_once('}').ok_or_else(unclosed)?;
        let (name, format) = field.split_once(':').unwrap_or((field, ""));
        let format = format.trim_end_matches(['d', 'f', 'e', 'g']);
        text.push_str(before);
        if name == "epoch" {
            let width = format.trim_start_matches('0').parse().unwrap_or(0);
            text.push_str(&format!("{epoch:0width$}"));
        } else {
            let value = logs.iter().find(|(n, _)| n == name);
            let (_, value) = value.ok_or_else(|| NnError::Unknown {
                what: "field in the path of a checkpoint",
                name: name.to_string(),
                known: std::iter::once("epoch")
                    .chain(logs.iter().map(|(n, _)| n.as_str()))
                    .collect(),
            })?;
            let digits = format.rsplit_once('.').and_then(|(_, d)| d.parse().ok());
            match digits {
                Some(digits) => text.push_str(&format!("{value:.0$}", digits)),
                None => text.push_str(&value.to_string()),
            }
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::formatted;

    #[test]
    fn paths_take_epochs_and_numbers() {
        let logs = vec![("val_loss".to_string(), 0.12345)];
        let path = |text| formatted(text, 7, &logs).map_err(|e| e.to_string());
        assert_eq!(
            path("m-{epoch:03d}-{val_loss:.2f}.s").unwrap(),
            "m-007-0.12.s"
        );
        assert_eq!(path("{epoch}").unwrap(), "7");
        assert_eq!(
            path("{val_los}").unwrap_err(),
            "there is no field in the path of a checkpoint val_los; there are epoch, val_loss"
        );
        assert!(path("a{epoch").is_err());
    }
}
