//! Streams of samples, made ready while the model trains.
//!
//! A [`Pipeline`] says where samples come from and what is done to them; nothing runs until a training
//! asks for an epoch. Samples come in an order that follows from seed and epoch alone, however many
//! workers there are, so a training that goes on from a backup sees the samples that it would have.
//!
//! ```
//! use craneflow_nn::data::Pipeline;
//! use craneflow_nn::layers::{Dense, Input};
//! use craneflow_nn::{FitOptions, Sequential, Verbose, loss::Loss, optim::Sgd};
//! use craneflow_ir::Array;
//!
//! let samples = Pipeline::from_fn(100, |i| {
//!     let x = i as f32 / 100.0;
//!     Ok(vec![Array::f32([1], &[x]), Array::f32([1], &[2.0 * x])])
//! });
//! let batches = samples.shuffle(100).batch(10).prefetch(2);
//! let mut model = Sequential::new(Input::new([1])).add(Dense::new(1)).build()?;
//! model.compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])?;
//! let options = FitOptions { epochs: 3, verbose: Verbose::Silent, ..Default::default() };
//! let history = model.fit_pipeline(&batches, None, options)?;
//! assert_eq!(history.epochs.len(), 3);
//! # Ok::<(), craneflow_nn::NnError>(())
//! ```

mod batch;
mod stages;
mod threads;

use super::DataError;
use crate::host::Feed;
use crate::rng::Rng;
use craneflow_ir::Array;
use std::sync::Arc;

/// What belongs to one sample, or to one batch: the inputs of the model, then the label.
pub type Sample = Vec<Array>;

/// Samples as they come.
pub type Samples = Box<dyn Iterator<Item = Result<Sample, DataError>> + Send>;

/// Which pass over the data: what all that is random in it follows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pass {
    /// The seed of the model.
    pub seed: u64,
    /// The epoch, from 0 over the life of the model.
    pub epoch: u64,
}

impl Pass {
    /// Random numbers for element `index` of the stage `stage`.
    fn rng(self, stage: u64, index: u64) -> Rng {
        // Odd constants spread epochs and stages over the seeds; the stream is the element.
        let epoch = (self.epoch + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stage = (stage + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        Rng::stream(self.seed ^ epoch ^ stage, index)
    }
}

/// A step of a pipeline.
trait Stage: Send + Sync {
    /// How many elements a pass gives, where that is known.
    fn len(&self) -> Option<usize>;
    /// Begins a pass, without its first `skip` elements, which are not made where that can be.
    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError>;
}

/// Elements from number `skip` on, where those before must be made to know what comes.
fn behind(mut samples: Samples, skip: usize) -> Result<Samples, DataError> {
    for _ in 0..skip {
        match samples.next() {
            Some(made) => made?,
            None => break,
        };
    }
    Ok(samples)
}

/// Where samples come from and what is done to them. Clones are cheap.
#[derive(Clone)]
pub struct Pipeline {
    stage: Arc<dyn Stage>,
    /// Number of stages before this one.
    depth: u64,
}

impl Pipeline {
    fn source(stage: impl Stage + 'static) -> Pipeline {
        Pipeline {
            stage: Arc::new(stage),
            depth: 0,
        }
    }

    fn then(&self, stage: impl Stage + 'static) -> Pipeline {
        Pipeline {
            stage: Arc::new(stage),
            depth: self.depth + 1,
        }
    }

    /// The samples of arrays whose first axes count them.
    pub fn from_arrays(arrays: &[Feed<'_>]) -> Result<Pipeline, DataError> {
        stages::arrays(arrays)
    }

    /// `n` samples; `f` makes or reads the one of a number.
    pub fn from_fn<F>(n: usize, f: F) -> Pipeline
    where
        F: Fn(usize) -> Result<Sample, DataError> + Send + Sync + 'static,
    {
        Pipeline::source(stages::Numbered { n, f: Arc::new(f) })
    }

    /// The numbers `0..n`, as arrays `i64` of `batch` each, in order or in that which `Model::fit` has in the epoch. A
    /// `map_random` that reads the samples with these numbers makes batches of them.
    pub fn numbers(n: usize, batch: usize, shuffle: bool) -> Pipeline {
        Pipeline::source(stages::Numbers {
            n,
            batch: batch.max(1),
            shuffle,
        })
    }

    /// What an iterator gives; `open` begins a pass, such as by opening a file.
    pub fn from_stream<F>(open: F) -> Pipeline
    where
        F: Fn() -> Result<Samples, DataError> + Send + Sync + 'static,
    {
        Pipeline::source(stages::Stream { open })
    }

    /// Elements in an order of their own in every pass: each is drawn from the next `buffer` ones. A
    /// buffer of all samples gives every order alike.
    pub fn shuffle(&self, buffer: usize) -> Pipeline {
        self.then(stages::Shuffle {
            input: self.clone(),
            buffer: buffer.max(1),
        })
    }

    /// Applies a function to every element.
    pub fn map<F>(&self, f: F) -> Pipeline
    where
        F: Fn(Sample) -> Result<Sample, DataError> + Send + Sync + 'static,
    {
        self.map_random(1, move |sample, _| f(sample))
    }

    /// Applies a function with random numbers of its own for every element and pass, on so many
    /// threads. The order and the numbers do not depend on the threads.
    pub fn map_random<F>(&self, threads: usize, f: F) -> Pipeline
    where
        F: Fn(Sample, &mut Rng) -> Result<Sample, DataError> + Send + Sync + 'static,
    {
        self.then(threads::Map {
            input: self.clone(),
            f: Arc::new(f),
            threads,
            stage: self.depth + 1,
        })
    }

    /// Leaves out elements for which `f` is false.
    pub fn filter<F>(&self, f: F) -> Pipeline
    where
        F: Fn(&Sample) -> bool + Send + Sync + 'static,
    {
        let input = self.clone();
        self.then(stages::Filter {
            input,
            f: Arc::new(f),
        })
    }

    /// Stacks `n` elements; the last batch of a pass may be smaller.
    pub fn batch(&self, n: usize) -> Pipeline {
        self.then(batch::Batch {
            input: self.clone(),
            n: n.max(1),
            pad: None,
        })
    }

    /// Stacks `n` elements of different sizes, filled up with `value` to the largest of the batch.
    pub fn padded_batch(&self, n: usize, value: f64) -> Pipeline {
        self.then(batch::Batch {
            input: self.clone(),
            n: n.max(1),
            pad: Some(value),
        })
    }

    /// Keeps the elements of the first whole pass in memory.
    pub fn cache(&self) -> Pipeline {
        self.then(stages::Cache {
            input: self.clone(),
            kept: Arc::default(),
        })
    }

    /// Makes up to `n` elements ready on a thread before they are asked for.
    pub fn prefetch(&self, n: usize) -> Pipeline {
        self.then(threads::Prefetch {
            input: self.clone(),
            n: n.max(1),
        })
    }

    /// So many passes as one, each with an order of its own.
    pub fn repeat(&self, count: usize) -> Pipeline {
        self.then(stages::Repeat {
            input: self.clone(),
            count,
        })
    }

    /// The first `n` elements.
    pub fn take(&self, n: usize) -> Pipeline {
        self.then(stages::Part {
            input: self.clone(),
            skip: 0,
            take: n,
        })
    }

    /// All but the first `n` elements.
    pub fn skip(&self, n: usize) -> Pipeline {
        self.then(stages::Part {
            input: self.clone(),
            skip: n,
            take: usize::MAX,
        })
    }

    /// The arrays of this and of another pipeline side by side, until either ends.
    pub fn zip(&self, other: &Pipeline) -> Pipeline {
        self.then(stages::Zip(self.clone(), other.clone()))
    }

    /// The elements of this and then of another pipeline.
    pub fn concatenate(&self, other: &Pipeline) -> Pipeline {
        self.then(stages::Chain(self.clone(), other.clone()))
    }

    /// How many elements a pass gives, where that is known.
    pub fn len(&self) -> Option<usize> {
        self.stage.len()
    }

    /// Whether a pass is known to give nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The elements of a pass.
    pub fn open(&self, pass: Pass) -> Result<Samples, DataError> {
        self.stage.open(pass, 0)
    }

    /// The elements of a pass without the first `skip`. What these were is not made again, unless an element of what
    /// is streamed, filtered or shuffled cannot be known otherwise.
    pub fn open_at(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        self.stage.open(pass, skip)
    }

    /// The order of `n` samples in a pass.
    pub(crate) fn order(pass: Pass, n: usize, shuffle: bool) -> Vec<usize> {
        match shuffle {
            // Weights use the streams from 0 on.
            true => Rng::stream(pass.seed, (1 << 63) | pass.epoch).permutation(n),
            false => (0..n).collect(),
        }
    }
}
