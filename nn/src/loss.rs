//! Losses: the mean over a batch of how far a model's output is from the labels.

use crate::error::{Names, NnError};
use crate::functional::{log_softmax, softplus};
use crate::tensor::Tensor;
use craneflow_ir::{DType, Type};

/// A loss. `from_logits`: the output of the model is what would go into a sigmoid or softmax, which
/// is more accurate and faster than giving probabilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Mean of the squared difference; labels have the shape of the output.
    MeanSquaredError,
    /// Cross-entropy of independent yes-no questions; labels are 0 or 1 in the shape of the output.
    BinaryCrossentropy {
        /// Whether the output is logits.
        from_logits: bool,
    },
    /// Cross-entropy of classes; labels are distributions in the shape of the output.
    CategoricalCrossentropy {
        /// Whether the output is logits.
        from_logits: bool,
    },
    /// Cross-entropy of classes; labels are class numbers, in the shape of the output without its
    /// last axis.
    SparseCategoricalCrossentropy {
        /// Whether the output is logits.
        from_logits: bool,
    },
}

/// Probabilities are kept this far from 0 and 1.
const EPSILON: f64 = 1e-7;

impl Loss {
    /// Names that [`Loss::from_name`] knows; all take logits.
    pub const NAMES: [&str; 4] = [
        "mean_squared_error",
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    ];

    /// The loss of this name, from logits.
    pub fn from_name(name: &str) -> Result<Loss, NnError> {
        let from_logits = true;
        match name {
            "mean_squared_error" | "mse" => Ok(Loss::MeanSquaredError),
            "binary_crossentropy" => Ok(Loss::BinaryCrossentropy { from_logits }),
            "categorical_crossentropy" => Ok(Loss::CategoricalCrossentropy { from_logits }),
            "sparse_categorical_crossentropy" => {
                Ok(Loss::SparseCategoricalCrossentropy { from_logits })
            }
            _ => Err(NnError::Unknown {
                what: "loss",
                name: name.to_string(),
                known: Loss::NAMES.iter().collect::<Names>(),
            }),
        }
    }

    /// The name in Keras's form.
    pub fn name(self) -> &'static str {
        match self {
            Loss::MeanSquaredError => Loss::NAMES[0],
            Loss::BinaryCrossentropy { .. } => Loss::NAMES[1],
            Loss::CategoricalCrossentropy { .. } => Loss::NAMES[2],
            Loss::SparseCategoricalCrossentropy { .. } => Loss::NAMES[3],
        }
    }

    /// The type of the labels for an output of this type.
    pub fn labels(self, output: &Type) -> Type {
        match self {
            Loss::SparseCategoricalCrossentropy { .. } => {
                let rank = output.rank().saturating_sub(1);
                Type::new(DType::I32, &output.shape[..rank])
            }
            _ => output.clone(),
        }
    }

    /// The scalar loss of an output, for labels of the type that `labels` gives.
    pub fn value(self, labels: &Tensor, output: &Tensor) -> Tensor {
        match self {
            Loss::MeanSquaredError => mean_squared_error(labels, output),
            Loss::BinaryCrossentropy { from_logits: true } => {
                (softplus(output) - output * labels).mean(&[])
            }
            Loss::BinaryCrossentropy { from_logits: false } => {
                let p = output.clamp(EPSILON, 1.0 - EPSILON);
                let yes = labels * p.log();
                let no = (1.0 - labels) * (1.0 - p).log();
                -(yes + no).mean(&[])
            }
            Loss::CategoricalCrossentropy { from_logits } => {
                let log_p = log_probabilities(output, from_logits);
                -(labels * log_p).sum(&[-1]).mean(&[])
            }
            Loss::SparseCategoricalCrossentropy { from_logits } => {
                let log_p = log_probabilities(output, from_logits);
                let zero = output.tracer().full(output.ty(), 0.0);
                let chosen = labels.is_class(output.dim(-1)).select(&log_p, &zero);
                -chosen.sum(&[-1]).mean(&[])
            }
        }
    }
}

/// The mean of the squared difference.
pub fn mean_squared_error(labels: &Tensor, output: &Tensor) -> Tensor {
    (output - labels).square().mean(&[])
}

/// Logarithms of the probabilities of classes along the last axis.
fn log_probabilities(output: &Tensor, from_logits: bool) -> Tensor {
    if from_logits {
        return log_softmax(output, -1);
    }
    let sum = output.sum(&[-1]).keep(output, &[-1]);
    (output / sum).clamp(EPSILON, 1.0 - EPSILON).log()
}
