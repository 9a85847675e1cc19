//! Event files that TensorBoard shows.

mod record;

use super::monitor::{note, number};
use super::{Callback, Run};
use crate::checkpoint::Checkpoint;
use crate::data::images::floats;
use crate::error::NnError;
use crate::model::{Epoch, Logs};
use record::Message;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes numbers of each epoch, the graph and the table of layers and, if wanted, histograms of weights and gradients to
/// `train/` and `validation/` below a folder, under the tags that Keras uses.
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    histogram_freq: u64,
    update_freq: Option<usize>,
    train: Option<Events>,
    validation: Option<Events>,
}

/// An open file of events.
#[derive(Debug)]
struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Opens a new file in `folder`, or goes on with one from a length on.
    fn open(folder: &Path, goes_on: Option<(String, u64)>) -> Result<Events, NnError> {
        let seconds = now() as u64;
        let new = format!("events.out.tfevents.{seconds}.craneflow");
        let (name, length) = goes_on.unwrap_or((new, 0));
        let path = folder.join(name);
        let io = |source| NnError::Io {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).truncate(false);
        let file = options.open(&path).map_err(io)?;
        file.set_len(length).map_err(io)?;
        let mut events = Events { path, file };
        if length == 0 {
            events.write(record::version(now()))?;
        }
        Ok(events)
    }

    fn write(&mut self, event: Message) -> Result<(), NnError> {
        let written = self.file.write_all(&record::record(&event.0));
        written.map_err(|source| NnError::Io {
            path: self.path.clone(),
            source,
        })
    }

    fn value(&mut self, step: u64, value: Message) -> Result<(), NnError> {
        self.write(record::summary(now(), step, value))
    }
}

impl TensorBoard {
    /// Writes below `log_dir`.
    pub fn new(log_dir: impl Into<PathBuf>) -> TensorBoard {
        TensorBoard {
            folder: log_dir.into(),
            histogram_freq: 0,
            update_freq: None,
            train: None,
            validation: None,
        }
    }

    /// Writes histograms of the weights, and of their gradients for the last batch under `gradients/`, after every so
    /// many epochs; default never, 0.
    pub fn histogram_freq(mut self, epochs: u64) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Writes the means so far after every so many steps too.
    pub fn update_freq(mut self, steps: usize) -> Self {
        self.update_freq = Some(steps.max(1));
        self
    }

    /// Writes a picture `[height, width, channels]` with values in 0..1 under a tag.
    pub fn write_image(
        &mut self,
        tag: &str,
        step: u64,
        image: &craneflow_ir::Array,
    ) -> Result<(), NnError> {
        let [height, width, channels] = image.ty.shape.0[..] else {
            return Ok(());
        };
        let pixels: Vec<u8> = floats(image)
            .map(|x| (x.clamp(0.0, 1.0) * 255.0) as u8)
            .collect();
        let png = crate::report::png(width, height, channels, &pixels);
        self.write_png(tag, step, [height, width, channels], &png)
    }

    /// Writes a PNG file of a picture `[height, width, channels]` under a tag.
    pub fn write_png(
        &mut self,
        tag: &str,
        step: u64,
        shape: [usize; 3],
        png: &[u8],
    ) -> Result<(), NnError> {
        self.train()?.value(step, record::image(tag, shape, png))
    }

    /// Writes a text in Markdown under a tag.
    pub fn write_text(&mut self, tag: &str, step: u64, text: &str) -> Result<(), NnError> {
        self.train()?.value(step, record::text(tag, text))
    }

    fn train(&mut self) -> Result<&mut Events, NnError> {
        events(&mut self.train, &self.folder.join("train"))
    }
}

fn events<'e>(place: &'e mut Option<Events>, folder: &Path) -> Result<&'e mut Events, NnError> {
    if place.is_none() {
        *place = Some(Events::open(folder, None)?);
    }
    Ok(place.as_mut().expect("it was opened"))
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<(), NnError> {
        let summary = run.model.summary();
        let text = format!("    {}", summary.replace('\n', "\n    "));
        let step = run.model.epochs();
        let graph = record::graph(now(), &run.model.wiring());
        let events = self.train()?;
        events.write(graph)?;
        events.value(step, record::text("model", &text))
    }

    fn on_batch_end(
        &mut self,
        run: &mut Run<'_>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), NnError> {
        if self
            .update_freq
            .is_none_or(|n| !(batch + 1).is_multiple_of(n))
        {
            return Ok(());
        }
        let step = run.model.steps_done();
        for (name, x) in logs {
            let value = record::scalar(&format!("batch_{name}"), *x as f32);
            self.train()?.value(step, value)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: &mut Epoch) -> Result<(), NnError> {
        let validation = self.folder.join("validation");
        for (name, x) in &epoch.logs {
            let x = *x as f32;
            match name.strip_prefix("val_") {
                Some(name) => {
                    let value = record::scalar(&format!("epoch_{name}"), x);
                    events(&mut self.validation, &validation)?.value(epoch.number, value)?;
                }
                None => {
                    let value = record::scalar(&format!("epoch_{name}"), x);
                    self.train()?.value(epoch.number, value)?;
                }
            }
        }
        let rate = record::scalar("epoch_learning_rate", epoch.learning_rate);
        self.train()?.value(epoch.number, rate)?;
        let due = self.histogram_freq > 0 && (epoch.number + 1).is_multiple_of(self.histogram_freq);
        if due {
            for (name, array) in run.model.weight_arrays() {
                let numbers: Vec<f32> = floats(&array).collect();
                let value = record::histogram(&name.replace('.', "/"), &numbers);
                self.train()?.value(epoch.number, value)?;
            }
            for (name, array) in run.model.last_gradients()? {
                let numbers: Vec<f32> = floats(&array).collect();
                let tag = format!("gradients/{}", name.replace('.', "/"));
                let value = record::histogram(&tag, &numbers);
                self.train()?.value(epoch.number, value)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Checkpoint {
        let mut state = Checkpoint::default();
        for (key, events) in [("train", &self.train), ("validation", &self.validation)] {
            let Some(events) = events else { continue };
            let name = events.path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            state.metadata.insert(format!("{key}_file"), name);
            let length = events.file.metadata().map_or(0, |m| m.len());
            note(&mut state, &format!("{key}_length"), length);
        }
        state
    }

    fn restore(&mut self, state: &Checkpoint) -> Result<(), NnError> {
        for key in ["train", "validation"] {
            let name = state.metadata.get(&format!("{key}_file"));
            let length = number(state, &format!("{key}_length"));
            let Some((name, length)) = name.cloned().zip(length) else {
                continue;
            };
            let opened = Events::open(&self.folder.join(key), Some((name, length)))?;
            match key {
                "train" => {
                    // What `on_train_begin` has begun.
                    if let Some(new) = self.train.replace(opened) {
                        let own = self.train.as_ref().map(|t| t.path.clone());
                        if own.as_ref() != Some(&new.path) {
                            let _ = std::fs::remove_file(&new.path);
                        }
                    }
                }
                _ => self.validation = Some(opened),
            }
        }
        Ok(())
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |d| d.as_secs_f64())
}
