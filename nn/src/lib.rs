//! Layers, losses, optimizers, models and data sets
pub mod rng;
