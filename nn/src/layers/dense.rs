//! Fully connected layers and tables of vectors.

use super::activation::penalise;
use super::{Activation, Cx, Layer, Meta, Regularizer, WeightSpec, layer, options, weight_options};
use crate::describe::{Described, Description, Keys, described, description};
use crate::error::NnError;
use crate::functional::einsum;
use crate::init::Init;
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::{Cmp, DType};

/// `activation(x . kernel + bias)` over the last axis: `[.., in]` gives `[.., units]`.
#[derive(Clone, Debug)]
pub struct Dense {
    meta: Meta,
    units: usize,
    activation: Activation,
    use_bias: bool,
    kernel: WeightSpec,
    bias: WeightSpec,
    activity_regularizer: Option<Regularizer>,
}

impl Dense {
    /// A layer of `units` outputs, linear, with bias, `GlorotUniform`.
    pub fn new(units: usize) -> Dense {
        Dense {
            meta: Meta::new("dense"),
            units,
            activation: Activation::Linear,
            use_bias: true,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
            activity_regularizer: None,
        }
    }

    /// Leaves the bias out.
    pub fn no_bias(mut self) -> Dense {
        self.use_bias = false;
        self
    }

    /// Adds a penalty on the output to the loss, divided by the size of the batch.
    pub fn activity_regularizer(mut self, regularizer: Regularizer) -> Dense {
        self.activity_regularizer = Some(regularizer);
        self
    }
}

options!(Dense {
    /// Sets the activation.
    activation: Activation,
});

weight_options!(Dense {
    kernel: "the kernel `[in, units]`" kernel_init kernel_regularizer kernel_constraint,
    bias: "the bias `[units]`" bias_init bias_regularizer bias_constraint,
});

layer!(Dense, |self, cx, x| {
    let x = &x[0];
    if x.rank() < 2 {
        x.must_have_rank("dense", 2, "(batch, .., features)");
        return x.clone();
    }
    let width = x.dim(-1);
    let kernel = cx.weight("kernel", &[width, self.units], self.kernel.clone());
    let mut y = x.matmul(&kernel);
    if self.use_bias {
        y = y + cx.weight("bias", &[self.units], self.bias.clone());
    }
    let y = self.activation.apply(&y);
    penalise(cx, self.activity_regularizer, &y);
    y
});

/// A sum of products of the input and a kernel, written as an equation: `"abc,cd->abd"` is a dense
/// layer. Letters of the kernel alone have their extents from `output`, the shape of the result
/// without the batch.
#[derive(Clone, Debug)]
pub struct EinsumDense {
    meta: Meta,
    equation: String,
    output: Vec<usize>,
    bias_axes: String,
    activation: Activation,
    kernel: WeightSpec,
    bias: WeightSpec,
}

impl EinsumDense {
    /// Linear, without bias, `GlorotUniform`.
    pub fn new(equation: &str, output: &[usize]) -> EinsumDense {
        EinsumDense {
            meta: Meta::new("einsum_dense"),
            equation: equation.to_string(),
            output: output.to_vec(),
            bias_axes: String::new(),
            activation: Activation::Linear,
            kernel: Init::GlorotUniform.into(),
            bias: Init::Zeros.into(),
        }
    }

    /// Adds a bias along the axes of these letters.
    pub fn bias_axes(mut self, letters: &str) -> EinsumDense {
        self.bias_axes = letters.to_string();
        self
    }

    /// Letters of input, kernel and result.
    fn letters(&self) -> Option<[Vec<char>; 3]> {
        let (operands, result) = self.equation.split_once("->")?;
        let (x, kernel) = operands.split_once(',')?;
        Some([x, kernel, result].map(|part| part.trim().chars().collect()))
    }

    /// Shapes of the kernel and of the bias, for an input of this shape.
    fn shapes(&self, x: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
        let [input, kernel, result] = self.letters()?;
        let place = |letters: &[char], c: char| letters.iter().position(|&l| l == c);
        let extent = |c: char| match place(&input, c) {
            Some(i) => x.get(i).copied(),
            None => self.output.get(place(&result, c)?.checked_sub(1)?).copied(),
        };
        let kernel = kernel.iter().map(|&c| extent(c)).collect::<Option<_>>()?;
        let biased = |&&c: &&char| self.bias_axes.contains(c);
        let first = result.iter().position(|c| self.bias_axes.contains(*c));
        let axes = result[first.unwrap_or(result.len())..].iter();
        let bias = axes.map(|c| if biased(&c) { extent(*c) } else { Some(1) });
        Some((kernel, bias.collect::<Option<_>>()?))
    }

    /// Inputs and outputs of a kernel of this shape: its axes that the result has are outputs.
    fn fans(&self, kernel: &[usize]) -> (usize, usize) {
        let [_, letters, result] = self.letters().unwrap_or_default();
        let axes = letters.iter().zip(kernel);
        let (outputs, inputs): (Vec<_>, Vec<_>) = axes.partition(|(c, _)| result.contains(c));
        let product = |axes: Vec<(&char, &usize)>| axes.iter().map(|(_, n)| **n).product();
        (product(inputs), product(outputs))
    }
}

options!(EinsumDense {
    /// Sets the activation.
    activation: Activation,
});

weight_options!(EinsumDense {
    kernel: "the kernel" kernel_init kernel_regularizer kernel_constraint,
    bias: "the bias" bias_init bias_regularizer bias_constraint,
});

layer!(EinsumDense, |self, cx, x| {
    let x = &x[0];
    let Some((kernel, bias)) = self.shapes(x.shape()) else {
        let error = NnError::Argument {
            layer: x.tracer().current(),
            op: "einsum_dense",
            what: "the equation",
            expected: format!("one for {} and an output {:?}", x.shape(), self.output),
            found: format!("\"{}\"", self.equation),
        };
        return x.fail(x.ty().clone(), error);
    };
    let (inputs, outputs) = self.fans(&kernel);
    let spec = self.kernel.clone().between(inputs, outputs);
    let kernel = cx.weight("kernel", &kernel, spec);
    let mut y = einsum(&self.equation, x, &kernel);
    if !self.bias_axes.is_empty() {
        y = y + cx.weight("bias", &bias, self.bias.clone());
    }
    self.activation.apply(&y)
});

/// Vectors by number: `i32[batch, ..]` gives `f32[batch, .., width]`. Numbers out of range are
/// clamped.
#[derive(Clone, Debug)]
pub struct Embedding {
    meta: Meta,
    rows: usize,
    width: usize,
    table: WeightSpec,
    mask_zero: bool,
}

impl Embedding {
    /// A table of `rows` vectors of `width` numbers, uniform within 0.05 of 0.
    pub fn new(rows: usize, width: usize) -> Embedding {
        let (low, high) = (-0.05, 0.05);
        Embedding {
            meta: Meta::new("embedding"),
            rows,
            width,
            table: Init::Uniform { low, high }.into(),
            mask_zero: false,
        }
    }

    /// Rows and width of the table.
    pub(super) fn extents(&self) -> (usize, usize) {
        (self.rows, self.width)
    }

    /// Takes number 0 for padding, which later layers leave out.
    pub fn mask_zero(mut self) -> Embedding {
        self.mask_zero = true;
        self
    }
}

weight_options!(Embedding {
    table: "the table `[rows, width]`" init regularizer constraint,
});

layer!(Embedding, |self, cx, x| {
    let table = cx.weight("embeddings", &[self.rows, self.width], self.table.clone());
    let numbers = whole(&x[0]);
    let y = table.take(&numbers);
    if self.mask_zero && numbers.rank() == 2 {
        cx.set_mask(&y, numbers.compare(Cmp::Ne, 0));
    }
    y
});

/// Data sets hold numbers as floats; whole ones below 2^24 are exact.
fn whole(x: &Tensor) -> Tensor {
    match x.dtype().is_float() {
        true => x.convert(DType::I32),
        false => x.clone(),
    }
}

/// An [`Embedding`] whose table also leads back, from vectors to scores of the numbers.
#[derive(Clone, Debug)]
pub struct ReversibleEmbedding {
    embedding: Embedding,
    back: bool,
}

impl ReversibleEmbedding {
    /// A table of `rows` vectors of `width` numbers, uniform within 0.05 of 0.
    pub fn new(rows: usize, width: usize) -> ReversibleEmbedding {
        let mut embedding = Embedding::new(rows, width);
        embedding.meta = Meta::new("reversible_embedding");
        ReversibleEmbedding {
            embedding,
            back: false,
        }
    }

    /// The layer of the same table that gives `[.., rows]` scores for vectors `[.., width]`.
    pub fn reversed(&self) -> ReversibleEmbedding {
        ReversibleEmbedding {
            back: true,
            ..self.clone()
        }
    }

    /// Names the layer; else it is called by its kind and a number.
    pub fn name(mut self, name: &str) -> ReversibleEmbedding {
        self.embedding.meta.name = Some(name.to_string());
        self
    }

    /// Sets how the table `[rows, width]` starts.
    pub fn init(mut self, init: Init) -> ReversibleEmbedding {
        self.embedding.table.init = init;
        self
    }
}

impl Layer for ReversibleEmbedding {
    fn meta(&self) -> &Meta {
        &self.embedding.meta
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        if !self.back {
            return self.embedding.forward(cx, x);
        }
        let e = &self.embedding;
        let table = cx.weight("embeddings", &[e.rows, e.width], e.table.clone());
        x[0].matmul(&table.t())
    }

    fn description(&self) -> Option<Description> {
        description(self)
    }
}

described!(Dense "Dense", Dense::new(1), |self, k| {
    k.count("units", &mut self.units)?;
    k.key("activation", &mut self.activation)?;
    k.key("use_bias", &mut self.use_bias)?;
    k.weight("kernel", &mut self.kernel)?;
    k.weight("bias", &mut self.bias)?;
    k.may("activity_regularizer", &mut self.activity_regularizer)?;
});

described!(EinsumDense "EinsumDense", EinsumDense::new("", &[]), |self, k| {
    k.need("equation", &mut self.equation)?;
    k.need("output_shape", &mut self.output)?;
    k.key("bias_axes", &mut self.bias_axes)?;
    k.key("activation", &mut self.activation)?;
    k.weight("kernel", &mut self.kernel)?;
    k.weight("bias", &mut self.bias)?;
});

impl Embedding {
    fn table_keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        k.need("input_dim", &mut self.rows)?;
        k.need("output_dim", &mut self.width)?;
        k.key("mask_zero", &mut self.mask_zero)?;
        k.weight("embeddings", &mut self.table)
    }
}

described!(Embedding "Embedding", Embedding::new(1, 1), |self, k| {
    self.table_keys(k)?;
});

impl Described for ReversibleEmbedding {
    const KIND: &'static str = "ReversibleEmbedding";

    fn blank() -> ReversibleEmbedding {
        ReversibleEmbedding::new(1, 1)
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.embedding.meta
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        self.embedding.table_keys(k)?;
        k.key("reverse", &mut self.back)
    }
}
