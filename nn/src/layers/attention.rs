//! Attention: several heads, grouped keys, and the simple kinds of one head.

use super::{Cx, Layer, Meta, WeightSpec, layer, options};
use crate::describe::{described, words};
use crate::error::NnError;
use crate::functional::{Attention as Options, attend, dropout, einsum, rotary, softmax};
use crate::init::Init;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType, Type};

/// Attention of several heads to `[query, value]` or `[query, value, key]`, each `[batch, time,
/// width]`; the result has the shape of the query. Steps that a mask leaves out of the value are not
/// seen.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    meta: Meta,
    heads: usize,
    groups: usize,
    width: usize,
    value_width: usize,
    output: Option<usize>,
    use_bias: bool,
    causal: bool,
    masked: bool,
    dropout: f64,
    rotary: Option<f64>,
    kernel: WeightSpec,
    bias: WeightSpec,
}

impl MultiHeadAttention {
    /// `heads` heads whose queries, keys and values have `width` numbers.
    pub fn new(heads: usize, width: usize) -> MultiHeadAttention {
        MultiHeadAttention {
            meta: Meta::new("multi_head_attention"),
            heads,
            groups: heads,
            width,
            value_width: width,
            output: None,
            use_bias: true,
            causal: false,
            masked: false,
            dropout: 0.0,
            rotary: None,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
        }
    }

    /// `groups` heads of keys and values, each for `heads / groups` heads of queries.
    pub fn grouped(heads: usize, groups: usize, width: usize) -> MultiHeadAttention {
        MultiHeadAttention {
            meta: Meta::new("grouped_query_attention"),
            groups,
            ..MultiHeadAttention::new(heads, width)
        }
    }

    /// A query sees its own position and what is before it.
    pub fn causal(mut self) -> MultiHeadAttention {
        self.causal = true;
        self
    }

    /// The last input says which keys each query sees: `[batch, queries, keys]`, not 0 where it does.
    pub fn masked(mut self) -> MultiHeadAttention {
        self.masked = true;
        self
    }

    /// Leaves the biases out.
    pub fn no_bias(mut self) -> MultiHeadAttention {
        self.use_bias = false;
        self
    }

    /// Turns queries and keys by their positions, with frequencies down to `1 / base` (usually
    /// 10,000).
    pub fn rotary(mut self, base: f64) -> MultiHeadAttention {
        self.rotary = Some(base);
        self
    }

    /// Sets the width of the result; else it is that of the query.
    pub fn output(mut self, width: usize) -> MultiHeadAttention {
        self.output = Some(width);
        self
    }

    /// Heads of a tensor: `[batch, time, width]` gives `[batch, heads, time, width']`.
    fn heads(&self, cx: &mut Cx, name: &str, x: &Tensor, heads: usize, width: usize) -> Tensor {
        let tracer = cx.tracer().clone();
        tracer.layer(name, || {
            let shape = [x.dim(2), heads, width];
            let spec = self.kernel.clone().between(x.dim(2), heads * width);
            let kernel = cx.weight("kernel", &shape, spec);
            let y = einsum("btd,dhw->bhtw", x, &kernel);
            match self.use_bias {
                true => {
                    y + cx
                        .weight("bias", &[heads, width], self.bias.clone())
                        .expand_dims(1)
                }
                false => y,
            }
        })
    }
}

options!(MultiHeadAttention {
    /// Sets the share of the attention weights that are dropped while training.
    dropout: f64,
    /// Sets the width of the values of a head.
    value_width: usize,
});

layer!(MultiHeadAttention, |self, cx, x| {
    let tensors = x.len() - usize::from(self.masked && x.len() > 1);
    let (inputs, mask) = x.split_at(tensors);
    let query = &inputs[0];
    let value = inputs.get(1).unwrap_or(query);
    let key = inputs.get(2).unwrap_or(value);
    for x in [query, key, value] {
        if !x.must_have_rank("attention", 3, "(batch, time, features)") {
            return query.clone();
        }
    }
    let mut q = self.heads(cx, "query", query, self.heads, self.width);
    let mut k = self.heads(cx, "key", key, self.groups, self.width);
    let v = self.heads(cx, "value", value, self.groups, self.value_width);
    if let Some(base) = self.rotary {
        (q, k) = (rotary(&q, base), rotary(&k, base));
    }
    let options = Options {
        causal: self.causal,
        mask: visible(cx, value, mask.first(), &[1, 2]),
        ..Options::default()
    };
    let (y, _) = attend(&q, &k, &v, &options, |p| dropped(cx, p, self.dropout));
    let width = self.output.unwrap_or(query.dim(2));
    let tracer = cx.tracer().clone();
    tracer.layer("attention_output", || {
        let shape = [self.heads, self.value_width, width];
        let spec = self.kernel.clone();
        let spec = spec.between(self.heads * self.value_width, width);
        let kernel = cx.weight("kernel", &shape, spec);
        let y = einsum("bhtw,hwd->btd", &y, &kernel);
        match self.use_bias {
            true => y + cx.weight("bias", &[width], self.bias.clone()),
            false => y,
        }
    })
});

/// Dropout of attention weights while training.
fn dropped(cx: &mut Cx, p: &Tensor, rate: f64) -> Tensor {
    if rate == 0.0 || !cx.training() {
        return p.clone();
    }
    let bits = cx.random_bits(p.shape());
    dropout(p, rate, &bits)
}

/// Which keys are seen: what the mask of the value leaves, with new axes at `axes`, and what a given
/// mask `[batch, queries, keys]` of all heads does.
fn visible(cx: &Cx, value: &Tensor, given: Option<&Tensor>, axes: &[isize]) -> Option<Tensor> {
    let of_value = cx.mask(value);
    let of_value = of_value.map(|mask| axes.iter().fold(mask, |m, &axis| m.expand_dims(axis)));
    let given = given.map(|mask| match mask.dtype() {
        DType::Bool => mask.expand_dims(1),
        _ => mask.compare(Cmp::Ne, 0.0).expand_dims(1),
    });
    match (of_value, given) {
        (Some(a), Some(b)) => Some(a.and(&b)),
        (a, b) => a.or(b),
    }
}

/// How the scores of [`Attention`] are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Score {
    /// Products of query and key.
    #[default]
    Dot,
    /// A learned sum of `tanh(query + key)`.
    Additive,
}

/// Attention of one head without projections to `[query, value]` or `[query, value, key]`, each
/// `[batch, time, width]`.
#[derive(Clone, Debug)]
pub struct Attention {
    meta: Meta,
    score: Score,
    use_scale: bool,
    causal: bool,
    dropout: f64,
}

impl Attention {
    /// Scores are products of query and key (Luong).
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> Attention {
        Attention {
            meta: Meta::new("attention"),
            score: Score::Dot,
            use_scale: false,
            causal: false,
            dropout: 0.0,
        }
    }

    /// Scores are learned sums of `tanh(query + key)` (Bahdanau): Keras's `AdditiveAttention`.
    pub fn additive() -> Attention {
        Attention {
            meta: Meta::new("additive_attention"),
            score: Score::Additive,
            use_scale: true,
            ..Attention::new()
        }
    }

    /// A query sees its own position and what is before it.
    pub fn causal(mut self) -> Attention {
        self.causal = true;
        self
    }

    fn scores(&self, cx: &mut Cx, query: &Tensor, key: &Tensor) -> Tensor {
        match self.score {
            Score::Dot => {
                let scores = query.dot(key, &[0], &[0], 2, 2);
                match self.use_scale {
                    true => scores * cx.weight("scale", &[], Init::Ones),
                    false => scores,
                }
            }
            Score::Additive => {
                let sum = (query.expand_dims(2) + key.expand_dims(1)).tanh();
                match self.use_scale {
                    true => {
                        let scale = cx.weight("scale", &[query.dim(2)], Init::GlorotUniform);
                        (sum * scale).sum(&[3])
                    }
                    false => sum.sum(&[3]),
                }
            }
        }
    }
}

options!(Attention {
    /// Sets whether scores have a learned scale.
    use_scale: bool,
    /// Sets the share of the attention weights that are dropped while training.
    dropout: f64,
});

layer!(Attention, |self, cx, x| {
    let query = &x[0];
    let value = x.get(1).unwrap_or(query);
    let key = x.get(2).unwrap_or(value);
    for x in [query, key, value] {
        if !x.must_have_rank("attention", 3, "(batch, time, features)") {
            return query.clone();
        }
    }
    let mut scores = self.scores(cx, query, key);
    let hidden = scores.tracer().full(scores.ty(), -1e9);
    if self.causal {
        scores = before(&scores).select(&scores, &hidden);
    }
    if let Some(mask) = visible(cx, value, None, &[1]) {
        scores = mask.broadcast_to(scores.shape()).select(&scores, &hidden);
    }
    let weights = dropped(cx, &softmax(&scores, -1), self.dropout);
    weights.dot(value, &[0], &[0], 2, 1)
});

/// Where a key is not after its query.
fn before(scores: &Tensor) -> Tensor {
    let index = Type::new(DType::I32, scores.shape().clone());
    let (row, column) = (
        scores.tracer().iota(&index, 1),
        scores.tracer().iota(&index, 2),
    );
    column.compare(Cmp::Le, row)
}

/// Notes that a layer takes `[batch, time, width]`.
pub(super) fn must_be_sequence(layer: &dyn Layer, x: &Tensor) -> bool {
    let ok = x.rank() == 3;
    if !ok {
        let error = NnError::Rank {
            layer: x.tracer().current(),
            op: layer.meta().kind,
            expected: "(batch, time, features)",
            shape: x.shape().clone(),
        };
        x.fail(x.ty().clone(), error);
    }
    ok
}

described!(MultiHeadAttention "MultiHeadAttention", MultiHeadAttention::new(1, 1), |self, k| {
    k.need("num_heads", &mut self.heads)?;
    k.need("key_dim", &mut self.width)?;
    if k.reads() {
        (self.groups, self.value_width) = (self.heads, self.width);
    }
    k.key("num_key_value_heads", &mut self.groups)?;
    k.key("value_dim", &mut self.value_width)?;
    k.may("output_shape", &mut self.output)?;
    k.key("use_bias", &mut self.use_bias)?;
    k.key("causal", &mut self.causal)?;
    k.key("masked", &mut self.masked)?;
    k.key("dropout", &mut self.dropout)?;
    k.may("rotary", &mut self.rotary)?;
    k.weight("kernel", &mut self.kernel)?;
    k.weight("bias", &mut self.bias)?;
});

words!(Score, "dot" => Score::Dot, "additive" => Score::Additive);

described!(Attention "Attention", Attention::new(), |self, k| {
    k.key("score", &mut self.score)?;
    if k.reads() {
        self.use_scale = self.score == Score::Additive;
    }
    k.key("use_scale", &mut self.use_scale)?;
    k.key("causal", &mut self.causal)?;
    k.key("dropout", &mut self.dropout)?;
});
