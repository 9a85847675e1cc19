//! What reducers have in common: their attributes, their checks, and how they combine.

use super::common::Reducer;
use super::prelude::*;
use crate::eval::eval_graph;
use crate::native::{Emit, Evaluator, Native, Scalar};
use crate::types::DType;

/// Most partial accumulators of a reduction.
const MOST_PARTIALS: usize = 64;
/// Fewest, where there are several.
const LEAST_PARTIALS: usize = 16;

/// Number of partial accumulators of a reduction over a minor axis of this extent: a power of two, so
/// that several vectors of any width are in flight, or 1 where the axis is short.
pub fn partials(extent: usize) -> usize {
    match extent {
        ..LEAST_PARTIALS => 1,
        _ => MOST_PARTIALS.min(1 << extent.ilog2()),
    }
}

const NAMED: [(&str, Reducer); 6] = [
    ("sum", Reducer::Sum),
    ("product", Reducer::Product),
    ("max", Reducer::Max),
    ("min", Reducer::Min),
    ("and", Reducer::And),
    ("or", Reducer::Or),
];

impl Reducer {
    /// Adds `key=sum`, or `key=body, body={..}`.
    pub fn attrs(&self, attrs: Attrs, key: &str) -> Attrs {
        match self {
            Reducer::Body(body) => attrs
                .word(key, "body")
                .with("body", Attr::Region((**body).clone())),
            named => {
                let row = NAMED.iter().find(|row| row.1 == *named);
                attrs.word(key, row.expect("every named reducer").0)
            }
        }
    }

    /// What `attrs` printed; `others` are further words that are allowed.
    pub fn parse<T: Clone>(
        attrs: &Attrs,
        key: &str,
        others: &[(&str, T)],
        wrap: impl Fn(Reducer) -> T,
    ) -> Result<T, TypeError> {
        let named = NAMED.iter().map(|(name, r)| (*name, Some(wrap(r.clone()))));
        let others = others.iter().map(|(name, t)| (*name, Some(t.clone())));
        let choices: Vec<_> = named.chain(others).chain([("body", None)]).collect();
        match attrs.choice(key, &choices)? {
            Some(found) => Ok(found),
            None => Ok(wrap(Reducer::Body(Box::new(attrs.region("body")?)))),
        }
    }

    /// Whether the reducer takes elements of these types: `and` and `or` no floats, a body a region
    /// `(a.., b..) -> (c..)` of them.
    pub fn check(
        &self,
        op: &'static str,
        number: &'static str,
        dtypes: &[DType],
    ) -> Result<(), TypeError> {
        match self {
            Reducer::Body(body) => {
                let inputs = [dtypes, dtypes].concat();
                check::scalar_region(op, number, body, &inputs, dtypes)
            }
            Reducer::And | Reducer::Or => {
                let found = dtypes[0];
                check::dtype(op, !found.is_float(), "integers or bool for and, or", found)
            }
            _ => Ok(()),
        }
    }

    /// `acc` combined with `x`, both of a compute type, by a named reducer.
    pub fn combine<E: Emit>(&self, e: &mut E, acc: E::V, x: E::V) -> E::V {
        let op = self.pointwise(e.dtype(x)).expect("a named reducer");
        op.emit(e, &[acc, x])
    }

    /// The identity in the compute type of `dtype`, of a named reducer.
    pub fn start<E: Emit>(&self, e: &mut E, dtype: DType) -> E::V {
        let identity = self.identity(dtype.compute());
        e.constant(identity.expect("a named reducer"))
    }
}

/// Converts, for values of any type.
pub fn convert<E: Emit>(e: &mut E, v: E::V, to: DType) -> E::V {
    match e.dtype(v) == to {
        true => v,
        false => e.native(Native::Convert(to), &[v]),
    }
}

/// The fold of a list of elements of `x` in order, for a named reducer; `minor` is the extent of the
/// minor axis when it is folded, which is then spread over partial accumulators.
pub fn fold_named(
    kind: &Reducer,
    x: &Array,
    positions: impl Iterator<Item = usize>,
    minor: Option<usize>,
) -> Scalar {
    let e = &mut Evaluator;
    let dtype = x.ty.dtype;
    let start = kind.start(e, dtype);
    let mut partial = [start; MOST_PARTIALS];
    let lanes = minor.map_or(1, partials);
    for (i, position) in positions.enumerate() {
        let lane = minor.map_or(0, |c| i % c % lanes);
        let element = convert(e, x.get(position), dtype.compute());
        partial[lane] = kind.combine(e, partial[lane], element);
    }
    let mut half = lanes / 2;
    while half > 0 {
        for j in 0..half {
            partial[j] = kind.combine(e, partial[j], partial[j + half]);
        }
        half /= 2;
    }
    convert(e, partial[0], dtype)
}

/// One step of a body: new accumulators from the old ones and elements.
pub fn step_body(body: &crate::Graph, acc: &[Scalar], x: &[Scalar]) -> Vec<Scalar> {
    let args: Vec<Array> = acc.iter().chain(x).map(|&s| Array::scalar(s)).collect();
    eval_graph(body, &args).iter().map(|a| a.get(0)).collect()
}
