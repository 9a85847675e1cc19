//! Values and gradients of losses, regularizers and constraints.

use crate::walk::{Case, compare, file, run, same_cases};
use craneflow_ir::Array;
use craneflow_nn::layers::{Constraint, Regularizer};
use craneflow_nn::loss::Loss;
use craneflow_nn::{Tensor, Tracer};

const TOLERANCE: f64 = 1e-5;

fn losses() -> Vec<(&'static str, Loss)> {
    let binary = |from_logits| Loss::BinaryCrossentropy { from_logits };
    let categorical = |from_logits| Loss::CategoricalCrossentropy { from_logits };
    let sparse = |from_logits| Loss::SparseCategoricalCrossentropy { from_logits };
    let binary_focal = |alpha, gamma, from_logits| Loss::BinaryFocalCrossentropy {
        alpha,
        gamma,
        from_logits,
    };
    let focal = |alpha, gamma, from_logits| Loss::CategoricalFocalCrossentropy {
        alpha,
        gamma,
        from_logits,
    };
    let (alpha, beta) = (0.3, 0.8);
    let (gamma, margin) = (8.0, 0.3);
    vec![
        ("mean_squared_error", Loss::MeanSquaredError),
        ("mean_absolute_error", Loss::MeanAbsoluteError),
        (
            "mean_absolute_percentage_error",
            Loss::MeanAbsolutePercentageError,
        ),
        (
            "mean_squared_logarithmic_error",
            Loss::MeanSquaredLogarithmicError,
        ),
        ("huber", Loss::Huber { delta: 0.8 }),
        ("log_cosh", Loss::LogCosh),
        ("cosine_similarity", Loss::CosineSimilarity),
        ("hinge", Loss::Hinge),
        ("hinge_signs", Loss::Hinge),
        ("squared_hinge", Loss::SquaredHinge),
        ("categorical_hinge", Loss::CategoricalHinge),
        ("kl_divergence", Loss::KlDivergence),
        ("poisson", Loss::Poisson),
        ("binary_crossentropy", binary(false)),
        ("binary_crossentropy_logits", binary(true)),
        (
            "binary_crossentropy_smoothed",
            binary(true).label_smoothing(0.2),
        ),
        ("categorical_crossentropy", categorical(false)),
        ("categorical_crossentropy_logits", categorical(true)),
        (
            "categorical_crossentropy_smoothed",
            categorical(true).label_smoothing(0.1),
        ),
        ("sparse_categorical_crossentropy", sparse(false)),
        ("sparse_categorical_crossentropy_logits", sparse(true)),
        ("binary_focal_crossentropy", binary_focal(None, 2.0, false)),
        (
            "binary_focal_crossentropy_balanced",
            binary_focal(Some(0.25), 1.5, true),
        ),
        ("categorical_focal_crossentropy", focal(0.25, 2.0, false)),
        (
            "categorical_focal_crossentropy_logits",
            focal(0.4, 1.5, true),
        ),
        (
            "categorical_generalized_crossentropy",
            Loss::CategoricalGeneralizedCrossentropy { q: 0.6 },
        ),
        ("dice", Loss::Dice),
        ("tversky", Loss::Tversky { alpha, beta }),
        ("circle", Loss::Circle { gamma, margin }),
        ("ctc", Loss::Ctc { labels: 3 }),
    ]
}

fn regularizers() -> Vec<(&'static str, Regularizer)> {
    let (l1, l2) = (0.03, 0.02);
    let orthogonal = |rows| Regularizer::Orthogonal { factor: 0.1, rows };
    vec![
        ("regularizer_l1", Regularizer::L1(l1)),
        ("regularizer_l2", Regularizer::L2(l2)),
        ("regularizer_l1_l2", Regularizer::L1L2 { l1, l2 }),
        ("regularizer_orthogonal_rows", orthogonal(true)),
        ("regularizer_orthogonal_columns", orthogonal(false)),
    ]
}

fn constraints() -> Vec<(&'static str, Constraint)> {
    let axes = vec![0];
    let max_norm = Constraint::MaxNorm {
        max: 1.2,
        axes: axes.clone(),
    };
    let min_max_norm = Constraint::MinMaxNorm {
        min: 1.0,
        max: 1.3,
        rate: 0.7,
        axes: vec![1],
    };
    vec![
        ("constraint_max_norm", max_norm),
        ("constraint_non_neg", Constraint::NonNeg),
        ("constraint_unit_norm", Constraint::UnitNorm { axes }),
        ("constraint_min_max_norm", min_max_norm),
    ]
}

/// Runs a function of the arrays of a case, and compares with those of the same names.
fn check(
    case: &Case<'_>,
    inputs: &[&str],
    f: impl Fn(&[Tensor]) -> Vec<(&'static str, Tensor)>,
) -> Result<(), String> {
    let tracer = Tracer::new(case.name);
    let input = |name: &&str| tracer.input(name, case.need(name).ty.clone());
    let x: Vec<Tensor> = inputs.iter().map(input).collect();
    for (name, value) in f(&x) {
        tracer.output(name, &value);
    }
    drop(x);
    let feeds: Vec<(String, &Array)> = inputs
        .iter()
        .map(|name| (name.to_string(), case.need(name)))
        .collect();
    for (name, found) in run(tracer, &feeds)? {
        compare(&name, &found, case.need(&name), TOLERANCE)?;
    }
    Ok(())
}

fn check_loss(case: &Case<'_>, loss: &Loss) -> Result<(), String> {
    let weighted = case.get("w").is_some();
    let inputs: &[&str] = if weighted {
        &["y", "x", "w"]
    } else {
        &["y", "x"]
    };
    check(case, inputs, |x| {
        let value = loss.value(&x[0], &x[1]);
        let gradient = value.gradient(&[&x[1]]).remove(0);
        let mut results = vec![("value", value), ("dx", gradient)];
        if let Some(w) = x.get(2) {
            let weighted = loss.weighted_value(&x[0], &x[1], Some(w), None);
            results.push(("weighted", weighted));
        }
        results
    })
}

#[test]
fn losses_are_those_of_keras() {
    let file = file("losses");
    let names = losses().into_iter().map(|(name, _)| name);
    let names = names.chain(regularizers().into_iter().map(|(name, _)| name));
    same_cases(
        &file,
        names.chain(constraints().into_iter().map(|(name, _)| name)),
    );
    let mut wrong = vec![];
    let mut note = |name: &str, result: Result<(), String>| {
        if let Err(error) = result {
            wrong.push(format!("{name}: {error}"));
        }
    };
    for (name, loss) in losses() {
        note(name, check_loss(&Case::of(&file, name), &loss));
    }
    for (name, regularizer) in regularizers() {
        let penalty = |x: &[Tensor]| {
            let value = regularizer.penalty(&x[0]);
            let gradient = value.gradient(&[&x[0]]).remove(0);
            vec![("value", value), ("dx", gradient)]
        };
        note(name, check(&Case::of(&file, name), &["x"], penalty));
    }
    for (name, constraint) in constraints() {
        let project = |x: &[Tensor]| vec![("y", constraint.project(&x[0]))];
        note(name, check(&Case::of(&file, name), &["x"], project));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
