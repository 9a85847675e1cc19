//! The samples of a training: in memory, or in files from which every epoch reads them anew. Both give the same
//! batches, to the bit.

use super::augment::Augment;
use super::division::{Division, Samples};
use super::pipeline::Sample;
use super::stored::Stored;
use super::{DataError, Dataset, Labels, Pipeline, Split};
use crate::host::Feed;
use crate::rng::Rng;
use craneflow_ir::{Array, DType, Type};
use std::sync::Arc;
use std::thread;

/// Bytes of samples that are kept in memory where nothing else is said: 1 GiB.
pub const IN_MEMORY: usize = 1 << 30;

/// Samples and where they are. Clones are cheap.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory.
    Memory(Arc<Dataset>),
    /// In files.
    Files(Arc<Stored>),
}

/// How [`Source::batches`] makes batches.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Feeding {
    /// Samples in a batch.
    pub batch_size: usize,
    /// Whether every epoch has an order of its own, that of [`Model::fit`](crate::Model::fit).
    pub shuffle: bool,
    /// What is done to pictures at random.
    pub augment: Option<Augment>,
    /// Threads that read and augment; 0 is one for each core, but four at most. Batches do not depend on it.
    pub workers: usize,
}

impl Feeding {
    /// All samples in order.
    pub fn in_order(batch_size: usize) -> Feeding {
        Feeding {
            batch_size,
            shuffle: false,
            augment: None,
            workers: 0,
        }
    }
}

impl From<Dataset> for Source {
    fn from(data: Dataset) -> Source {
        Source::Memory(Arc::new(data.row_major()))
    }
}

impl From<Split> for Split<Source> {
    fn from(split: Split) -> Split<Source> {
        Split {
            train: split.train.into(),
            test: split.test.into(),
        }
    }
}

impl Source {
    /// In memory where all samples are at most `limit` bytes, and else in their files.
    pub fn within(files: Stored, limit: usize) -> Result<Source, DataError> {
        let source = Source::Files(Arc::new(files));
        match source.unread_bytes() <= limit {
            true => source.in_memory(),
            false => Ok(source),
        }
    }

    /// Bytes of the samples that are not in memory.
    pub fn unread_bytes(&self) -> usize {
        match self {
            Source::Memory(_) => 0,
            Source::Files(files) => files.bytes(),
        }
    }

    /// The same samples in memory.
    pub fn in_memory(&self) -> Result<Source, DataError> {
        Ok(Source::Memory(self.dataset()?))
    }

    /// What the data set is called.
    pub fn name(&self) -> &str {
        match self {
            Source::Memory(data) => data.name(),
            Source::Files(files) => files.name(),
        }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels().len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of one input.
    pub fn input_shape(&self) -> Vec<usize> {
        match self {
            Source::Memory(data) => data.input_shape().to_vec(),
            Source::Files(files) => files.format().shape(),
        }
    }

    /// All labels.
    pub fn labels(&self) -> &Labels {
        match self {
            Source::Memory(data) => data.labels(),
            Source::Files(files) => files.labels(),
        }
    }

    /// The names of the classes; empty where the labels are values.
    pub fn classes(&self) -> &[String] {
        match self {
            Source::Memory(data) => data.classes(),
            Source::Files(files) => files.classes(),
        }
    }

    /// Where a sample is from, such as a file or `line 7`, where that is known.
    pub fn place(&self, sample: usize) -> Option<String> {
        match self {
            Source::Memory(data) => data.place(sample).map(str::to_string),
            Source::Files(files) => Some(files.path(sample).display().to_string()),
        }
    }

    /// All samples in memory, read for it where they are in files.
    pub fn dataset(&self) -> Result<Arc<Dataset>, DataError> {
        match self {
            Source::Memory(data) => Ok(data.clone()),
            Source::Files(files) => Ok(Arc::new(files.load()?)),
        }
    }

    /// The inputs of the samples with these numbers, `[rows, ...]`. Panics where one is not below [`Source::len`].
    pub fn inputs_of(&self, rows: &[usize]) -> Result<Array, DataError> {
        match self {
            Source::Memory(data) => Ok(gathered(&data.inputs().into(), rows)),
            Source::Files(_) => self.joined(rows, |x| x),
        }
    }

    /// The labels of the samples with these numbers. Panics where one is not below [`Source::len`].
    pub fn labels_of(&self, rows: &[usize]) -> Array {
        gathered(&self.labels().into(), rows)
    }

    /// The samples with these numbers, in that order. Panics where one is not below [`Source::len`].
    pub fn select(&self, rows: &[usize]) -> Source {
        match self {
            Source::Memory(data) => data.select(rows).into(),
            Source::Files(files) => Source::Files(Arc::new(files.select(rows))),
        }
    }

    /// Holds out a share, of each class where there are classes.
    pub fn held_out(&self, seed: u64, share: f64) -> Result<Split<Source>, DataError> {
        let (samples, stratified) = self.divided();
        Ok(self.split(&samples.share(seed, share, stratified)?))
    }

    /// The split of `folds` in which part `fold`, from 0, is held out; each class is spread evenly where there are
    /// classes.
    pub fn fold(&self, seed: u64, folds: usize, fold: usize) -> Result<Split<Source>, DataError> {
        let (samples, stratified) = self.divided();
        let divisions = samples.folds(seed, folds, stratified)?;
        Ok(self.split(&divisions[fold % folds]))
    }

    fn divided(&self) -> (Samples<'_>, bool) {
        let samples = Samples {
            name: self.name(),
            labels: self.labels(),
            classes: self.classes().len(),
        };
        (samples, matches!(self.labels(), Labels::Classes(_)))
    }

    fn split(&self, (train, test): &Division) -> Split<Source> {
        Split {
            train: self.select(train),
            test: self.select(test),
        }
    }

    /// Batches of inputs and labels. Files are read, and pictures augmented, on workers ahead of the step; what is
    /// drawn follows from seed, epoch and the number of the batch.
    pub fn batches(&self, how: &Feeding) -> Pipeline {
        let ahead = how.augment.is_some() || matches!(self, Source::Files(_));
        let cores = || {
            thread::available_parallelism()
                .map_or(1, usize::from)
                .min(4)
        };
        let workers = match (ahead, how.workers) {
            // Rows are copied in less time than a thread is asked for them.
            (false, _) => 1,
            (true, 0) => cores(),
            (true, n) => n,
        };
        let (source, augment) = (self.clone(), how.augment);
        let read = move |numbers: Sample, rng: &mut Rng| {
            let rows = rows(&numbers[0]);
            let inputs = match augment {
                None => source.inputs_of(&rows)?,
                Some(augment) => source.joined(&rows, |x| augment.apply(&x, rng))?,
            };
            Ok(vec![inputs, source.labels_of(&rows)])
        };
        let numbers = Pipeline::numbers(self.len(), how.batch_size, how.shuffle);
        let batches = numbers.map_random(workers, read);
        match ahead && workers == 1 {
            true => batches.prefetch(2),
            false => batches,
        }
    }

    /// The samples with these numbers one after the other, each changed by a function.
    fn joined(
        &self,
        rows: &[usize],
        mut change: impl FnMut(Array) -> Array,
    ) -> Result<Array, DataError> {
        let shape = self.input_shape();
        let one = Type::new(DType::F32, shape.clone());
        let mut bytes = Vec::with_capacity(one.bytes() * rows.len());
        for &row in rows {
            let sample = match self {
                Source::Memory(data) => {
                    gathered(&data.inputs().into(), &[row]).reshaped(one.clone())
                }
                Source::Files(files) => files.read(row)?,
            };
            bytes.extend_from_slice(change(sample).bytes());
        }
        let all = Type::new(DType::F32, [&[rows.len()], &shape[..]].concat());
        Ok(Array::from_bytes(all, bytes).expect("samples have one shape"))
    }
}

/// Rows of an array.
fn gathered(feed: &Feed<'_>, rows: &[usize]) -> Array {
    let ty = feed.row_type(rows.len());
    let mut bytes = vec![0; ty.bytes()];
    feed.gather(rows, &mut bytes);
    Array::from_bytes(ty, bytes).expect("the bytes are of the type")
}

/// The numbers in an element of [`Pipeline::numbers`].
fn rows(numbers: &Array) -> Vec<usize> {
    let word = |b: &[u8]| b.try_into().map_or(0, i64::from_le_bytes) as usize;
    numbers.bytes().chunks_exact(8).map(word).collect()
}
