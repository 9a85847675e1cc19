//! `select_and_scatter`.
//!
//! - (C1) The lists of the window have an entry per axis of `x`.
//! - (C2) Sizes and strides are at least 1.
//! - (C3) Strides, padding and padded extents are in `-2^60..=2^60`.
//! - (C4) There is no dilation.
//! - (C5) `select` is `ge` or `le`.
//! - (C6) `x` and `source` have one element type, a number.
//! - (C7) `source` has the shape of the windows over `x`.

use super::common::{Reducer, Window};
use super::prelude::*;
use super::{ReduceWindow, reducer, walk};
use crate::loops::{LoopKind, Val};
use crate::native::{Cmp, Emit, Evaluator, Native, Scalar};
use crate::scalar::Pointwise;
use crate::types::DType;

const OP: &str = "select_and_scatter";

/// `select_and_scatter(x, source)`: each element of `source` is added to the place of its window of `x` that `select` prefers (the first, for equals): the gradient of max pooling.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SelectAndScatter {
    /// `Ge` prefers the greatest, `Le` the least; a NaN is preferred by both.
    pub select: Cmp,
    /// Windows as in `reduce_window`, without dilation.
    pub window: Window,
}

impl SelectAndScatter {
    /// Whether `x` takes the place of the preferred element so far.
    fn replaces<E: Emit>(&self, e: &mut E, best: E::V, x: E::V) -> E::V {
        if !e.dtype(x).is_float() {
            let strict = if self.select == Cmp::Ge { Cmp::Lt } else { Cmp::Gt };
            return e.native(Native::Cmp(strict), &[best, x]);
        }
        let keeps = e.native(Native::Cmp(self.select), &[best, x]);
        let gives_way = e.native(Native::Not, &[keeps]);
        let number = e.native(Native::Cmp(Cmp::Eq), &[best, best]);
        e.native(Native::And, &[gives_way, number])
    }

    /// The place in `x` that window `o` prefers; `None` when it lies in the padding.
    fn choice(&self, x: &Array, o: &[usize]) -> Option<Vec<usize>> {
        let e = &mut Evaluator;
        let mut best: Option<(Vec<usize>, Scalar)> = None;
        for w in walk::indices(&self.window.size) {
            let Some(at) = self.window.place(o, &w, &x.ty.shape) else {
                continue;
            };
            let element = reducer::convert(e, x.at(&at), x.ty.dtype.compute());
            let better = match &best {
                None => true,
                Some((_, so_far)) => self.replaces(e, *so_far, element).bits != 0,
            };
            if better {
                best = Some((at, element));
            }
        }
        best.map(|b| b.0)
    }
}

impl Rules for SelectAndScatter {
    fn attrs(&self) -> Attrs {
        let attrs = Attrs::new(OP).word("select", self.select.name());
        self.window.attrs(attrs)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let predicates = Cmp::ALL.map(|(cmp, name)| (name, cmp));
        Ok(SelectAndScatter {
            select: attrs.choice("select", &predicates)?,
            window: Window::parse(attrs)?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 2)?;
        let windows = self.window.infer(OP, &x[0], ["C1", "C2", "C3"])?;
        let w = &self.window;
        let dilated = w.base_dilation.iter().chain(&w.window_dilation).any(|&d| d != 1);
        check::rule(OP, "C4", !dilated, || "takes no dilation".to_string())?;
        let ordering = matches!(self.select, Cmp::Ge | Cmp::Le);
        check::rule(OP, "C5", ordering, || {
            format!("select must be ge or le, found {}", self.select.name())
        })?;
        let dtype = check::same_dtype(OP, &x[0], &x[1])?; // C6
        check::dtype(OP, dtype != DType::Bool, "a number", dtype)?; // C6
        check::rule(OP, "C7", *x[1].shape == *windows, || {
            let expected = x[0].with_shape(windows.clone());
            format!("source must be {expected}, found {}", x[1])
        })?;
        Ok(vec![x[0].clone()])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let (x, source) = (&x[0], &x[1]);
        let mut sums = vec![Scalar::from_f64(x.ty.dtype, 0.0); x.ty.count()];
        for (o, s) in walk::indices(&source.ty.shape).zip(source.iter()) {
            if let Some(at) = self.choice(x, &o) {
                let at: Vec<i64> = at.iter().map(|&i| i as i64).collect();
                let to = walk::position(&at, &x.ty.shape).expect("a place in x");
                sums[to] = Pointwise::Add.emit(&mut Evaluator, &[sums[to], s]);
            }
        }
        vec![Array::from_fn(x.ty.clone(), |i| sums[i])]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let ty = b.ty(x[0]).clone();
        let Some(dy) = dy[0].filter(|_| ty.dtype.is_float()) else {
            return Ok(vec![None, None]);
        };
        // Pick `dy` along with the preferred element of each window.
        let (kind, worst) = match self.select {
            Cmp::Ge => (Pointwise::compare(Cmp::Ge), f64::NEG_INFINITY),
            _ => (Pointwise::compare(Cmp::Le), f64::INFINITY),
        };
        let mut region = Builder::new("pick");
        let scalar = Type::scalar(ty.dtype);
        let [a, da, x1, dx1] = ["a", "da", "b", "db"].map(|n| region.input(n, scalar.clone()));
        let keeps = region.op(kind, &[a, x1]);
        let nan = region.compare(Cmp::Ne, a, a);
        let keeps = region.or(keeps, nan);
        for (name, kept, other) in [("x", a, x1), ("dy", da, dx1)] {
            let v = region.select(keeps, kept, other);
            region.output(name, v);
        }
        let op = ReduceWindow {
            kind: Reducer::Body(Box::new(region.finish())),
            window: self.window.clone(),
        };
        let worst = b.splat(&scalar, worst);
        let zero = b.splat(&scalar, 0.0);
        let picked = b
            .push(op, &[x[0], dy, worst, zero])
            .expect("windows of equal shape");
        Ok(vec![None, Some(picked[1])])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        match self.disjoint() && self.window.stride == self.window.size {
            true => Lowering::Once(Box::new(|k, x, put| self.each(k, x, None, put))),
            false => Lowering::Stores(Box::new(|k, x, out| {
                let out = &out[0];
                self.each(k, x, Some(out), &mut |k, at, v| k.store_at(out, at, v));
            })),
        }
    }
}

impl SelectAndScatter {
    /// Whether an axis has windows of single elements, each its own.
    fn trivial(&self, axis: usize) -> bool {
        let w = &self.window;
        w.size[axis] == 1 && w.stride[axis] == 1 && w.padding[axis] == (0, 0)
    }

    /// Windows share no element and none lies in padding.
    fn disjoint(&self) -> bool {
        let w = &self.window;
        (0..w.size.len()).all(|a| w.stride[a] >= w.size[a] && w.padding[a] == (0, 0))
    }

    /// Walks the windows in order; each finds its place without branches and then writes, or adds
    /// to, every position it covers, so that the minor axis can be vectors. The grid is an axis
    /// without windows.
    /// Windows that may overlap add to what `sums` holds so far.
    fn each(&self, k: &mut KernelBuilder, x: &[Operand], sums: Option<&Out>, put: Put) {
        let (ty, windows) = (&x[0].ty, &x[1].ty.shape);
        let shape = &ty.shape;
        let rank = shape.rank();
        let outer = (0..rank.saturating_sub(1)).find(|&a| self.trivial(a) && shape[a] > 1);
        k.set_grid(outer.map_or(1, |a| shape[a]));
        let with_grid = |k: &KernelBuilder, at: &[Index]| {
            let mut at = at.to_vec();
            if let Some(outer) = outer {
                at[outer] = k.grid();
            }
            at
        };
        let one_of = |extents: &[usize]| {
            let mut extents = extents.to_vec();
            if let Some(outer) = outer {
                extents[outer] = 1;
            }
            extents
        };
        let zero = k.constant(Scalar::from_f64(ty.dtype, 0.0));
        for (start, extents) in self.uncovered(shape, windows) {
            k.nest(&one_of(&extents), LoopKind::Lanes, &mut |k, at| {
                let shifted = at.iter().zip(&start).map(|(i, &s)| i.plus(s as i64));
                let at = with_grid(k, &shifted.collect::<Vec<_>>());
                put(k, &at, zero);
            });
        }
        let minor = match rank {
            0 => true,
            _ => self.trivial(rank - 1) && outer != Some(rank - 1),
        };
        let kind = if minor { LoopKind::Lanes } else { LoopKind::Serial };
        k.nest(&one_of(windows), kind, &mut |k, o| {
            let o = with_grid(k, o);
            let best = self.pick(k, &x[0], &o);
            let source = x[1].at(k, &o);
            let source = Pointwise::Add.emit(k, &[zero, source]);
            let spread = Spread { o: &o, best, source, zero };
            self.spread(k, shape, &spread, sums, &mut *put);
        });
    }

    /// Boxes (start, extents) that must be zeroed before the windows write.
    fn uncovered(&self, shape: &[usize], windows: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
        let w = &self.window;
        let rank = shape.len();
        if !self.disjoint() || w.stride != w.size {
            return vec![(vec![0; rank], shape.to_vec())];
        }
        let covered: Vec<usize> = (0..rank).map(|a| windows[a] * w.size[a]).collect();
        let slab = |axis: usize| {
            let mut start = vec![0; rank];
            start[axis] = covered[axis];
            let rest = [shape[axis] - covered[axis]];
            let extents = [&covered[..axis], &rest, &shape[axis + 1..]].concat();
            (start, extents)
        };
        let ragged = (0..rank).filter(|&a| covered[a] < shape[a]);
        ragged.map(slab).collect()
    }

    /// Type of the numbers of window positions: as wide as the elements, for lanes.
    fn counter(&self, dtype: DType) -> DType {
        match dtype.bits() {
            64 => DType::I64,
            _ => DType::I32,
        }
    }

    /// The number of the preferred position of window `o`; -1 when all of it is padding.
    fn pick(&self, k: &mut KernelBuilder, x: &Operand, o: &[Index]) -> Val {
        let dtype = x.ty.dtype;
        let counter = self.counter(dtype);
        let none = Scalar::int(counter, -1);
        let start = Scalar::from_f64(dtype.compute(), 0.0);
        let state = vec![k.constant(start), k.constant(none)];
        let found = k.over_window(&self.window.size, state, &mut |k, w, state| {
            let (so_far, best) = (state[0], state[1]);
            let (at, _) = self.window.place_index(k, o, w);
            let Some(place) = k.bounded(&at, &x.ty.shape) else {
                return state;
            };
            let element = x.at(k, &place.at);
            let element = reducer::convert(k, element, dtype.compute());
            let replaces = match k.known(best) {
                Some(b) if b == none => k.constant(Scalar::bool(true)),
                Some(_) => self.replaces(k, so_far, element),
                None => {
                    let none = k.constant(none);
                    let first = k.equal(best, none);
                    let better = self.replaces(k, so_far, element);
                    k.native(Native::Or, &[first, better])
                }
            };
            let replaces = match place.inside {
                None => replaces,
                Some(inside) if k.known(replaces) == Some(Scalar::bool(true)) => inside,
                Some(inside) => k.native(Native::And, &[inside, replaces]),
            };
            let number = self.number(k, w, counter);
            vec![
                k.native(Native::Select, &[replaces, element, so_far]),
                k.native(Native::Select, &[replaces, number, best]),
            ]
        });
        found[1]
    }

    fn number(&self, k: &mut KernelBuilder, w: &[Index], counter: DType) -> Val {
        let n = k.index_value(&Index::linear(w, &self.window.size));
        k.native(Native::Convert(counter), &[n])
    }

    /// Hands over `source` where the window's `best` position is and zero at its others; windows that may
    /// overlap add to the sums so far instead.
    fn spread(
        &self,
        k: &mut KernelBuilder,
        shape: &[usize],
        what: &Spread,
        sums: Option<&Out>,
        put: Put,
    ) {
        let counter = k.dtype(what.best);
        k.over_window(&self.window.size, vec![], &mut |k, w, state| {
            let (at, _) = self.window.place_index(k, what.o, w);
            // A position in the padding is never the best: it adds zero somewhere within bounds.
            let Some(place) = k.bounded(&at, shape) else {
                return state;
            };
            let number = self.number(k, w, counter);
            let here = k.equal(what.best, number);
            let mut v = k.native(Native::Select, &[here, what.source, what.zero]);
            if let Some(out) = sums.filter(|_| !self.disjoint()) {
                let old = k.load(out.mem, &Index::linear(&place.at, shape));
                v = Pointwise::Add.emit(k, &[old, v]);
            }
            put(k, &place.at, v);
            state
        });
    }
}

/// What a window spreads over its positions.
struct Spread<'a> {
    /// Index of the window.
    o: &'a [Index],
    /// Number of the position that has the source.
    best: Val,
    source: Val,
    zero: Val,
}
