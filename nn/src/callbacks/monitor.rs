//! Watching one number: which of two values is better.

use crate::checkpoint::Checkpoint;
use crate::error::NnError;
use crate::model::Epoch;

/// What makes a number better.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Greater for accuracies and their like (names that contain `acc`, `auc`, `precision`, `recall`,
    /// `f1`, `fbeta`, `iou`, `r2`), else smaller.
    #[default]
    Auto,
    /// Smaller.
    Min,
    /// Greater.
    Max,
}

/// A number to watch, and its best value so far.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    pub name: String,
    pub mode: Mode,
    /// How much better counts.
    pub min_delta: f64,
    pub best: Option<f64>,
}

impl Monitor {
    pub fn new(name: &str) -> Monitor {
        Monitor {
            name: name.to_string(),
            mode: Mode::Auto,
            min_delta: 0.0,
            best: None,
        }
    }

    /// The value of an epoch, or which there are.
    pub fn value(&self, epoch: &Epoch) -> Result<f64, NnError> {
        let found = epoch.logs.iter().find(|(name, _)| *name == self.name);
        found.map(|(_, x)| *x).ok_or_else(|| NnError::Unknown {
            what: "number to monitor",
            name: self.name.clone(),
            known: epoch.logs.iter().map(|(name, _)| name).collect(),
        })
    }

    /// Whether `value` beats `other`; nothing that is not a number does.
    pub fn better(&self, value: f64, other: f64) -> bool {
        match self.greater() {
            true => value > other + self.min_delta,
            false => value < other - self.min_delta,
        }
    }

    /// Notes a value; says whether it is the best so far.
    pub fn note(&mut self, value: f64) -> bool {
        let better = match self.best {
            Some(best) => self.better(value, best),
            None => !value.is_nan(),
        };
        if better {
            self.best = Some(value);
        }
        better
    }

    fn greater(&self) -> bool {
        let good = [
            "acc",
            "auc",
            "precision",
            "recall",
            "f1",
            "fbeta",
            "iou",
            "r2",
        ];
        match self.mode {
            Mode::Min => false,
            Mode::Max => true,
            Mode::Auto => good.iter().any(|part| self.name.contains(part)),
        }
    }

    pub fn save(&self, state: &mut Checkpoint) {
        if let Some(best) = self.best {
            note(state, "best", best);
        }
    }

    pub fn restore(&mut self, state: &Checkpoint) {
        self.best = number(state, "best");
    }
}

/// Writes a number so that it is read back to the bit.
pub(crate) fn note(state: &mut Checkpoint, key: &str, value: impl std::fmt::Debug) {
    state.metadata.insert(key.to_string(), format!("{value:?}"));
}

/// What `note` wrote.
pub(crate) fn number<T: std::str::FromStr>(state: &Checkpoint, key: &str) -> Option<T> {
    state.metadata.get(key).and_then(|text| text.parse().ok())
}
