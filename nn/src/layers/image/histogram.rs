//! Pictures whose values are spread evenly, as a whole or part by part.

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
    let least = summed_up(&counted(&bin, bins));
    let all = (x.dim(1) * x.dim(2)) as f64;
    // The count of the lowest bin that has any goes to 0, that of the highest to the greatest value.
    let empty = least.compare(Cmp::Le, 0.0);
    let high = x.tracer().full(least.ty(), all);
    let first = empty.select(&high, &least).min(&[1]).keep(&least, &[1]);
    let range = all - &first;
    let levels = ((&least - &first) * 255.0 / range.maximum(1.0)).round();
    let levels = levels.clamp(0.0, 255.0) * (self.max_value / 255.0);
    let picture = x.tracer().iota(x.ty(), 0);
    let found = looked_up(&levels, &picture, &bin);
    // A channel of one value stays.
    let flat = range.compare(Cmp::Le, 0.0).reshape(&[n, 1, 1, channels]);
    flat.broadcast_to(x.shape()).select(x, &found)
});

/// Spreads the values of parts of pictures, so that each part has contrast of its own, but no more than
/// so much (Keras's `ContrastLimitedAdaptiveHistogramEqualization`): a pixel lies between the levels of the
/// four parts around it. Not only while training.
#[derive(Clone, Debug)]
pub struct Clahe {
    meta: Meta,
    clip_limit: f64,
    tiles: [usize; 2],
    max_value: f64,
}

impl Clahe {
    /// Values from 0 to 255, 8 by 8 parts, no bin of which counts more than 4 times its share.
    #[expect(
        clippy::new_without_default,
        reason = "a new layer has an identity of its own"
    )]
    pub fn new() -> Clahe {
        Clahe {
            meta: Meta::new("clahe"),
            clip_limit: 4.0,
            tiles: [8, 8],
            max_value: 255.0,
        }
    }
}

options!(Clahe {
    /// Sets how much more than its share of the pixels a bin may count; 0 is no limit.
    clip_limit: f64,
    /// Sets in how many parts height and width are divided.
    tiles: [usize; 2],
    /// Sets the greatest value of a pixel.
    max_value: f64,
});

/// Bins of [`Clahe`].
const BINS: usize = 256;

layer!(Clahe, |self, _cx, x| {
    let x = &x[0];
    if !x.must_have_rank("clahe", 4, axes_of(2)) {
        return x.clone();
    }
    let (n, c) = (x.dim(0), x.dim(3));
    let [down, across] = self.tiles.map(|n| n.max(1));
    let (high, wide) = (x.dim(1).div_ceil(down), x.dim(2).div_ceil(across));
    let whole = mirrored(&mirrored(x, 1, high * down), 2, wide * across);
    let bin = (whole * (255.0 / self.max_value)).clamp(0.0, 255.0).floor();
    let parts = bin.reshape(&[n, down, high, across, wide, c]);
    let parts = parts.transpose(&[0, 1, 3, 2, 4, 5]);
    let mut counts = counted(&parts.reshape(&[n * down * across, high, wide, c]), BINS);
    let pixels = (high * wide) as f64;
    if self.clip_limit > 0.0 {
        let kept = counts.minimum(self.clip_limit * pixels / BINS as f64);
        let rest = (&counts - &kept).sum(&[1]).keep(&counts, &[1]);
        counts = kept + rest / BINS as f64;
    }
    let sums = summed_up(&counts);
    let first = sums.slice_axis(1, 0..1);
    let range = pixels - &first;
    let nothing = range.compare(Cmp::Eq, 0.0);
    let range = nothing.select(&range.tracer().full(range.ty(), 1.0), &range);
    let levels = ((&sums - &first) * 255.0 / range).clamp(0.0, 255.0);
    // Parts at the edges continue beyond them.
    let levels = levels.reshape(&[n, down, across, BINS, c]);
    let levels = beyond(&beyond(&levels, 1), 2);
    let levels = levels.reshape(&[n * (down + 2) * (across + 2), BINS, c]);
    let (rows, columns) = (between_parts(high, down), between_parts(wide, across));
    let along = |numbers: &[f64], axis: usize| {
        let mut shape = vec![1; 4];
        shape[axis] = numbers.len();
        let numbers = Array::from_f64(Type::new(DType::F32, shape), numbers);
        x.tracer().constant(numbers).broadcast_to(bin.shape())
    };
    let picture = x.tracer().iota(bin.ty(), 0);
    let mut y = &bin * 0.0;
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let row = &picture * (down + 2) as f64 + along(&rows[i].0, 1);
        let which = row * (across + 2) as f64 + along(&columns[j].0, 2);
        let share = along(&rows[i].1, 1) * along(&columns[j].1, 2);
        y = y + looked_up(&levels, &which, &bin) * share;
    }
    let y = y * (self.max_value / 255.0);
    y.slice_axis(1, 0..x.dim(1)).slice_axis(2, 0..x.dim(2))
});

/// `x` longer along an axis, mirrored at its end as often as it takes.
fn mirrored(x: &Tensor, axis: isize, length: usize) -> Tensor {
    let mut y = x.clone();
    while y.dim(axis) < length {
        let (here, all) = (y.dim(axis), x.dim(axis));
        let more = (length - here).min(all);
        let last = y.slice_axis(axis, here - all..here).reverse(&[axis]);
        y = Tensor::concat(&[&y, &last.slice_axis(axis, 0..more)], axis);
    }
    y
}

/// `x` with its first and its last slice again before and after it.
fn beyond(x: &Tensor, axis: isize) -> Tensor {
    let n = x.dim(axis);
    let (first, last) = (x.slice_axis(axis, 0..1), x.slice_axis(axis, n - 1..n));
    Tensor::concat(&[&first, x, &last], axis)
}

/// For each element of `count` parts of `length` elements: the part before its place between middles of
/// parts and the share of it, and the same of the part after. The part before the first has number 0.
fn between_parts(length: usize, count: usize) -> [(Vec<f64>, Vec<f64>); 2] {
    let place = |i: usize| (i as f64 - length as f64 / 2.0) / length as f64 + 1.0;
    let places = || (0..length * count).map(place);
    let last = (count + 1) as f64;
    let before = places().map(|p| p.floor().clamp(0.0, last)).collect();
    let after = places()
        .map(|p| (p.floor() + 1.0).clamp(0.0, last))
        .collect();
    let share: Vec<f64> = places().map(|p| p - p.floor()).collect();
    let rest = share.iter().map(|s| 1.0 - s).collect();
    [(before, rest), (after, share)]
}

/// Numbers of `table` `[tables, bins, channels]` for the table and the bin of each pixel, `[batch, height,
/// width, channels]` of whole numbers.
fn looked_up(table: &Tensor, which: &Tensor, bin: &Tensor) -> Tensor {
    let (bins, channels) = (table.dim(1), table.dim(2));
    let whole = |x: &Tensor| x.convert(DType::I32);
    let channel = bin.tracer().iota(bin.ty(), 3);
    let place = (whole(which) * bins as i32 + whole(bin)) * channels as i32 + whole(&channel);
    let table = table.reshape(&[table.shape().count(), 1]);
    let found = table.take(&place.reshape(&[bin.shape().count()]));
    found.reshape(bin.shape())
}

/// How many pixels are in each bin: `[batch, bins, channels]` of whole numbers `[batch, height, width,
/// channels]`.
fn counted(bin: &Tensor, bins: usize) -> Tensor {
    let (n, pixels, channels) = (bin.dim(0), bin.dim(1) * bin.dim(2), bin.dim(3));
    let grid = [n, pixels, bins, channels];
    let each = bin.reshape(&[n, pixels, 1, channels]).broadcast_to(&grid);
    let number = bin.tracer().iota(&Type::new(DType::F32, grid), 2);
    each.compare(Cmp::Eq, &number).convert(DType::F32).sum(&[1])
}

/// The sum of each bin and those below it.
fn summed_up(counts: &Tensor) -> Tensor {
    let bins = counts.dim(1);
    let ones: Vec<f64> = (0..bins * bins)
        .map(|i| f64::from(u8::from(i / bins <= i % bins)))
        .collect();
    let up_to = Array::from_f64(Type::new(DType::F32, [bins, bins]), &ones);
    let up_to = counts.tracer().constant(up_to);
    // Exact for whole numbers below 2^24.
    let sums = counts.transpose(&[0, 2, 1]).matmul(&up_to);
    sums.transpose(&[0, 2, 1])
}

described!(Equalization "Equalization", Equalization::new(), |self, k| {
    k.key("bins", &mut self.bins)?;
    k.key("max_value", &mut self.max_value)?;
});

described!(Clahe "ContrastLimitedAdaptiveHistogramEqualization", Clahe::new(), |self, k| {
    k.key("clip_limit", &mut self.clip_limit)?;
    k.key("tile_grid_size", &mut self.tiles)?;
    k.key("max_value", &mut self.max_value)?;
});
