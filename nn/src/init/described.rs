//! How initial weights are described.

use super::{Fan, Init, Part, Scaling, Spread, Window};
use crate::describe::{Keys, Variant, words};
use crate::recipe::RecipeError;

words!(Fan, "in" => Fan::In, "out" => Fan::Out, "average" => Fan::Average);
words!(Spread,
    "uniform" => Spread::Uniform,
    "normal" => Spread::Normal,
    "truncated_normal" => Spread::TruncatedNormal,
);

impl Variant for Init {
    fn table() -> Vec<(&'static str, Init)> {
        let (mean, stddev) = (0.0, 0.05);
        let scaling = Init::VarianceScaling {
            scale: 1.0,
            fan: Fan::In,
            spread: Spread::TruncatedNormal,
        };
        let uniform = Init::Uniform {
            low: -0.05,
            high: 0.05,
        };
        vec![
            ("zeros", Init::Zeros),
            ("ones", Init::Ones),
            ("constant", Init::Constant(0.0)),
            ("glorot_uniform", Init::GlorotUniform),
            ("glorot_normal", Init::GlorotNormal),
            ("he_uniform", Init::HeUniform),
            ("he_normal", Init::HeNormal),
            ("lecun_uniform", Init::LecunUniform),
            ("lecun_normal", Init::LecunNormal),
            ("variance_scaling", scaling),
            ("orthogonal", Init::Orthogonal { gain: 1.0 }),
            ("identity", Init::Identity { gain: 1.0 }),
            ("truncated_normal", Init::TruncatedNormal { mean, stddev }),
            ("uniform", uniform),
            ("random_uniform", uniform),
            ("normal", Init::Normal { mean, stddev }),
            ("random_normal", Init::Normal { mean, stddev }),
            (
                "stft",
                Init::Stft {
                    side: Part::default(),
                    window: Window::default(),
                    scaling: Scaling::default(),
                    periodic: false,
                },
            ),
        ]
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Init::Constant(x) => k.key("value", x),
            Init::VarianceScaling { scale, fan, spread } => {
                k.key("scale", scale)?;
                k.key("mode", fan)?;
                k.key("distribution", spread)
            }
            Init::Orthogonal { gain } => k.key("gain", gain),
            Init::Identity { gain } => k.key("gain", gain),
            Init::TruncatedNormal { mean, stddev } | Init::Normal { mean, stddev } => {
                k.key("mean", mean)?;
                k.key("stddev", stddev)
            }
            Init::Uniform { low, high } => {
                k.key("minval", low)?;
                k.key("maxval", high)
            }
            Init::Stft {
                side,
                window,
                scaling,
                periodic,
            } => {
                k.key("side", side)?;
                k.key("window", window)?;
                k.key("scaling", scaling)?;
                k.key("periodic", periodic)
            }
            _ => Ok(()),
        }
    }
}
