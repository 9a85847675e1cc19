//! Values of metrics over two batches.

use crate::walk::{Case, file, run, same_cases};
use craneflow_nn::Tracer;
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::{Average, Curve, Metric};

const TOLERANCE: f64 = 1e-5;

/// A metric with the loss of the model it is of.
type Entry = (&'static str, Metric, Loss);

fn metrics() -> Vec<Entry> {
    let mse = || Loss::MeanSquaredError;
    let dense = || Loss::CategoricalCrossentropy { from_logits: false };
    let sparse = || Loss::SparseCategoricalCrossentropy { from_logits: false };
    let yes = || Loss::BinaryCrossentropy { from_logits: false };
    let half = 0.5;
    let fbeta = |beta, average, threshold| Metric::FBeta {
        beta,
        average,
        threshold,
    };
    let pr = Metric::Auc {
        curve: Curve::Pr,
        thresholds: 50,
    };
    let iou = Metric::Iou {
        classes: vec![1, 4],
    };
    vec![
        ("mean_squared_error", Metric::MeanSquaredError, mse()),
        ("mean_absolute_error", Metric::MeanAbsoluteError, mse()),
        (
            "root_mean_squared_error",
            Metric::RootMeanSquaredError,
            mse(),
        ),
        (
            "mean_absolute_percentage_error",
            Metric::Loss(Loss::MeanAbsolutePercentageError),
            mse(),
        ),
        (
            "mean_squared_logarithmic_error",
            Metric::Loss(Loss::MeanSquaredLogarithmicError),
            mse(),
        ),
        ("log_cosh", Metric::Loss(Loss::LogCosh), mse()),
        (
            "cosine_similarity",
            Metric::Loss(Loss::CosineSimilarity),
            mse(),
        ),
        ("hinge", Metric::Loss(Loss::Hinge), yes()),
        ("squared_hinge", Metric::Loss(Loss::SquaredHinge), yes()),
        (
            "categorical_hinge",
            Metric::Loss(Loss::CategoricalHinge),
            dense(),
        ),
        ("kl_divergence", Metric::Loss(Loss::KlDivergence), dense()),
        ("poisson", Metric::Loss(Loss::Poisson), mse()),
        ("binary_crossentropy", Metric::Loss(yes()), yes()),
        ("categorical_crossentropy", Metric::Loss(dense()), dense()),
        (
            "sparse_categorical_crossentropy",
            Metric::Loss(sparse()),
            sparse(),
        ),
        (
            "binary_accuracy",
            Metric::BinaryAccuracy { threshold: 0.4 },
            yes(),
        ),
        ("categorical_accuracy", Metric::CategoricalAccuracy, dense()),
        (
            "sparse_categorical_accuracy",
            Metric::CategoricalAccuracy,
            sparse(),
        ),
        (
            "top_k_categorical_accuracy",
            Metric::TopKCategoricalAccuracy { k: 3 },
            dense(),
        ),
        (
            "sparse_top_k_categorical_accuracy",
            Metric::TopKCategoricalAccuracy { k: 2 },
            sparse(),
        ),
        ("r2_score", Metric::R2Score, mse()),
        ("pearson_correlation", Metric::PearsonCorrelation, mse()),
        (
            "concordance_correlation",
            Metric::ConcordanceCorrelation,
            mse(),
        ),
        (
            "true_positives",
            Metric::TruePositives { threshold: 0.3 },
            yes(),
        ),
        (
            "false_positives",
            Metric::FalsePositives { threshold: half },
            yes(),
        ),
        (
            "true_negatives",
            Metric::TrueNegatives { threshold: half },
            yes(),
        ),
        (
            "false_negatives",
            Metric::FalseNegatives { threshold: half },
            yes(),
        ),
        ("precision", Metric::Precision { threshold: 0.6 }, yes()),
        ("recall", Metric::Recall { threshold: half }, yes()),
        ("f1_score", Metric::f1(), dense()),
        ("f1_score_micro", fbeta(1.0, Average::Micro, None), dense()),
        (
            "fbeta_score",
            fbeta(2.0, Average::Weighted, Some(0.2)),
            dense(),
        ),
        ("auc", Metric::auc(), yes()),
        ("auc_pr", pr, yes()),
        (
            "sensitivity_at_specificity",
            Metric::SensitivityAtSpecificity(0.5),
            yes(),
        ),
        (
            "specificity_at_sensitivity",
            Metric::SpecificityAtSensitivity(0.6),
            yes(),
        ),
        ("precision_at_recall", Metric::PrecisionAtRecall(0.7), yes()),
        (
            "recall_at_precision",
            Metric::RecallAtPrecision(half),
            yes(),
        ),
        ("mean_iou", Metric::MeanIou, sparse()),
        ("iou", iou, sparse()),
        ("one_hot_mean_iou", Metric::MeanIou, dense()),
        ("binary_iou", Metric::BinaryIou { threshold: half }, yes()),
    ]
}

/// What a program computes of one batch.
fn sums(case: &Case<'_>, batch: usize, metric: &Metric, loss: &Loss) -> Result<Vec<f64>, String> {
    let tracer = Tracer::new(case.name);
    let (y, x) = (
        case.need(&format!("y{batch}")),
        case.need(&format!("x{batch}")),
    );
    let labels = tracer.input("y", y.ty.clone());
    let output = tracer.input("x", x.ty.clone());
    tracer.output("value", &metric.value(loss, &labels, &output));
    drop((labels, output));
    let results = run(tracer, &[("y".to_string(), y), ("x".to_string(), x)])?;
    Ok(results[0].1.to_f64())
}

fn check(case: &Case<'_>, metric: &Metric, loss: &Loss) -> Result<(), String> {
    let (a, b) = (sums(case, 0, metric, loss)?, sums(case, 1, metric, loss)?);
    // The batches have one size. A single number is a mean over the samples of its batch.
    let share = if a.len() == 1 { 0.5 } else { 1.0 };
    let both: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a + b) * share).collect();
    let (found, expected) = (metric.result(&both), case.need("value").to_f64()[0]);
    match (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0) {
        true => Ok(()),
        false => Err(format!("{found} instead of {expected}")),
    }
}

#[test]
fn metrics_are_those_of_keras() {
    let file = file("metrics");
    let table = metrics();
    same_cases(&file, table.iter().map(|(name, ..)| *name));
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(name, metric, loss)| {
            let error = check(&Case::of(&file, name), metric, loss).err()?;
            Some(format!("{name}: {error}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
