//! Positions that may lie outside a tensor, made safe without branches.

use super::Val;
use super::build::{KernelBuilder, Operand};
use super::index::Index;
use crate::native::{Cmp, Emit, Native, Scalar};
use crate::types::DType;

/// A multi-index made safe: within the shape in any case, and `inside` tells whether it was before.
pub struct Bounded {
    /// Clamped into the shape.
    pub at: Vec<Index>,
    /// A `bool`; `None` when it is always inside.
    pub inside: Option<Val>,
}

impl KernelBuilder {
    /// The multi-index `at`, clamped into `shape`; `None` when it is never inside.
    pub fn bounded(&mut self, at: &[Index], shape: &[usize]) -> Option<Bounded> {
        let mut safe = vec![];
        let mut inside = None;
        for (i, &extent) in at.iter().zip(shape) {
            let extent = extent as i64;
            let (lo, hi) = i.range();
            if extent == 0 || hi < 0 || lo >= extent {
                return None;
            }
            if lo >= 0 && hi < extent {
                safe.push(i.clone());
                continue;
            }
            let test = self.within(i, 0, extent);
            inside = Some(self.both(inside, test));
            let v = self.index_value(i);
            let v = self.clamp(
                v,
                (lo < 0).then_some(0),
                (hi >= extent).then_some(extent - 1),
            );
            safe.push(self.as_index(v, extent as usize));
        }
        Some(Bounded { at: safe, inside })
    }

    /// The element of `x` at `at` where that is inside, else `outside`, of the type of `x`.
    pub fn element_or(&mut self, x: &Operand, at: &[Index], outside: Val) -> Val {
        match self.bounded(at, &x.ty.shape) {
            None => outside,
            Some(Bounded { at, inside }) => {
                let element = x.at(self, &at);
                match inside {
                    None => element,
                    Some(c) => self.native(Native::Select, &[c, element, outside]),
                }
            }
        }
    }

    /// Conjunction with a condition that may be absent (true).
    pub fn both(&mut self, a: Option<Val>, b: Val) -> Val {
        match a {
            None => b,
            Some(a) => self.native(Native::And, &[a, b]),
        }
    }

    /// An `i64` clamped to bounds that may be absent.
    pub fn clamp(&mut self, v: Val, lo: Option<i64>, hi: Option<i64>) -> Val {
        let mut v = v;
        for (op, bound) in [(Native::Max, lo), (Native::Min, hi)] {
            if let Some(bound) = bound {
                let bound = self.constant(Scalar::int(DType::I64, bound));
                v = self.native(op, &[v, bound]);
            }
        }
        v
    }

    /// A start index of any integer type as `i64`, clamped to `lo..=hi`.
    pub fn clamped_start(&mut self, start: Val, lo: i64, hi: i64) -> Val {
        let mut start = start;
        if self.dtype(start) == DType::U64 {
            let bound = self.constant(Scalar::int(DType::U64, hi));
            start = self.native(Native::Min, &[start, bound]);
        }
        let v = self.native(Native::Convert(DType::I64), &[start]);
        self.clamp(v, Some(lo), Some(hi))
    }

    /// Where position `at` of a tensor with holes of `dilation - 1` between its elements has an
    /// element: the index of that element (which may be outside), and whether it has one (`None`:
    /// always).
    pub fn undilated(&mut self, at: &Index, dilation: usize) -> (Index, Option<Val>) {
        let d = dilation as i64;
        if d == 1 {
            return (at.clone(), None);
        }
        // Quotients are of non-negative numbers: shift by whole steps.
        let shift = match at.range().0 {
            lo if lo < 0 => -lo / d + 1,
            _ => 0,
        };
        let shifted = at.plus(shift * d);
        let rest = shifted.rem(d);
        let test = self.within(&rest, 0, 1);
        let index = shifted.div(d).plus(-shift);
        match self.known(test) {
            Some(Scalar { bits: 1, .. }) => (index, None),
            _ => (index, Some(test)),
        }
    }

    /// `v + c` for an `i64`.
    pub fn plus(&mut self, v: Val, c: i64) -> Val {
        let c = self.constant(Scalar::int(DType::I64, c));
        self.native(Native::Add, &[v, c])
    }

    /// `a == b` for two values of the same type.
    pub fn equal(&mut self, a: Val, b: Val) -> Val {
        self.native(Native::Cmp(Cmp::Eq), &[a, b])
    }
}
