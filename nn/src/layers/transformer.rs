//! Blocks of transformers, and positions.

use super::attention::must_be_sequence;
use super::{
    Activation, Cx, Dense, Dropout, Embedding, Layer, LayerNorm, Meta, MultiHeadAttention,
};
use super::{layer, options};
use crate::describe::{Keys, described};
use crate::functional::{rotary, sinusoids};
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::{Array, DType, Scalar, Type};

/// What both blocks have.
#[derive(Clone, Debug)]
struct Block {
    heads: usize,
    groups: usize,
    hidden: usize,
    dropout: f64,
    activation: Activation,
    epsilon: f64,
    normalize_first: bool,
    rotary: Option<f64>,
}

impl Block {
    fn new(heads: usize, hidden: usize) -> Block {
        Block {
            heads,
            groups: heads,
            hidden,
            dropout: 0.0,
            activation: Activation::Relu,
            epsilon: 1e-5,
            normalize_first: false,
            rotary: None,
        }
    }

    /// Adds what `inner` makes of `x`, with dropout and normalisation under the name of the part.
    fn residual(
        &self,
        cx: &mut Cx,
        part: &str,
        x: &Tensor,
        inner: impl FnOnce(&mut Cx, &Tensor) -> Tensor,
    ) -> Tensor {
        let norm = LayerNorm::new().epsilon(self.epsilon);
        let name = format!("{part}_norm");
        let before = match self.normalize_first {
            true => cx.call(&name, &norm, std::slice::from_ref(x)),
            false => x.clone(),
        };
        let y = inner(cx, &before);
        let y = x + cx.call(
            &format!("{part}_dropout"),
            &Dropout::new(self.dropout),
            &[y],
        );
        match self.normalize_first {
            true => y,
            false => cx.call(&name, &norm, &[y]),
        }
    }

    fn attention(&self, width: usize, causal: bool) -> MultiHeadAttention {
        let per_head = (width / self.heads.max(1)).max(1);
        let attention = MultiHeadAttention::grouped(self.heads, self.groups, per_head);
        let attention = attention.dropout(self.dropout);
        let attention = match self.rotary {
            Some(base) => attention.rotary(base),
            None => attention,
        };
        if causal {
            attention.causal()
        } else {
            attention
        }
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        k.need("num_heads", &mut self.heads)?;
        k.need("intermediate_dim", &mut self.hidden)?;
        if k.reads() {
            self.groups = self.heads;
        }
        k.key("num_key_value_heads", &mut self.groups)?;
        k.key("dropout", &mut self.dropout)?;
        k.key("activation", &mut self.activation)?;
        k.key("layer_norm_epsilon", &mut self.epsilon)?;
        k.key("normalize_first", &mut self.normalize_first)?;
        k.may("rotary", &mut self.rotary)
    }

    fn feed_forward(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        self.residual(cx, "feed_forward", x, |cx, y| {
            let wide = Dense::new(self.hidden).activation(self.activation);
            let wide = cx.call("feed_forward_in", &wide, std::slice::from_ref(y));
            cx.call("feed_forward_out", &Dense::new(y.dim(-1)), &[wide])
        })
    }
}

macro_rules! block {
    ($Block:ident) => {
        impl $Block {
            /// Sets the share that is dropped while training.
            pub fn dropout(mut self, rate: f64) -> $Block {
                self.block.dropout = rate;
                self
            }

            /// Sets the activation of the fully connected part (Keras: `Relu`).
            pub fn activation(mut self, activation: Activation) -> $Block {
                self.block.activation = activation;
                self
            }

            /// Sets what is added to variances (Keras: 1e-5).
            pub fn epsilon(mut self, epsilon: f64) -> $Block {
                self.block.epsilon = epsilon;
                self
            }

            /// Normalises before each part and not after it.
            pub fn normalize_first(mut self) -> $Block {
                self.block.normalize_first = true;
                self
            }

            /// Shares keys and values between heads: `groups` heads of them.
            pub fn groups(mut self, groups: usize) -> $Block {
                self.block.groups = groups;
                self
            }

            /// Turns queries and keys by their positions, with frequencies down to `1 / base`.
            pub fn rotary(mut self, base: f64) -> $Block {
                self.block.rotary = Some(base);
                self
            }
        }
    };
}

/// Attention of a sequence `[batch, time, width]` to itself, then two dense layers at every step, each
/// added to what went in.
#[derive(Clone, Debug)]
pub struct TransformerEncoder {
    meta: Meta,
    block: Block,
}

impl TransformerEncoder {
    /// Of `heads` heads and `hidden` numbers between the dense layers.
    pub fn new(heads: usize, hidden: usize) -> TransformerEncoder {
        TransformerEncoder {
            meta: Meta::new("transformer_encoder"),
            block: Block::new(heads, hidden),
        }
    }
}

block!(TransformerEncoder);

layer!(TransformerEncoder, |self, cx, x| {
    let x = &x[0];
    if !must_be_sequence(self, x) {
        return x.clone();
    }
    let attention = self.block.attention(x.dim(2), false);
    let y = self.block.residual(cx, "attention", x, |cx, y| {
        attend_to(cx, "attention", &attention, x, std::slice::from_ref(y))
    });
    self.block.feed_forward(cx, &y)
});

/// As [`TransformerEncoder`], where a step sees itself and what is before it; with a second input, the
/// result of an encoder, every step attends to that, too.
#[derive(Clone, Debug)]
pub struct TransformerDecoder {
    meta: Meta,
    block: Block,
}

impl TransformerDecoder {
    /// Of `heads` heads and `hidden` numbers between the dense layers.
    pub fn new(heads: usize, hidden: usize) -> TransformerDecoder {
        TransformerDecoder {
            meta: Meta::new("transformer_decoder"),
            block: Block::new(heads, hidden),
        }
    }
}

block!(TransformerDecoder);

layer!(TransformerDecoder, |self, cx, x| {
    let (decoded, encoded) = (&x[0], x.get(1));
    if !must_be_sequence(self, decoded) {
        return decoded.clone();
    }
    let width = decoded.dim(2);
    let own = self.block.attention(width, true);
    let mut y = self.block.residual(cx, "attention", decoded, |cx, y| {
        attend_to(cx, "attention", &own, decoded, std::slice::from_ref(y))
    });
    if let Some(encoded) = encoded {
        // Positions of two sequences are not compared.
        let other = Block {
            rotary: None,
            ..self.block.clone()
        };
        let other = other.attention(width, false);
        y = self.block.residual(cx, "cross_attention", &y, |cx, y| {
            attend_to(
                cx,
                "cross_attention",
                &other,
                encoded,
                &[y.clone(), encoded.clone()],
            )
        });
    }
    self.block.feed_forward(cx, &y)
});

/// Calls an attention layer whose keys have the mask of `masked`.
fn attend_to(cx: &mut Cx, name: &str, layer: &dyn Layer, masked: &Tensor, x: &[Tensor]) -> Tensor {
    let value = x.last().expect("there is a query");
    if let (Some(mask), None) = (cx.mask(masked), cx.mask(value)) {
        cx.set_mask(value, mask);
    }
    cx.call(name, layer, x)
}

/// Adds sines and cosines of the position to `[batch, time, width]`.
#[derive(Clone, Debug)]
pub struct SinePositions {
    meta: Meta,
    base: f64,
}

impl SinePositions {
    /// Of wavelengths up to `base` (usually 10,000) times 2 pi.
    pub fn new(base: f64) -> SinePositions {
        SinePositions {
            meta: Meta::new("sine_position_encoding"),
            base,
        }
    }
}

layer!(SinePositions, |self, _cx, x| {
    let x = &x[0];
    match must_be_sequence(self, x) {
        true => x + sinusoids(x, x.dim(1), x.dim(2), self.base),
        false => x.clone(),
    }
});

/// Turns pairs of numbers of `[batch, .., time, width]` by angles that grow with the position.
#[derive(Clone, Debug)]
pub struct RotaryPositions {
    meta: Meta,
    base: f64,
}

impl RotaryPositions {
    /// With frequencies down to `1 / base` (usually 10,000).
    pub fn new(base: f64) -> RotaryPositions {
        RotaryPositions {
            meta: Meta::new("rotary_embedding"),
            base,
        }
    }
}

layer!(RotaryPositions, |self, _cx, x| rotary(&x[0], self.base));

/// Vectors of tokens and of positions, added up: `i32[batch, time]` gives `f32[batch, time, width]`.
#[derive(Clone, Debug)]
pub struct TokenAndPositionEmbedding {
    meta: Meta,
    tokens: Embedding,
    longest: usize,
    width: usize,
    mask_zero: bool,
}

impl TokenAndPositionEmbedding {
    /// For `vocabulary` tokens in sequences of at most `longest` steps.
    pub fn new(vocabulary: usize, longest: usize, width: usize) -> TokenAndPositionEmbedding {
        TokenAndPositionEmbedding {
            meta: Meta::new("token_and_position_embedding"),
            tokens: Embedding::new(vocabulary, width),
            longest,
            width,
            mask_zero: false,
        }
    }
}

options!(TokenAndPositionEmbedding {
    /// Sets whether token 0 is padding, which later layers leave out.
    mask_zero: bool,
});

layer!(TokenAndPositionEmbedding, |self, cx, x| {
    let tokens = match self.mask_zero {
        true => self.tokens.clone().mask_zero(),
        false => self.tokens.clone(),
    };
    let vectors = cx.call("tokens", &tokens, x);
    if !must_be_sequence(self, &vectors) {
        return vectors;
    }
    let time = vectors.dim(1);
    let init = Init::Uniform {
        low: -0.05,
        high: 0.05,
    };
    let table = cx.weight("positions", &[self.longest, self.width], init);
    let rows = Array::from_fn(Type::new(DType::I32, [time]), |i| {
        Scalar::from_f64(DType::I32, i as f64)
    });
    let positions = table.take(&cx.tracer().constant(rows));
    let y = &vectors + positions;
    if let Some(mask) = cx.mask(&vectors) {
        cx.set_mask(&y, mask);
    }
    y
});

described!(TransformerEncoder "TransformerEncoder", TransformerEncoder::new(1, 1), |self, k| {
    self.block.keys(k)?;
});

described!(TransformerDecoder "TransformerDecoder", TransformerDecoder::new(1, 1), |self, k| {
    self.block.keys(k)?;
});

described!(SinePositions "SinePositionEncoding", SinePositions::new(10_000.0), |self, k| {
    k.key("max_wavelength", &mut self.base)?;
});

described!(RotaryPositions "RotaryEmbedding", RotaryPositions::new(10_000.0), |self, k| {
    k.key("max_wavelength", &mut self.base)?;
});

described!(TokenAndPositionEmbedding "TokenAndPositionEmbedding", TokenAndPositionEmbedding::new(1, 1, 1), |self, k| {
    let (mut rows, _) = self.tokens.extents();
    k.need("vocabulary_size", &mut rows)?;
    k.need("sequence_length", &mut self.longest)?;
    k.need("embedding_dim", &mut self.width)?;
    k.key("mask_zero", &mut self.mask_zero)?;
    if k.reads() {
        self.tokens = Embedding::new(rows, self.width);
    }
});
