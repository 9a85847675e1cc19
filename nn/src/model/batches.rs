//! Samples cut into batches and put into the inputs of programs.

use super::network::{Network, numbered};
use super::targets::Target;
use crate::engine::Engine;
use crate::error::{Layer, NnError};
use crate::host::Feed;
use craneflow_ir::{Array, DType, Type};

/// The samples of all inputs, and the labels last if there are any, each with the type that the
/// programs take.
pub(crate) struct Batches<'a> {
    arrays: Vec<Feed<'a>>,
    samples: usize,
    weighted: bool,
}

impl<'a> Batches<'a> {
    /// Checks arrays against a model.
    pub fn new(
        network: &Network,
        x: &'a [Feed<'_>],
        labels: Option<(&[Target], &'a [Feed<'_>])>,
    ) -> Result<Batches<'a>, NnError> {
        if x.len() != network.inputs.len() {
            return Err(NnError::FeedCount {
                expected: network.inputs.len(),
                found: x.len(),
                inputs: network.inputs.iter().map(|(name, _)| name).collect(),
            });
        }
        let samples = x[0].rows();
        if samples == 0 {
            return Err(NnError::NoSamples { what: "x" });
        }
        let mut arrays = vec![];
        for ((name, input), feed) in network.inputs.iter().zip(x) {
            arrays.push(fitted(name, feed, input.batch(samples))?);
        }
        if let Some((targets, labels)) = labels {
            arrays.extend(fitted_labels(network, targets, labels, samples)?);
        }
        Ok(Batches {
            arrays,
            samples,
            weighted: false,
        })
    }

    /// Adds a weight for every sample.
    pub fn weigh(&mut self, weights: Option<&'a Feed<'_>>) -> Result<(), NnError> {
        if let Some(weights) = weights {
            let ty = Type::new(DType::F32, [self.samples]);
            self.arrays.push(fitted("sample_weight", weights, ty)?);
            self.weighted = true;
        }
        Ok(())
    }

    /// Whether samples have weights.
    pub fn weighted(&self) -> bool {
        self.weighted
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Bounds of the batches; the last may be smaller.
    pub fn ranges(&self, batch_size: usize) -> Result<Vec<(usize, usize)>, NnError> {
        if batch_size == 0 {
            return Err(NnError::Argument {
                layer: Layer::default(),
                op: "fit",
                what: "the batch size",
                expected: "at least 1".to_string(),
                found: "0".to_string(),
            });
        }
        let starts = (0..self.samples).step_by(batch_size);
        let end = |start: usize| self.samples.min(start + batch_size);
        Ok(starts.map(|start| (start, end(start))).collect())
    }

    /// Samples `start..end` into the inputs of a program, from input `first` on.
    pub fn set_range(
        &self,
        engine: &mut Engine,
        first: usize,
        start: usize,
        end: usize,
    ) -> Result<(), NnError> {
        for (i, array) in self.arrays.iter().enumerate() {
            engine.set(first + i, &array.part(start, end))?;
        }
        Ok(())
    }

    /// The samples of these numbers.
    pub fn arrays(&self, rows: &[usize]) -> Vec<Array> {
        let gather = |feed: &Feed<'_>| {
            let ty = feed.row_type(rows.len());
            let mut bytes = vec![0; ty.bytes()];
            feed.gather(rows, &mut bytes);
            Array::from_bytes(ty, bytes).expect("the bytes are of the type")
        };
        self.arrays.iter().map(gather).collect()
    }

    /// The samples of these numbers into the inputs of a program, from input `first` on.
    pub fn set_rows(
        &self,
        engine: &mut Engine,
        first: usize,
        rows: &[usize],
    ) -> Result<(), NnError> {
        for (i, array) in self.arrays.iter().enumerate() {
            engine.set_rows(first + i, array, rows)?;
        }
        Ok(())
    }
}

/// The labels of so many samples as the losses take them.
pub(super) fn fitted_labels<'a>(
    network: &Network,
    targets: &[Target],
    labels: &'a [Feed<'_>],
    samples: usize,
) -> Result<Vec<Feed<'a>>, NnError> {
    if labels.len() != targets.len() {
        return Err(NnError::LabelCount {
            expected: targets.len(),
            found: labels.len(),
        });
    }
    let mut arrays = vec![];
    for (i, (target, y)) in targets.iter().zip(labels).enumerate() {
        if y.rows() != samples {
            let y = y.rows();
            return Err(NnError::Samples { x: samples, y });
        }
        let output = network.output_type(i, samples);
        let y = fitted(&numbered("y", i), y, target.loss.labels(&output));
        let y = y.map_err(|error| labels_of(network.output_name(i), &output, error))?;
        if let Some(classes) = target.loss.classes(&output) {
            check_classes(&y, classes)?;
        }
        arrays.push(y);
    }
    Ok(arrays)
}

/// The feed as the type that is wanted: numbers are converted, axes of extent 1 at the end may be
/// missing or too many.
fn fitted<'a>(name: &str, feed: &'a Feed<'_>, ty: Type) -> Result<Feed<'a>, NnError> {
    let plain = |shape: &[usize]| {
        let ones = shape.iter().rev().take_while(|&&d| d == 1).count();
        shape[..shape.len() - ones.min(shape.len().saturating_sub(1))].to_vec()
    };
    if plain(&feed.ty().shape) != plain(&ty.shape) {
        return Err(NnError::Feed {
            name: name.to_string(),
            expected: ty,
            found: feed.ty().clone(),
        });
    }
    Ok(feed.convert(ty.dtype).reshaped(&ty.shape))
}

/// A label of a wrong type as an error that says which output it is for.
fn labels_of(layer: &str, output: &Type, error: NnError) -> NnError {
    match error {
        NnError::Feed {
            expected, found, ..
        } => NnError::Labels {
            output: format!("{layer} {output}"),
            expected,
            found,
        },
        other => other,
    }
}

fn check_classes(y: &Feed<'_>, classes: usize) -> Result<(), NnError> {
    let labels = y.bytes().chunks_exact(4);
    let label = |bytes: &[u8]| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    debug_assert_eq!(y.ty().dtype, DType::I32);
    let wrong = |&(_, label): &(usize, i32)| label < 0 || label as usize >= classes;
    match labels.map(label).enumerate().find(wrong) {
        None => Ok(()),
        Some((i, label)) => Err(NnError::Label {
            label: label.into(),
            sample: i / (y.ty().count() / y.rows().max(1)).max(1),
            classes,
        }),
    }
}
