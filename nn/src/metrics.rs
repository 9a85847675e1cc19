//! Metrics: what is reported beside the loss.

use crate::error::{Names, NnError};
use crate::loss::{Loss, mean_squared_error};
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType};

/// A number that says how well a model does, the mean over the samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// Share of right answers. Which answer the output gives follows from the loss: the class of the
    /// greatest output, or yes above one half.
    Accuracy,
    /// Mean of the squared difference.
    MeanSquaredError,
    /// Mean of the absolute difference.
    MeanAbsoluteError,
}

impl Metric {
    /// The metric of this name; `mse` and `mae` are short for two.
    pub fn from_name(name: &str) -> Result<Metric, NnError> {
        let all = [
            Metric::Accuracy,
            Metric::MeanSquaredError,
            Metric::MeanAbsoluteError,
        ];
        match name {
            "mse" => Ok(Metric::MeanSquaredError),
            "mae" => Ok(Metric::MeanAbsoluteError),
            _ => {
                let found = all.into_iter().find(|m| m.name() == name);
                found.ok_or_else(|| NnError::Unknown {
                    what: "metric",
                    name: name.to_string(),
                    known: all.iter().map(|m| m.name()).collect::<Names>(),
                })
            }
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MeanSquaredError => "mean_squared_error",
            Metric::MeanAbsoluteError => "mean_absolute_error",
        }
    }

    /// The scalar value for a batch; labels are of the type that the loss wants.
    pub fn value(self, loss: Loss, labels: &Tensor, output: &Tensor) -> Tensor {
        match self {
            Metric::Accuracy => right(loss, labels, output).convert(DType::F32).mean(&[]),
            Metric::MeanSquaredError => mean_squared_error(&dense(labels, output), output),
            Metric::MeanAbsoluteError => (output - dense(labels, output)).abs().mean(&[]),
        }
    }
}

/// Which answers are right.
fn right(loss: Loss, labels: &Tensor, output: &Tensor) -> Tensor {
    match loss {
        Loss::SparseCategoricalCrossentropy { .. } => output.argmax(-1).compare(Cmp::Eq, labels),
        Loss::BinaryCrossentropy { from_logits: true } => yes(labels, output, 0.0),
        Loss::BinaryCrossentropy { from_logits: false } => yes(labels, output, 0.5),
        Loss::MeanSquaredError if output.rank() < 2 || output.dim(-1) == 1 => {
            yes(labels, output, 0.5)
        }
        _ => output.argmax(-1).compare(Cmp::Eq, labels.argmax(-1)),
    }
}

/// Where the output is on the same side of its threshold as the label is of one half.
fn yes(labels: &Tensor, output: &Tensor, threshold: f64) -> Tensor {
    let said = output.compare(Cmp::Gt, threshold).convert(DType::I32);
    let is = labels.compare(Cmp::Gt, 0.5).convert(DType::I32);
    said.compare(Cmp::Eq, &is)
}

/// Class numbers as rows of zeros and a one, when the output has a column for each class.
fn dense(labels: &Tensor, output: &Tensor) -> Tensor {
    if labels.dtype().is_float() {
        labels.clone()
    } else {
        labels.one_hot(output.dim(-1), output.dtype())
    }
}
