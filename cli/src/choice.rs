//! Built-in models and the sizes that fit data.

use anyhow::{Result, bail};
use craneflow::nn::data::{Dataset, Labels};
use craneflow::nn::engine::Options;
use craneflow::nn::loss::Loss;
use craneflow::nn::metrics::Metric;
use craneflow::nn::models::{BuiltIn, MODELS};
use craneflow::nn::optim::{Adam, AdamW, RmsProp, Sgd};
use craneflow::nn::{Model, NnError};

/// A built-in model for samples of one shape.
pub struct Choice {
    pub entry: &'static BuiltIn,
    pub input: Vec<usize>,
    pub outputs: usize,
}

/// Which optimizer trains.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Optimizer {
    /// Plain gradient descent
    Sgd,
    /// Gradient descent with momentum 0.9
    Momentum,
    /// Gradient descent with Nesterov's momentum 0.9
    Nesterov,
    Adam,
    /// Adam with decoupled weight decay
    Adamw,
    Rmsprop,
}

impl Choice {
    /// The model of this name, or the one meant for such samples, with sizes that fit the data.
    pub fn of(name: Option<&str>, data: &Dataset) -> Result<Choice> {
        let input = data.input_shape().to_vec();
        let entry = match name {
            Some(name) => BuiltIn::find(name)?,
            None => fitting(data, &input)?,
        };
        let outputs = match (data.labels(), &entry.loss) {
            (Labels::Classes(_), Loss::BinaryCrossentropy { .. }) if data.classes().len() == 2 => 1,
            (Labels::Classes(_), Loss::SparseCategoricalCrossentropy { .. }) => {
                data.classes().len()
            }
            (Labels::Values(y), Loss::MeanSquaredError) => y.shape()[1..].iter().product(),
            (Labels::Classes(_), loss) => bail!(
                "model {} is trained for {}, but {} has {} classes; choose another with --model",
                entry.name,
                describe(loss),
                data.name(),
                data.classes().len()
            ),
            (Labels::Values(_), _) => bail!(
                "model {} tells classes apart, but the labels of {} are numbers; choose --model linear",
                entry.name,
                data.name()
            ),
        };
        Ok(Choice {
            entry,
            input,
            outputs,
        })
    }

    /// The model, with the weights of a seed.
    pub fn build(&self, seed: u64, threads: usize) -> Result<Model, NnError> {
        let model = self.entry.model_for(&self.input, self.outputs)?;
        Ok(model.seed(seed).options(self::threads(threads)))
    }

    /// Compiles the model with an optimizer, or with its usual one.
    pub fn compile(
        &self,
        model: &mut Model,
        optimizer: Option<Optimizer>,
        rate: Option<f32>,
    ) -> Result<(), NnError> {
        let Some(optimizer) = optimizer else {
            return self.entry.compile(model, rate);
        };
        let loss = self.entry.loss.clone();
        let metrics = match loss {
            Loss::MeanSquaredError => [Metric::MeanAbsoluteError],
            _ => [Metric::Accuracy],
        };
        let (slow, fast) = (rate.unwrap_or(0.001), rate.unwrap_or(0.01));
        match optimizer {
            Optimizer::Sgd => model.compile(Sgd::new(fast), loss, &metrics),
            Optimizer::Momentum => model.compile(Sgd::new(fast).momentum(0.9), loss, &metrics),
            Optimizer::Nesterov => {
                model.compile(Sgd::new(fast).momentum(0.9).nesterov(), loss, &metrics)
            }
            Optimizer::Adam => model.compile(Adam::new(slow), loss, &metrics),
            Optimizer::Adamw => model.compile(AdamW::new(slow), loss, &metrics),
            Optimizer::Rmsprop => model.compile(RmsProp::new(slow), loss, &metrics),
        }
    }
}

/// Options for a number of threads; 0 is one for each core.
pub fn threads(threads: usize) -> Options {
    Options {
        threads,
        ..Options::default()
    }
}

/// `8x8x1`.
pub fn shape_text(shape: &[usize]) -> String {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    extents.join("x")
}

/// Reads `8x8x1`.
pub fn parse_shape(text: &str) -> Result<Vec<usize>, String> {
    let extent = |part: &str| match part.parse::<usize>() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(format!("`{text}` is not a shape such as 28x28x1")),
    };
    text.split('x').map(extent).collect()
}

/// The first model that is meant for such data.
fn fitting(data: &Dataset, input: &[usize]) -> Result<&'static BuiltIn, NnError> {
    let exact = MODELS
        .iter()
        .find(|m| m.input == input && m.outputs == data.classes().len());
    match (exact, data.labels()) {
        (_, Labels::Values(_)) => BuiltIn::find("linear"),
        (Some(entry), _) => Ok(entry),
        (None, _) if data.classes().len() == 2 && input.len() == 1 => BuiltIn::find("binary"),
        (None, _) => BuiltIn::find("mlp"),
    }
}

fn describe(loss: &Loss) -> &'static str {
    match loss {
        Loss::MeanSquaredError => "numbers",
        Loss::BinaryCrossentropy { .. } => "two classes",
        _ => "classes",
    }
}
