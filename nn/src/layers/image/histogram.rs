//! Pictures whose values are spread evenly.

use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{Array, Cmp, DType, Type};

/// Spreads the values of every channel of every picture over the whole range, so that each part of it is
/// about as frequent. Not only while training.
#[derive(Clone, Debug)]
pub struct Equalization {
    meta: Meta,
    bins: usize,
    max_value: f64,
}

impl Equalization {
    /// Values from 0 to 255, counted in 256 bins.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> Equalization {
        Equalization {
            meta: Meta::new("equalization"),
            bins: 256,
            max_value: 255.0,
        }
    }
}

options!(Equalization {
    /// Sets in how many bins values are counted; at least 2.
    bins: usize,
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

layer!(Equalization, |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("equalization", 4, axes_of(2)) {
        return x.clone();
    }
    let (n, channels, bins) = (x.dim(0), x.dim(3), self.bins.max(2));
    let bin = (x * ((bins - 1) as f64 / self.max_value)).clamp(0.0, (bins - 1) as f64);
    let bin = bin.floor();
    let least = counted_up_to(&bin, bins);
    let all = (x.dim(1) * x.dim(2)) as f64;
    // The count of the lowest bin that has any goes to 0, that of the highest to the greatest value.
    let empty = least.compare(Cmp::Le, 0.0);
    let high = x.tracer().full(least.ty(), all);
    let first = empty.select(&high, &least).min(&[1]).keep(&least, &[1]);
    let range = all - &first;
    let levels = ((&least - &first) * 255.0 / range.maximum(1.0)).round();
    let levels = levels.clamp(0.0, 255.0) * (self.max_value / 255.0);
    // Looked up by picture, bin and channel.
    let whole = |x: &Tensor| x.convert(DType::I32);
    let picture = x.tracer().iota(x.ty(), 0);
    let channel = x.tracer().iota(x.ty(), 3);
    let place = (whole(&picture) * bins as i32 + whole(&bin)) * channels as i32 + whole(&channel);
    let table = levels.reshape(&[n * bins * channels, 1]);
    let found = table.take(&place.reshape(&[x.shape().count()]));
    // A channel of one value stays.
    let flat = range.compare(Cmp::Le, 0.0).reshape(&[n, 1, 1, channels]);
    flat.broadcast_to(x.shape())
        .select(x, &found.reshape(x.shape()))
});

/// How many pixels are in each bin or in one below: `[batch, bins, channels]` of whole numbers `[batch,
/// height, width, channels]`.
fn counted_up_to(bin: &Tensor, bins: usize) -> Tensor {
    let (n, pixels, channels) = (bin.dim(0), bin.dim(1) * bin.dim(2), bin.dim(3));
    let grid = [n, pixels, bins, channels];
    let each = bin.reshape(&[n, pixels, 1, channels]).broadcast_to(&grid);
    let number = bin.tracer().iota(&Type::new(DType::F32, grid), 2);
    let counts = each.compare(Cmp::Eq, &number).convert(DType::F32).sum(&[1]);
    let ones: Vec<f64> = (0..bins * bins)
        .map(|i| f64::from(u8::from(i / bins <= i % bins)))
        .collect();
    let up_to = Array::from_f64(Type::new(DType::F32, [bins, bins]), &ones);
    let up_to = bin.tracer().constant(up_to);
    // Exact: counts are whole numbers below 2^24.
    let sums = counts.transpose(&[0, 2, 1]).matmul(&up_to);
    sums.transpose(&[0, 2, 1])
}

described!(Equalization "Equalization", Equalization::new(), |self, k| {
    k.key("bins", &mut self.bins)?;
    k.key("max_value", &mut self.max_value)?;
});
