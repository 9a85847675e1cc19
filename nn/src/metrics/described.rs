//! Metrics in descriptions: by name, or with their numbers.

use super::{Average, Curve, Metric};
use crate::describe::{Keys, Variant, words};
use crate::loss::Loss;
use crate::recipe::RecipeError;
use std::mem::discriminant;

words!(Average,
    "micro" => Average::Micro,
    "macro" => Average::Macro,
    "weighted" => Average::Weighted,
);
words!(Curve, "ROC" => Curve::Roc, "PR" => Curve::Pr);

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
        let mut table: Vec<(&'static str, Metric)> =
            Metric::table().into_iter().map(|m| (m.name(), m)).collect();
        table.push(("mse", Metric::MeanSquaredError));
        table.push(("mae", Metric::MeanAbsoluteError));
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
