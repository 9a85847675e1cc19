//! Metrics: what is reported beside the loss.
//!
//! A program computes the part of a metric that adds up over batches: a mean, or sums such as counts
//! of hits. The number itself is made of the sums afterwards, so that a precision over an epoch is
//! that of all samples and not a mean of precisions.
//!
//! Metrics of probabilities get probabilities: the output of a model that is trained from logits goes
//! through the sigmoid or softmax of its loss first.

mod binary;
mod classes;
mod custom;
mod described;
mod numbers;

pub use binary::Curve;
pub use classes::{Average, confusion_matrix};
pub use custom::Custom;

use crate::functional::softmax;
use crate::loss::{Loss, mean_squared_error};
use crate::tensor::Tensor;
use craneflow_ir::DType;
use std::sync::Arc;

/// A number that says how well a model does.
#[derive(Clone, PartialEq, Debug)]
pub enum Metric {
    /// Share of right answers. Which answer the output gives follows from the loss: the class of the
    /// greatest output, or yes above one half.
    Accuracy,
    /// Share of outputs on the right side of a threshold (Keras: 0.5).
    BinaryAccuracy {
        /// Above it, the answer is yes.
        threshold: f64,
    },
    /// Share of samples whose greatest output is that of the right class.
    CategoricalAccuracy,
    /// Share of samples whose right class is among the `k` greatest outputs (Keras: 5).
    TopKCategoricalAccuracy {
        /// How many.
        k: usize,
    },
    /// Mean of the squared difference.
    MeanSquaredError,
    /// Mean of the absolute difference.
    MeanAbsoluteError,
    /// Root of the mean of the squared difference.
    RootMeanSquaredError,
    /// The mean of a loss, under its name.
    Loss(Loss),
    /// `exp` of the mean of the model's loss, a cross-entropy.
    Perplexity,
    /// Share of the variance that the output explains, the mean over the columns.
    R2Score,
    /// Correlation of label and output along the last axis.
    PearsonCorrelation,
    /// Agreement of label and output along the last axis: correlation that means and variances
    /// differing makes less.
    ConcordanceCorrelation,
    /// How many answers yes were right.
    TruePositives {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// How many answers yes were wrong.
    FalsePositives {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// How many answers no were right.
    TrueNegatives {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// How many answers no were wrong.
    FalseNegatives {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// Share of answers yes that were right.
    Precision {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// Share of what is yes that was found: sensitivity.
    Recall {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// Share of what is no that was found.
    Specificity {
        /// Above it, the answer is yes.
        threshold: f64,
    },
    /// Weighted harmonic mean of precision and recall of classes; `beta` 1 is the F1 score.
    FBeta {
        /// Weight of recall.
        beta: f64,
        /// How the classes are put together.
        average: Average,
        /// Above it, a class is chosen; else the class of the greatest output is.
        threshold: Option<f64>,
    },
    /// Area under a curve.
    Auc {
        /// Which curve.
        curve: Curve,
        /// Number of points (Keras: 200).
        thresholds: usize,
    },
    /// The greatest sensitivity where the specificity is at least this.
    SensitivityAtSpecificity(f64),
    /// The greatest specificity where the sensitivity is at least this.
    SpecificityAtSensitivity(f64),
    /// The greatest precision where the recall is at least this.
    PrecisionAtRecall(f64),
    /// The greatest recall where the precision is at least this.
    RecallAtPrecision(f64),
    /// Intersection over union of where a class is and where it is said to be, the mean over classes.
    MeanIou,
    /// As `MeanIou`, over some classes only.
    Iou {
        /// The classes.
        classes: Vec<usize>,
    },
    /// Intersection over union of yes and of no, their mean.
    BinaryIou {
        /// Above it, the answer is yes (Keras: 0.5).
        threshold: f64,
    },
    /// A metric of the user's.
    Custom(Custom),
}

const HALF: f64 = 0.5;

impl Metric {
    /// The F1 score, the mean over the classes of the greatest output.
    pub fn f1() -> Metric {
        Metric::FBeta {
            beta: 1.0,
            average: Average::Macro,
            threshold: None,
        }
    }

    /// The area under the curve of true over false positives, of 200 points.
    pub fn auc() -> Metric {
        Metric::Auc {
            curve: Curve::Roc,
            thresholds: 200,
        }
    }

    /// A mean of the user's: `terms(labels, output)` gives numbers whose mean is reported. Labels are
    /// of the type that the loss wants.
    pub fn custom(
        name: &'static str,
        terms: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static,
    ) -> Metric {
        Metric::Custom(Custom {
            name,
            compute: Arc::new(terms),
            finish: None,
        })
    }

    /// A metric of the user's that is made of sums: `sums(labels, output)` gives a vector, which is
    /// added up over the batches, and `finish` makes the number of it.
    pub fn custom_sums(
        name: &'static str,
        sums: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static,
        finish: impl Fn(&[f64]) -> f64 + Send + Sync + 'static,
    ) -> Metric {
        Metric::Custom(Custom {
            name,
            compute: Arc::new(sums),
            finish: Some(Arc::new(finish)),
        })
    }

    /// The name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::BinaryAccuracy { .. } => "binary_accuracy",
            Metric::CategoricalAccuracy => "categorical_accuracy",
            Metric::TopKCategoricalAccuracy { .. } => "top_k_categorical_accuracy",
            Metric::MeanSquaredError => "mean_squared_error",
            Metric::MeanAbsoluteError => "mean_absolute_error",
            Metric::RootMeanSquaredError => "root_mean_squared_error",
            Metric::Loss(loss) => loss.name(),
            Metric::Perplexity => "perplexity",
            Metric::R2Score => "r2_score",
            Metric::PearsonCorrelation => "pearson_correlation",
            Metric::ConcordanceCorrelation => "concordance_correlation",
            Metric::TruePositives { .. } => "true_positives",
            Metric::FalsePositives { .. } => "false_positives",
            Metric::TrueNegatives { .. } => "true_negatives",
            Metric::FalseNegatives { .. } => "false_negatives",
            Metric::Precision { .. } => "precision",
            Metric::Recall { .. } => "recall",
            Metric::Specificity { .. } => "specificity",
            Metric::FBeta { beta, .. } if *beta == 1.0 => "f1_score",
            Metric::FBeta { .. } => "fbeta_score",
            Metric::Auc { .. } => "auc",
            Metric::SensitivityAtSpecificity(_) => "sensitivity_at_specificity",
            Metric::SpecificityAtSensitivity(_) => "specificity_at_sensitivity",
            Metric::PrecisionAtRecall(_) => "precision_at_recall",
            Metric::RecallAtPrecision(_) => "recall_at_precision",
            Metric::MeanIou => "mean_io_u",
            Metric::Iou { .. } => "io_u",
            Metric::BinaryIou { .. } => "binary_io_u",
            Metric::Custom(custom) => custom.name,
        }
    }

    /// What a program computes for a batch: a scalar that is a mean over its samples, or a vector
    /// that is added up over batches. Labels are of the type that the loss wants.
    pub fn value(&self, loss: &Loss, labels: &Tensor, output: &Tensor) -> Tensor {
        let p = || probabilities(loss, output);
        let y = || dense(labels, output);
        let mean = |terms: Tensor| terms.convert(DType::F32).mean(&[]);
        match self {
            Metric::Accuracy => mean(classes::right(loss, labels, output)),
            Metric::BinaryAccuracy { threshold } => mean(binary::right(&y(), &p(), *threshold)),
            Metric::CategoricalAccuracy => mean(classes::right_class(labels, output)),
            Metric::TopKCategoricalAccuracy { k } => mean(classes::among(labels, output, *k)),
            Metric::MeanSquaredError => mean_squared_error(&y(), output),
            Metric::RootMeanSquaredError => counted((output - y()).square()),
            Metric::MeanAbsoluteError => (output - y()).abs().mean(&[]),
            Metric::Loss(of) if of.takes_classes() => of.value(labels, output),
            // By convention, the similarity and not the loss made of it.
            Metric::Loss(Loss::CosineSimilarity) => -Loss::CosineSimilarity.value(&y(), output),
            Metric::Loss(of) => of.value(&y(), output),
            Metric::Perplexity => counted(loss.terms(labels, output)),
            Metric::R2Score => numbers::r2_sums(&y(), output),
            Metric::PearsonCorrelation => mean(numbers::pearson(&y(), output)),
            Metric::ConcordanceCorrelation => mean(numbers::concordance(&y(), output)),
            Metric::TruePositives { threshold }
            | Metric::FalsePositives { threshold }
            | Metric::TrueNegatives { threshold }
            | Metric::FalseNegatives { threshold }
            | Metric::Precision { threshold }
            | Metric::Recall { threshold }
            | Metric::Specificity { threshold }
            | Metric::BinaryIou { threshold } => binary::counts(&y(), &p(), &[*threshold]),
            Metric::FBeta { threshold, .. } => classes::hits(&y(), &p(), *threshold),
            Metric::Auc { thresholds, .. } => {
                binary::counts(&y(), &p(), &binary::open_thresholds(*thresholds))
            }
            Metric::SensitivityAtSpecificity(_)
            | Metric::SpecificityAtSensitivity(_)
            | Metric::PrecisionAtRecall(_)
            | Metric::RecallAtPrecision(_) => {
                binary::counts(&y(), &p(), &binary::closed_thresholds(200))
            }
            Metric::MeanIou | Metric::Iou { .. } => classes::confusion(labels, output),
            Metric::Custom(custom) => {
                let value = (custom.compute)(labels, output);
                match custom.finish {
                    Some(_) => value.reshape(&[value.shape().count()]),
                    None => value.mean(&[]),
                }
            }
        }
    }

    /// The number, from the sums over all batches; a mean is its own.
    pub fn result(&self, sums: &[f64]) -> f64 {
        match self {
            Metric::RootMeanSquaredError => (sums[0] / sums[1]).sqrt(),
            Metric::Perplexity => (sums[0] / sums[1]).exp(),
            Metric::R2Score => numbers::r2(sums),
            Metric::TruePositives { .. } => sums[0],
            Metric::FalsePositives { .. } => sums[1],
            Metric::TrueNegatives { .. } => sums[2],
            Metric::FalseNegatives { .. } => sums[3],
            Metric::Precision { .. } => ratio(sums[0], sums[0] + sums[1]),
            Metric::Recall { .. } => ratio(sums[0], sums[0] + sums[3]),
            Metric::Specificity { .. } => ratio(sums[2], sums[2] + sums[1]),
            Metric::BinaryIou { .. } => {
                let wrong = sums[1] + sums[3];
                (ratio(sums[0], sums[0] + wrong) + ratio(sums[2], sums[2] + wrong)) / 2.0
            }
            Metric::FBeta { beta, average, .. } => classes::fbeta(sums, *beta, *average),
            Metric::Auc { curve, .. } => binary::area(sums, *curve),
            Metric::SensitivityAtSpecificity(least) => {
                binary::best(sums, *least, binary::specificity, binary::sensitivity)
            }
            Metric::SpecificityAtSensitivity(least) => {
                binary::best(sums, *least, binary::sensitivity, binary::specificity)
            }
            Metric::PrecisionAtRecall(least) => {
                binary::best(sums, *least, binary::sensitivity, binary::precision)
            }
            Metric::RecallAtPrecision(least) => {
                binary::best(sums, *least, binary::precision, binary::sensitivity)
            }
            Metric::MeanIou => classes::iou(sums, None),
            Metric::Iou { classes } => classes::iou(sums, Some(classes)),
            Metric::Custom(Custom {
                finish: Some(finish),
                ..
            }) => finish(sums),
            _ => sums[0],
        }
    }
}

/// `[sum, number]` of terms.
fn counted(terms: Tensor) -> Tensor {
    let count = terms
        .tracer()
        .scalar(DType::F32, terms.shape().count() as f64);
    Tensor::concat(&[&terms.sum(&[]).reshape(&[1]), &count.reshape(&[1])], 0)
}

/// `a / b`, and 0 where there is nothing.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// What an output says of probabilities.
fn probabilities(loss: &Loss, output: &Tensor) -> Tensor {
    match loss {
        Loss::BinaryCrossentropy { from_logits: true }
        | Loss::BinaryFocalCrossentropy {
            from_logits: true, ..
        } => output.sigmoid(),
        Loss::CategoricalCrossentropy { from_logits: true }
        | Loss::SparseCategoricalCrossentropy { from_logits: true }
        | Loss::CategoricalFocalCrossentropy {
            from_logits: true, ..
        } => softmax(output, -1),
        Loss::Smoothed { loss, .. } => probabilities(loss, output),
        _ => output.clone(),
    }
}

/// Class numbers as rows of zeros and a one, when the output has a column for each class.
fn dense(labels: &Tensor, output: &Tensor) -> Tensor {
    if labels.dtype().is_float() {
        labels.clone()
    } else {
        labels.one_hot(output.dim(-1), output.dtype())
    }
}
