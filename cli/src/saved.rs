//! The files that `train` saves: safetensors whose metadata say which model it is and how samples
//! become its inputs.

use crate::choice::{Choice, parse_shape, shape_text};
use anyhow::{Context, Result, bail};
use craneflow::nn::checkpoint::{self, Checkpoint};
use craneflow::nn::data::front::Front;
use craneflow::nn::data::{DataError, Source, Split};
use craneflow::nn::models::BuiltIn;
use craneflow::nn::recipe::Recipe;
use craneflow::nn::{Model, data};
use std::path::{Path, PathBuf};

/// The default file of a trained model.
pub const DEFAULT_FILE: &str = "model.safetensors";

/// How a model is made.
pub enum Origin {
    /// A built-in model for samples of a shape.
    BuiltIn(Choice),
    /// A description.
    Recipe(Box<Recipe>),
    /// A program, whose file says how the model is made.
    Program,
}

impl Origin {
    /// What to call it; `file` is where the model or its description was read from.
    pub fn name(&self, file: &Path) -> String {
        match self {
            Origin::BuiltIn(choice) => choice.entry.name.to_string(),
            Origin::Recipe(_) | Origin::Program => file.display().to_string(),
        }
    }
}

/// A model from a file.
pub struct Loaded {
    pub origin: Origin,
    pub model: Model,
    /// How samples become inputs.
    pub front: Front,
    /// Names of the classes; empty for numbers.
    pub classes: Vec<String>,
    /// The data set it was trained on.
    pub data: String,
}

impl Loaded {
    /// The held-out or the training part of the data it was trained on, or of others.
    pub fn samples(&self, other: Option<&str>, train: bool) -> Result<Source> {
        let split: Split<Source> = match (&self.origin, other) {
            (Origin::Recipe(_), Some(path)) => {
                return Ok(self.front.labelled(Path::new(path), &self.classes)?);
            }
            (Origin::Recipe(recipe), None) => recipe.load_data()?.split,
            (Origin::BuiltIn(_), other) => known(other.unwrap_or(&self.data))?.into(),
            (Origin::Program, Some(other)) if self.front == Front::Arrays => known(other)?.into(),
            (Origin::Program, Some(other)) => {
                return Ok(self.front.labelled(Path::new(other), &self.classes)?);
            }
            (Origin::Program, None) => {
                bail!("the file does not say what the model was trained on; give --data")
            }
        };
        Ok(if train { split.train } else { split.test })
    }
}

/// Loads a data set by name or path. What only a description reads is an error that says so.
pub fn known(name_or_path: &str) -> Result<Split> {
    let hint = |error: &DataError| match error {
        DataError::Unrecognised { .. } => Some(
            "pictures, sounds and texts in folders are read as a description says: \
             `craneflow init --kind images`, `sounds` or `text`",
        ),
        DataError::Cell { .. } => Some(
            "tables with words and gaps are read as a description says: `craneflow init` writes one",
        ),
        _ => None,
    };
    data::load(name_or_path).map_err(|error| match hint(&error) {
        Some(hint) => anyhow::anyhow!("{error}\n{hint}"),
        None => error.into(),
    })
}

/// Lets every file of a model say which model it is and how samples become its inputs.
pub fn describe(model: &mut Model, origin: &Origin, front: &Front, data: &Source) {
    match origin {
        Origin::BuiltIn(choice) => {
            model.set_note("model", choice.entry.name);
            model.set_note("outputs", choice.outputs.to_string());
        }
        Origin::Recipe(recipe) => {
            model.set_note("recipe", recipe.text());
            model.set_note("outputs", outputs(data).to_string());
        }
        Origin::Program => {}
    }
    model.set_note("input", shape_text(&data.input_shape()));
    model.set_samples(front, data.name(), data.classes());
}

/// How many outputs a model needs for such labels.
fn outputs(data: &Source) -> usize {
    match data.labels() {
        data::Labels::Classes(_) => data.classes().len(),
        data::Labels::Values(y) => y.shape()[1..].iter().product(),
    }
}

/// Loads what `train` saved.
pub fn load(path: &Path, threads: usize) -> Result<Loaded> {
    if !path.exists() {
        bail!(
            "{}: no such file; `craneflow train --save {0}` makes one",
            path.display()
        );
    }
    let ending = path.extension().unwrap_or_default();
    if path.is_dir() || ending == "toml" {
        bail!(
            "{}: a saved model is expected first, such as model.safetensors, and then what to use it on",
            path.display()
        );
    }
    let file = checkpoint::read(path)?;
    if !["recipe", "model"]
        .iter()
        .any(|key| file.metadata.contains_key(*key))
    {
        return program(&file, path, threads);
    }
    let get = |key: &str| {
        let value = file.metadata.get(key);
        value.with_context(|| {
            format!(
                "{}: has no word on its {key}; only files that `craneflow train` saved can be used here",
                path.display()
            )
        })
    };
    let wrong = |key: &str| format!("{}: {key} makes no sense", path.display());
    let input = parse_shape(get("input")?)
        .map_err(anyhow::Error::msg)
        .with_context(|| wrong("input"))?;
    let outputs: usize = get("outputs")?.parse().with_context(|| wrong("outputs"))?;
    let classes: Vec<String> = get("classes")?.lines().map(str::to_string).collect();
    let (origin, mut model, front) = match file.metadata.get("recipe") {
        Some(text) => {
            let (recipe, front) = described(&file, text, path)?;
            let values = classes.is_empty();
            let model = recipe.build_for(&input, outputs, values);
            let model = model.with_context(|| path.display().to_string())?;
            let model = model.options(crate::choice::threads(threads));
            (Origin::Recipe(Box::new(recipe)), model, front)
        }
        None => {
            let entry = BuiltIn::find(get("model")?).with_context(|| path.display().to_string())?;
            let choice = Choice {
                entry,
                input,
                outputs,
            };
            let mut model = choice.build(0, threads)?;
            choice.compile(&mut model, None, None)?;
            (Origin::BuiltIn(choice), model, Front::Arrays)
        }
    };
    model.load_weights(path)?;
    Ok(Loaded {
        classes,
        data: get("data")?.clone(),
        model,
        front,
        origin,
    })
}

/// What [`Model::save`] wrote.
fn program(file: &Checkpoint, path: &Path, threads: usize) -> Result<Loaded> {
    let model = Model::open(path)?.options(crate::choice::threads(threads));
    let said = |key: &str| file.metadata.get(key).filter(|text| !text.is_empty());
    let classes = match said("classes") {
        Some(classes) => classes.lines().map(str::to_string).collect(),
        None => {
            let graph = model.predict_graph(1)?;
            let output = graph.ty(graph.outputs[0].value);
            let count = model.loss().and_then(|loss| loss.classes(output));
            (0..count.unwrap_or(0)).map(|c| c.to_string()).collect()
        }
    };
    Ok(Loaded {
        origin: Origin::Program,
        model,
        front: match said("front") {
            Some(text) => front(text, path)?,
            None => Front::Arrays,
        },
        classes,
        data: said("data").cloned().unwrap_or_default(),
    })
}

fn front(text: &str, path: &Path) -> Result<Front> {
    Front::from_json(text)
        .with_context(|| format!("{}: its preprocessing makes no sense", path.display()))
}

fn described(file: &Checkpoint, text: &str, path: &Path) -> Result<(Recipe, Front)> {
    // Paths in it are relative to where the command is run.
    let place = PathBuf::from("model.toml");
    let recipe = Recipe::parse(&place, text)
        .with_context(|| format!("{}: its description", path.display()))?;
    let text = file.metadata.get("front").map_or("", String::as_str);
    Ok((recipe, front(text, path)?))
}
