//! Scaled dot-product attention, and what tells it positions.

use super::softmax;
use crate::error::NnError;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Options of [`attend`].
#[derive(Clone, Debug, Default)]
pub struct Attention {
    /// A position sees itself and what is before it.
    pub causal: bool,
    /// Which keys a query sees: `bool`, of a shape that repeats to `[batch, heads, queries, keys]`.
    pub mask: Option<Tensor>,
    /// What scores are multiplied by; else `1 / sqrt(width)`.
    pub scale: Option<f64>,
    /// Scores are kept within this by `soft_cap * tanh(score / soft_cap)`.
    pub soft_cap: Option<f64>,
}

/// What hidden scores are: their exponential is 0, and a row of them alone is even.
const HIDDEN: f64 = -1e30;

/// Scaled dot-product attention of `[batch, heads, time, width]` tensors; with `causal`, a position
/// sees itself and what is before it.
pub fn attention(query: &Tensor, key: &Tensor, value: &Tensor, causal: bool) -> Tensor {
    let options = Attention {
        causal,
        ..Attention::default()
    };
    attend(query, key, value, &options, |p| p.clone()).0
}

/// Attention of queries `[batch, heads, q, width]` to keys `[batch, groups, k, width]` and values
/// `[batch, groups, k, width']`, and its weights `[batch, heads, q, k]`. Every group of keys serves
/// `heads / groups` heads that follow each other. `dropped` changes the weights before they are
/// used, as dropout does.
pub fn attend(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &Attention,
    dropped: impl FnOnce(&Tensor) -> Tensor,
) -> (Tensor, Tensor) {
    let ok = [query, key, value]
        .iter()
        .all(|x| x.must_have_rank("attention", 4, "(batch, heads, time, width)"));
    if !ok {
        return (query.clone(), query.clone());
    }
    let (key, value) = (repeated(key, query), repeated(value, query));
    let width = query.shape()[3] as f64;
    let scores = query.dot(&key, &[0, 1], &[0, 1], 3, 3);
    let mut scores = scores * options.scale.unwrap_or(1.0 / width.sqrt());
    if let Some(cap) = options.soft_cap {
        scores = (scores / cap).tanh() * cap;
    }
    let hidden = scores.tracer().full(scores.ty(), HIDDEN);
    if options.causal {
        let index = Type::new(DType::I32, scores.shape().clone());
        let row = scores.tracer().iota(&index, 2);
        let column = scores.tracer().iota(&index, 3);
        scores = column.compare(Cmp::Le, &row).select(&scores, &hidden);
    }
    if let Some(mask) = &options.mask {
        scores = mask.broadcast_to(scores.shape()).select(&scores, &hidden);
    }
    let weights = softmax(&scores, -1);
    let y = dropped(&weights).dot(&value, &[0, 1], &[0, 1], 3, 2);
    (y, weights)
}

/// The groups of keys or values, each once for every head that uses it.
fn repeated(x: &Tensor, query: &Tensor) -> Tensor {
    let (heads, groups) = (query.shape()[1], x.shape()[1]);
    if heads == groups {
        return x.clone();
    }
    if groups == 0 || !heads.is_multiple_of(groups) {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op: "attention",
            what: "the number of groups of keys",
            expected: format!("a divisor of the {heads} heads"),
            found: groups.to_string(),
        };
        return x.fail(x.ty().clone(), error);
    }
    let s = x.shape().0.clone();
    let wide = [s[0], groups, heads / groups, s[2], s[3]];
    let wide = x.expand_dims(2).broadcast_to(&wide);
    wide.reshape(&[s[0], heads, s[2], s[3]])
}

/// `sin` and `cos` of position times frequency, `[time, width]`: the first half of a row are sines,
/// the second cosines, of frequencies from 1 down to nearly `1 / base`.
pub fn sinusoids(like: &Tensor, time: usize, width: usize, base: f64) -> Tensor {
    let (sin, cos) = angles(like, time, width / 2, base);
    let all = Tensor::concat(&[&sin, &cos], 1);
    match width % 2 {
        0 => all,
        _ => all.pad(&[(0, 0), (0, 1)], 0.0),
    }
}

/// Sines and cosines `[time, count]` of the angles `t * base^(-i / count)`.
fn angles(like: &Tensor, time: usize, count: usize, base: f64) -> (Tensor, Tensor) {
    let ty = Type::new(DType::F32, [time, count]);
    let position = like.tracer().iota(&ty, 0);
    let share = like.tracer().iota(&ty, 1) / count.max(1) as f64;
    // Logarithm and power are functions of the graph, so their bits are those of every machine.
    let angle = position / like.tracer().full(&ty, base).power(share);
    (
        angle.sin().convert(like.dtype()),
        angle.cos().convert(like.dtype()),
    )
}

/// Rotary positions: the pairs `(x[i], x[i + width / 2])` of `[.., time, width]`, of an even width,
/// are turned by an angle that grows with the position, so that products of queries and keys depend
/// on their distance.
pub fn rotary(x: &Tensor, base: f64) -> Tensor {
    let half = x.dim(-1) / 2;
    match &x.split(-1, 2)[..] {
        [a, b] => {
            let (sin, cos) = angles(x, x.dim(-2), half, base);
            let first = a * &cos - b * &sin;
            let second = b * &cos + a * &sin;
            Tensor::concat(&[&first, &second], -1)
        }
        _ => x.poisoned(x.ty().clone()),
    }
}
