//! Layers, losses, optimizers, models and data sets
pub mod data;
pub mod rng;
