//! Losses by name, and in descriptions with their numbers.

use super::Loss;
use crate::describe::{Keys, Variant};
use crate::error::{Names, NnError};
use crate::recipe::RecipeError;

/// Losses without options, and those of classes from logits, by name; first Keras's name, then its
/// short ones.
static TABLE: [(&[&str], Loss); 16] = [
    (&["mean_squared_error", "mse"], Loss::MeanSquaredError),
    (&["mean_absolute_error", "mae"], Loss::MeanAbsoluteError),
    (
        &["mean_absolute_percentage_error", "mape"],
        Loss::MeanAbsolutePercentageError,
    ),
    (
        &["mean_squared_logarithmic_error", "msle"],
        Loss::MeanSquaredLogarithmicError,
    ),
    (&["huber"], Loss::Huber { delta: 1.0 }),
    (&["log_cosh"], Loss::LogCosh),
    (&["cosine_similarity"], Loss::CosineSimilarity),
    (&["hinge"], Loss::Hinge),
    (&["squared_hinge"], Loss::SquaredHinge),
    (&["categorical_hinge"], Loss::CategoricalHinge),
    (&["kl_divergence"], Loss::KlDivergence),
    (&["poisson"], Loss::Poisson),
    (&["dice"], Loss::Dice),
    (
        &["binary_crossentropy"],
        Loss::BinaryCrossentropy { from_logits: true },
    ),
    (
        &["categorical_crossentropy"],
        Loss::CategoricalCrossentropy { from_logits: true },
    ),
    (
        &["sparse_categorical_crossentropy"],
        Loss::SparseCategoricalCrossentropy { from_logits: true },
    ),
];

impl Loss {
    /// Names that [`Loss::from_name`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(names, _)| names[0])
    }

    /// The loss of this name; those of classes take logits.
    pub fn from_name(name: &str) -> Result<Loss, NnError> {
        let found = TABLE.iter().find(|(names, _)| names.contains(&name));
        found
            .map(|(_, loss)| loss.clone())
            .ok_or_else(|| NnError::Unknown {
                what: "loss",
                name: name.to_string(),
                known: Loss::names().collect::<Names>(),
            })
    }
}

/// Losses that need numbers besides their names.
fn with_numbers() -> Vec<(&'static str, Loss)> {
    let (alpha, gamma, from_logits) = (0.25, 2.0, true);
    let binary = Loss::BinaryFocalCrossentropy {
        alpha: None,
        gamma,
        from_logits,
    };
    let categorical = Loss::CategoricalFocalCrossentropy {
        alpha,
        gamma,
        from_logits,
    };
    let circle = Loss::Circle {
        gamma: 80.0,
        margin: 0.4,
    };
    let tversky = Loss::Tversky {
        alpha: 0.5,
        beta: 0.5,
    };
    vec![
        ("binary_focal_crossentropy", binary),
        ("categorical_focal_crossentropy", categorical),
        (
            "categorical_generalized_crossentropy",
            Loss::CategoricalGeneralizedCrossentropy { q: 0.5 },
        ),
        ("tversky", tversky),
        ("circle", circle),
        ("triplet", Loss::Triplet { margin: 1.0 }),
        ("ctc", Loss::Ctc { labels: 0 }),
    ]
}

impl Variant for Loss {
    fn table() -> Vec<(&'static str, Loss)> {
        let named = TABLE
            .iter()
            .flat_map(|(names, loss)| names.iter().map(move |name| (*name, loss.clone())));
        named.chain(with_numbers()).collect()
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Loss::Huber { delta } => k.key("delta", delta),
            Loss::BinaryCrossentropy { from_logits }
            | Loss::CategoricalCrossentropy { from_logits }
            | Loss::SparseCategoricalCrossentropy { from_logits } => {
                k.key("from_logits", from_logits)
            }
            Loss::BinaryFocalCrossentropy {
                alpha,
                gamma,
                from_logits,
            } => {
                k.may("alpha", alpha)?;
                k.key("gamma", gamma)?;
                k.key("from_logits", from_logits)
            }
            Loss::CategoricalFocalCrossentropy {
                alpha,
                gamma,
                from_logits,
            } => {
                k.key("alpha", alpha)?;
                k.key("gamma", gamma)?;
                k.key("from_logits", from_logits)
            }
            Loss::CategoricalGeneralizedCrossentropy { q } => k.key("q", q),
            Loss::Tversky { alpha, beta } => {
                k.key("alpha", alpha)?;
                k.key("beta", beta)
            }
            Loss::Circle { gamma, margin } => {
                k.key("gamma", gamma)?;
                k.key("margin", margin)
            }
            Loss::Triplet { margin } => k.key("margin", margin),
            Loss::Ctc { labels } => k.need("labels", labels),
            _ => Ok(()),
        }
    }
}
