//! Cross-entropies and overlaps.

use super::EPSILON;
use crate::functional::{log_softmax, softmax, softplus};
use crate::tensor::Tensor;

/// Logarithms of the probabilities of classes along the last axis.
pub(crate) fn log_probabilities(output: &Tensor, from_logits: bool) -> Tensor {
    if from_logits {
        return log_softmax(output, -1);
    }
    normalised(output).clamp(EPSILON, 1.0 - EPSILON).log()
}

fn normalised(output: &Tensor) -> Tensor {
    output / output.sum(&[-1]).keep(output, &[-1])
}

/// Of every row along the last axis, the element of the label's class.
pub(crate) fn chosen(labels: &Tensor, x: &Tensor) -> Tensor {
    let zero = x.tracer().full(x.ty(), 0.0);
    labels.is_class(x.dim(-1)).select(x, &zero).sum(&[-1])
}

pub(crate) fn binary(labels: &Tensor, output: &Tensor, from_logits: bool) -> Tensor {
    if from_logits {
        return softplus(output) - output * labels;
    }
    let p = output.clamp(EPSILON, 1.0 - EPSILON);
    let yes = labels * p.log();
    let no = (1.0 - labels) * (1.0 - p).log();
    -(yes + no)
}

pub(crate) fn binary_focal(
    labels: &Tensor,
    output: &Tensor,
    alpha: Option<f64>,
    gamma: f64,
    from_logits: bool,
) -> Tensor {
    let p = match from_logits {
        true => output.sigmoid(),
        false => output.clone(),
    };
    let right = labels * &p + (1.0 - labels) * (1.0 - &p);
    let terms = (1.0 - right).power(gamma) * binary(labels, &p, false);
    match alpha {
        Some(alpha) => terms * (labels * alpha + (1.0 - labels) * (1.0 - alpha)),
        None => terms,
    }
}

pub(crate) fn categorical_focal(
    labels: &Tensor,
    output: &Tensor,
    alpha: f64,
    gamma: f64,
    from_logits: bool,
) -> Tensor {
    let p = match from_logits {
        true => softmax(output, -1),
        false => normalised(output),
    };
    let p = p.clamp(EPSILON, 1.0 - EPSILON);
    let factor = (1.0 - &p).power(gamma) * alpha;
    -(factor * labels * p.log()).sum(&[-1])
}

/// 1 less `i / (i + alpha * a + beta * b + epsilon)`, where `i` is what labels and output share, `a`
/// what the output lacks and `b` what it has too much.
pub(crate) fn overlap(
    labels: &Tensor,
    output: &Tensor,
    alpha: f64,
    beta: f64,
    epsilon: f64,
) -> Tensor {
    let shared = (labels * output).sum(&[]);
    let lacking = ((1.0 - output) * labels).sum(&[]);
    let extra = (output * (1.0 - labels)).sum(&[]);
    let all = &shared + lacking * alpha + extra * beta + epsilon;
    1.0 - shared / all
}
