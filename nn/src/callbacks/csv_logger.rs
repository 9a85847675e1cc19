//! The numbers of each epoch in a table.

use super::{Callback, Run};
use crate::checkpoint::{Checkpoint, write_whole};
use crate::error::NnError;
use crate::model::Epoch;
use std::path::PathBuf;

/// Writes `epoch` and what it came to, a line for each epoch. The file is whole at any moment.
#[derive(Clone, Debug)]
pub struct CsvLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    text: String,
}

impl CsvLogger {
    /// Writes to `path`, replacing what is there.
    pub fn new(path: impl Into<PathBuf>) -> CsvLogger {
        CsvLogger {
            path: path.into(),
            separator: ',',
            append: false,
            text: String::new(),
        }
    }

    /// Sets what separates cells; default `,`.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Goes on with the file that is there.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    fn line(&self, first: &str, rest: impl Iterator<Item = String>) -> String {
        let mut line = first.to_string();
        for cell in rest {
            line.push(self.separator);
            line.push_str(&cell);
        }
        line.push('\n');
        line
    }
}

impl Callback for CsvLogger {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<(), NnError> {
        self.text.clear();
        if self.append && self.path.exists() {
            self.text = std::fs::read_to_string(&self.path).map_err(|source| NnError::Io {
                path: self.path.clone(),
                source,
            })?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        if self.text.is_empty() {
            let names = epoch.logs.iter().map(|(name, _)| name.clone());
            self.text = self.line("epoch", names);
        }
        let number = epoch.number.to_string();
        let values = epoch.logs.iter().map(|(_, x)| x.to_string());
        let line = self.line(&number, values);
        self.text.push_str(&line);
        write_whole(&self.path, self.text.as_bytes())
    }

    fn state(&self) -> Checkpoint {
        let mut state = Checkpoint::default();
        let text = self.text.clone();
        state.metadata.insert("text".to_string(), text);
        state
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        self.text = state.metadata.get("text").cloned().unwrap_or_default();
        if self.text.is_empty() {
            return Ok(());
        }
        write_whole(&self.path, self.text.as_bytes())
    }
}
