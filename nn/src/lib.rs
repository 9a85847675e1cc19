//! Layers, losses, optimizers, models and data sets
