//! Windows: attributes, checks, and where they lie.

use super::common::Window;
use super::prelude::*;
use crate::loops::Val;

/// No attribute of a window, and no extent it makes, is larger in magnitude.
const LIMIT: i64 = 1 << 60;

impl Window {
    /// Adds `size`, `stride`, `padding`, `base_dilation` and `window_dilation`.
    pub fn attrs(&self, attrs: Attrs) -> Attrs {
        attrs
            .ints("size", &self.size)
            .ints("stride", &self.stride)
            .with("padding", Attr::Pairs(self.padding.clone()))
            .ints("base_dilation", &self.base_dilation)
            .ints("window_dilation", &self.window_dilation)
    }

    /// What `attrs` printed.
    pub fn parse(attrs: &Attrs) -> Result<Window, TypeError> {
        Ok(Window {
            size: attrs.usizes("size")?,
            stride: attrs.usizes("stride")?,
            padding: attrs.pairs("padding")?,
            base_dilation: attrs.usizes("base_dilation")?,
            window_dilation: attrs.usizes("window_dilation")?,
        })
    }

    /// The shape of windows over `x`: the number of them along each axis. `entries` is the rule that
    /// every list has an entry per axis, `positive` that sizes, strides and dilations are at least 1,
    /// `bounded` that strides, dilations, padding and extents with holes are in `-2^60..=2^60`.
    pub fn infer(
        &self,
        op: &'static str,
        x: &Type,
        [entries, positive, bounded]: [&'static str; 3],
    ) -> Result<Vec<usize>, TypeError> {
        let counts = [
            ("size", &self.size),
            ("stride", &self.stride),
            ("base_dilation", &self.base_dilation),
            ("window_dilation", &self.window_dilation),
        ];
        check::per_axis(op, entries, "padding", self.padding.len(), x)?;
        for (key, list) in counts {
            check::per_axis(op, entries, key, list.len(), x)?;
            check::rule(op, positive, list.iter().all(|&n| n > 0), || {
                format!("{key} must be at least 1 on every axis, found {list:?}")
            })?;
        }
        let positions = self.size.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let ok = positions.is_some_and(|n| n <= LIMIT as usize);
        check::rule(op, bounded, ok, || "the windows are too large".to_string())?;
        let mut extents = vec![];
        for (axis, &extent) in x.shape.iter().enumerate() {
            check::rule(op, bounded, self.fits(axis, extent).is_some(), || {
                format!("the windows along axis {axis} of {x} are too large")
            })?;
            extents.push(self.count(axis, extent));
        }
        Ok(extents)
    }

    fn fits(&self, axis: usize, extent: usize) -> Option<()> {
        let small = |n: i64| (n.checked_abs()? <= LIMIT).then_some(n);
        let dilated = |n: usize, d: usize| {
            let gaps = n.saturating_sub(1).checked_mul(d)?;
            small(i64::try_from(gaps).ok()?)
        };
        let (low, high) = self.padding[axis];
        let base = dilated(extent, self.base_dilation[axis])?;
        small(base + small(low)? + small(high)?)?;
        dilated(self.size[axis], self.window_dilation[axis])?;
        for n in [
            self.stride[axis],
            self.base_dilation[axis],
            self.window_dilation[axis],
        ] {
            small(i64::try_from(n).ok()?)?;
        }
        Some(())
    }

    /// The multi-index in the operand of position `w` of window `o`; it may lie in the padding or in a
    /// hole, `None` there.
    pub fn place(&self, o: &[usize], w: &[usize], shape: &[usize]) -> Option<Vec<usize>> {
        let along = |axis: usize| {
            let step = |i: usize, by: usize| if i == 0 { 0 } else { (i * by) as i64 };
            let from = step(o[axis], self.stride[axis]) + step(w[axis], self.window_dilation[axis]);
            let at = from - self.padding[axis].0;
            let d = self.base_dilation[axis] as i64;
            let inside = at >= 0 && at % d == 0 && at / d < shape[axis] as i64;
            inside.then_some((at / d) as usize)
        };
        (0..shape.len()).map(along).collect()
    }

    /// As `place`, in a kernel: the multi-index, and whether it is on an element rather than in a
    /// hole. It may lie outside the shape.
    pub fn place_index(
        &self,
        k: &mut KernelBuilder,
        o: &[Index],
        w: &[Index],
    ) -> (Vec<Index>, Option<Val>) {
        let mut solid = None;
        let mut at = vec![];
        for axis in 0..o.len() {
            let step = |i: &Index, by: usize| match i.as_constant() {
                Some(0) => Index::default(),
                _ => i.mul(by as i64),
            };
            let from = step(&o[axis], self.stride[axis]);
            let from = from.add(&step(&w[axis], self.window_dilation[axis]));
            let position = from.plus(-self.padding[axis].0);
            let (i, hit) = k.undilated(&position, self.base_dilation[axis]);
            at.push(i);
            if let Some(hit) = hit {
                solid = Some(k.both(solid, hit));
            }
        }
        (at, solid)
    }
}
