//! Saving and loading models.

use super::{History, Model, architecture, targets};
use crate::checkpoint::{Checkpoint, read};
use crate::data::front::Front;
use crate::error::{Names, NnError};
use crate::text::TextVectorization;
use craneflow_ir::Array;
use std::path::Path;

/// What the names of the training state begin with in a file; weights have their own names.
const TRAINING: &str = "training.";
/// What the names of weights begin with whose averages have taken their place.
const UNAVERAGED: &str = "training.unaveraged.";
/// What the keys of texts begin with in the metadata.
const TEXT: &str = "text.";

/// The version of files. Those of version 1 do not say it; they lack the history. Files of version 2 lack the
/// architecture.
const ARCHITECTURE: u32 = 3;
/// From this version on, values to be predicted may have a scale of their own, which a reader of earlier versions would
/// not take back.
const SCALED_VALUES: u32 = 4;
/// The latest version that is read. A file says the earliest that understands all of it.
const VERSION: u32 = SCALED_VALUES;

impl Model {
    /// Saves the weights and, of a compiled model, the state of its training: slots and counters of
    /// the optimizer, random state, seed, and numbers of epochs and steps. A training that goes on
    /// from a file is the same, to the bit, as one that was never interrupted.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), NnError> {
        self.checkpoint().write(path)
    }

    /// Saves the weights alone.
    pub fn save_weights(&mut self, path: impl AsRef<Path>) -> Result<(), NnError> {
        let mut checkpoint = self.checkpoint();
        checkpoint
            .tensors
            .retain(|name, _| !name.starts_with(TRAINING));
        checkpoint.metadata.retain(|key, _| {
            ["format", "version", architecture::KEY].contains(&key.as_str())
                || key.starts_with(TEXT)
                || self.notes.contains_key(key)
        });
        checkpoint.write(path)
    }

    /// Lets files of the model say what its samples are: how files become inputs, the names of the classes and
    /// of the data. `craneflow predict` and `evaluate` go by it.
    pub fn set_samples(&mut self, front: &Front, name: &str, classes: &[String]) {
        self.notes_version = match front.scales_values() {
            true => SCALED_VALUES,
            false => 0,
        };
        self.set_note("front", front.to_json());
        self.set_note("classes", classes.join("\n"));
        self.set_note("data", name);
    }

    /// What `save` writes.
    pub fn checkpoint(&mut self) -> Checkpoint {
        self.pull();
        let weights = self.network.weights.len();
        let mut checkpoint = Checkpoint {
            metadata: self.notes.clone(),
            ..Checkpoint::default()
        };
        for (i, (part, array)) in self.parts.iter().zip(&self.state).enumerate() {
            let prefix = if i < weights { "" } else { TRAINING };
            let name = format!("{prefix}{}", part.name);
            checkpoint.tensors.insert(name, array.clone());
        }
        for (weight, array) in self.network.weights.iter().zip(&self.unaveraged) {
            let name = format!("{UNAVERAGED}{}", weight.name);
            checkpoint.tensors.insert(name, array.clone());
        }
        let mut note = |key: &str, value: String| {
            checkpoint.metadata.insert(key.to_string(), value);
        };
        note("format", "craneflow".to_string());
        note("version", ARCHITECTURE.max(self.notes_version).to_string());
        if let Some(text) = self.architecture() {
            note(architecture::KEY, text);
        }
        for (name, text) in &self.texts {
            note(&format!("{TEXT}{name}"), text.to_json());
        }
        if let Some(training) = &self.training {
            if let Some(text) = targets::text(&training.targets) {
                note(targets::KEY, text);
            }
            note("optimizer", training.optimizer.name().to_string());
            note("learning_rate", self.rate.to_string());
            note("seed", self.seed.to_string());
            note("epochs", self.epochs.to_string());
            note("steps", self.steps.to_string());
            if !self.history.epochs.is_empty() {
                note("history", self.history.to_json(false).to_string());
            }
        }
        checkpoint
    }

    /// Loads what `save` wrote. A model that is compiled with the optimizer of the file goes on with
    /// its training; any other gets the weights alone. Nothing changes if anything is wrong.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), NnError> {
        self.load_parts(path.as_ref(), true)
    }

    /// Loads the weights of a file alone.
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<(), NnError> {
        self.load_parts(path.as_ref(), false)
    }

    fn load_parts(&mut self, path: &Path, training: bool) -> Result<(), NnError> {
        self.load_checkpoint(path, &read(path)?, training)
    }

    /// Takes over what was read from `path`.
    pub(crate) fn load_checkpoint(
        &mut self,
        path: &Path,
        file: &Checkpoint,
        training: bool,
    ) -> Result<(), NnError> {
        let optimizer = self.training.as_ref().map(|t| t.optimizer.name());
        let resume = training
            && optimizer.is_some()
            && file.metadata.get("optimizer").map(String::as_str) == optimizer;
        let weights = self.network.weights.len();
        let mut loaded: Vec<Array> = vec![];
        for (i, part) in self.parts.iter().enumerate() {
            if i >= weights && !resume {
                break;
            }
            let prefix = if i < weights { "" } else { TRAINING };
            let name = format!("{prefix}{}", part.name);
            let found = file.tensors.get(&name);
            match found {
                Some(array) if array.ty == part.ty => loaded.push(array.clone()),
                _ => {
                    return Err(NnError::Weight {
                        path: path.to_path_buf(),
                        name,
                        expected: part.ty.to_string(),
                        found: found.map_or("nothing".to_string(), |a| a.ty.to_string()),
                    });
                }
            }
        }
        let unaveraged = self.network.weights.iter().map(|w| {
            let array = file.tensors.get(&format!("{UNAVERAGED}{}", w.name));
            array.filter(|a| a.ty.shape == w.shape).cloned()
        });
        let unaveraged: Option<Vec<Array>> = unaveraged.collect();
        let own = |name: &String| self.network.weights.iter().any(|w| w.name == *name);
        let foreign = |name: &&String| !name.starts_with(TRAINING) && !own(name);
        if let Some(name) = file.tensors.keys().find(foreign) {
            let weights = self.network.weights.iter().map(|w| &w.name);
            return Err(NnError::Weight {
                path: path.to_path_buf(),
                name: name.clone(),
                expected: format!("only {}", weights.collect::<Names>()),
                found: "it".to_string(),
            });
        }
        let texts = file.metadata.iter().filter_map(|(key, json)| {
            let name = key.strip_prefix(TEXT)?.to_string();
            Some(TextVectorization::from_json(json).map(|text| (name, text)))
        });
        let texts: Vec<(String, TextVectorization)> = texts.collect::<Result<_, _>>()?;
        let number = |key: &str| file.metadata.get(key).and_then(|n| n.parse::<u64>().ok());
        self.pull();
        self.texts.extend(texts);
        for (i, array) in loaded.into_iter().enumerate() {
            self.state[i] = array;
        }
        self.unaveraged = match resume {
            true => unaveraged.unwrap_or_default(),
            false => vec![],
        };
        if resume {
            self.seed = number("seed").unwrap_or(self.seed);
            self.epochs = number("epochs").unwrap_or(self.epochs);
            self.steps = number("steps").unwrap_or(self.steps);
            let rate = file.metadata.get("learning_rate");
            self.rate = rate.and_then(|r| r.parse().ok()).unwrap_or(self.rate);
            let history = file.metadata.get("history");
            let history = history.and_then(|text| serde_json::from_str(text).ok());
            let history = history.and_then(|value| History::from_json(&value));
            self.history = history.unwrap_or_default();
        }
        self.version += 1;
        Ok(())
    }
}

/// Refuses what a later version wrote.
pub(crate) fn check_version(path: &Path, file: &Checkpoint) -> Result<(), NnError> {
    let own = file
        .metadata
        .get("format")
        .is_some_and(|f| f == "craneflow");
    let Some(version) = file.metadata.get("version").filter(|_| own) else {
        return Ok(());
    };
    match version.parse::<u32>() {
        Ok(n) if n <= VERSION => Ok(()),
        _ => Err(NnError::Version {
            path: path.to_path_buf(),
            found: version.clone(),
            known: VERSION,
        }),
    }
}
