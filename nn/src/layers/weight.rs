//! What a weight starts from, what it is drawn to, and what it is kept to.

use crate::describe::{Keys, Variant};
use crate::functional::unit_norm;
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::rng::Rng;
use crate::tensor::Tensor;
use craneflow_ir::{Array, Cmp, DType, Shape, Type};
use std::sync::Arc;

/// What a weight is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Trained by the optimizer.
    Trainable,
    /// Trained, but not in this model: its layer is frozen.
    Frozen,
    /// State that the layer itself updates, such as running statistics.
    State,
}

/// A weight of a model: `f32`.
#[derive(Clone, PartialEq, Debug)]
pub struct Weight {
    /// `<layer>.<weight>`, unique in the model.
    pub name: String,
    /// Extents.
    pub shape: Shape,
    /// How it is treated.
    pub spec: WeightSpec,
    /// What it is for.
    pub role: Role,
}

/// How a weight is treated.
#[derive(Clone, PartialEq, Debug)]
pub struct WeightSpec {
    /// How it starts.
    pub init: Init,
    /// What it starts from instead, if that is known: of a trained model, of adapted data.
    pub value: Option<Arc<Array>>,
    /// A penalty that is added to the loss.
    pub regularizer: Option<Regularizer>,
    /// What it is projected on after every step.
    pub constraint: Option<Constraint>,
    /// Between how many inputs and outputs it is, where that does not follow from its shape.
    pub fans: Option<(usize, usize)>,
}

impl From<Init> for WeightSpec {
    fn from(init: Init) -> WeightSpec {
        WeightSpec {
            init,
            value: None,
            regularizer: None,
            constraint: None,
            fans: None,
        }
    }
}

impl WeightSpec {
    /// A weight that starts from known numbers.
    pub fn given(value: Array) -> WeightSpec {
        WeightSpec {
            value: Some(Arc::new(value)),
            ..Init::Zeros.into()
        }
    }

    /// Of a weight between so many inputs and outputs: what the size of random starts goes by.
    pub fn between(self, inputs: usize, outputs: usize) -> WeightSpec {
        WeightSpec {
            fans: Some((inputs, outputs)),
            ..self
        }
    }

    /// The array that a weight of this shape starts from.
    pub fn start(&self, shape: &Shape, rng: &mut Rng) -> Array {
        let fits = |value: &&Arc<Array>| value.ty.shape == *shape;
        let count = |n: usize| n.max(1) as f64;
        match (self.value.as_ref().filter(fits), self.fans) {
            (Some(value), _) => (**value).clone(),
            (None, None) => self.init.array(shape, rng),
            (None, Some((inputs, outputs))) => {
                let fans = (count(inputs), count(outputs));
                self.init.array_between(shape, fans, rng)
            }
        }
    }
}

/// A penalty on numbers, added to the loss.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Regularizer {
    /// `l1 * sum(|x|)`.
    L1(f64),
    /// `l2 * sum(x^2)`.
    L2(f64),
    /// Both.
    L1L2 {
        /// Factor of the sum of sizes.
        l1: f64,
        /// Factor of the sum of squares.
        l2: f64,
    },
    /// `factor` times the mean size of the cosines between different rows (or columns) of a matrix.
    Orthogonal {
        /// What it is multiplied by.
        factor: f64,
        /// Whether rows shall be orthogonal, else columns.
        rows: bool,
    },
}

impl Regularizer {
    /// The penalty, a scalar.
    pub fn penalty(self, x: &Tensor) -> Tensor {
        let sizes = |factor: f64| x.abs().sum(&[]) * factor;
        let squares = |factor: f64| x.square().sum(&[]) * factor;
        match self {
            Regularizer::L1(l1) => sizes(l1),
            Regularizer::L2(l2) => squares(l2),
            Regularizer::L1L2 { l1, l2 } => sizes(l1) + squares(l2),
            Regularizer::Orthogonal { factor, rows } => {
                if !x.must_have_rank("orthogonal regularizer", 2, "a matrix") {
                    return x.poisoned(Type::scalar(x.dtype()));
                }
                let x = if rows { x.clone() } else { x.t() };
                let x = unit_norm(&x, &[1], 1e-7);
                let n = x.shape()[0];
                let cosines = x.matmul(&x.t());
                let zero = x.tracer().full(cosines.ty(), 0.0);
                let same = diagonal(&cosines).select(&zero, &cosines.abs());
                let pairs = (n * n.saturating_sub(1)).max(1) as f64 / 2.0;
                same.sum(&[]) * (0.5 * factor / pairs)
            }
        }
    }
}

/// Where row and column of a matrix are the same.
fn diagonal(x: &Tensor) -> Tensor {
    let index = Type::new(DType::I32, x.shape().clone());
    let (row, column) = (x.tracer().iota(&index, 0), x.tracer().iota(&index, 1));
    row.compare(Cmp::Eq, column)
}

/// What a weight is projected on after every step. Norms are over the axis `axis` of the weight; for
/// a kernel `[in, out]`, axis 0 gives the norm of the inputs of every output.
#[derive(Clone, PartialEq, Debug)]
pub enum Constraint {
    /// Norms at most `max`.
    MaxNorm {
        /// The greatest norm.
        max: f64,
        /// Axes of the norm.
        axes: Vec<isize>,
    },
    /// No negative numbers.
    NonNeg,
    /// Norms of 1.
    UnitNorm {
        /// Axes of the norm.
        axes: Vec<isize>,
    },
    /// Norms between `min` and `max`, approached by the share `rate` of the way in every step.
    MinMaxNorm {
        /// The least norm.
        min: f64,
        /// The greatest norm.
        max: f64,
        /// Share of the way.
        rate: f64,
        /// Axes of the norm.
        axes: Vec<isize>,
    },
}

/// Added to norms before dividing.
const EPSILON: f64 = 1e-7;

impl Constraint {
    /// The weight after projection.
    pub fn project(&self, w: &Tensor) -> Tensor {
        let norm = |axes: &[isize]| w.square().sum(axes).keep(w, axes).sqrt();
        match self {
            Constraint::NonNeg => w.maximum(0.0),
            Constraint::UnitNorm { axes } => w / (norm(axes) + EPSILON),
            Constraint::MaxNorm { max, axes } => {
                let norm = norm(axes);
                w * (norm.clamp(0.0, *max) / (norm + EPSILON))
            }
            Constraint::MinMaxNorm {
                min,
                max,
                rate,
                axes,
            } => {
                let norm = norm(axes);
                let wanted = norm.clamp(*min, *max) * *rate + &norm * (1.0 - rate);
                w * (wanted / (norm + EPSILON))
            }
        }
    }
}

impl Variant for Regularizer {
    fn table() -> Vec<(&'static str, Regularizer)> {
        let (l1, l2, factor) = (0.01, 0.01, 0.01);
        vec![
            ("l1", Regularizer::L1(l1)),
            ("l2", Regularizer::L2(l2)),
            ("l1_l2", Regularizer::L1L2 { l1, l2 }),
            ("orthogonal", Regularizer::Orthogonal { factor, rows: true }),
        ]
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Regularizer::L1(l1) => k.key("l1", l1),
            Regularizer::L2(l2) => k.key("l2", l2),
            Regularizer::L1L2 { l1, l2 } => {
                k.key("l1", l1)?;
                k.key("l2", l2)
            }
            Regularizer::Orthogonal { factor, rows } => {
                k.key("factor", factor)?;
                k.key("rows", rows)
            }
        }
    }
}

impl Variant for Constraint {
    fn table() -> Vec<(&'static str, Constraint)> {
        let axes = vec![0];
        let ranged = Constraint::MinMaxNorm {
            min: 0.0,
            max: 1.0,
            rate: 1.0,
            axes: axes.clone(),
        };
        let at_most = Constraint::MaxNorm {
            max: 2.0,
            axes: axes.clone(),
        };
        vec![
            ("max_norm", at_most),
            ("non_neg", Constraint::NonNeg),
            ("unit_norm", Constraint::UnitNorm { axes }),
            ("min_max_norm", ranged),
        ]
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match self {
            Constraint::NonNeg => Ok(()),
            Constraint::UnitNorm { axes } => k.key("axes", axes),
            Constraint::MaxNorm { max, axes } => {
                k.key("max_value", max)?;
                k.key("axes", axes)
            }
            Constraint::MinMaxNorm {
                min,
                max,
                rate,
                axes,
            } => {
                k.key("min_value", min)?;
                k.key("max_value", max)?;
                k.key("rate", rate)?;
                k.key("axes", axes)
            }
        }
    }
}
