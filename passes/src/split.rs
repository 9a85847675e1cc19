//! Breaks long sums into two stages, so that threads can share them and rounding errors stay small.
//! The break is a function of the shape alone.

use crate::simplify::rebuild;
use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::ops::{Op, Reduce};

/// A reduction with fewer elements than this per result is left alone.
const LONG: usize = 4096;
/// One with at least this many results has enough to share among threads.
const MANY_RESULTS: usize = 1024;

/// Rewrites every long reduction by a named reducer.
pub fn split(graph: &Graph) -> Graph {
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let staged = match &node.op {
            Op::Reduce(r) if operands.len() == 1 => stages(b, r, operands[0]),
            _ => None,
        };
        Some(match staged {
            Some(v) => vec![v],
            None => b
                .push(node.op.clone(), operands)
                .expect("the node was well-typed"),
        })
    })
}

fn stages(b: &mut Builder, r: &Reduce, x: Value) -> Option<Value> {
    let ty = b.ty(x).clone();
    let reduced: usize = r.axes.iter().map(|&a| ty.shape[a]).product();
    let results = ty.count() / reduced.max(1);
    if reduced < LONG || results >= MANY_RESULTS || matches!(r.kind, Reducer::Body(_)) {
        return None;
    }
    let first = r.axes[0];
    if r.axes.len() > 1 && ty.shape[first] >= 8 && first == 0 {
        // The outermost axis last: one partial result for each of its indices.
        let inner = b.reduce(r.kind.clone(), x, &r.axes[1..]);
        return Some(b.reduce(r.kind.clone(), inner, &[0]));
    }
    if r.axes.len() > 1 {
        return None;
    }
    let chunk = chunk(ty.shape[first])?;
    let mut shape = ty.shape.0.clone();
    shape.splice(first..=first, [ty.shape[first] / chunk, chunk]);
    let x = b.reshape(x, &shape);
    let inner = b.reduce(r.kind.clone(), x, &[first + 1]);
    Some(b.reduce(r.kind.clone(), inner, &[first]))
}

/// Elements per chunk: the divisor of the extent nearest below 4096 that leaves at least 8 chunks.
fn chunk(extent: usize) -> Option<usize> {
    (64..=4096)
        .rev()
        .find(|c| extent.is_multiple_of(*c) && extent / c >= 8)
}
