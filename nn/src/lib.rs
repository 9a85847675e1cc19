//! Layers, losses, optimizers, models and data sets
pub mod checkpoint;
pub mod data;
pub mod engine;
pub mod error;
pub mod functional;
pub mod host;
pub mod init;
pub mod layers;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod models;
pub mod optim;
pub mod rng;
pub mod tensor;
pub mod trace;
pub mod workloads;

pub use error::NnError;
pub use model::{FitOptions, History, Model, Sequential, Verbose};
pub use tensor::{Tensor, Tracer};
