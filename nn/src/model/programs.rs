//! The programs of a model: a training step, an evaluation and a prediction, each one graph.

use super::network::Network;
use super::targets::{Target, Training};
use crate::error::NnError;
use crate::layers::{Cx, Mode, Role, Weight};
use crate::optim::Job;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Graph, Scalar, Type, Verified};

/// A part of the state of a training, which a step replaces: weights, slots, counters, randomness.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub name: String,
    pub ty: Type,
}

/// The state besides the weights, and what it starts from; `weights` are the values of the weights.
pub(crate) fn training_state(
    network: &Network,
    training: &Training,
    weights: &[Array],
    seed: u64,
) -> Vec<(Part, Array)> {
    let mut parts = vec![];
    let mut add = |name: String, array: Array| {
        let ty = array.ty.clone();
        parts.push((Part { name, ty }, array));
    };
    for (i, weight) in network.weights.iter().enumerate() {
        if weight.role != Role::Trainable {
            continue;
        }
        for slot in training.optimizer.slots(&weight.shape) {
            add(
                format!("{}.{}", weight.name, slot.name),
                slot.array(|| weights[i].clone()),
            );
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

/// Labels for every target: `y`, `y_1`, ..
fn declare_labels(
    tracer: &Tracer,
    network: &Network,
    training: &Training,
    batch: usize,
) -> Vec<Tensor> {
    let declare = |(i, target): (usize, &Target)| {
        let ty = target.loss.labels(&network.output_type(i, batch));
        tracer.input(&super::network::numbered("y", i), ty)
    };
    training.targets.iter().enumerate().map(declare).collect()
}

/// One step: forward, loss, gradient, update. Inputs are the weights, the rest of the state (both
/// donated), `learning_rate`, the inputs of the model, `y`, `y_1`, .. and, if samples are weighted,
/// `sample_weight`; outputs are the new state under the same names, then the reports. `state` are
/// the parts besides the weights.
pub(crate) fn train(
    network: &Network,
    training: &Training,
    state: &[Part],
    batch: usize,
    weighted: bool,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("train");
    let weights = declare(&tracer, network);
    let state: Vec<(&Part, Tensor)> = state
        .iter()
        .map(|part| (part, tracer.input(&part.name, part.ty.clone())))
        .collect();
    let rate = tracer.input("learning_rate", Type::scalar(DType::F32));
    let x = declare_inputs(&tracer, network, batch);
    let y = declare_labels(&tracer, network, training, batch);
    let sample_weights =
        weighted.then(|| tracer.input("sample_weight", Type::new(DType::F32, [batch])));

    let random = state.last().filter(|_| network.random);
    let random = random.map(|(_, input)| input.clone());
    let mut cx = Cx::with(&tracer, Mode::Training, weights.clone(), random).freeze(&network.frozen);
    let outputs = network.forward(&mut cx, x);
    let losses = losses(training, &cx, &y, &outputs, sample_weights.as_ref());
    let loss = total(training, &losses, &cx);
    let mut replaced: Vec<(String, Tensor)> = vec![];
    for (index, value) in cx.updates() {
        replaced.push((weights[*index].0.name.clone(), value.clone()));
    }
    update(
        &tracer,
        training,
        &weights,
        &loss,
        &rate,
        &state,
        &mut replaced,
    );
    if let Some(random) = cx.random() {
        replaced.push(("random".to_string(), random.clone()));
    }
    let parts = weights.iter().map(|(w, _)| &w.name);
    let parts = parts.chain(state.iter().map(|(part, _)| &part.name));
    let mut count = 0;
    for (input, name) in parts.enumerate() {
        if let Some((_, value)) = replaced.iter().find(|(n, _)| n == name) {
            tracer.output(name, value);
            tracer.donate(input, count);
            count += 1;
        }
    }
    report(&tracer, network, training, (&loss, &losses), &y, &outputs);
    tracer.finish()
}

/// The loss of every target.
fn losses(
    training: &Training,
    cx: &Cx,
    y: &[Tensor],
    outputs: &[Tensor],
    weights: Option<&Tensor>,
) -> Vec<Tensor> {
    let targets = training.targets.iter().zip(y).zip(outputs);
    let loss = |((target, y), output): ((&Target, &Tensor), &Tensor)| {
        let mask = cx.mask(output);
        let value = || match (weights, &mask) {
            (None, None) => target.loss.value(y, output),
            (weights, mask) => target
                .loss
                .weighted_value(y, output, weights, mask.as_ref()),
        };
        cx.tracer().layer("loss", value)
    };
    targets.map(loss).collect()
}

/// The weighted sum of the losses, with the penalties on weights and activities.
fn total(training: &Training, losses: &[Tensor], cx: &Cx) -> Tensor {
    let weighted = |(target, loss): (&Target, &Tensor)| match target.weight == 1.0 {
        true => loss.clone(),
        false => loss * target.weight,
    };
    let losses = training.targets.iter().zip(losses).map(weighted);
    let tracer = cx.tracer();
    let of_weight = |(weight, tensor): &(Weight, Tensor)| {
        let regularizer = weight.spec.regularizer?;
        Some(tracer.layer("regularization", || regularizer.penalty(tensor)))
    };
    let penalties = cx.weights().iter().filter_map(of_weight);
    let all = losses
        .chain(penalties)
        .chain(cx.penalties().iter().cloned());
    let zero = || tracer.scalar(DType::F32, 0.0);
    all.reduce(|sum, x| sum + x).unwrap_or_else(zero)
}

/// Adds the optimizer's work: new weights, slots and counters, by name.
fn update(
    tracer: &Tracer,
    training: &Training,
    weights: &[(Weight, Tensor)],
    loss: &Tensor,
    rate: &Tensor,
    state: &[(&Part, Tensor)],
    replaced: &mut Vec<(String, Tensor)>,
) {
    let optimizer = &training.optimizer;
    let trained: Vec<&(Weight, Tensor)> = weights
        .iter()
        .filter(|(w, _)| w.role == Role::Trainable)
        .collect();
    let gradients = loss.gradient(&trained.iter().map(|(_, p)| p).collect::<Vec<_>>());
    let mut rest = state;
    let mut names: Vec<Vec<String>> = vec![];
    let mut jobs: Vec<Job<'_>> = vec![];
    for ((weight, tensor), gradient) in trained.iter().zip(&gradients) {
        let (mine, others) = rest.split_at(optimizer.slots(&weight.shape).len());
        rest = others;
        names.push(mine.iter().map(|(part, _)| part.name.clone()).collect());
        jobs.push(Job {
            name: &weight.name,
            weight: tensor,
            gradient,
            slots: mine.iter().map(|(_, tensor)| tensor.clone()).collect(),
            constraint: weight.spec.constraint.as_ref(),
        });
    }
    let counters = &rest[..optimizer.counters().len()];
    let before: Vec<Tensor> = counters.iter().map(|(_, tensor)| tensor.clone()).collect();
    let (after, updates) = optimizer.apply(tracer, rate, &before, &jobs);
    replaced.extend(
        counters
            .iter()
            .map(|(part, _)| part.name.clone())
            .zip(after),
    );
    for ((job, updated), names) in jobs.iter().zip(updates).zip(names) {
        replaced.push((job.name.to_string(), updated.weight));
        replaced.extend(names.into_iter().zip(updated.slots));
    }
}

/// Adds the reports as outputs.
fn report(
    tracer: &Tracer,
    network: &Network,
    training: &Training,
    (loss, losses): (&Tensor, &[Tensor]),
    y: &[Tensor],
    outputs: &[Tensor],
) {
    let mut values = vec![loss.clone()];
    if losses.len() > 1 {
        values.extend(losses.iter().cloned());
    }
    for ((target, y), output) in training.targets.iter().zip(y).zip(outputs) {
        for metric in &target.metrics {
            let value = || metric.value(&target.loss, y, output);
            values.push(tracer.layer(metric.name(), value));
        }
    }
    for (report, value) in training.reports(network).iter().zip(&values) {
        tracer.output(&report.name, value);
    }
}

/// What a training step sees on its way: the inputs, the output of every layer, the loss, and the
/// gradient of every trained weight, in this order. Inputs are those of `train` but the learning rate.
pub(crate) fn inspect(
    network: &Network,
    training: &Training,
    state: &[Part],
    batch: usize,
    weighted: bool,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("inspect");
    let weights = declare(&tracer, network);
    let state: Vec<Tensor> = state
        .iter()
        .map(|part| tracer.input(&part.name, part.ty.clone()))
        .collect();
    let x = declare_inputs(&tracer, network, batch);
    let y = declare_labels(&tracer, network, training, batch);
    let sample_weights =
        weighted.then(|| tracer.input("sample_weight", Type::new(DType::F32, [batch])));
    let random = state.last().filter(|_| network.random).cloned();
    let mut cx = Cx::with(&tracer, Mode::Training, weights.clone(), random).freeze(&network.frozen);
    let values = network.values(&mut cx, x);
    let inputs = network
        .inputs
        .iter()
        .map(|(name, _)| format!("input.{name}"));
    let uses = network.uses.iter().enumerate();
    let uses = uses.map(|(i, used)| format!("layer{i}.{}", used.name));
    for (name, values) in inputs.chain(uses).zip(&values) {
        for (i, value) in values.iter().enumerate() {
            tracer.output(&super::network::numbered(&name, i), value);
        }
    }
    let outputs: Vec<Tensor> = network
        .outputs
        .iter()
        .map(|&(i, result)| values[i][result].clone())
        .collect();
    let losses = losses(training, &cx, &y, &outputs, sample_weights.as_ref());
    let loss = total(training, &losses, &cx);
    tracer.output("loss", &loss);
    let trained = weights.iter().filter(|(w, _)| w.role == Role::Trainable);
    let (names, trained): (Vec<_>, Vec<_>) = trained.map(|(w, p)| (&w.name, p)).unzip();
    for (name, gradient) in names.into_iter().zip(loss.gradient(&trained)) {
        tracer.output(&format!("gradient.{name}"), &gradient);
    }
    tracer.finish()
}

/// The loss and metrics of a batch. Inputs are the weights, the inputs of the model and `y`, ..
pub(crate) fn evaluate(
    network: &Network,
    training: &Training,
    batch: usize,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("evaluate");
    let weights = declare(&tracer, network);
    let x = declare_inputs(&tracer, network, batch);
    let y = declare_labels(&tracer, network, training, batch);
    let mut cx = Cx::with(&tracer, Mode::Inference, weights, None);
    let outputs = network.forward(&mut cx, x);
    let losses = losses(training, &cx, &y, &outputs, None);
    let loss = total(training, &losses, &cx);
    report(&tracer, network, training, (&loss, &losses), &y, &outputs);
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

/// The loss and its gradients for a batch. Inputs are the weights, the inputs of the model and `y`,
/// ..; outputs are the loss and a gradient for each trained weight. Nothing is random, and state
/// stays.
pub(crate) fn gradient(
    network: &Network,
    training: &Training,
    batch: usize,
) -> Result<Verified<Graph>, NnError> {
    let tracer = Tracer::new("gradient");
    let weights = declare(&tracer, network);
    let x = declare_inputs(&tracer, network, batch);
    let y = declare_labels(&tracer, network, training, batch);
    let mut cx = Cx::with(&tracer, Mode::Inference, weights.clone(), None);
    let outputs = network.forward(&mut cx, x);
    let losses = losses(training, &cx, &y, &outputs, None);
    let loss = total(training, &losses, &cx);
    let trained = weights.iter().filter(|(w, _)| w.role == Role::Trainable);
    let (names, trained): (Vec<&str>, Vec<&Tensor>) =
        trained.map(|(w, p)| (w.name.as_str(), p)).unzip();
    tracer.output("loss", &loss);
    for (name, gradient) in names.iter().zip(loss.gradient(&trained)) {
        tracer.output(name, &gradient);
    }
    tracer.finish()
}
