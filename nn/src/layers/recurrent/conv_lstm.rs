//! Long short-term memory of series of pictures: convolutions take the place of products.

use super::cells::forget_bias;
use super::{Cell, Recurrent};
use crate::describe::{Described, Description, Keys};
use crate::functional::{Conv, Padding, conv};
use crate::init::Init;
use crate::layers::{Activation, Cx, Meta, WeightSpec, by_rank};
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// The cell of [`ConvLstm2D`] and its like.
#[derive(Clone, Debug)]
pub struct ConvLstmCell<const N: usize> {
    filters: usize,
    size: [usize; N],
    options: Conv<N>,
    activation: Activation,
    recurrent_activation: Activation,
    use_bias: bool,
    unit_forget_bias: bool,
    kernel: WeightSpec,
    recurrent: WeightSpec,
    bias: WeightSpec,
}

/// An LSTM over `[batch, time, space.., channels]` whose states are `[batch, space.., filters]`: the input is
/// convolved as the options say, the state with stride 1 and as much padding as keeps its extents.
pub type ConvLstm<const N: usize> = Recurrent<ConvLstmCell<N>>;
/// An LSTM over series of series, `[batch, time, length, channels]`.
pub type ConvLstm1D = ConvLstm<1>;
/// An LSTM over series of images, `[batch, time, height, width, channels]`.
pub type ConvLstm2D = ConvLstm<2>;
/// An LSTM over series of volumes, `[batch, time, depth, height, width, channels]`.
pub type ConvLstm3D = ConvLstm<3>;

impl<const N: usize> ConvLstm<N> {
    /// `filters` numbers in each place of its two states, from windows of `size`; stride 1, no padding.
    pub fn new(filters: usize, size: [usize; N]) -> Self {
        Recurrent::of(ConvLstmCell {
            filters,
            size,
            options: Conv::default(),
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            use_bias: true,
            unit_forget_bias: true,
            kernel: Init::GlorotUniform.into(),
            recurrent: Init::Orthogonal { gain: 1.0 }.into(),
            bias: Init::Zeros.into(),
        })
    }

    /// Sets the steps between windows of the input.
    pub fn strides(mut self, strides: [usize; N]) -> Self {
        self.cell.options.strides = strides;
        self
    }

    /// Sets what is put around the input.
    pub fn padding(mut self, padding: Padding<N>) -> Self {
        self.cell.options.padding = padding;
        self
    }

    /// Sets the distance of the elements of a window of the input.
    pub fn dilation(mut self, dilation: [usize; N]) -> Self {
        self.cell.options.dilation = dilation;
        self
    }

    /// Sets the activation of candidate and output (Keras: `Tanh`).
    pub fn activation(mut self, activation: Activation) -> Self {
        self.cell.activation = activation;
        self
    }

    /// Sets the activation of the gates (Keras: `Sigmoid`).
    pub fn recurrent_activation(mut self, activation: Activation) -> Self {
        self.cell.recurrent_activation = activation;
        self
    }

    /// Leaves the bias out.
    pub fn no_bias(mut self) -> Self {
        self.cell.use_bias = false;
        self
    }
}

impl<const N: usize> ConvLstmCell<N> {
    fn weight(&self, cx: &mut Cx, name: &str, channels: usize, spec: &WeightSpec) -> Tensor {
        let mut shape = self.size.to_vec();
        shape.extend([channels, 4 * self.filters]);
        cx.weight(name, &shape, spec.clone())
    }
}

impl<const N: usize> Cell for ConvLstmCell<N> {
    fn description(layer: &Recurrent<Self>) -> Option<Description> {
        crate::describe::description(layer)
    }

    fn kind(&self) -> &'static str {
        by_rank(["conv_lstm1d", "conv_lstm2d", "conv_lstm3d"], N)
    }

    fn rank(&self) -> usize {
        N + 3
    }

    fn states(&self) -> usize {
        2
    }

    fn shapes(&self, prepared: &Tensor) -> Vec<Shape> {
        let mut shape = prepared.shape()[2..].to_vec();
        shape[N] = self.filters;
        vec![shape.into(); 2]
    }

    fn prepare(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let kernel = self.weight(cx, "kernel", x.dim(-1), &self.kernel);
        let (batch, time) = (x.dim(0), x.dim(1));
        let all = [&[batch * time], &x.shape()[2..]].concat();
        let mut y = conv(&x.reshape(&all), &kernel, &self.options);
        if self.use_bias {
            let spec = match self.unit_forget_bias {
                true => forget_bias(self.filters),
                false => self.bias.clone(),
            };
            y = y + cx.weight("bias", &[4 * self.filters], spec);
        }
        y.reshape(&[&[batch, time], &y.shape()[1..]].concat())
    }

    fn weights(&self, cx: &mut Cx, _: &Tensor) -> Vec<Tensor> {
        vec![self.weight(cx, "recurrent_kernel", self.filters, &self.recurrent)]
    }

    fn step(&self, x: &Tensor, states: &[Tensor], weights: &[Tensor]) -> Vec<Tensor> {
        let same = Conv {
            padding: Padding::Same,
            ..Conv::<N>::default()
        };
        let gates = (x + conv(&states[0], &weights[0], &same)).split(-1, 4);
        let [input, forget, candidate, output] = &gates[..] else {
            return states.to_vec();
        };
        let gate = |x: &Tensor| self.recurrent_activation.apply(x);
        let c = gate(forget) * &states[1] + gate(input) * self.activation.apply(candidate);
        let h = gate(output) * self.activation.apply(&c);
        vec![h, c]
    }
}

impl<const N: usize> Described for ConvLstm<N> {
    const KIND: &'static str = by_rank(["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"], N);

    fn blank() -> Self {
        ConvLstm::new(1, [1; N])
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        let cell = &mut self.cell;
        k.count("filters", &mut cell.filters)?;
        k.need("kernel_size", &mut cell.size)?;
        k.key("strides", &mut cell.options.strides)?;
        k.key("padding", &mut cell.options.padding)?;
        k.key("dilation_rate", &mut cell.options.dilation)?;
        k.key("activation", &mut cell.activation)?;
        k.key("recurrent_activation", &mut cell.recurrent_activation)?;
        k.key("use_bias", &mut cell.use_bias)?;
        k.key("unit_forget_bias", &mut cell.unit_forget_bias)?;
        k.weight("kernel", &mut cell.kernel)?;
        k.weight("recurrent", &mut cell.recurrent)?;
        k.weight("bias", &mut cell.bias)?;
        self.common_keys(k)
    }
}
