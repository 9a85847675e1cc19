//! Elements stacked to batches.

use super::{Pass, Pipeline, Sample, Samples, Stage};
use crate::data::DataError;
use craneflow_ir::{Array, Scalar, Type};

pub(super) struct Batch {
    pub input: Pipeline,
    pub n: usize,
    /// What smaller elements are filled up with.
    pub pad: Option<f64>,
}

impl Stage for Batch {
    fn len(&self) -> Option<usize> {
        self.input.len().map(|n| n.div_ceil(self.n))
    }

    fn open(&self, pass: Pass, skip: usize) -> Result<Samples, DataError> {
        Ok(Box::new(Batches {
            input: self.input.open_at(pass, skip.saturating_mul(self.n))?,
            n: self.n,
            pad: self.pad,
            number: skip,
        }))
    }
}

struct Batches {
    input: Samples,
    n: usize,
    pad: Option<f64>,
    number: usize,
}

impl Iterator for Batches {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let samples: Result<Vec<Sample>, DataError> = self.input.by_ref().take(self.n).collect();
        let samples = match samples {
            Ok(samples) if samples.is_empty() => return None,
            Ok(samples) => samples,
            Err(error) => return Some(Err(error)),
        };
        let first = self.number * self.n;
        self.number += 1;
        Some(stack(&samples, self.pad, first))
    }
}

/// The arrays of each position as one with an axis more; `first` is the number of the first sample.
fn stack(samples: &[Sample], pad: Option<f64>, first: usize) -> Result<Sample, DataError> {
    let columns = samples[0].len();
    let column = |c: usize| {
        let mut parts = vec![];
        for (i, sample) in samples.iter().enumerate() {
            match sample.get(c) {
                Some(array) if sample.len() == columns => parts.push(array),
                _ => {
                    return Err(DataError::Stack {
                        sample: first + i,
                        column: c,
                        expected: format!("{columns} arrays"),
                        found: sample.len().to_string(),
                    });
                }
            }
        }
        stack_column(&parts, pad, first, c)
    };
    (0..columns).map(column).collect()
}

fn stack_column(
    parts: &[&Array],
    pad: Option<f64>,
    first: usize,
    column: usize,
) -> Result<Array, DataError> {
    let mut shape = parts[0].ty.shape.0.clone();
    for (i, part) in parts.iter().enumerate() {
        let same = part.ty.dtype == parts[0].ty.dtype && part.ty.rank() == shape.len();
        if !same || (pad.is_none() && part.ty != parts[0].ty) {
            return Err(DataError::Stack {
                sample: first + i,
                column,
                expected: parts[0].ty.to_string(),
                found: part.ty.to_string(),
            });
        }
        for (extent, &found) in shape.iter_mut().zip(part.ty.shape.iter()) {
            *extent = found.max(*extent);
        }
    }
    let dtype = parts[0].ty.dtype;
    let one = Type::new(dtype, shape.clone());
    let mut bytes = Vec::with_capacity(one.bytes() * parts.len());
    for part in parts {
        match part.ty == one {
            true => bytes.extend_from_slice(part.bytes()),
            false => bytes.extend_from_slice(padded(part, &one, pad.unwrap_or(0.0)).bytes()),
        }
    }
    shape.insert(0, parts.len());
    let array = Array::from_bytes(Type::new(dtype, shape), bytes);
    Ok(array.expect("as many bytes as parts"))
}

/// `part` at the beginning of every axis of `ty`, `value` elsewhere.
fn padded(part: &Array, ty: &Type, value: f64) -> Array {
    let fill = Scalar::from_f64(ty.dtype, value);
    let strides = ty.shape.strides();
    let at = |i: usize| -> Option<usize> {
        let axes = strides.iter().zip(&ty.shape.0).zip(&part.ty.shape.0);
        axes.into_iter()
            .try_fold(0, |sum, ((&stride, &extent), &own)| {
                let index = i / stride % extent;
                (index < own).then_some(sum * own + index)
            })
    };
    Array::from_fn(ty.clone(), |i| at(i).map_or(fill, |i| part.get(i)))
}
