//! Metrics by name, and in descriptions with their numbers.

use super::{Average, Curve, HALF, Metric};
use crate::describe::{Keys, Variant, words};
use crate::error::{Names, NnError};
use crate::loss::Loss;
use crate::recipe::RecipeError;
use std::collections::BTreeSet;
use std::mem::discriminant;

words!(Average,
    "micro" => Average::Micro,
    "macro" => Average::Macro,
    "weighted" => Average::Weighted,
);
words!(Curve, "ROC" => Curve::Roc, "PR" => Curve::Pr);

/// Metrics with Keras's options, by name; two have a short one, too.
fn named() -> Vec<(&'static str, Metric)> {
    let threshold = HALF;
    let metrics = [
        Metric::Accuracy,
        Metric::BinaryAccuracy { threshold },
        Metric::CategoricalAccuracy,
        Metric::TopKCategoricalAccuracy { k: 5 },
        Metric::MeanSquaredError,
        Metric::MeanAbsoluteError,
        Metric::RootMeanSquaredError,
        Metric::Perplexity,
        Metric::R2Score,
        Metric::PearsonCorrelation,
        Metric::ConcordanceCorrelation,
        Metric::TruePositives { threshold },
        Metric::FalsePositives { threshold },
        Metric::TrueNegatives { threshold },
        Metric::FalseNegatives { threshold },
        Metric::Precision { threshold },
        Metric::Recall { threshold },
        Metric::Specificity { threshold },
        Metric::f1(),
        Metric::auc(),
        Metric::MeanIou,
        Metric::BinaryIou { threshold },
    ];
    let short = [
        ("mse", Metric::MeanSquaredError),
        ("mae", Metric::MeanAbsoluteError),
    ];
    let long = metrics.into_iter().map(|m| (m.name(), m));
    long.chain(short).collect()
}

impl Metric {
    /// The metric of this name, with Keras's options, or the mean of the loss of this name; `mse` and
    /// `mae` are short for two.
    pub fn from_name(name: &str) -> Result<Metric, NnError> {
        let table = named();
        if let Some((_, metric)) = table.iter().find(|(n, _)| *n == name) {
            return Ok(metric.clone());
        }
        Loss::from_name(name).map(Metric::Loss).map_err(|_| {
            let names = table.iter().map(|(_, metric)| metric.name());
            let names: BTreeSet<&str> = names.chain(Loss::names()).collect();
            NnError::Unknown {
                what: "metric",
                name: name.to_string(),
                known: names.into_iter().collect::<Names>(),
            }
        })
    }
}

/// Metrics that need numbers besides their names.
fn with_numbers() -> Vec<(&'static str, Metric)> {
    let fbeta = Metric::FBeta {
        beta: 1.0,
        average: Average::Macro,
        threshold: None,
    };
    vec![
        ("fbeta_score", fbeta),
        (
            "sensitivity_at_specificity",
            Metric::SensitivityAtSpecificity(0.5),
        ),
        (
            "specificity_at_sensitivity",
            Metric::SpecificityAtSensitivity(0.5),
        ),
        ("precision_at_recall", Metric::PrecisionAtRecall(0.5)),
        ("recall_at_precision", Metric::RecallAtPrecision(0.5)),
        ("io_u", Metric::Iou { classes: vec![] }),
    ]
}

impl Variant for Metric {
    fn table() -> Vec<(&'static str, Metric)> {
        let mut table = named();
        table.extend(with_numbers());
        let losses = <Loss as Variant>::table().into_iter();
        table.extend(losses.map(|(name, loss)| (name, Metric::Loss(loss))));
        table
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Metric::BinaryAccuracy { threshold }
            | Metric::TruePositives { threshold }
            | Metric::FalsePositives { threshold }
            | Metric::TrueNegatives { threshold }
            | Metric::FalseNegatives { threshold }
            | Metric::Precision { threshold }
            | Metric::Recall { threshold }
            | Metric::Specificity { threshold }
            | Metric::BinaryIou { threshold } => k.key("threshold", threshold),
            Metric::TopKCategoricalAccuracy { k: best } => k.key("k", best),
            Metric::FBeta {
                beta,
                average,
                threshold,
            } => {
                k.key("beta", beta)?;
                k.key("average", average)?;
                k.may("threshold", threshold)
            }
            Metric::Auc { curve, thresholds } => {
                k.key("curve", curve)?;
                k.key("num_thresholds", thresholds)
            }
            Metric::SensitivityAtSpecificity(least) => k.need("specificity", least),
            Metric::SpecificityAtSensitivity(least) => k.need("sensitivity", least),
            Metric::PrecisionAtRecall(least) => k.need("recall", least),
            Metric::RecallAtPrecision(least) => k.need("precision", least),
            Metric::Iou { classes } => k.need("target_class_ids", classes),
            Metric::Loss(loss) => loss.keys(k),
            _ => Ok(()),
        }
    }

    fn alike(&self, other: &Metric) -> bool {
        match (self, other) {
            (Metric::Loss(loss), Metric::Loss(other)) => loss.alike(other),
            _ => discriminant(self) == discriminant(other),
        }
    }
}
