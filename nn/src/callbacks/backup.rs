//! Where an interrupted training goes on from.

use std::path::{Path, PathBuf};

/// When something is saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SaveFrequency {
    Epoch,
    Steps(usize),
}

/// Keeps what a training needs to go on after it was interrupted, be it by a crash or a lost machine.
///
/// `fit` with the same model, data and options finds the backup and goes on from it: it ends with the
/// same bytes, in the model and in what its callbacks write, as if nothing had happened. The backup
/// is one file, replaced only by a whole one, and removed when the training is done.
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    pub(crate) folder: PathBuf,
    pub(crate) frequency: SaveFrequency,
    pub(crate) delete: bool,
}

impl BackupAndRestore {
    /// Keeps the backup in `folder`, which is made if need be, after every epoch.
    pub fn new(folder: impl Into<PathBuf>) -> BackupAndRestore {
        BackupAndRestore {
            folder: folder.into(),
            frequency: SaveFrequency::Epoch,
            delete: true,
        }
    }

    /// Also keeps it after every so many steps of an epoch.
    pub fn save_freq(mut self, steps: usize) -> Self {
        self.frequency = SaveFrequency::Steps(steps.max(1));
        self
    }

    /// Sets whether the backup is removed when the training is done; default yes.
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("backup.safetensors")
    }

    /// Whether a backup is due after `step` steps of an epoch.
    pub(crate) fn due(&self, step: usize) -> bool {
        match self.frequency {
            SaveFrequency::Epoch => false,
            SaveFrequency::Steps(n) => step.is_multiple_of(n),
        }
    }
}
