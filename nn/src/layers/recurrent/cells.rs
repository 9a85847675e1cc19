//! The cells that Keras has.

use super::{Cell, Recurrent};
use crate::describe::{Described, Description, Keys};
use crate::init::Init;
use crate::layers::Meta;
use crate::layers::{Activation, Constraint, Cx, Regularizer, WeightSpec};
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::Shape;

/// What the cells have in common: a kernel for the input, one for the state, and a bias.
#[derive(Clone, Debug)]
struct Weights {
    units: usize,
    /// Numbers of the cell that one unit has in each weight.
    gates: usize,
    use_bias: bool,
    kernel: WeightSpec,
    recurrent: WeightSpec,
    bias: WeightSpec,
}

impl Weights {
    fn new(units: usize, gates: usize) -> Weights {
        Weights {
            units,
            gates,
            use_bias: true,
            kernel: Init::GlorotUniform.into(),
            recurrent: Init::Orthogonal { gain: 1.0 }.into(),
            bias: Init::Zeros.into(),
        }
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        k.need("units", &mut self.units)?;
        k.key("use_bias", &mut self.use_bias)?;
        k.weight("kernel", &mut self.kernel)?;
        k.weight("recurrent", &mut self.recurrent)?;
        k.weight("bias", &mut self.bias)
    }

    /// The input times its kernel: `[batch, time, gates * units]`.
    fn project(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let shape = [x.dim(-1), self.gates * self.units];
        x.matmul(&cx.weight("kernel", &shape, self.kernel.clone()))
    }

    fn recurrent(&self, cx: &mut Cx) -> Tensor {
        let shape = [self.units, self.gates * self.units];
        cx.weight("recurrent_kernel", &shape, self.recurrent.clone())
    }

    fn bias(&self, cx: &mut Cx) -> Option<Tensor> {
        let shape = [self.gates * self.units];
        self.use_bias
            .then(|| cx.weight("bias", &shape, self.bias.clone()))
    }
}

macro_rules! common {
    ($Cell:ident $kind:literal [$($setting:ident),*]) => {
        impl Described for Recurrent<$Cell> {
            const KIND: &'static str = $kind;

            fn blank() -> Self {
                Recurrent::<$Cell>::new(1)
            }

            fn meta_mut(&mut self) -> &mut Meta {
                &mut self.meta
            }

            fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
                self.cell.weights.keys(k)?;
                $(k.key(stringify!($setting), &mut self.cell.$setting)?;)*
                self.common_keys(k)
            }
        }

        impl Recurrent<$Cell> {
            /// Sets the activation of the output (Keras: `Tanh`).
            pub fn activation(mut self, activation: Activation) -> Self {
                self.cell.activation = activation;
                self
            }

            /// Leaves the bias out.
            pub fn no_bias(mut self) -> Self {
                self.cell.weights.use_bias = false;
                self
            }

            /// Sets how the kernel of the input starts.
            pub fn kernel_init(mut self, init: Init) -> Self {
                self.cell.weights.kernel.init = init;
                self
            }

            /// Sets how the kernel of the state starts.
            pub fn recurrent_init(mut self, init: Init) -> Self {
                self.cell.weights.recurrent.init = init;
                self
            }

            /// Adds a penalty on the kernel of the input to the loss.
            pub fn kernel_regularizer(mut self, regularizer: Regularizer) -> Self {
                self.cell.weights.kernel.regularizer = Some(regularizer);
                self
            }

            /// Adds a penalty on the kernel of the state to the loss.
            pub fn recurrent_regularizer(mut self, regularizer: Regularizer) -> Self {
                self.cell.weights.recurrent.regularizer = Some(regularizer);
                self
            }

            /// Projects the kernel of the input after every step of training.
            pub fn kernel_constraint(mut self, constraint: Constraint) -> Self {
                self.cell.weights.kernel.constraint = Some(constraint);
                self
            }

            /// Projects the kernel of the state after every step of training.
            pub fn recurrent_constraint(mut self, constraint: Constraint) -> Self {
                self.cell.weights.recurrent.constraint = Some(constraint);
                self
            }
        }
    };
}

/// The cell of [`SimpleRnn`].
#[derive(Clone, Debug)]
pub struct SimpleRnnCell {
    weights: Weights,
    activation: Activation,
}

/// `h = tanh(x . kernel + h . recurrent_kernel + bias)`.
pub type SimpleRnn = Recurrent<SimpleRnnCell>;

impl SimpleRnn {
    /// Of `units` numbers.
    pub fn new(units: usize) -> SimpleRnn {
        Recurrent::of(SimpleRnnCell {
            weights: Weights::new(units, 1),
            activation: Activation::Tanh,
        })
    }
}

common!(SimpleRnnCell "SimpleRNN" [activation]);

impl Cell for SimpleRnnCell {
    fn description(layer: &Recurrent<Self>) -> Option<Description> {
        crate::describe::description(layer)
    }

    fn kind(&self) -> &'static str {
        "simple_rnn"
    }

    fn states(&self) -> usize {
        1
    }

    fn shapes(&self, _: &Tensor) -> Vec<Shape> {
        vec![[self.weights.units].into()]
    }

    fn prepare(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        biased(self.weights.project(cx, x), self.weights.bias(cx))
    }

    fn weights(&self, cx: &mut Cx, _: &Tensor) -> Vec<Tensor> {
        vec![self.weights.recurrent(cx)]
    }

    fn step(&self, x: &Tensor, states: &[Tensor], weights: &[Tensor]) -> Vec<Tensor> {
        vec![self.activation.apply(&(x + states[0].matmul(&weights[0])))]
    }
}

fn biased(x: Tensor, bias: Option<Tensor>) -> Tensor {
    match bias {
        Some(bias) => x + bias,
        None => x,
    }
}

/// The cell of [`Lstm`].
#[derive(Clone, Debug)]
pub struct LstmCell {
    weights: Weights,
    activation: Activation,
    recurrent_activation: Activation,
    unit_forget_bias: bool,
}

/// Long short-term memory; the gates of the weights are input, forget, candidate, output.
pub type Lstm = Recurrent<LstmCell>;

impl Lstm {
    /// Of `units` numbers in each of its two states.
    pub fn new(units: usize) -> Lstm {
        Recurrent::of(LstmCell {
            weights: Weights::new(units, 4),
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            unit_forget_bias: true,
        })
    }

    /// Sets the activation of the gates (Keras: `Sigmoid`).
    pub fn recurrent_activation(mut self, activation: Activation) -> Lstm {
        self.cell.recurrent_activation = activation;
        self
    }

    /// Sets whether the bias of the forget gate starts from 1, else from 0.
    pub fn unit_forget_bias(mut self, unit: bool) -> Lstm {
        self.cell.unit_forget_bias = unit;
        self
    }
}

common!(LstmCell "LSTM" [activation, recurrent_activation, unit_forget_bias]);

impl Cell for LstmCell {
    fn description(layer: &Recurrent<Self>) -> Option<Description> {
        crate::describe::description(layer)
    }

    fn kind(&self) -> &'static str {
        "lstm"
    }

    fn states(&self) -> usize {
        2
    }

    fn shapes(&self, _: &Tensor) -> Vec<Shape> {
        vec![[self.weights.units].into(); 2]
    }

    fn prepare(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let projected = self.weights.project(cx, x);
        let mut weights = self.weights.clone();
        if self.unit_forget_bias {
            weights.bias = forget_bias(weights.units);
        }
        biased(projected, weights.bias(cx))
    }

    fn weights(&self, cx: &mut Cx, _: &Tensor) -> Vec<Tensor> {
        vec![self.weights.recurrent(cx)]
    }

    fn step(&self, x: &Tensor, states: &[Tensor], weights: &[Tensor]) -> Vec<Tensor> {
        let gates = (x + states[0].matmul(&weights[0])).split(-1, 4);
        let [input, forget, candidate, output] = &gates[..] else {
            return states.to_vec();
        };
        let gate = |x: &Tensor| self.recurrent_activation.apply(x);
        let kept = gate(forget) * &states[1];
        let c = kept + gate(input) * self.activation.apply(candidate);
        let h = gate(output) * self.activation.apply(&c);
        vec![h, c]
    }
}

/// 1 for the forget gates, 0 for all others.
pub(super) fn forget_bias(units: usize) -> WeightSpec {
    use craneflow_ir::{Array, DType, Scalar, Type};
    let ty = Type::new(DType::F32, [4 * units]);
    let forget = units..2 * units;
    WeightSpec::given(Array::from_fn(ty, |i| {
        Scalar::f32(if forget.contains(&i) { 1.0 } else { 0.0 })
    }))
}

/// The cell of [`Gru`].
#[derive(Clone, Debug)]
pub struct GruCell {
    weights: Weights,
    activation: Activation,
    recurrent_activation: Activation,
}

/// Gated recurrent unit with the reset gate after the product, as Keras has it; the gates of the
/// weights are update, reset, candidate.
pub type Gru = Recurrent<GruCell>;

impl Gru {
    /// Of `units` numbers.
    pub fn new(units: usize) -> Gru {
        Recurrent::of(GruCell {
            weights: Weights::new(units, 3),
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
        })
    }

    /// Sets the activation of the gates (Keras: `Sigmoid`).
    pub fn recurrent_activation(mut self, activation: Activation) -> Gru {
        self.cell.recurrent_activation = activation;
        self
    }
}

common!(GruCell "GRU" [activation, recurrent_activation]);

impl GruCell {
    /// The biases of the input and of the state.
    fn biases(&self, cx: &mut Cx) -> Option<[Tensor; 2]> {
        let w = &self.weights;
        let shape = [2, 3 * w.units];
        let both = w
            .use_bias
            .then(|| cx.weight("bias", &shape, w.bias.clone()))?;
        Some([both.index(0, 0), both.index(0, 1)])
    }
}

impl Cell for GruCell {
    fn description(layer: &Recurrent<Self>) -> Option<Description> {
        crate::describe::description(layer)
    }

    fn kind(&self) -> &'static str {
        "gru"
    }

    fn states(&self) -> usize {
        1
    }

    fn shapes(&self, _: &Tensor) -> Vec<Shape> {
        vec![[self.weights.units].into()]
    }

    fn prepare(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let projected = self.weights.project(cx, x);
        let [bias, _] = match self.biases(cx) {
            Some(biases) => biases.map(Some),
            None => [None, None],
        };
        biased(projected, bias)
    }

    fn weights(&self, cx: &mut Cx, _: &Tensor) -> Vec<Tensor> {
        let mut weights = vec![self.weights.recurrent(cx)];
        weights.extend(self.biases(cx).map(|[_, bias]| bias));
        weights
    }

    fn step(&self, x: &Tensor, states: &[Tensor], weights: &[Tensor]) -> Vec<Tensor> {
        let inner = biased(states[0].matmul(&weights[0]), weights.get(1).cloned());
        let (x, inner) = (x.split(-1, 3), inner.split(-1, 3));
        let ([xz, xr, xh], [hz, hr, hh]) = (&x[..], &inner[..]) else {
            return states.to_vec();
        };
        let gate = |x: Tensor| self.recurrent_activation.apply(&x);
        let (update, reset) = (gate(xz + hz), gate(xr + hr));
        let candidate = self.activation.apply(&(xh + reset * hh));
        vec![&update * &states[0] + (1.0 - &update) * candidate]
    }
}
