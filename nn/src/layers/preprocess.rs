//! Preprocessing of numbers, compiled and saved with the model: scaling, numbering, encoding.

use super::{Meta, WeightSpec, layer, options};
use crate::describe::{Keys, described, words};
use crate::recipe::RecipeError;
use crate::tensor::Tensor;
use craneflow_ir::{Array, Cmp, DType, Type};
use ndarray::{ArrayBase, Data, Dimension};

/// Brings every feature (last axis) to mean 0 and variance 1, by moments of data seen before. The
/// moments are state of the model and saved with it.
#[derive(Clone, Debug)]
pub struct Normalization {
    meta: Meta,
    mean: WeightSpec,
    variance: WeightSpec,
    invert: bool,
}

impl Normalization {
    /// With these means and variances of the features.
    pub fn new(mean: &[f32], variance: &[f32]) -> Normalization {
        let spec = |x: &[f32]| {
            let numbers: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let ty = Type::new(DType::F32, [x.len()]);
            WeightSpec::given(Array::from_f64(ty, &numbers))
        };
        Normalization {
            meta: Meta::new("normalization"),
            mean: spec(mean),
            variance: spec(variance),
            invert: false,
        }
    }

    /// With the means and variances of the features (last axis) of `data`: Keras's `adapt`.
    pub fn adapted<S: Data<Elem = f32>, D: Dimension>(data: &ArrayBase<S, D>) -> Normalization {
        let features = data.shape().last().copied().unwrap_or(1).max(1);
        let count = (data.len() / features).max(1) as f64;
        let (mut mean, mut variance) = (vec![0.0; features], vec![0.0; features]);
        for (i, &x) in data.iter().enumerate() {
            mean[i % features] += f64::from(x) / count;
        }
        for (i, &x) in data.iter().enumerate() {
            variance[i % features] += (f64::from(x) - mean[i % features]).powi(2) / count;
        }
        let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
        Normalization::new(&narrow(mean), &narrow(variance))
    }
}

options!(Normalization {
    /// Sets whether it leads back instead, from normalised numbers to those of the data.
    invert: bool,
});

layer!(Normalization, |self, cx, x| {
    let features = [x[0].dim(-1)];
    let x = x[0].convert(DType::F32);
    let mean = cx.state("mean", &features, self.mean.clone());
    let variance = cx.state("variance", &features, self.variance.clone());
    let deviation = variance.sqrt().maximum(1e-7);
    match self.invert {
        true => x * deviation + mean,
        false => (x - mean) / deviation,
    }
});

/// `x * scale + offset`.
#[derive(Clone, Debug)]
pub struct Rescaling {
    meta: Meta,
    scale: f64,
    offset: f64,
}

impl Rescaling {
    /// With these numbers: `1.0 / 255.0` and 0 for the bytes of images.
    pub fn new(scale: f64, offset: f64) -> Rescaling {
        Rescaling {
            meta: Meta::new("rescaling"),
            scale,
            offset,
        }
    }
}

layer!(Rescaling, |self, _cx, x| x[0].convert(DType::F32)
    * self.scale
    + self.offset);

/// How numbers of categories are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoding {
    /// As they are, `i32`.
    #[default]
    Int,
    /// A row of zeros and a one for each number.
    OneHot,
    /// A row for each sample that is 1 at all of its numbers.
    MultiHot,
    /// A row for each sample that counts its numbers.
    Count,
}

impl Encoding {
    /// Encodes numbers below `categories`; a number out of range is nowhere.
    fn apply(self, numbers: &Tensor, categories: usize) -> Tensor {
        let rows = || numbers.one_hot(categories, DType::F32);
        // As in Keras, a sample of one number is encoded as that number.
        let flat = || match numbers.rank() {
            2 if numbers.dim(1) == 1 => rows().reshape(&[numbers.dim(0), categories]),
            _ => rows(),
        };
        match self {
            Encoding::Int => numbers.clone(),
            Encoding::OneHot => flat(),
            Encoding::MultiHot if numbers.rank() > 1 => rows().max(&[-2]),
            Encoding::Count if numbers.rank() > 1 => rows().sum(&[-2]),
            Encoding::MultiHot | Encoding::Count => rows(),
        }
    }
}

/// Whole numbers, which may come as floats.
fn whole(x: &Tensor) -> Tensor {
    match x.dtype() {
        DType::I32 => x.clone(),
        _ => x.convert(DType::I32),
    }
}

/// Encodes numbers of categories as rows.
#[derive(Clone, Debug)]
pub struct CategoryEncoding {
    meta: Meta,
    categories: usize,
    encoding: Encoding,
}

impl CategoryEncoding {
    /// Of numbers below `categories`, in this form (Keras: `MultiHot`).
    pub fn new(categories: usize, encoding: Encoding) -> CategoryEncoding {
        CategoryEncoding {
            meta: Meta::new("category_encoding"),
            categories,
            encoding,
        }
    }
}

layer!(CategoryEncoding, |self, _cx, x| {
    self.encoding.apply(&whole(&x[0]), self.categories)
});

/// The number of the interval that each element is in: how many boundaries are at most the element.
#[derive(Clone, Debug)]
pub struct Discretization {
    meta: Meta,
    boundaries: Vec<f32>,
    encoding: Encoding,
}

impl Discretization {
    /// With these boundaries, in order.
    pub fn new(boundaries: &[f32]) -> Discretization {
        Discretization {
            meta: Meta::new("discretization"),
            boundaries: boundaries.to_vec(),
            encoding: Encoding::Int,
        }
    }

    /// With `bins` intervals that hold about equally many of these numbers: Keras's `adapt`.
    pub fn adapted(data: &[f32], bins: usize) -> Discretization {
        let mut sorted: Vec<f32> = data.iter().copied().filter(|x| !x.is_nan()).collect();
        sorted.sort_by(f32::total_cmp);
        let at = |i: usize| sorted.get(i * sorted.len() / bins.max(1)).copied();
        let mut boundaries: Vec<f32> = (1..bins).filter_map(at).collect();
        boundaries.dedup();
        Discretization::new(&boundaries)
    }
}

options!(Discretization {
    /// Sets how the numbers of intervals are encoded.
    encoding: Encoding,
});

layer!(Discretization, |self, _cx, x| {
    let bins = self.boundaries.len();
    let numbers: Vec<f64> = self.boundaries.iter().map(|&b| f64::from(b)).collect();
    let boundaries = Array::from_f64(Type::new(DType::F32, [bins]), &numbers);
    let boundaries = x[0].tracer().constant(boundaries);
    let x = x[0].convert(DType::F32).expand_dims(-1);
    let shape = [&x.shape()[..x.rank() - 1], &[bins]].concat();
    let above = x
        .broadcast_to(&shape)
        .compare(Cmp::Ge, boundaries.broadcast_to(&shape));
    let numbers = above.convert(DType::I32).sum(&[-1]);
    self.encoding.apply(&numbers, bins + 1)
});

/// The places of numbers in a list, from 1 on; 0 for a number that is not in it.
#[derive(Clone, Debug)]
pub struct IntegerLookup {
    meta: Meta,
    vocabulary: Vec<i32>,
    encoding: Encoding,
}

impl IntegerLookup {
    /// In this list of different numbers.
    pub fn new(vocabulary: &[i32]) -> IntegerLookup {
        IntegerLookup {
            meta: Meta::new("integer_lookup"),
            vocabulary: vocabulary.to_vec(),
            encoding: Encoding::Int,
        }
    }

    /// In the list of the numbers of `data`, the most frequent first: Keras's `adapt`.
    pub fn adapted(data: &[i32]) -> IntegerLookup {
        let mut counts = std::collections::BTreeMap::new();
        data.iter()
            .for_each(|x| *counts.entry(*x).or_insert(0usize) += 1);
        let mut order: Vec<(i32, usize)> = counts.into_iter().collect();
        order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        IntegerLookup::new(&order.iter().map(|(x, _)| *x).collect::<Vec<_>>())
    }
}

options!(IntegerLookup {
    /// Sets how the places are encoded.
    encoding: Encoding,
});

layer!(IntegerLookup, |self, _cx, x| {
    let n = self.vocabulary.len();
    let numbers: Vec<f64> = self.vocabulary.iter().map(|&v| f64::from(v)).collect();
    let known = Array::from_f64(Type::new(DType::I32, [n]), &numbers);
    let known = x[0].tracer().constant(known);
    let x = whole(&x[0]).expand_dims(-1);
    let shape = [&x.shape()[..x.rank() - 1], &[n]].concat();
    let ty = Type::new(DType::I32, shape.clone());
    let place = x.tracer().iota(&ty, shape.len() - 1) + 1;
    let none = x.tracer().full(&ty, 0.0);
    let here = x
        .broadcast_to(&shape)
        .compare(Cmp::Eq, known.broadcast_to(&shape));
    let places = here.select(&place, &none).sum(&[-1]);
    self.encoding.apply(&places, n + 1)
});

/// Numbers of bins for whole numbers, evenly spread by a hash; several inputs are hashed together
/// (Keras's `HashedCrossing`). The hash is not Keras's.
#[derive(Clone, Debug)]
pub struct Hashing {
    meta: Meta,
    bins: usize,
    salt: u32,
    encoding: Encoding,
}

impl Hashing {
    /// Into `bins` bins, at least 1.
    pub fn new(bins: usize) -> Hashing {
        Hashing {
            meta: Meta::new("hashing"),
            bins,
            salt: 0,
            encoding: Encoding::Int,
        }
    }
}

options!(Hashing {
    /// Sets a number that changes which bins collide.
    salt: u32,
    /// Sets how the numbers of bins are encoded.
    encoding: Encoding,
});

layer!(Hashing, |self, _cx, x| {
    let start = Type::new(DType::U32, x[0].shape().clone());
    let start = x[0].tracer().full(&start, f64::from(self.salt));
    let hash = x.iter().fold(start, |hash, x| {
        mixed(&(hash * 31 + whole(x).convert(DType::U32)))
    });
    let bin = hash.remainder(self.bins.max(1) as f64).convert(DType::I32);
    self.encoding.apply(&bin, self.bins.max(1))
});

/// The finaliser of MurmurHash3 (Appleby): every bit of the result depends on all of `x`.
fn mixed(x: &Tensor) -> Tensor {
    let times = |x: Tensor, factor: u32| &x * x.tracer().full(x.ty(), f64::from(factor));
    let folded = |x: &Tensor, bits: u32| x.xor(&x.shift_right(bits));
    let x = times(folded(x, 16), 0x85eb_ca6b);
    let x = times(folded(&x, 13), 0xc2b2_ae35);
    folded(&x, 16)
}

words!(Encoding,
    "int" => Encoding::Int,
    "one_hot" => Encoding::OneHot,
    "multi_hot" => Encoding::MultiHot,
    "count" => Encoding::Count,
);

/// The numbers that a weight is given, as a list.
fn given(k: &mut Keys<'_, '_>, key: &str, spec: &mut WeightSpec) -> Result<(), RecipeError> {
    let mut numbers: Vec<f64> = spec.value.as_ref().map_or(vec![], |value| value.to_f64());
    k.need(key, &mut numbers)?;
    let ty = Type::new(DType::F32, [numbers.len()]);
    *spec = WeightSpec::given(Array::from_f64(ty, &numbers));
    Ok(())
}

described!(Normalization "Normalization", Normalization::new(&[], &[]), |self, k| {
    given(k, "mean", &mut self.mean)?;
    given(k, "variance", &mut self.variance)?;
    k.key("invert", &mut self.invert)?;
});

described!(Rescaling "Rescaling", Rescaling::new(1.0, 0.0), |self, k| {
    k.need("scale", &mut self.scale)?;
    k.key("offset", &mut self.offset)?;
});

described!(CategoryEncoding "CategoryEncoding", CategoryEncoding::new(1, Encoding::MultiHot), |self, k| {
    k.need("num_tokens", &mut self.categories)?;
    k.key("output_mode", &mut self.encoding)?;
});

described!(Discretization "Discretization", Discretization::new(&[]), |self, k| {
    k.need("bin_boundaries", &mut self.boundaries)?;
    k.key("output_mode", &mut self.encoding)?;
});

described!(IntegerLookup "IntegerLookup", IntegerLookup::new(&[]), |self, k| {
    k.need("vocabulary", &mut self.vocabulary)?;
    k.key("output_mode", &mut self.encoding)?;
});

described!(Hashing "Hashing", Hashing::new(1), |self, k| {
    k.need("num_bins", &mut self.bins)?;
    k.key("salt", &mut self.salt)?;
    k.key("output_mode", &mut self.encoding)?;
});
