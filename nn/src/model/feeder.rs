//! Where the batches of an epoch come from.

use super::batches::Batches;
use super::weighting::weights;
use crate::data::pipeline::{Pass, Pipeline, Samples as Stream};
use crate::error::NnError;
use crate::host::Feed;
use craneflow_ir::Array;
use std::ops::Range;

/// A batch that a step can be run on.
pub(crate) enum Ready<'a> {
    /// Samples with these numbers.
    Rows(&'a Batches<'a>, &'a [usize]),
    /// The inputs of the model and the labels.
    Arrays(Vec<Array>),
}

/// Gives the batches of one epoch after the other.
pub(crate) trait Feeder {
    /// Batches in an epoch, where that is known.
    fn steps(&self) -> Option<usize>;
    /// Begins an epoch, without its first `skip` batches. The order follows from seed and epoch.
    fn begin(&mut self, seed: u64, epoch: u64, skip: usize) -> Result<(), NnError>;
    /// The next batch of the epoch.
    fn next(&mut self) -> Result<Option<Ready<'_>>, NnError>;
    /// Whether it may keep a step waiting.
    fn waits(&self) -> bool;
}

/// Samples in memory, from the first on.
pub(crate) struct Samples<'a> {
    batches: &'a Batches<'a>,
    count: usize,
    batch_size: usize,
    shuffle: bool,
    order: Vec<usize>,
    at: usize,
}

impl<'a> Samples<'a> {
    /// The first `count` samples.
    pub fn new(
        batches: &'a Batches<'a>,
        count: usize,
        batch_size: usize,
        shuffle: bool,
    ) -> Result<Samples<'a>, NnError> {
        batches.ranges(batch_size)?;
        Ok(Samples {
            batches,
            count,
            batch_size,
            shuffle,
            order: vec![],
            at: 0,
        })
    }
}

impl Feeder for Samples<'_> {
    fn steps(&self) -> Option<usize> {
        Some(self.count.div_ceil(self.batch_size))
    }

    fn begin(&mut self, seed: u64, epoch: u64, skip: usize) -> Result<(), NnError> {
        self.order = Pipeline::order(Pass { seed, epoch }, self.count, self.shuffle);
        self.at = (skip * self.batch_size).min(self.count);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Ready<'_>>, NnError> {
        if self.at == self.count {
            return Ok(None);
        }
        let start = self.at;
        self.at = self.count.min(start + self.batch_size);
        let rows = &self.order[start..self.at];
        Ok(Some(Ready::Rows(self.batches, rows)))
    }

    fn waits(&self) -> bool {
        false
    }
}

/// What a pipeline of batches gives.
pub(crate) struct Streamed {
    pipeline: Pipeline,
    open: Option<Stream>,
    /// Which of its arrays are labels.
    labels: Range<usize>,
    class_weight: Vec<f32>,
}

impl Streamed {
    pub fn new(pipeline: &Pipeline) -> Streamed {
        Streamed {
            pipeline: pipeline.clone(),
            open: None,
            labels: 0..0,
            class_weight: vec![],
        }
    }

    /// With a weight for every class in the first of the labels.
    pub fn weighted(self, labels: Range<usize>, class_weight: Vec<f32>) -> Streamed {
        Streamed {
            labels,
            class_weight,
            ..self
        }
    }

    /// Adds the weights of the samples.
    fn weigh(&self, arrays: &mut Vec<Array>) -> Result<(), NnError> {
        if self.class_weight.is_empty() || arrays.len() < self.labels.end {
            return Ok(());
        }
        let feeds: Vec<Feed<'_>> = arrays.iter().map(Feed::from).collect();
        let y = &feeds[self.labels.clone()];
        let samples = y.first().map_or(0, Feed::rows);
        let given = feeds.get(self.labels.end);
        let weights = weights(given, &self.class_weight, y, samples)?;
        arrays.truncate(self.labels.end);
        arrays.extend(weights);
        Ok(())
    }
}

impl Feeder for Streamed {
    fn steps(&self) -> Option<usize> {
        self.pipeline.len()
    }

    fn begin(&mut self, seed: u64, epoch: u64, skip: usize) -> Result<(), NnError> {
        self.open = Some(self.pipeline.open_at(Pass { seed, epoch }, skip)?);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Ready<'_>>, NnError> {
        let next = self.open.as_mut().and_then(Iterator::next).transpose()?;
        if next.is_none() {
            // Threads and files of the epoch are no longer needed.
            self.open = None;
        }
        let Some(mut arrays) = next else {
            return Ok(None);
        };
        self.weigh(&mut arrays)?;
        Ok(Some(Ready::Arrays(arrays)))
    }

    fn waits(&self) -> bool {
        true
    }
}
