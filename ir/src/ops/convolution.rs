//! `convolution`.
//!
//! With `S` spatial axes:
//! - (C1) Input and kernel have rank `S + 2`, and `S` is at most 10.
//! - (C2) Stride, padding, dilations and reversal have `S` entries.
//! - (C3) Strides and dilations are at least 1.
//! - (C4) Strides, dilations, paddings and spatial extents are below 2^31 in magnitude.
//! - (C5) `window.size` holds the spatial extents of the kernel, or nothing.
//! - (C6) `dims` names every axis of input, kernel and output once.
//! - (C7) Group counts are at least 1, and one of them is 1.
//! - (C8) `feature_groups` divides the input features; the quotient is the kernel's input features.
//! - (C9) `feature_groups` and `batch_groups` divide the kernel's output features.
//! - (C10) `batch_groups` divides the batch.
//! - (C11) Input and kernel have one element type, which the result has too.

use super::mac;
use super::prelude::*;
use crate::attrs::Attr;
use crate::loops::{LoopKind, Val};
use crate::native::Emit;
use crate::native::{Native, Scalar};
use crate::ops::check::{arity, axes, rule, same_dtype, sized};
use crate::ops::common::{ConvDims, Window};

mod reference;
mod vjp;

const OP: &str = "convolution";

/// `convolution(input, kernel)`: StableHLO `convolution`. Accumulates by fused multiply-add from zero
/// over window positions and the input features of the group, row-major in the order of the input's
/// axes, so that memory is walked in its order whatever the layout (a reversed kernel is read
/// backwards); padding and the holes of a dilated input are zeros that take part, but for the holes that are
/// [left out](Convolution::leaves_out_holes).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Convolution {
    /// Strides, padding, `base_dilation` of the input and `window_dilation` of the kernel, per
    /// spatial axis. `size` is the kernel's or empty; the operand has the last word.
    pub window: Window,
    /// Whether the kernel is read backwards, per spatial axis.
    pub reversal: Vec<bool>,
    /// Which axis is which.
    pub dims: ConvDims,
    /// Groups of input features; 1 when plain.
    pub feature_groups: usize,
    /// Groups of the batch; 1 when plain.
    pub batch_groups: usize,
}

/// An axis that a convolution contracts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contracted {
    /// The window's extent along this spatial axis.
    Window(usize),
    /// The input features of a group.
    Feature,
}

impl Convolution {
    /// The contracted axes in the order of accumulation, outermost first.
    pub fn order(&self) -> Vec<Contracted> {
        let mut axes: Vec<(usize, Contracted)> = (self.dims.input_spatial.iter().enumerate())
            .map(|(i, &axis)| (axis, Contracted::Window(i)))
            .collect();
        axes.push((self.dims.input_feature, Contracted::Feature));
        axes.sort_by_key(|a| a.0);
        axes.into_iter().map(|a| a.1).collect()
    }

    /// The window with the extents of this kernel.
    pub fn window_of(&self, kernel: &Type) -> Window {
        let spatial = self.dims.kernel_spatial.iter();
        Window {
            size: spatial.map(|&a| kernel.shape[a]).collect(),
            ..self.window.clone()
        }
    }

    /// Whether the places between the elements of a dilated input take no part. So it is where each window strides
    /// over them in step: the result then is that of a few convolutions without holes.
    pub fn leaves_out_holes(&self, input: &Type) -> bool {
        /// Most convolutions that one becomes.
        const MOST: usize = 16;
        let w = &self.window;
        let dilated = || (0..w.base_dilation.len()).filter(|&i| w.base_dilation[i] > 1);
        let in_step = |i: usize| w.stride[i] == 1 && w.window_dilation[i] == 1;
        let parts = w.base_dilation.iter().try_fold(1usize, |n, &e| n.checked_mul(e));
        dilated().next().is_some()
            && dilated().all(in_step)
            && parts.is_some_and(|n| n <= MOST)
            && input.count() > 0
    }

    fn check_window(&self, x: &[Type]) -> Result<(), TypeError> {
        let (w, n) = (&self.window, self.dims.kernel_spatial.len());
        let lengths = [
            w.stride.len(),
            w.padding.len(),
            w.base_dilation.len(),
            w.window_dilation.len(),
            self.reversal.len(),
        ];
        rule(OP, "C2", lengths.iter().all(|&l| l == n), || {
            format!(
                "stride, padding, base_dilation, window_dilation and reversal have {lengths:?} \
                 entries for {n} spatial axes"
            )
        })?;
        let steps = || {
            let dilations = w.base_dilation.iter().chain(&w.window_dilation);
            w.stride.iter().chain(dilations).copied()
        };
        rule(OP, "C3", steps().all(|s| s > 0), || {
            "strides and dilations must be at least 1".to_string()
        })?;
        let extents = x.iter().flat_map(|t| t.shape.iter().copied());
        let small = steps().chain(extents).all(|s| s < 1 << 31)
            && w.padding
                .iter()
                .all(|&(l, h)| l.unsigned_abs() < 1 << 31 && h.unsigned_abs() < 1 << 31);
        rule(OP, "C4", small, || {
            "strides, dilations, paddings and extents must be below 2^31".to_string()
        })?;
        let size = self.window_of(&x[1]).size;
        rule(OP, "C5", w.size.is_empty() || w.size == size, || {
            format!(
                "window size {:?} is not that of the kernel {}",
                w.size, x[1]
            )
        })
    }

    fn check_dims(&self, x: &[Type]) -> Result<(), TypeError> {
        let (d, n) = (&self.dims, self.dims.kernel_spatial.len());
        let ranks = x.iter().all(|t| t.rank() == n + 2) && n <= 10;
        rule(OP, "C1", ranks, || {
            format!(
                "{} and {} must have rank {} for {n} spatial axes (at most 10)",
                x[0],
                x[1],
                n.saturating_add(2)
            )
        })?;
        let even = d.input_spatial.len() == n && d.output_spatial.len() == n;
        rule(OP, "C6", even, || {
            format!(
                "{} input and {} output spatial axes for {n} of the kernel",
                d.input_spatial.len(),
                d.output_spatial.len()
            )
        })?;
        let list = |a: usize, b: usize, s: &[usize]| [&[a, b], s].concat();
        let input = list(d.input_batch, d.input_feature, &d.input_spatial);
        let kernel = list(d.kernel_input, d.kernel_output, &d.kernel_spatial);
        let output = list(d.output_batch, d.output_feature, &d.output_spatial);
        axes(OP, "C6", &x[0], input)?;
        axes(OP, "C6", &x[1], kernel)?;
        axes(OP, "C6", &x[0], output)
    }

    fn check_groups(&self, x: &[Type]) -> Result<(), TypeError> {
        let (d, fg, bg) = (&self.dims, self.feature_groups, self.batch_groups);
        let valid = fg >= 1 && bg >= 1 && (fg == 1 || bg == 1);
        rule(OP, "C7", valid, || {
            format!("{fg} feature groups and {bg} batch groups: at least 1, and one of them 1")
        })?;
        let features = x[0].shape[d.input_feature];
        let taken = x[1].shape[d.kernel_input];
        rule(OP, "C8", taken.checked_mul(fg) == Some(features), || {
            format!(
                "input {} has {features} features, kernel {} takes {taken} in each of {fg} groups",
                x[0], x[1]
            )
        })?;
        let made = x[1].shape[d.kernel_output];
        rule(
            OP,
            "C9",
            made.is_multiple_of(fg) && made.is_multiple_of(bg),
            || {
                format!(
                    "{made} output features of kernel {} in {} groups",
                    x[1],
                    fg.max(bg)
                )
            },
        )?;
        let batch = x[0].shape[d.input_batch];
        rule(OP, "C10", batch.is_multiple_of(bg), || {
            format!("batch of {batch} of input {} in {bg} groups", x[0])
        })
    }
}

impl Rules for Convolution {
    fn attrs(&self) -> Attrs {
        let w = &self.window;
        let reversal: Vec<usize> = self.reversal.iter().map(|&r| r as usize).collect();
        let dims = self.dims.to_text();
        // A word starts with a letter.
        let dims = match dims.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => Attr::Word(dims),
            false => Attr::Text(dims),
        };
        Attrs::new(OP)
            .ints("size", &w.size)
            .ints("stride", &w.stride)
            .with("padding", Attr::Pairs(w.padding.clone()))
            .ints("base_dilation", &w.base_dilation)
            .ints("window_dilation", &w.window_dilation)
            .ints("reversal", &reversal)
            .with("dims", dims)
            .int("feature_groups", self.feature_groups)
            .int("batch_groups", self.batch_groups)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let dims = match attrs.get("dims")? {
            Attr::Word(text) | Attr::Text(text) => ConvDims::from_text(text),
            _ => None,
        };
        let dims = dims.ok_or_else(|| TypeError::Attr {
            op: OP,
            key: "dims".to_string(),
            message: "must name the axes of input, kernel and output as in b01f_01io_b01f"
                .to_string(),
        })?;
        let reversal = attrs.usizes("reversal")?;
        Ok(Convolution {
            window: Window {
                size: attrs.usizes("size")?,
                stride: attrs.usizes("stride")?,
                padding: attrs.pairs("padding")?,
                base_dilation: attrs.usizes("base_dilation")?,
                window_dilation: attrs.usizes("window_dilation")?,
            },
            reversal: reversal.into_iter().map(|r| r != 0).collect(),
            dims,
            feature_groups: attrs.usize("feature_groups")?,
            batch_groups: attrs.usize("batch_groups")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        arity(OP, x, 2)?;
        self.check_dims(x)?;
        self.check_window(x)?;
        self.check_groups(x)?;
        let dtype = same_dtype(OP, &x[0], &x[1])?;
        let (d, window) = (&self.dims, self.window_of(&x[1]));
        let mut shape = vec![0; x[0].rank()];
        shape[d.output_batch] = x[0].shape[d.input_batch] / self.batch_groups;
        shape[d.output_feature] = x[1].shape[d.kernel_output];
        for (i, &axis) in d.output_spatial.iter().enumerate() {
            shape[axis] = window.count(i, x[0].shape[d.input_spatial[i]]);
        }
        Ok(vec![sized(OP, Type::new(dtype, shape))?])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        reference::eval(self, x)
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None, None]);
        };
        Ok(vec![
            Some(vjp::input(self, b, x, dy)?),
            Some(vjp::kernel(self, b, x, dy)?),
        ])
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        let (input, kernel) = (x[0].clone(), x[1].clone());
        Lowering::Contraction(Box::new(move |k, x, at| {
            let start = mac::zero(k, input.dtype);
            let acc = k.var(start);
            let order = self.order();
            k.nest(&self.extents(&kernel), LoopKind::Serial, &mut |k, i| {
                let mut w = vec![Index::default(); order.len() - 1];
                let mut f = Index::default();
                for (axis, i) in order.iter().zip(i) {
                    match axis {
                        Contracted::Window(s) => w[*s] = i.clone(),
                        Contracted::Feature => f = i.clone(),
                    }
                }
                let place = self.place(k, &input, at, &w);
                let (l, r) = self.elements(&input, &kernel, at, (&place.1, &w), &f);
                let zero = |k: &mut KernelBuilder| {
                    k.constant(Scalar {
                        ty: input.dtype,
                        bits: 0,
                    })
                };
                let l = match place.0.map(|c| (c, k.known(c))) {
                    None => x[0].at(k, &l),
                    Some((_, Some(_))) => zero(k),
                    Some((c, None)) => k.choose(c, |k| x[0].at(k, &l), zero),
                };
                let r = x[1].at(k, &r);
                let sum = k.get(acc);
                let sum = mac::step(k, sum, l, r);
                k.set(acc, sum);
            });
            let sum = k.get(acc);
            mac::finish(k, sum, input.dtype)
        }))
    }
}

impl Convolution {
    /// Extents of the contracted axes, in the order of accumulation.
    fn extents(&self, kernel: &Type) -> Vec<usize> {
        let size = self.window_of(kernel).size;
        let extent = |axis: &Contracted| match axis {
            Contracted::Window(i) => size[*i],
            Contracted::Feature => kernel.shape[self.dims.kernel_input],
        };
        self.order().iter().map(extent).collect()
    }

    /// Where in the input a window position falls: the condition for being on an element (`None`: it
    /// always is; a constant: it never is), and the spatial index under that condition.
    fn place(
        &self,
        k: &mut KernelBuilder,
        input: &Type,
        at: &[Index],
        w: &[Index],
    ) -> (Option<Val>, Vec<Index>) {
        let (mut conditions, mut position) = (vec![], vec![]);
        for (i, w) in w.iter().enumerate() {
            let out = &at[self.dims.output_spatial[i]];
            let low = self.window.padding[i].0;
            let holes = self.window.base_dilation[i] as i64;
            let extent = input.shape[self.dims.input_spatial[i]] as i64;
            let p = out
                .mul(self.window.stride[i] as i64)
                .add(&w.mul(self.window.window_dilation[i] as i64))
                .plus(-low);
            let mut tests = vec![k.within(&p, 0, (extent - 1) * holes + 1)];
            let mut p = p;
            if holes > 1 {
                // Shifted by whole holes, so that quotient and remainder are of a non-negative number.
                let shift = (-p.range().0).max(0).div_euclid(holes) + 1;
                let shifted = p.plus(shift * holes);
                tests.push(k.within(&shifted.rem(holes), 0, 1));
                p = shifted.div(holes).plus(-shift);
            }
            for test in tests {
                match k.known(test) {
                    Some(c) if c.bits != 0 => {}
                    _ => conditions.push(test),
                }
            }
            position.push(p);
        }
        let never = conditions.iter().find(|&&c| k.known(c).is_some()).copied();
        let all = conditions
            .into_iter()
            .reduce(|a, b| k.native(Native::And, &[a, b]));
        (never.or(all), position)
    }

    /// The indices of the input and kernel elements of input feature `f` of the group.
    fn elements(
        &self,
        input: &Type,
        kernel: &Type,
        at: &[Index],
        (position, w): (&[Index], &[Index]),
        f: &Index,
    ) -> (Vec<Index>, Vec<Index>) {
        let d = &self.dims;
        let out = &at[d.output_feature];
        let per_group = |groups: usize| (kernel.shape[d.kernel_output] / groups) as i64;
        let features = kernel.shape[d.kernel_input] as i64;
        let batch = (input.shape[d.input_batch] / self.batch_groups) as i64;
        let mut l = vec![Index::default(); input.rank()];
        let mut r = l.clone();
        l[d.input_batch] = at[d.output_batch].clone();
        l[d.input_feature] = f.clone();
        if self.batch_groups > 1 {
            let group = out.div(per_group(self.batch_groups));
            l[d.input_batch] = l[d.input_batch].add(&group.mul(batch));
        }
        if self.feature_groups > 1 {
            let group = out.div(per_group(self.feature_groups));
            l[d.input_feature] = group.mul(features).add(f);
        }
        r[d.kernel_input] = f.clone();
        r[d.kernel_output] = out.clone();
        for (i, w) in w.iter().enumerate() {
            l[d.input_spatial[i]] = position[i].clone();
            let axis = d.kernel_spatial[i];
            r[axis] = match self.reversal[i] {
                true => w.mul(-1).plus(kernel.shape[axis] as i64 - 1),
                false => w.clone(),
            };
        }
        (l, r)
    }
}
