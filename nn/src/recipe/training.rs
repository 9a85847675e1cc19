//! The parts `[training]` and `[[callback]]`.

use crate::callbacks::{
    BackupAndRestore, Callback, CsvLogger, EarlyStopping, Mode, ModelCheckpoint, ReduceLROnPlateau,
    TensorBoard, TerminateOnNaN,
};
use crate::data::{Labels, Source};
use crate::describe::Setting;
use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::loss::Loss;
use crate::metrics::Metric;
use crate::model::Model;
use crate::optim::{self, Adam, Lbfgs, Sgd};
use std::num::NonZeroUsize;
use std::path::Path;

/// `[training]` without what compiles the model.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// Passes over the data.
    pub epochs: usize,
    /// Samples in a step.
    pub batch_size: usize,
    /// Decides about weights, shuffling, dropout and augmentation.
    pub seed: u64,
    /// Threads; 0 is one for each core.
    pub threads: usize,
    /// Whether weights become their moving averages in the end.
    pub averages: bool,
    /// Where the training goes on from after a crash.
    pub backup: Option<BackupAndRestore>,
    /// What all samples at once are trained with, where that is no optimizer of steps; epochs are iterations.
    pub lbfgs: Option<Lbfgs>,
}

const CALLBACKS: [&str; 6] = [
    "CSVLogger",
    "EarlyStopping",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
];

/// Those that write files.
pub(super) const WRITING: [&str; 3] = ["CSVLogger", "ModelCheckpoint", "TensorBoard"];

/// A callback and its name.
type Named = (String, Box<dyn Callback>);

/// Reads numbers of `[training]`; paths are relative to `folder`.
pub(super) fn plan(s: &Section<'_>, folder: &Path) -> Result<TrainingPlan, RecipeError> {
    let positive = |key: &str, default: usize| {
        let number: Option<NonZeroUsize> = s.get(key)?;
        Ok(number.map_or(default, NonZeroUsize::get))
    };
    let backup: Option<String> = s.get("backup")?;
    let averages = s.with("optimizer", |node| match node.is_table() {
        true => Ok(node.section()?.node("ema_momentum").is_some()),
        false => Ok(false),
    })?;
    let lbfgs = s.with("optimizer", optim::described_lbfgs)?.flatten();
    let epochs = lbfgs.as_ref().map_or(10, |lbfgs| lbfgs.iterations);
    if lbfgs.is_some() {
        for key in ["batch_size", "class_weight", "backup"] {
            s.with(key, |node| -> Result<(), RecipeError> {
                Err(node.error("L-BFGS does not go with it: all samples are one step, and nothing of a search is saved"))
            })?;
        }
    }
    Ok(TrainingPlan {
        lbfgs,
        epochs: positive("epochs", epochs)?,
        batch_size: positive("batch_size", 32)?,
        seed: s.or("seed", 1)?,
        threads: s.or("threads", 0)?,
        averages: averages.unwrap_or(false),
        backup: backup.map(|path| BackupAndRestore::new(folder.join(path))),
    })
}

/// Compiles a model as `[training]` says, or as fits labels that are values or else classes.
pub(super) fn compile(s: &Section<'_>, model: &mut Model, values: bool) -> Result<(), RecipeError> {
    let loss = s.with("loss", <Loss as Setting>::read)?;
    let loss = loss.unwrap_or(match values {
        true => Loss::MeanSquaredError,
        false => Loss::SparseCategoricalCrossentropy { from_logits: true },
    });
    let loss = match (s.or("from_logits", true)?, loss) {
        (true, loss) => loss,
        (false, loss) => probabilities(loss),
    };
    let loss = match s.or("label_smoothing", 0.0)? {
        0.0 => loss,
        by => loss.label_smoothing(by),
    };
    let metrics: Option<Vec<Metric>> = s.with("metrics", Setting::read)?;
    let metrics = metrics.unwrap_or(match values {
        true => vec![Metric::MeanAbsoluteError],
        false => vec![Metric::Accuracy],
    });
    let optimizer = match s.with("optimizer", optim::described_lbfgs)?.flatten() {
        // Steps are not its own; this one has nothing to save.
        Some(_) => Sgd::default().into(),
        None => s
            .with("optimizer", optim::optimizer)?
            .unwrap_or_else(|| Adam::default().into()),
    };
    model
        .compile(optimizer, loss, &metrics)
        .map_err(|e| s.error(e.to_string()))
}

/// The weight of each class of samples in the loss; none where all are 1.
pub(super) fn class_weights(s: &Section<'_>, data: &Source) -> Result<Vec<f32>, RecipeError> {
    let read = |node: &Node<'_>| {
        let Labels::Classes(ids) = data.labels() else {
            return Err(node.error("there are no classes: values are predicted"));
        };
        let classes: Vec<&str> = data.classes().iter().map(String::as_str).collect();
        let mut weights = vec![1.0; classes.len()];
        if node.is_table() {
            for (name, node) in node.section()?.named() {
                let class = classes.iter().position(|c| *c == name);
                let class = class.ok_or_else(|| node.unknown(&name, &classes))?;
                weights[class] = f32::from_node(&node)?;
            }
            return Ok(weights);
        }
        node.one_of(&[("balanced", ())])?;
        let mut counts = vec![0; classes.len()];
        ids.iter().for_each(|&id| counts[id as usize] += 1);
        // All classes together count as much as the samples.
        for (weight, count) in weights.iter_mut().zip(counts) {
            *weight = ids.len() as f32 / (classes.len() * count.max(1)) as f32;
        }
        Ok(weights)
    };
    Ok(s.with("class_weight", read)?.unwrap_or_default())
}

/// The loss for outputs that are probabilities.
fn probabilities(loss: Loss) -> Loss {
    let from_logits = false;
    match loss {
        Loss::BinaryCrossentropy { .. } => Loss::BinaryCrossentropy { from_logits },
        Loss::CategoricalCrossentropy { .. } => Loss::CategoricalCrossentropy { from_logits },
        Loss::SparseCategoricalCrossentropy { .. } => {
            Loss::SparseCategoricalCrossentropy { from_logits }
        }
        other => other,
    }
}

/// Reads `[[callback]]`; paths are relative to `folder`.
pub(super) fn callbacks(s: &Section<'_>, folder: &Path) -> Result<Vec<Named>, RecipeError> {
    let list = s.with("callback", |node| {
        let one = |node: &Node<'_>| callback(&node.section()?, folder);
        node.list()?.iter().map(one).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(list.unwrap_or_default())
}

/// Refuses a number to monitor that a training of the model does not report.
pub(super) fn monitored(top: &Section<'_>, model: &Model) -> Result<(), RecipeError> {
    let own = model.reported();
    let held_out = own.iter().map(|name| format!("val_{name}"));
    let all: Vec<String> = own.iter().cloned().chain(held_out).collect();
    let known: Vec<&str> = all.iter().map(String::as_str).collect();
    let listed = top.with("callback", |node| node.list())?;
    for callback in listed.unwrap_or_default() {
        let s = callback.section()?;
        s.with("monitor", |node| match String::from_node(node)? {
            name if known.contains(&name.as_str()) => Ok(()),
            name => Err(node.unknown(&name, &known)),
        })?;
    }
    Ok(())
}

fn callback(s: &Section<'_>, folder: &Path) -> Result<Named, RecipeError> {
    let word: String = s.need("type")?;
    let modes = [("auto", Mode::Auto), ("min", Mode::Min), ("max", Mode::Max)];
    let mode =
        || Ok::<Mode, RecipeError>(s.with("mode", |n| n.one_of(&modes))?.unwrap_or_default());
    let monitor = || s.or("monitor", "val_loss".to_string());
    let path = |key: &'static str| Ok::<_, RecipeError>(folder.join(s.need::<String>(key)?));
    let callback: Box<dyn Callback> = match word.as_str() {
        "CSVLogger" => Box::new(CsvLogger::new(path("filename")?).append(s.or("append", false)?)),
        "EarlyStopping" => {
            let mut early = EarlyStopping::new(&monitor()?)
                .mode(mode()?)
                .patience(s.or("patience", 0)?)
                .min_delta(s.or("min_delta", 0.0)?)
                .start_from_epoch(s.or("start_from_epoch", 0)?)
                .restore_best_weights(s.or("restore_best_weights", false)?);
            if let Some(baseline) = s.get("baseline")? {
                early = early.baseline(baseline);
            }
            Box::new(early)
        }
        "ModelCheckpoint" => {
            let path = path("filepath")?.display().to_string();
            let mut checkpoint = ModelCheckpoint::new(path)
                .monitor(&monitor()?)
                .mode(mode()?)
                .save_best_only(s.or("save_best_only", false)?)
                .save_weights_only(s.or("save_weights_only", false)?);
            if let Some(steps) = s.get("save_freq")? {
                checkpoint = checkpoint.save_freq(steps);
            }
            if let Some(value) = s.get("initial_value_threshold")? {
                checkpoint = checkpoint.initial_value_threshold(value);
            }
            Box::new(checkpoint)
        }
        "ReduceLROnPlateau" => Box::new(
            ReduceLROnPlateau::new(&monitor()?)
                .mode(mode()?)
                .factor(s.or("factor", 0.1)?)
                .patience(s.or("patience", 10)?)
                .min_delta(s.or("min_delta", 1e-4)?)
                .cooldown(s.or("cooldown", 0)?)
                .min_lr(s.or("min_lr", 0.0)?),
        ),
        "TensorBoard" => {
            let board = TensorBoard::new(path("log_dir")?);
            let board = board.histogram_freq(s.or("histogram_freq", 0)?);
            match s.get("update_freq")? {
                Some(steps) => Box::new(board.update_freq(steps)),
                None => Box::new(board),
            }
        }
        "TerminateOnNaN" => Box::new(TerminateOnNaN),
        _ => {
            let node = s.node("type").expect("it was read");
            return Err(node.unknown(&word, &CALLBACKS));
        }
    };
    s.done()?;
    Ok((word, callback))
}
