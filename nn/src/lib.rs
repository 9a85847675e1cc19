//! Layers, losses, optimizers, models and data sets.
//!
//! A model is a wired set of [`layers`]; [`Model::compile`] says how to train it and [`Model::fit`]
//! does. Every program of a model is one graph, made by tracing: a training step is forward, loss,
//! gradient, update and metrics together.
//!
//! ```
//! use craneflow_nn::layers::{Activation, Dense, Flatten, Input};
//! use craneflow_nn::{FitOptions, Sequential, Verbose, data, loss::Loss, metrics::Metric, optim::Adam};
//!
//! let digits = data::digits();
//! let mut model = Sequential::new(Input::new([8, 8, 1]))
//!     .add(Flatten::new())
//!     .add(Dense::new(32).activation(Activation::Relu))
//!     .add(Dense::new(10))
//!     .build()?;
//! let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
//! model.compile(Adam::new(0.01), loss, &[Metric::Accuracy])?;
//! let options = FitOptions { epochs: 2, verbose: Verbose::Silent, ..Default::default() };
//! model.fit(digits.train.inputs(), digits.train.labels(), options)?;
//! let logs = model.evaluate(digits.test.inputs(), digits.test.labels())?;
//! assert!(logs[1].1 > 0.8, "{logs:?}");
//! # Ok::<(), craneflow_nn::NnError>(())
//! ```
//!
//! Below models, [`trace`](mod@trace) has the tracing of closures over [`Tensor`]s, their gradients,
//! and functions that are compiled once and called many times.

pub mod callbacks;
pub mod checkpoint;
pub mod data;
mod describe;
pub mod engine;
pub mod error;
mod fourier;
pub mod functional;
pub mod host;
pub mod init;
pub mod layers;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod models;
pub mod optim;
pub mod recipe;
pub mod report;
pub mod rng;
pub mod tensor;
pub mod text;
pub mod trace;
pub mod workloads;

pub use error::NnError;
pub use model::{FitOptions, History, Model, Sequential, Target, Verbose, Wire};
pub use tensor::{Tensor, Tracer};
