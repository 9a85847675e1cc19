//! The stages of long reductions: what is folded first is a function of shapes alone, so threads can
//! share a reduction and rounding errors stay small.

use super::Reduce;
use crate::ops::common::Reducer;
use crate::types::{Shape, Type};

/// A reduction of at most this many elements per result has one stage; also the most elements of a
/// chunk of an axis.
const CHUNK: usize = 4096;
/// Fewest elements of a chunk.
const SHORTEST: usize = 64;
/// Fewest partial results for each result.
const PARTS: usize = 8;
/// A reduction with at least this many results has one stage: there is enough for threads to share.
const MANY_RESULTS: usize = 1024;

/// A reduction as two: `first` of the operand in the shape `shape`, then `second` of its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stages {
    /// Shape of the operand, with an axis of it perhaps cut in two.
    pub shape: Shape,
    /// Folds chunks.
    pub first: Reduce,
    /// Folds the results of the first.
    pub second: Reduce,
}

impl Reduce {
    /// The stages of this reduction of a tensor of type `x`, each of which may have stages again;
    /// `None` if it has one stage.
    pub fn stages(&self, x: &Type) -> Option<Stages> {
        let reduced: usize = self.axes.iter().map(|&a| x.shape[a]).product();
        let long = reduced > CHUNK && x.count() / reduced < MANY_RESULTS;
        let &[first, ref rest @ ..] = self.axes.as_slice() else {
            return None;
        };
        if !long || matches!(self.kind, Reducer::Body(_)) {
            return None;
        }
        let over = |axes: &[usize]| Reduce {
            kind: self.kind.clone(),
            axes: axes.to_vec(),
        };
        let extent = x.shape[first];
        if !rest.is_empty() {
            // The outermost axis last: one partial result for each of its indices.
            return (first == 0 && extent >= PARTS).then(|| Stages {
                shape: x.shape.clone(),
                first: over(rest),
                second: over(&[0]),
            });
        }
        let fits = |c: &usize| extent.is_multiple_of(*c) && extent / c >= PARTS;
        let chunk = (SHORTEST..=CHUNK).rev().find(fits)?;
        let mut shape = x.shape.clone();
        shape.0.splice(first..=first, [extent / chunk, chunk]);
        Some(Stages {
            shape,
            first: over(&[first + 1]),
            second: over(&[first]),
        })
    }
}
