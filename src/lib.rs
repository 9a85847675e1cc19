//! Craneflow: a tensor compiler for CPUs.
//!
//! A model written in Rust is traced into a graph, differentiated, fused into kernels, compiled with
//! Cranelift in milliseconds, and run as one program over one planned block of memory. Results
//! depend on the program and its inputs only, not on threads, vector width or machine.
//!
//! # Train a model
//!
//! [`nn`] has layers, losses, optimizers and data sets under the names that Keras users know.
//!
//! ```no_run
//! use craneflow::prelude::*;
//!
//! let digits = craneflow::nn::data::digits();
//! let mut model = Sequential::new(Input::new([8, 8, 1]))
//!     .add(Flatten::new())
//!     .add(Dense::new(64).activation(Activation::Relu))
//!     .add(Dense::new(10))
//!     .build()?
//!     .seed(1);
//! let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
//! model.compile(Adam::new(1e-3), loss, &[Metric::Accuracy])?;
//! let (x, y) = (digits.train.inputs(), digits.train.class_ids().expect("digits are classes"));
//! model.fit(x, y, FitOptions { epochs: 10, ..FitOptions::default() })?;
//! model.save("digits.safetensors")?;
//! # Ok::<(), craneflow::nn::NnError>(())
//! ```
//!
//! # Write a step by hand
//!
//! Below models, [`nn::trace`] turns a closure over tensors into a graph; nothing runs while it is
//! traced. The graph is compiled once and called with arrays, by position or by name.
//!
//! ```no_run
//! use craneflow::prelude::*;
//! use ndarray::array;
//!
//! let graph = trace("descent", &[("w", f32s([2])), ("x", f32s([2]))], |a| {
//!     let loss = (&a[0] * &a[1]).sum(&[]).square();
//!     let dw = loss.gradient(&[&a[0]]);
//!     vec![("w", &a[0] - &dw[0] * 0.1), ("loss", loss)]
//! })?;
//! let mut step = Function::compile(graph, &Default::default())?;
//! let (w, x) = (array![1.0f32, 2.0], array![3.0f32, 4.0]);
//! let results = step.call_named(&[("w", (&w).into()), ("x", (&x).into())])?;
//! println!("{}", results.named::<f32>("loss")?);
//! # Ok::<(), craneflow::nn::NnError>(())
//! ```
//!
//! # See what the compiler did
//!
//! [`passes::compile`] shows what every pass of [`passes::PASSES`] made; graphs, programs and kernels
//! print as text. The command `craneflow dump` does the same from a shell.
//!
//! # Where things are
//!
//! | module | holds |
//! |---|---|
//! | [`ir`] | element types, graph IR, loop IR, reference interpreters, gradient rules |
//! | [`passes`] | the pipeline from a graph to a planned program of kernels |
//! | [`codegen`] | kernels to machine code |
//! | [`runtime`] | compiled steps, their memory, the thread pool |
//! | [`nn`] | tracing, layers, models, data sets, checkpoints |

pub use craneflow_codegen as codegen;
pub use craneflow_import as import;
pub use craneflow_ir as ir;
pub use craneflow_nn as nn;
pub use craneflow_passes as passes;
pub use craneflow_runtime as runtime;

/// What most programs use.
pub mod prelude {
    pub use craneflow_ir::{Array, DType, Graph, Shape, Type, Verified};
    pub use craneflow_nn::engine::Options;
    pub use craneflow_nn::layers::{
        Activation, Conv2D, Dense, Dropout, Flatten, GlobalAveragePool2D, Input, MaxPool2D,
    };
    pub use craneflow_nn::loss::Loss;
    pub use craneflow_nn::metrics::Metric;
    pub use craneflow_nn::optim::{Adam, AdamW, RmsProp, Sgd};
    pub use craneflow_nn::trace::{Function, donate, f32s, grad, i32s, jit, trace, value_and_grad};
    pub use craneflow_nn::{FitOptions, Model, NnError, Sequential, Tensor, Verbose};
}
