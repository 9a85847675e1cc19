//! The workloads that measure Craneflow: whole training steps W1 to W8 and single functions M1 to
//! M10, of the shapes, hyper-parameters and initial distributions that are measured elsewhere too.

mod micro;
mod models;
mod steps;

pub use steps::steps;

use crate::error::NnError;
use crate::init::Init;
use crate::loss::Loss;
use crate::optim::Optimizer;
use crate::rng::Rng;
use crate::tensor::{Tensor, Tracer};
use craneflow_ir::{Array, DType, Graph, Scalar, Shape, Type, Verified};
use std::sync::Arc;

/// Names of all workloads.
pub const NAMES: [&str; 23] = [
    "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "M1", "M2", "M3", "M4", "M5", "M6", "M7_64",
    "M7_128", "M7_256", "M7_512", "M7_1024", "M7_2048", "M8", "M9", "M10",
];

/// How many batches a training rotates through.
pub const BATCHES: usize = 8;

/// A program to measure, and what to feed it.
pub struct Workload {
    /// The program. Inputs that are donated keep their new values from step to step.
    pub graph: Verified<Graph>,
    /// First values of the inputs that do not change, which come before those that do.
    pub starts: Vec<Start>,
    /// Inputs that change every step.
    pub batches: Vec<Batches>,
    /// Multiply-adds of matrix products and convolutions of a forward pass; 0 for functions.
    pub macs: usize,
}

/// Makes the first value of an input.
pub type Start = Arc<dyn Fn() -> Array + Send + Sync>;

impl Workload {
    /// The first value of input `i`, which is the first batch where it changes. It is made anew every time: all of
    /// them together would take as much memory as the state of the program.
    pub fn first(&self, i: usize) -> Array {
        match self.batches.iter().find(|b| b.input == i) {
            Some(batches) => batches.batch(0),
            None => self.starts[i](),
        }
    }
}

/// The values that an input rotates through.
pub struct Batches {
    /// Position of the input.
    pub input: usize,
    ty: Type,
    below: usize,
    stream: u64,
    /// Steps of one run; with several, values are stacked along a new outermost axis.
    steps: usize,
}

impl Batches {
    /// The value in run `i`.
    pub fn batch(&self, i: usize) -> Array {
        let one = |step: usize| {
            let stream = (step % BATCHES) as u64 * 2 + self.stream;
            random(&self.ty, self.below, &mut Rng::stream(1, stream))
        };
        if self.steps == 1 {
            return one(i);
        }
        let shape = [&[self.steps], &self.ty.shape[..]].concat();
        let rows = (0..self.steps).map(|j| one(i * self.steps + j));
        let bytes: Vec<u8> = rows.flat_map(|row| row.bytes().to_vec()).collect();
        Array::from_bytes(self.ty.with_shape(shape), bytes).expect("rows of one type")
    }
}

/// The workload of this name.
pub fn workload(name: &str) -> Result<Workload, NnError> {
    match name.as_bytes() {
        [b'W', ..] if NAMES.contains(&name) => models::training(name),
        [b'M', ..] if NAMES.contains(&name) => micro::function(name),
        _ => Err(NnError::Unknown {
            what: "workload",
            name: name.to_string(),
            known: NAMES.iter().collect(),
        }),
    }
}

/// Weights of a training by name.
struct Weights(Vec<(String, Tensor)>);

impl Weights {
    fn get(&self, name: &str) -> &Tensor {
        let found = self.0.iter().find(|(n, _)| n == name);
        &found.unwrap_or_else(|| panic!("no weight {name}")).1
    }
}

impl std::ops::Index<&str> for Weights {
    type Output = Tensor;
    fn index(&self, name: &str) -> &Tensor {
        self.get(name)
    }
}

/// Parameters and running statistics: name, shape and start.
#[derive(Default)]
struct Declared(Vec<(String, Shape, Init)>);

impl Declared {
    fn add(&mut self, name: impl Into<String>, shape: impl Into<Shape>, init: Init) {
        self.0.push((name.into(), shape.into(), init));
    }

    /// A fully connected layer: `<name>w` and `<name>b`.
    fn dense(&mut self, name: &str, from: usize, to: usize) {
        let stddev = 1.0 / (from as f32).sqrt();
        let mean = 0.0;
        self.add(
            format!("{name}w"),
            [from, to],
            Init::Normal { mean, stddev },
        );
        self.add(format!("{name}b"), [to], Init::Zeros);
    }

    /// The kernel `<name>w` of a convolution.
    fn conv(&mut self, name: &str, size: usize, from: usize, to: usize) {
        let stddev = (2.0 / (size * size * from) as f32).sqrt();
        let mean = 0.0;
        let shape = [size, size, from, to];
        self.add(format!("{name}w"), shape, Init::Normal { mean, stddev });
    }
}

/// What makes a training.
struct Training<'a> {
    name: &'a str,
    macs: usize,
    weights: Declared,
    /// Running statistics.
    state: Declared,
    x: Type,
    y: Type,
    /// Numbers of classes or tokens, where `x` or `y` holds integers; else it is normal.
    x_below: usize,
    y_below: usize,
    optimizer: Box<dyn Optimizer>,
    loss: Loss,
    /// The output of the model, given the weights, the running statistics and `x`.
    forward: ForwardFn,
}

/// See [`Training::forward`].
type ForwardFn = fn(&Weights, &mut Weights, &Tensor) -> Tensor;

impl Training<'_> {
    fn workload(self) -> Result<Workload, NnError> {
        let tracer = Tracer::new(self.name);
        let mut starts: Vec<Start> = vec![];
        let declare = |declared: Declared, starts: &mut Vec<Start>| {
            let one = |(name, shape, init): (String, Shape, Init)| {
                let input = tracer.input(&name, Type::new(DType::F32, shape.clone()));
                let stream = starts.len() as u64;
                starts.push(Arc::new(move || {
                    init.array(&shape, &mut Rng::stream(2, stream))
                }));
                (name, input)
            };
            Weights(declared.0.into_iter().map(one).collect())
        };
        let weights = declare(self.weights, &mut starts);
        let mut state = declare(self.state, &mut starts);
        let mut slots: Vec<Vec<(String, Tensor)>> = vec![];
        for (i, (name, tensor)) in weights.0.iter().enumerate() {
            let slot = |slot: crate::optim::Slot| {
                let name = format!("{name}.{}", slot.name);
                let input = tracer.input(&name, Type::new(DType::F32, slot.shape.clone()));
                let weight = starts[i].clone();
                starts.push(Arc::new(move || slot.array(&*weight)));
                (name, input)
            };
            let all = self.optimizer.slots(tensor.shape()).into_iter();
            slots.push(all.map(slot).collect());
        }
        let counter = |(name, start): (&str, f32)| {
            let input = tracer.input(name, Type::scalar(DType::F32));
            starts.push(Arc::new(move || Array::scalar(Scalar::f32(start))));
            (name.to_string(), input)
        };
        let counters: Vec<(String, Tensor)> =
            self.optimizer.counters().into_iter().map(counter).collect();
        let batches = |input, ty: &Type, below, stream| Batches {
            input,
            ty: ty.clone(),
            below,
            stream,
            steps: 1,
        };
        let first = starts.len();
        let batches = vec![
            batches(first, &self.x, self.x_below, 0),
            batches(first + 1, &self.y, self.y_below, 1),
        ];
        let x = tracer.input("x", self.x.clone());
        let y = tracer.input("y", self.y.clone());

        let output = (self.forward)(&weights, &mut state, &x);
        let loss = tracer.layer("loss", || self.loss.value(&y, &output));
        let trained: Vec<&Tensor> = weights.0.iter().map(|(_, p)| p).collect();
        let gradients = loss.gradient(&trained);
        let mut outputs: Vec<(String, Tensor)> = vec![];
        let rate = tracer.scalar(DType::F32, f64::from(self.optimizer.learning_rate()));
        let values: Vec<Tensor> = counters.iter().map(|(_, c)| c.clone()).collect();
        let name = self.optimizer.name();
        let shared = tracer.layer(name, || self.optimizer.step(&tracer, &rate, &values));
        let mut new_slots = vec![];
        for (i, (weight, p)) in weights.0.iter().enumerate() {
            let slots: Vec<Tensor> = slots[i].iter().map(|(_, s)| s.clone()).collect();
            let update = || {
                self.optimizer
                    .update(&shared.factors, p, &gradients[i], &slots)
            };
            let updated = tracer.layer(&format!("{weight}/{name}"), update);
            outputs.push((weight.clone(), updated.weight));
            new_slots.extend(updated.slots);
        }
        outputs.extend(state.0);
        let slot_names = slots.into_iter().flatten().map(|(name, _)| name);
        outputs.extend(slot_names.zip(new_slots));
        outputs.extend(
            counters
                .into_iter()
                .map(|(name, _)| name)
                .zip(shared.counters),
        );
        for (i, (name, value)) in outputs.iter().enumerate() {
            tracer.output(name, value);
            tracer.donate(i, i);
        }
        tracer.output("loss", &loss);
        Ok(Workload {
            graph: tracer.finish()?,
            starts,
            batches,
            macs: self.macs,
        })
    }
}

/// Normal floats; integers, or 0.0 and 1.0, below `below` if that is not 0.
fn random(ty: &Type, below: usize, rng: &mut Rng) -> Array {
    Array::from_fn(ty.clone(), |_| match (ty.dtype, below) {
        (DType::F32, 0) => Scalar::f32(rng.normal()),
        (dtype, n) => Scalar::from_f64(dtype, rng.below(n as u64) as f64),
    })
}
