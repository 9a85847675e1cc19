//! Layers, losses, metrics and optimizers against numbers that Keras gives; the scripts beside the
//! files wrote them. Every case of a file is walked, and every case of a table is in its file.

#[path = "goldens/layers.rs"]
mod layers;
#[path = "goldens/losses.rs"]
mod losses;
#[path = "goldens/metrics.rs"]
mod metrics;
#[path = "goldens/optimizers.rs"]
mod optimizers;
#[path = "goldens/walk.rs"]
mod walk;
