//! Recurrent layers: a cell that is run over the steps of a sequence.

mod cells;
mod conv_lstm;

pub use cells::{Gru, GruCell, Lstm, LstmCell, SimpleRnn, SimpleRnnCell};
pub use conv_lstm::{ConvLstm, ConvLstm1D, ConvLstm2D, ConvLstm3D, ConvLstmCell};

use super::{Cx, Layer, Meta};
use crate::describe::document::{Node, Section};
use crate::describe::{Described, Description, Keys, Scope, description, layer as read, words};
use crate::error::NnError;
use crate::functional::{Direction, scan};
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::Shape;
use std::sync::Arc;

/// What a recurrent layer does at one step.
pub trait Cell: Send + Sync {
    /// The kind, in the form that names are made of: `lstm`.
    fn kind(&self) -> &'static str;

    /// How many axes the input has, batch and time included.
    fn rank(&self) -> usize {
        3
    }

    /// How many states there are; the first is the output.
    fn states(&self) -> usize;

    /// Shapes of the states, without the batch, for an input of which `prepare` made this.
    fn shapes(&self, prepared: &Tensor) -> Vec<Shape>;

    /// What is computed of all steps at once, before the loop: `[batch, time, ..]` gives
    /// `[batch, time, ..]`.
    fn prepare(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let _ = cx;
        x.clone()
    }

    /// Weights that the steps use. They are asked for before the loop.
    fn weights(&self, cx: &mut Cx, x: &Tensor) -> Vec<Tensor>;

    /// The states after a step, from what `prepare` made of it, the states before and the weights.
    fn step(&self, x: &Tensor, states: &[Tensor], weights: &[Tensor]) -> Vec<Tensor>;

    /// What a layer of it is, for files that say how a model is made.
    fn description(layer: &Recurrent<Self>) -> Option<Description>
    where
        Self: Sized,
    {
        let _ = layer;
        None
    }
}

/// A cell run over `[batch, time, ..]`. The inputs after the first are the states to begin with, if
/// there are any. Steps that a mask leaves out change nothing.
#[derive(Clone)]
pub struct Recurrent<C> {
    pub(super) meta: Meta,
    pub(super) cell: C,
    return_sequences: bool,
    return_state: bool,
    backwards: bool,
}

impl<C: Cell> Recurrent<C> {
    /// A cell of the user's; the result is the output of the last step.
    pub fn of(cell: C) -> Recurrent<C> {
        Recurrent {
            meta: Meta::new(cell.kind()),
            cell,
            return_sequences: false,
            return_state: false,
            backwards: false,
        }
    }

    /// Gives the outputs of all steps, `[batch, time, ..]`.
    pub fn return_sequences(mut self) -> Recurrent<C> {
        self.return_sequences = true;
        self
    }

    /// Gives the last states as further results.
    pub fn return_state(mut self) -> Recurrent<C> {
        self.return_state = true;
        self
    }

    /// Goes from the last step to the first. As in Keras, outputs are in the order in which they are
    /// made: the first is that of the last step.
    pub fn backwards(mut self) -> Recurrent<C> {
        self.backwards = true;
        self
    }

    /// Names the layer; else it is called by its kind and a number.
    pub fn name(mut self, name: &str) -> Recurrent<C> {
        self.meta.name = Some(name.to_string());
        self
    }

    /// Sets whether its weights are trained.
    pub fn trainable(mut self, trainable: bool) -> Recurrent<C> {
        self.meta.trainable = trainable;
        self
    }

    /// Outputs of all steps in the order of time, and the last states.
    fn run(&self, cx: &mut Cx, x: &[Tensor]) -> Option<(Tensor, Vec<Tensor>)> {
        let (x, given) = (&x[0], &x[1..]);
        let states = self.cell.states();
        let axes = match self.cell.rank() {
            3 => "(batch, time, features)",
            _ => "(batch, time, space .., features)",
        };
        if !x.must_have_rank(self.cell.kind(), self.cell.rank(), axes) {
            return None;
        }
        if !given.is_empty() && given.len() != states {
            let error = NnError::Argument {
                layer: x.tracer().current(),
                op: self.cell.kind(),
                what: "the number of states to begin with",
                expected: states.to_string(),
                found: given.len().to_string(),
            };
            x.fail(x.ty().clone(), error);
            return None;
        }
        let (batch, time) = (x.dim(0), x.dim(1));
        let prepared = self.cell.prepare(cx, x);
        let weights = self.cell.weights(cx, x);
        let zeros = |shape: &Shape| {
            let shape = [&[batch], &shape[..]].concat();
            x.tracer().full(&x.ty().with_shape(shape), 0.0)
        };
        let start: Vec<Tensor> = match given.is_empty() {
            true => self.cell.shapes(&prepared).iter().map(zeros).collect(),
            false => given.to_vec(),
        };
        let mut scanned = vec![time_first(&prepared)];
        scanned.extend(cx.mask(x).map(|mask| mask.t()));
        let direction = match self.backwards {
            true => Direction::Backward,
            false => Direction::Forward,
        };
        let (states, outputs) = scan(&start, &scanned, time, direction, |states, x| {
            let mut next = self.cell.step(&x[0], states, &weights);
            if let Some(mask) = x.get(1) {
                next = next
                    .iter()
                    .zip(states)
                    .map(|(a, b)| kept(mask, a, b))
                    .collect();
            }
            let output = next[0].clone();
            (next, vec![output])
        });
        Some((time_first(outputs.first()?), states))
    }
}

/// The first two axes change places.
fn time_first(x: &Tensor) -> Tensor {
    let order: Vec<usize> = [1, 0].into_iter().chain(2..x.rank()).collect();
    x.transpose(&order)
}

/// The new state where the mask `[batch]` says so, else the old one.
fn kept(mask: &Tensor, new: &Tensor, old: &Tensor) -> Tensor {
    let mut shape = vec![1; new.rank()];
    shape[0] = new.dim(0);
    let mask = mask.reshape(&shape).broadcast_to(new.shape());
    mask.select(new, old)
}

impl<C: Cell> Layer for Recurrent<C> {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn results(&self) -> usize {
        1 + if self.return_state {
            self.cell.states()
        } else {
            0
        }
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        self.forward_all(cx, x).swap_remove(0)
    }

    fn forward_all(&self, cx: &mut Cx, x: &[Tensor]) -> Vec<Tensor> {
        let Some((outputs, states)) = self.run(cx, x) else {
            return vec![x[0].clone(); self.results()];
        };
        let outputs = match (self.return_sequences, self.backwards) {
            (true, true) => outputs.reverse(&[1]),
            (true, false) => outputs,
            (false, _) => states[0].clone(),
        };
        let mut results = vec![outputs];
        if self.return_state {
            results.extend(states);
        }
        results
    }

    fn description(&self) -> Option<Description> {
        C::description(self)
    }
}

impl<C: Cell> Recurrent<C> {
    fn common_keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        k.key("return_sequences", &mut self.return_sequences)?;
        k.key("return_state", &mut self.return_state)?;
        k.key("go_backwards", &mut self.backwards)
    }
}

/// How the outputs of both directions are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Merge {
    /// Side by side.
    #[default]
    Concat,
    /// Their sum.
    Sum,
    /// Their product.
    Mul,
    /// Their mean.
    Ave,
}

/// A recurrent layer run in both directions.
#[derive(Clone)]
pub struct Bidirectional {
    meta: Meta,
    forward: Arc<dyn Layer>,
    backward: Arc<dyn Layer>,
    sequences: bool,
    merge: Merge,
}

impl Bidirectional {
    /// Of two layers like `layer`, each with weights of its own.
    pub fn new<C: Cell + Clone + 'static>(layer: Recurrent<C>) -> Bidirectional {
        let sequences = layer.return_sequences;
        let plain = Recurrent {
            return_state: false,
            ..layer
        };
        Bidirectional {
            meta: Meta::new("bidirectional"),
            forward: Arc::new(plain.clone()),
            backward: Arc::new(plain.backwards()),
            sequences,
            merge: Merge::Concat,
        }
    }

    /// Sets how the outputs are put together.
    pub fn merge(mut self, merge: Merge) -> Bidirectional {
        self.merge = merge;
        self
    }

    /// Names the layer; else it is called by its kind and a number.
    pub fn name(mut self, name: &str) -> Bidirectional {
        self.meta.name = Some(name.to_string());
        self
    }
}

impl Layer for Bidirectional {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        let a = cx.call("forward", &*self.forward, x);
        let b = cx.call("backward", &*self.backward, x);
        let b = if self.sequences { b.reverse(&[1]) } else { b };
        match self.merge {
            Merge::Concat => Tensor::concat(&[&a, &b], -1),
            Merge::Sum => a + b,
            Merge::Mul => a * b,
            Merge::Ave => (a + b) * 0.5,
        }
    }

    fn description(&self) -> Option<Description> {
        description(self)
    }
}

words!(Merge,
    "concat" => Merge::Concat,
    "sum" => Merge::Sum,
    "mul" => Merge::Mul,
    "ave" => Merge::Ave,
);

/// The layer that is run in both directions, by its kind.
type Both = fn(&Section<'_>, &Scope) -> Result<Bidirectional, RecipeError>;

const BOTH: [(&str, Both); 3] = [
    (Lstm::KIND, |s, scope| {
        Ok(Bidirectional::new(read::<Lstm>(s, scope)?))
    }),
    (Gru::KIND, |s, scope| {
        Ok(Bidirectional::new(read::<Gru>(s, scope)?))
    }),
    (SimpleRnn::KIND, |s, scope| {
        Ok(Bidirectional::new(read::<SimpleRnn>(s, scope)?))
    }),
];

impl Described for Bidirectional {
    const KIND: &'static str = "Bidirectional";

    fn blank() -> Bidirectional {
        Bidirectional::new(Lstm::new(1))
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        match k {
            Keys::Read(section, scope) => {
                section.must_have("layer")?;
                let inner = |node: &Node<'_>| {
                    let s = node.section()?;
                    s.must_have("type")?;
                    let both = s.with("type", |node| node.one_of(&BOTH))?;
                    let both = both.expect("it is there")(&s, scope)?;
                    s.done()?;
                    Ok(both)
                };
                if let Some(both) = section.with("layer", inner)? {
                    *self = both;
                }
            }
            Keys::Write { .. } => k.layer(&mut self.forward.clone())?,
        }
        k.key("merge_mode", &mut self.merge)
    }
}
