//! Linear maps along one axis, with a matrix that is known while tracing.

use crate::tensor::Tensor;
use craneflow_ir::{Array, Scalar, Type};

/// `y[.., o, ..] = sum over i of matrix(i, o) * x[.., i, ..]` for the `outputs` numbers `o` along
/// `axis`, which must exist.
pub fn along(
    x: &Tensor,
    axis: usize,
    outputs: usize,
    matrix: impl Fn(usize, usize) -> f64,
) -> Tensor {
    let ty = Type::new(x.dtype(), [x.shape()[axis], outputs]);
    let entry =
        |n: usize| Scalar::from_f64(x.dtype(), matrix(n / outputs.max(1), n % outputs.max(1)));
    let matrix = x.tracer().constant(Array::from_fn(ty, entry));
    let last = x.rank() - 1;
    // The mapped axis comes out last.
    let order: Vec<usize> = (0..axis).chain([last]).chain(axis..last).collect();
    x.dot(&matrix, &[], &[], axis, 0).transpose(&order)
}
