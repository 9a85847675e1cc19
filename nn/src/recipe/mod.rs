//! Trainings described in TOML, without a line of Rust: data, layers, training, callbacks.
//!
//! ```
//! use craneflow_nn::recipe::Recipe;
//! let recipe = Recipe::parse("m.toml".as_ref(), r#"
//!     [data]
//!     train = "digits"
//!     [model]
//!     layers = [
//!         { type = "Flatten" },
//!         { type = "Dense", units = 32, activation = "relu" },
//!         { type = "Dense", units = "outputs" },
//!     ]
//! "#)?;
//! let data = recipe.load_data()?;
//! let model = recipe.build(&data.split.train)?;
//! assert_eq!(model.parameters().0, 64 * 32 + 32 + 32 * 10 + 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every key is checked when a description is read; an unknown one is an error with its line.

mod data;
mod model;
mod training;

pub use crate::describe::document::RecipeError;
pub use data::Loaded;
pub use training::TrainingPlan;

use crate::callbacks::Callback;
use crate::data::augment::Augment;
use crate::data::front::Front;
use crate::data::source::Feeding;
use crate::data::{DataError, Labels, Source};
use crate::describe::document::{self, Node, Section};
use crate::engine::Options;
use crate::error::NnError;
use crate::model::Model;
use craneflow_ir::DType;
use std::path::{Path, PathBuf};

/// A description that was read.
pub struct Recipe {
    text: String,
    path: PathBuf,
    data: data::DataPlan,
    augment: Option<Augment>,
    training: TrainingPlan,
}

impl Recipe {
    /// Reads a file. Paths in it are relative to its folder.
    pub fn read(path: impl AsRef<Path>) -> Result<Recipe, RecipeError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|e| document::Source { path, text: "" }.error(0..0, "", e.to_string()))?;
        Recipe::parse(path, &text)
    }

    /// The description in a text; `path` is for messages and as where paths in it begin.
    pub fn parse(path: &Path, text: &str) -> Result<Recipe, RecipeError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        document::read(path, text, |top| {
            let data = section(top, "data")?;
            let plan = data::plan(&data, folder)?;
            data.done()?;
            let augment = top.with("augment", |node| {
                let s = node.section()?;
                let augment = data::augment(&s)?;
                s.done()?;
                Ok(augment)
            })?;
            let training = match top.node("training") {
                None => empty_training(),
                Some(node) => {
                    let s = node.section()?;
                    let plan = training::plan(&s, folder)?;
                    // Known here, used when the model is compiled.
                    for key in [
                        "loss",
                        "from_logits",
                        "label_smoothing",
                        "metrics",
                        "optimizer",
                        "class_weight",
                    ] {
                        s.node(key);
                    }
                    s.done()?;
                    plan
                }
            };
            if training.lbfgs.is_some() {
                top.with("augment", |node| -> Result<(), RecipeError> {
                    Err(node.error("L-BFGS needs samples that stay what they are"))
                })?;
            }
            training::callbacks(top, folder)?;
            section(top, "model")?;
            Ok(Recipe {
                text: text.to_string(),
                path: path.to_path_buf(),
                data: plan,
                augment,
                training,
            })
        })
    }

    /// With another seed than its text says.
    pub fn seed(mut self, seed: u64) -> Recipe {
        self.training.seed = seed;
        self
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is trained on, in a word.
    pub fn data_name(&self) -> &str {
        self.data.name()
    }

    /// `[training]`.
    pub fn training(&self) -> &TrainingPlan {
        &self.training
    }

    /// `[augment]`.
    pub fn augment(&self) -> Option<&Augment> {
        self.augment.as_ref()
    }

    /// Into how many parts the samples are to be divided for cross-validation, if they are.
    pub fn folds(&self) -> Option<usize> {
        self.data.folds
    }

    /// How batches are made for training, of so many samples.
    pub fn feeding(&self, batch_size: usize) -> Feeding {
        Feeding {
            batch_size,
            shuffle: true,
            augment: self.augment,
            workers: self.data.workers,
        }
    }

    /// Reads the samples, or opens their files where they are more than `cache_mib` says.
    pub fn load_data(&self) -> Result<Loaded, NnError> {
        self.load(data::HeldOut::Described)
    }

    /// The samples of which part `fold`, from 0, of `folds` is held out, and nothing else: what `test` names is not
    /// looked at. What is learnt about the data is learnt from the other parts.
    pub fn load_fold(&self, fold: usize, folds: usize) -> Result<Loaded, NnError> {
        self.load(data::HeldOut::Fold(fold, folds))
    }

    fn load(&self, held_out: data::HeldOut) -> Result<Loaded, NnError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        document::read(&self.path, &self.text, |top| {
            known(top);
            data::places(&section(top, "data")?, folder)
        })
        .map_err(Box::new)?;
        match self.data.load(held_out) {
            Ok(mut loaded) => {
                loaded.warnings.extend(self.vain(&loaded));
                Ok(loaded)
            }
            Err(error) => Err(self.placed(error)),
        }
    }

    /// What is asked for and has no effect on the data.
    fn vain(&self, loaded: &Loaded) -> Option<String> {
        let grey = matches!(&loaded.front, Front::Images(size) if size.channels == 1);
        let asked = self.augment.as_ref().is_some_and(|a| a.saturation > 0.0);
        (grey && asked).then(|| "`saturation` changes nothing about grey pictures".to_string())
    }

    /// An error about a column, at the key that asks for it.
    fn placed(&self, error: DataError) -> NnError {
        let DataError::Column {
            path,
            wanted,
            columns,
        } = &error
        else {
            return error.into();
        };
        let found = document::read(&self.path, &self.text, |top| {
            known(top);
            data::asks_for(&section(top, "data")?, path, wanted, columns)
        });
        match found {
            Err(placed) => Box::new(placed).into(),
            Ok(()) => error.into(),
        }
    }

    /// The callbacks, new ones at every call.
    pub fn callbacks(&self) -> Result<Vec<Box<dyn Callback>>, RecipeError> {
        self.chosen_callbacks(|_| true)
    }

    /// The callbacks that write no files, for one of several trainings.
    pub fn callbacks_without_files(&self) -> Result<Vec<Box<dyn Callback>>, RecipeError> {
        self.chosen_callbacks(|name| !training::WRITING.contains(&name))
    }

    fn chosen_callbacks(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Box<dyn Callback>>, RecipeError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        document::read(&self.path, &self.text, |top| {
            known(top);
            let all = training::callbacks(top, folder)?.into_iter();
            let chosen = all.filter(|(name, _)| wanted(name));
            Ok(chosen.map(|(_, callback)| callback).collect())
        })
    }

    /// The weight of each class of samples like these, for [`FitOptions::class_weight`](crate::FitOptions).
    pub fn class_weights(&self, data: &Source) -> Result<Vec<f32>, RecipeError> {
        document::read(&self.path, &self.text, |top| {
            known(top);
            match top.node("training") {
                None => Ok(vec![]),
                Some(node) => training::class_weights(&node.section()?, data),
            }
        })
    }

    /// The model for samples like these, compiled, with the weights of the seed.
    pub fn build(&self, data: &Source) -> Result<Model, RecipeError> {
        let outputs = match data.labels() {
            Labels::Classes(_) => data.classes().len(),
            Labels::Values(y) => y.shape()[1..].iter().product(),
        };
        let values = matches!(data.labels(), Labels::Values(_));
        let model = self.build_for(&data.input_shape(), outputs, values)?;
        document::read(&self.path, &self.text, |top| {
            known(top);
            match model.takes_labels(data.labels().into()) {
                Ok(()) => model::embedded(&section(top, "model")?, data),
                Err(error) => Err(model::blamed(&section(top, "model")?, &error)),
            }
        })?;
        Ok(model)
    }

    /// The model for samples of a shape and labels that are values, or else classes.
    pub fn build_for(
        &self,
        input: &[usize],
        outputs: usize,
        values: bool,
    ) -> Result<Model, RecipeError> {
        document::read(&self.path, &self.text, |top| {
            known(top);
            let s = section(top, "model")?;
            let model = model::build(&s, input, DType::F32, outputs)?;
            s.done()?;
            let options = Options {
                threads: self.training.threads,
                ..Options::default()
            };
            let mut model = model.seed(self.training.seed).options(options);
            match top.node("training") {
                None => document::read(&self.path, "", |empty| {
                    training::compile(empty, &mut model, values)
                })?,
                Some(node) => training::compile(&node.section()?, &mut model, values)?,
            }
            training::monitored(top, &model)?;
            Ok(model)
        })
    }
}

/// Notes the keys that exist at the top.
fn known(top: &Section<'_>) {
    for key in ["data", "augment", "training", "callback", "model"] {
        top.node(key);
    }
}

fn section<'d>(top: &Section<'d>, key: &'static str) -> Result<Section<'d>, RecipeError> {
    let node: Option<Node<'d>> = top.node(key);
    match node {
        Some(node) => node.section(),
        None => {
            // Perhaps it is there under a name that is nearly its own.
            known(top);
            top.done()?;
            Err(top.error(format!("the part [{key}] is missing")))
        }
    }
}

fn empty_training() -> TrainingPlan {
    TrainingPlan {
        epochs: 10,
        batch_size: 32,
        seed: 1,
        threads: 0,
        averages: false,
        backup: None,
        lbfgs: None,
    }
}
