//! Samples and their labels, in memory.

use ndarray::{ArrayD, Axis, IxDyn, Slice};

use super::DataError;
use super::division::{Division, Samples};
use crate::rng::Rng;

/// What a model is to predict, one row a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The number of the class, of shape `[samples]`.
    Classes(ArrayD<i32>),
    /// Numbers, of shape `[samples, ...]`.
    Values(ArrayD<f32>),
}

/// `n` samples: inputs `f32[n, ...]` and as many labels.
///
/// Images are `[n, height, width, channels]` with values in 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    inputs: ArrayD<f32>,
    labels: Labels,
    classes: Vec<String>,
    /// Where each sample is from; none where that is not known.
    places: Vec<String>,
}

impl Labels {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Labels::Classes(ids) => ids.len(),
            Labels::Values(values) => values.shape()[0],
        }
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels at `indices`, in that order. Panics where an index is not below [`Labels::len`].
    pub fn select(&self, indices: &[usize]) -> Labels {
        match self {
            Labels::Classes(ids) => Labels::Classes(ids.select(Axis(0), indices)),
            Labels::Values(values) => Labels::Values(values.select(Axis(0), indices)),
        }
    }
}

/// A data set to learn from and one, of the same kind, to be judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Split<T = Dataset> {
    /// To learn from.
    pub train: T,
    /// Held out.
    pub test: T,
}

impl Dataset {
    /// A data set of `inputs` and `labels`, whose first axes count the samples. `classes` are the
    /// names of the classes; class labels are below their number.
    pub fn new(
        name: impl Into<String>,
        inputs: ArrayD<f32>,
        labels: Labels,
        classes: Vec<String>,
    ) -> Result<Dataset, DataError> {
        let name = name.into();
        let shape = match &labels {
            Labels::Classes(ids) => ids.shape(),
            Labels::Values(values) => values.shape(),
        };
        let flat = matches!(labels, Labels::Values(_)) || shape.len() == 1;
        if !flat || shape.is_empty() || inputs.shape().first() != shape.first() {
            let (inputs, labels) = (inputs.shape().to_vec(), shape.to_vec());
            return Err(DataError::Samples {
                name,
                inputs,
                labels,
            });
        }
        if let Labels::Classes(ids) = &labels {
            let bad = |&(_, &id): &(usize, &i32)| id < 0 || id as usize >= classes.len();
            if let Some((sample, &label)) = ids.iter().enumerate().find(bad) {
                let classes = classes.len();
                return Err(DataError::ClassRange {
                    name,
                    sample,
                    label,
                    classes,
                });
            }
        }
        Ok(Dataset {
            name,
            inputs,
            labels,
            classes,
            places: vec![],
        })
    }

    /// With where each sample is from, such as a file or `line 7`.
    pub(crate) fn placed_at(mut self, places: Vec<String>) -> Dataset {
        debug_assert_eq!(places.len(), self.len());
        self.places = places;
        self
    }

    /// Where a sample is from, such as a file or `line 7`, where that is known.
    pub fn place(&self, sample: usize) -> Option<&str> {
        self.places.get(sample).map(String::as_str)
    }

    /// What the data set is called, in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All inputs, `[samples, ...]`.
    pub fn inputs(&self) -> &ArrayD<f32> {
        &self.inputs
    }

    /// All labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The names of the classes; empty where the labels are values.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The labels `[samples]` where they are classes.
    pub fn class_ids(&self) -> Option<&ArrayD<i32>> {
        match &self.labels {
            Labels::Classes(ids) => Some(ids),
            Labels::Values(_) => None,
        }
    }

    /// The labels `[samples, ...]` where they are values.
    pub fn values(&self) -> Option<&ArrayD<f32>> {
        match &self.labels {
            Labels::Classes(_) => None,
            Labels::Values(values) => Some(values),
        }
    }

    /// Class labels as `f32[samples, classes]` with a one at the class; `None` for values.
    pub fn one_hot(&self) -> Option<ArrayD<f32>> {
        let ids = self.class_ids()?;
        let mut hot = ArrayD::zeros(IxDyn(&[ids.len(), self.classes.len()]));
        for (sample, &id) in ids.iter().enumerate() {
            hot[[sample, id as usize]] = 1.0;
        }
        Some(hot)
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.inputs.shape()[0]
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of one input.
    pub fn input_shape(&self) -> &[usize] {
        &self.inputs.shape()[1..]
    }

    /// Inputs and labels, without a copy.
    pub fn into_parts(self) -> (ArrayD<f32>, Labels) {
        (self.inputs, self.labels)
    }

    /// The same samples under another name.
    pub fn renamed(self, name: impl Into<String>) -> Dataset {
        Dataset {
            name: name.into(),
            ..self
        }
    }

    /// The first `n` samples, or all where there are fewer.
    pub fn take(self, n: usize) -> Dataset {
        if n >= self.len() {
            return self;
        }
        let mut places = self.places;
        places.truncate(n);
        let head = Slice::from(0..n);
        let inputs = self.inputs.slice_axis(Axis(0), head).to_owned();
        let labels = match &self.labels {
            Labels::Classes(ids) => Labels::Classes(ids.slice_axis(Axis(0), head).to_owned()),
            Labels::Values(values) => Labels::Values(values.slice_axis(Axis(0), head).to_owned()),
        };
        Dataset {
            inputs,
            labels,
            places,
            ..self
        }
    }

    /// With inputs in row-major order.
    pub(super) fn row_major(self) -> Dataset {
        match self.inputs.is_standard_layout() {
            true => self,
            false => Dataset {
                inputs: self.inputs.as_standard_layout().into_owned(),
                ..self
            },
        }
    }

    /// The samples in an order drawn from `seed`.
    pub fn shuffle(&self, seed: u64) -> Dataset {
        self.select(&Rng::new(seed).permutation(self.len()))
    }

    /// The samples at `indices`, in that order. Panics where an index is not below [`Dataset::len`].
    pub fn select(&self, indices: &[usize]) -> Dataset {
        Dataset {
            name: self.name.clone(),
            inputs: self.inputs.select(Axis(0), indices),
            labels: self.labels.select(indices),
            classes: self.classes.clone(),
            places: match self.places.is_empty() {
                true => vec![],
                false => indices.iter().map(|&i| self.places[i].clone()).collect(),
            },
        }
    }

    /// Holds out `fraction` of the samples, rounded to whole ones; both parts are in random order.
    pub fn train_test_split(&self, seed: u64, fraction: f64) -> Result<Split, DataError> {
        Ok(self.split(&self.samples().share(seed, fraction, false)?))
    }

    /// Holds out `fraction` of each class, rounded to whole samples; both parts are in random order.
    pub fn train_test_split_stratified(
        &self,
        seed: u64,
        fraction: f64,
    ) -> Result<Split, DataError> {
        Ok(self.split(&self.samples().share(seed, fraction, true)?))
    }

    /// `folds` splits: in each, another part of about equal size is held out, so that every sample is
    /// held out once.
    pub fn k_fold(&self, seed: u64, folds: usize) -> Result<Vec<Split>, DataError> {
        let divisions = self.samples().folds(seed, folds, false)?;
        Ok(divisions.iter().map(|d| self.split(d)).collect())
    }

    /// As [`Dataset::k_fold`], with each class spread evenly over the folds.
    pub fn k_fold_stratified(&self, seed: u64, folds: usize) -> Result<Vec<Split>, DataError> {
        let divisions = self.samples().folds(seed, folds, true)?;
        Ok(divisions.iter().map(|d| self.split(d)).collect())
    }

    fn samples(&self) -> Samples<'_> {
        Samples {
            name: &self.name,
            labels: &self.labels,
            classes: self.classes.len(),
        }
    }

    fn split(&self, (train, test): &Division) -> Split {
        Split {
            train: self.select(train),
            test: self.select(test),
        }
    }
}
