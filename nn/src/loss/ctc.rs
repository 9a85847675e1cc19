//! Connectionist temporal classification (Graves et al., 2006).

use crate::error::NnError;
use crate::functional::log_softmax;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// The logarithm of what is impossible; sums with it stay finite.
const NEVER: f64 = -1e30;

/// Minus the logarithm of the probability that logits `[batch, time, classes]` give to label sequences
/// `[batch, n]`, `i32`: `[batch]`. Class 0 is the blank; in labels it is padding at the end.
pub(super) fn ctc(labels: &Tensor, output: &Tensor) -> Tensor {
    if !output.must_have_rank("ctc", 3, "(batch, time, classes)")
        || !labels.must_have_rank("ctc", 2, "(batch, label) as labels")
    {
        return output.clone();
    }
    let (batch, time, n) = (output.dim(0), output.dim(1), labels.dim(1));
    if n == 0 || time == 0 {
        let error = NnError::Argument {
            layer: output.tracer().current(),
            op: "ctc",
            what: "the numbers of steps and of labels",
            expected: "at least 1".to_string(),
            found: format!("{time} and {n}"),
        };
        return output.fail(output.ty().clone(), error);
    }
    let states = 2 * n + 1;
    let extended = with_blanks(labels, states);
    // The logarithm of the probability of every state's class at every step.
    let class = extended.one_hot(output.dim(2), output.dtype());
    let emitted = log_softmax(output, -1).dot(&class, &[0], &[0], 2, 2);

    let tracer = output.tracer();
    let index = Type::new(DType::I32, [batch, states]);
    let position = tracer.iota(&index, 1);
    let never = tracer.full(&output.ty().with_shape([batch, states]), NEVER);
    // From a state to the one after the next, unless a blank between equal classes is needed.
    let before = shifted(&extended, 2, 0.0);
    let skips = extended
        .compare(Cmp::Ne, 0)
        .and(&extended.compare(Cmp::Ne, before));
    let first = emitted.index(1, 0);
    let mut forward = position.compare(Cmp::Lt, 2).select(&first, &never);
    for t in 1..time {
        let one = shifted(&forward, 1, NEVER);
        let two = skips.select(&shifted(&forward, 2, NEVER), &never);
        forward = log_sum([&forward, &one, &two]) + emitted.index(1, t);
    }
    // The last state is the blank after the label, or the label itself.
    let length = labels.compare(Cmp::Ne, 0).convert(DType::I32).sum(&[1]);
    let last = (length * 2).expand_dims(1);
    let end = |state: &Tensor| {
        let here = position.compare(Cmp::Eq, state);
        here.select(&forward, &never).max(&[1])
    };
    let (blank, label) = (end(&last), end(&(&last - 1)));
    let none = tracer.full(blank.ty(), NEVER);
    -log_sum([&blank, &label, &none])
}

/// Labels with a blank before, between and behind.
fn with_blanks(labels: &Tensor, states: usize) -> Tensor {
    let (batch, n) = (labels.dim(0), labels.dim(1));
    let column = labels.expand_dims(2);
    let blank = labels.tracer().full(column.ty(), 0.0);
    let pairs = Tensor::concat(&[&blank, &column], 2).reshape(&[batch, 2 * n]);
    let end = labels
        .tracer()
        .full(&labels.ty().with_shape([batch, 1]), 0.0);
    let all = Tensor::concat(&[&pairs, &end], 1);
    all.reshape(&[batch, states])
}

/// Columns moved to the right.
fn shifted(x: &Tensor, by: i64, value: f64) -> Tensor {
    x.pad(&[(0, 0), (by, -by)], value)
}

fn log_sum(x: [&Tensor; 3]) -> Tensor {
    let greatest = x[0].maximum(x[1]).maximum(x[2]).stop_gradient();
    let terms = x.map(|x| (x - &greatest).exp());
    let [a, b, c] = terms;
    (a + b + c).log() + greatest
}
