//! Losses: the mean over a batch of how far a model's output is from the labels.

mod classes;
mod ctc;
mod custom;
mod described;
mod pairs;
mod regression;

pub(crate) use classes::chosen;
pub use custom::Custom;
pub use regression::mean_squared_error;

use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::{DType, Type};
use std::sync::Arc;

/// A loss. `from_logits`: the output of the model is what would go into a sigmoid or softmax, which
/// is more accurate and faster than giving probabilities. Unless said otherwise, labels have the
/// shape of the output.
#[derive(Clone, PartialEq, Debug)]
pub enum Loss {
    /// Mean of the squared difference.
    MeanSquaredError,
    /// Mean of the absolute difference.
    MeanAbsoluteError,
    /// 100 times the mean of the absolute difference over the size of the label.
    MeanAbsolutePercentageError,
    /// Mean of the squared difference of `log(1 + x)`; negative numbers count as 0.
    MeanSquaredLogarithmicError,
    /// Half of the squared difference where that is at most `delta`, else a line (Keras: 1).
    Huber {
        /// Where the line begins.
        delta: f64,
    },
    /// Mean of the logarithm of the hyperbolic cosine of the difference.
    LogCosh,
    /// Minus the cosine of the angle between label and output, along the last axis.
    CosineSimilarity,
    /// Mean of `max(1 - label * output, 0)`; labels are -1 and 1, or 0 and 1.
    Hinge,
    /// Mean of the square of `max(1 - label * output, 0)`; labels are -1 and 1, or 0 and 1.
    SquaredHinge,
    /// The greatest output of a wrong class less that of the right one plus 1, if positive; labels
    /// are 0 and 1.
    CategoricalHinge,
    /// Divergence of distributions along the last axis, of the output from the label.
    KlDivergence,
    /// Mean of `output - label * log(output)`.
    Poisson,
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
    /// Binary cross-entropy in which what is known well counts little.
    BinaryFocalCrossentropy {
        /// Weight of yes, when the classes are balanced (Keras: 0.25, not balanced).
        alpha: Option<f64>,
        /// Exponent of the factor (Keras: 2).
        gamma: f64,
        /// Whether the output is logits.
        from_logits: bool,
    },
    /// Cross-entropy of classes in which what is known well counts little.
    CategoricalFocalCrossentropy {
        /// Factor (Keras: 0.25).
        alpha: f64,
        /// Exponent of the factor (Keras: 2).
        gamma: f64,
        /// Whether the output is logits.
        from_logits: bool,
    },
    /// `(1 - p^q) / q` of the probability of the right class; labels are class numbers. Between mean
    /// absolute error and cross-entropy; robust to wrong labels.
    CategoricalGeneralizedCrossentropy {
        /// Between 0 and 1 (Keras: 0.5).
        q: f64,
    },
    /// 1 less Dice's coefficient of the whole batch.
    Dice,
    /// 1 less Tversky's index of the whole batch.
    Tversky {
        /// Weight of labels that the output lacks, as Keras has it (0.5).
        alpha: f64,
        /// Weight of outputs that the labels lack, as Keras has it (0.5).
        beta: f64,
    },
    /// The circle loss of vectors `[batch, width]` of length 1; labels are class numbers `[batch]`.
    Circle {
        /// Scale (Keras: 80).
        gamma: f64,
        /// Margin (Keras: 0.4).
        margin: f64,
    },
    /// The triplet loss of vectors `[batch, width]`: for every sample, the distance to the farthest
    /// of its class less that to the nearest of another class, plus the margin, if positive. Labels
    /// are class numbers `[batch]`.
    Triplet {
        /// Margin (usually 1).
        margin: f64,
    },
    /// Connectionist temporal classification: the output is logits `[batch, time, classes]` of which
    /// class 0 is the blank; labels are sequences of classes `[batch, labels]`, with 0 as padding.
    Ctc {
        /// The longest label.
        labels: usize,
    },
    /// Another loss with labels drawn towards an even distribution, by the share `by`.
    Smoothed {
        /// The other loss.
        loss: Box<Loss>,
        /// The share.
        by: f64,
    },
    /// A loss of the user's.
    Custom(Custom),
}

impl Loss {
    /// A loss of the user's: `terms(labels, output)` gives what the loss is the mean of, one number
    /// or several for every sample, the batch first. Labels have the type of the output.
    pub fn custom(
        name: &'static str,
        terms: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static,
    ) -> Loss {
        Loss::Custom(Custom {
            name,
            classes: false,
            terms: Arc::new(terms),
        })
    }

    /// As [`Loss::custom`], with class numbers as labels: `i32`, in the shape of the output without
    /// its last axis.
    pub fn custom_classes(
        name: &'static str,
        terms: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static,
    ) -> Loss {
        Loss::Custom(Custom {
            name,
            classes: true,
            terms: Arc::new(terms),
        })
    }

    /// The loss with labels drawn towards an even distribution: `labels * (1 - by) + by / n`, where
    /// `n` is 2 for yes-no questions and else the number of classes.
    pub fn label_smoothing(self, by: f64) -> Loss {
        let loss = Box::new(self);
        Loss::Smoothed { loss, by }
    }

    /// The name in Keras's form.
    pub fn name(&self) -> &'static str {
        match self {
            Loss::MeanSquaredError => "mean_squared_error",
            Loss::MeanAbsoluteError => "mean_absolute_error",
            Loss::MeanAbsolutePercentageError => "mean_absolute_percentage_error",
            Loss::MeanSquaredLogarithmicError => "mean_squared_logarithmic_error",
            Loss::Huber { .. } => "huber",
            Loss::LogCosh => "log_cosh",
            Loss::CosineSimilarity => "cosine_similarity",
            Loss::Hinge => "hinge",
            Loss::SquaredHinge => "squared_hinge",
            Loss::CategoricalHinge => "categorical_hinge",
            Loss::KlDivergence => "kl_divergence",
            Loss::Poisson => "poisson",
            Loss::BinaryCrossentropy { .. } => "binary_crossentropy",
            Loss::CategoricalCrossentropy { .. } => "categorical_crossentropy",
            Loss::SparseCategoricalCrossentropy { .. } => "sparse_categorical_crossentropy",
            Loss::BinaryFocalCrossentropy { .. } => "binary_focal_crossentropy",
            Loss::CategoricalFocalCrossentropy { .. } => "categorical_focal_crossentropy",
            Loss::CategoricalGeneralizedCrossentropy { .. } => {
                "categorical_generalized_crossentropy"
            }
            Loss::Dice => "dice",
            Loss::Tversky { .. } => "tversky",
            Loss::Circle { .. } => "circle",
            Loss::Triplet { .. } => "triplet",
            Loss::Ctc { .. } => "ctc",
            Loss::Smoothed { loss, .. } => loss.name(),
            Loss::Custom(custom) => custom.name,
        }
    }

    /// Whether labels are class numbers: `i32`, in the shape of the output without its last axis.
    pub fn takes_classes(&self) -> bool {
        match self {
            Loss::SparseCategoricalCrossentropy { .. }
            | Loss::CategoricalGeneralizedCrossentropy { .. }
            | Loss::Circle { .. }
            | Loss::Triplet { .. }
            | Loss::Ctc { .. } => true,
            Loss::Smoothed { loss, .. } => loss.takes_classes(),
            Loss::Custom(custom) => custom.classes,
            _ => false,
        }
    }

    /// How many classes there are, where labels are numbers of the output's last axis.
    pub fn classes(&self, output: &Type) -> Option<usize> {
        match self {
            Loss::Circle { .. } | Loss::Triplet { .. } | Loss::Custom(_) => None,
            Loss::Smoothed { loss, .. } => loss.classes(output),
            _ => {
                let classes = output.shape.last().copied().unwrap_or(1);
                self.takes_classes().then_some(classes)
            }
        }
    }

    /// The type of the labels for an output of this type.
    pub fn labels(&self, output: &Type) -> Type {
        if let Loss::Ctc { labels } = self {
            let batch = output.shape.first().copied().unwrap_or(1);
            return Type::new(DType::I32, [batch, *labels]);
        }
        match self.takes_classes() {
            true => {
                let rank = output.rank().saturating_sub(1);
                Type::new(DType::I32, &output.shape[..rank])
            }
            false => output.clone(),
        }
    }

    /// The scalar loss of an output, for labels of the type that `labels` gives.
    pub fn value(&self, labels: &Tensor, output: &Tensor) -> Tensor {
        self.terms(labels, output).mean(&[])
    }

    /// `value` with a weight for each sample, `[batch]`, and a mask of the positions that count,
    /// `bool[batch, time]`. As in Keras, the mean is over all samples, whatever their weights, and
    /// over the positions that count.
    pub fn weighted_value(
        &self,
        labels: &Tensor,
        output: &Tensor,
        weights: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let mut terms = self.terms(labels, output);
        let leading = |of: &Tensor| {
            let mut shape = of.shape().0.clone();
            shape.resize(terms.rank(), 1);
            of.convert(terms.dtype()).reshape(&shape)
        };
        let fits = |of: &&Tensor| terms.shape().starts_with(of.shape()) && terms.rank() > 0;
        let mask = mask.filter(fits).map(leading);
        let weights = weights.filter(fits).map(leading);
        let mut count = None;
        if let Some(mask) = mask {
            let all = mask.broadcast_to(terms.shape());
            // Positions that do not count may hold anything, NaN too.
            let zero = terms.tracer().full(terms.ty(), 0.0);
            terms = all
                .compare(craneflow_ir::Cmp::Gt, 0.5)
                .select(&terms, &zero);
            count = Some(all.sum(&[]).maximum(1.0));
        }
        if let Some(weights) = weights {
            terms = terms * weights;
        }
        match count {
            Some(count) => terms.sum(&[]) / count,
            None => terms.mean(&[]),
        }
    }

    /// What the loss is the mean of: one number or several for every sample, the batch first; a
    /// scalar for losses of whole batches.
    pub fn terms(&self, labels: &Tensor, output: &Tensor) -> Tensor {
        use {classes as c, pairs as p, regression as r};
        match self {
            Loss::MeanSquaredError => (output - labels).square(),
            Loss::MeanAbsoluteError => (output - labels).abs(),
            Loss::MeanAbsolutePercentageError => r::percentage(labels, output),
            Loss::MeanSquaredLogarithmicError => r::logarithmic(labels, output),
            Loss::Huber { delta } => r::huber(labels, output, *delta),
            Loss::LogCosh => r::log_cosh(labels, output),
            Loss::CosineSimilarity => -r::cosine(labels, output),
            Loss::Hinge => r::hinge(labels, output),
            Loss::SquaredHinge => r::hinge(labels, output).square(),
            Loss::CategoricalHinge => r::categorical_hinge(labels, output),
            Loss::KlDivergence => r::divergence(labels, output),
            Loss::Poisson => output - labels * (output + EPSILON).log(),
            Loss::BinaryCrossentropy { from_logits } => c::binary(labels, output, *from_logits),
            Loss::CategoricalCrossentropy { from_logits } => {
                let log_p = c::log_probabilities(output, *from_logits);
                -(labels * log_p).sum(&[-1])
            }
            Loss::SparseCategoricalCrossentropy { from_logits } => {
                let log_p = c::log_probabilities(output, *from_logits);
                -c::chosen(labels, &log_p)
            }
            Loss::BinaryFocalCrossentropy {
                alpha,
                gamma,
                from_logits,
            } => c::binary_focal(labels, output, *alpha, *gamma, *from_logits),
            Loss::CategoricalFocalCrossentropy {
                alpha,
                gamma,
                from_logits,
            } => c::categorical_focal(labels, output, *alpha, *gamma, *from_logits),
            Loss::CategoricalGeneralizedCrossentropy { q } => {
                (1.0 - c::chosen(labels, output).power(*q)) / *q
            }
            Loss::Dice => c::overlap(labels, output, 0.5, 0.5, 0.5 * EPSILON),
            Loss::Tversky { alpha, beta } => c::overlap(labels, output, *alpha, *beta, EPSILON),
            Loss::Circle { gamma, margin } => p::circle(labels, output, *gamma, *margin),
            Loss::Triplet { margin } => p::triplet(labels, output, *margin),
            Loss::Ctc { .. } => ctc::ctc(labels, output),
            Loss::Smoothed { loss, by } => smoothed(loss, *by, labels, output),
            Loss::Custom(custom) => (custom.terms)(labels, output),
        }
    }
}

/// Probabilities are kept this far from 0 and 1.
const EPSILON: f64 = 1e-7;

/// The terms of a loss with smoothed labels.
fn smoothed(loss: &Loss, by: f64, labels: &Tensor, output: &Tensor) -> Tensor {
    let classes = output.dim(-1).max(1) as f64;
    let even = |labels: &Tensor, n: f64| labels * (1.0 - by) + by / n;
    match loss {
        Loss::BinaryCrossentropy { .. } | Loss::BinaryFocalCrossentropy { .. } => {
            loss.terms(&even(labels, 2.0), output)
        }
        Loss::SparseCategoricalCrossentropy { from_logits } => {
            let dense = labels.one_hot(output.dim(-1), output.dtype());
            let from_logits = *from_logits;
            Loss::CategoricalCrossentropy { from_logits }.terms(&even(&dense, classes), output)
        }
        _ if loss.takes_classes() => {
            let error = NnError::Argument {
                layer: output.tracer().current(),
                op: loss.name(),
                what: "the loss",
                expected: "one of probabilities, to smooth labels".to_string(),
                found: "one of class numbers".to_string(),
            };
            output.fail(output.ty().clone(), error)
        }
        _ => loss.terms(&even(labels, classes), output),
    }
}
