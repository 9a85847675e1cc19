//! Weights of samples.

use crate::error::NnError;
use crate::host::Feed;
use craneflow_ir::{Array, DType, Type};

/// The weight of every sample: what is given, times the weight of its class in the first labels `y`. None where
/// all are 1.
pub(super) fn weights(
    given: Option<&Feed<'_>>,
    class_weight: &[f32],
    y: &[Feed<'_>],
    samples: usize,
) -> Result<Option<Array>, NnError> {
    let given = given.map(|w| w.array().to_f64());
    if let Some(given) = given.as_ref().filter(|given| given.len() != samples) {
        return Err(NnError::Samples {
            x: samples,
            y: given.len(),
        });
    }
    if given.is_none() && class_weight.is_empty() {
        return Ok(None);
    }
    let mut weights = given.unwrap_or_else(|| vec![1.0; samples]);
    if let (false, Some(y)) = (class_weight.is_empty(), y.first()) {
        let labels = y.array().to_f64();
        let width = (labels.len() / samples.max(1)).max(1);
        for (weight, row) in weights.iter_mut().zip(labels.chunks(width)) {
            // A number is the class; of several, the greatest shows it.
            let class = match row {
                [class] => *class as usize,
                _ => (1..width).fold(0, |best, i| if row[i] > row[best] { i } else { best }),
            };
            *weight *= f64::from(class_weight.get(class).copied().unwrap_or(1.0));
        }
    }
    let ty = Type::new(DType::F32, [samples]);
    Ok(Some(Array::from_f64(ty, &weights)))
}
