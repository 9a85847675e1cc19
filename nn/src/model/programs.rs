//! The programs of a model: a training step, an evaluation and a prediction, each one graph.

use super::network::Network;
use crate::error::NnError;
use crate::layers::{Cx, Mode, Role, Weight};
use crate::loss::Loss;
use crate::metrics::Metric;
use crate::optim::Optimizer;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Graph, Scalar, Type, Verified};

/// How a model is trained.
pub(crate) struct Training {
    pub optimizer: Box<dyn Optimizer>,
    pub loss: Loss,
    pub metrics: Vec<Metric>,
}

/// A part of the state of a training, which a step replaces: weights, slots, counters, randomness.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub name: String,
    pub ty: Type,
}

/// The state besides the weights, and what it starts from.
pub(crate) fn training_state(
    network: &Network,
    training: &Training,
    seed: u64,
) -> Vec<(Part, Array)> {
    let mut parts = vec![];
    let mut add = |name: String, array: Array| {
        let ty = array.ty.clone();
        parts.push((Part { name, ty }, array));
    };
    for weight in trainable(network) {
        let ty = Type::new(DType::F32, weight.shape.clone());
        for slot in training.optimizer.slots() {
            let zeros = Array::splat(ty.clone(), Scalar::f32(0.0));
            add(format!("{}.{slot}", weight.name), zeros);
        }
    }
    for (name, start) in training.optimizer.counters() {
        let name = format!("{}.{name}", training.optimizer.name());
        add(name, Array::scalar(Scalar::f32(start)));
    }
    if network.random {
        add("random".to_string(), random_state(seed));
    }
    parts
}

/// Key and counter of the random numbers of training, away from those of the initial weights.
fn random_state(seed: u64) -> Array {
    let words = [seed, 0, 1 << 62];
    let ty = Type::new(DType::U64, [3]);
    let word = |i: usize| Scalar {
        ty: DType::U64,
        bits: words[i],
    };
    Array::from_fn(ty, word)
}

fn trainable(network: &Network) -> impl Iterator<Item = &Weight> {
    let weights = network.weights.iter();
    weights.filter(|w| w.role == Role::Trainable)
}

/// Declares the weights as inputs of a program.
fn declare(tracer: &Tracer, network: &Network) -> Vec<(Weight, Tensor)> {
    let declare = |w: &Weight| {
        let ty = Type::new(DType::F32, w.shape.clone());
        (w.clone(), tracer.input(&w.name, ty))
    };
    network.weights.iter().map(declare).collect()
}

fn declare_inputs(tracer: &Tracer, network: &Network, batch: usize) -> Vec<Tensor> {
    let inputs = network.inputs.iter();
    inputs
        .map(|(name, input)| tracer.input(name, input.batch(batch)))
        .collect()
}

/// One step: forward, loss, gradient, update. Inputs are the weights, the rest of the state (both
/// donated), `learning_rate`, the inputs of the model and `y`; outputs are the new state under the
/// same names, then `loss` and the metrics.
pub(crate) fn train(
    network: &Network,
    training: &Training,
    batch: usize,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("train");
    let weights = declare(&tracer, network);
    let state: Vec<(Part, Tensor)> = training_state(network, training, 0)
        .into_iter()
        .map(|(part, _)| {
            let input = tracer.input(&part.name, part.ty.clone());
            (part, input)
        })
        .collect();
    let rate = tracer.input("learning_rate", Type::scalar(DType::F32));
    let x = declare_inputs(&tracer, network, batch);
    let labels = training.loss.labels(&network.output_type(0, batch));
    let y = tracer.input("y", labels);

    let random = state.last().filter(|_| network.random);
    let random = random.map(|(_, input)| input.clone());
    let mut cx = Cx::with(&tracer, Mode::Training, weights.clone(), random);
    let output = network.forward(&mut cx, x).swap_remove(0);
    let loss = tracer.layer("loss", || training.loss.value(&y, &output));
    let trained: Vec<&Tensor> = weights
        .iter()
        .filter(|(w, _)| w.role == Role::Trainable)
        .map(|(_, p)| p)
        .collect();
    let gradients = loss.gradient(&trained);
    let mut replaced: Vec<(String, Tensor)> = vec![];
    for (index, value) in cx.updates() {
        replaced.push((weights[*index].0.name.clone(), value.clone()));
    }
    update(
        &tracer,
        network,
        training,
        &trained,
        &gradients,
        &rate,
        &state,
        &mut replaced,
    );
    if let Some(random) = cx.random() {
        replaced.push(("random".to_string(), random.clone()));
    }
    let parts = weights.iter().map(|(w, _)| &w.name);
    let parts = parts.chain(state.iter().map(|(part, _)| &part.name));
    let mut outputs = 0;
    for (input, name) in parts.enumerate() {
        if let Some((_, value)) = replaced.iter().find(|(n, _)| n == name) {
            tracer.output(name, value);
            tracer.donate(input, outputs);
            outputs += 1;
        }
    }
    report(&tracer, training, &loss, &y, &output);
    tracer.finish()
}

/// Adds the optimizer's work: new weights, slots and counters, by name.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one step, used once"
)]
fn update(
    tracer: &Tracer,
    network: &Network,
    training: &Training,
    weights: &[&Tensor],
    gradients: &[Tensor],
    rate: &Tensor,
    state: &[(Part, Tensor)],
    replaced: &mut Vec<(String, Tensor)>,
) {
    let optimizer = &training.optimizer;
    let slots = optimizer.slots().len();
    let counters = optimizer.counters().len();
    let (all_slots, rest) = state.split_at(weights.len() * slots);
    let rest = &rest[..counters];
    let tensors = |parts: &[(Part, Tensor)]| -> Vec<Tensor> {
        parts.iter().map(|(_, tensor)| tensor.clone()).collect()
    };
    let shared = tracer.layer(optimizer.name(), || {
        optimizer.step(tracer, rate, &tensors(rest))
    });
    let names = rest.iter().map(|(part, _)| part.name.clone());
    replaced.extend(names.zip(shared.counters));
    for (i, weight) in trainable(network).enumerate() {
        let layer = weight.name.rsplit_once('.').map_or("", |(layer, _)| layer);
        let slots = &all_slots[i * slots..(i + 1) * slots];
        let update =
            || optimizer.update(&shared.factors, weights[i], &gradients[i], &tensors(slots));
        let updated = tracer.layer(&format!("{layer}/{}", optimizer.name()), update);
        replaced.push((weight.name.clone(), updated.weight));
        let names = slots.iter().map(|(part, _)| part.name.clone());
        replaced.extend(names.zip(updated.slots));
    }
}

/// Adds the outputs `loss` and the metrics.
fn report(tracer: &Tracer, training: &Training, loss: &Tensor, y: &Tensor, output: &Tensor) {
    tracer.output("loss", loss);
    for metric in &training.metrics {
        let value = tracer.layer(metric.name(), || metric.value(training.loss, y, output));
        tracer.output(metric.name(), &value);
    }
}

/// The loss and metrics of a batch. Inputs are the weights, the inputs of the model and `y`.
pub(crate) fn evaluate(
    network: &Network,
    training: &Training,
    batch: usize,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("evaluate");
    let weights = declare(&tracer, network);
    let x = declare_inputs(&tracer, network, batch);
    let y = tracer.input("y", training.loss.labels(&network.output_type(0, batch)));
    let mut cx = Cx::with(&tracer, Mode::Inference, weights, None);
    let output = network.forward(&mut cx, x).swap_remove(0);
    let loss = tracer.layer("loss", || training.loss.value(&y, &output));
    report(&tracer, training, &loss, &y, &output);
    tracer.finish()
}

/// The outputs for a batch. Inputs are the weights and the inputs of the model.
pub(crate) fn predict(network: &Network, batch: usize) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("predict");
    let weights = declare(&tracer, network);
    let x = declare_inputs(&tracer, network, batch);
    let mut cx = Cx::with(&tracer, Mode::Inference, weights, None);
    let outputs = network.forward(&mut cx, x);
    for (i, output) in outputs.iter().enumerate() {
        tracer.output(&format!("output{i}"), output);
    }
    tracer.finish()
}
