//! The gradient of a softmax, `y * (dy - sum(y * dy))`: it follows from the result alone, where the rules of its parts need the
//! exponentials too, which would have to be kept.

use crate::build::Builder;
use crate::graph::{Graph, Node, Value};
use crate::ops::common::Reducer;
use crate::ops::{Op, Reduce};
use crate::scalar::Pointwise;

/// A product `exp(z) * (1 / sum(exp(z)))`.
pub(super) struct Softmax {
    /// What it is a softmax of.
    pub z: Value,
    /// The axes of the sums.
    axes: Vec<usize>,
    /// What is computed on the way.
    pub between: [Value; 5],
}

impl Softmax {
    pub(super) fn of(g: &Graph, node: &Node) -> Option<Softmax> {
        let &[a, b] = pointwise(node, Pointwise::Multiply)? else {
            return None;
        };
        Softmax::scaled(g, a, b).or_else(|| Softmax::scaled(g, b, a))
    }

    fn scaled(g: &Graph, e: Value, scale: Value) -> Option<Softmax> {
        let &[z] = pointwise(g.def(e), Pointwise::Exp)? else {
            return None;
        };
        let spread = g.def(scale);
        let Op::BroadcastInDim(b) = &spread.op else {
            return None;
        };
        let inverse = spread.operands[0];
        let straight = b.axes.iter().enumerate().all(|(i, &axis)| i == axis);
        let &[one, sum] = pointwise(g.def(inverse), Pointwise::Divide)? else {
            return None;
        };
        let whole = g.unreshaped(sum);
        let node = g.def(whole);
        let Op::Reduce(Reduce {
            kind: Reducer::Sum,
            axes,
        }) = &node.op
        else {
            return None;
        };
        let mut kept = g.ty(e).shape.0.clone();
        axes.iter().for_each(|&axis| kept[axis] = 1);
        let fits = straight && node.operands == [e] && g.ty(sum).shape.0 == kept && is_one(g, one);
        fits.then(|| Softmax {
            z,
            axes: axes.clone(),
            between: [e, scale, inverse, sum, whole],
        })
    }

    /// The gradient of `z`.
    pub(super) fn gradient(&self, b: &mut Builder, y: Value, dy: Value) -> Value {
        let shape = b.ty(y).shape.clone();
        let product = b.mul(y, dy);
        let sum = b.sum(product, &self.axes);
        let sum = b.unreduce(sum, &self.axes, &shape);
        let rest = b.sub(dy, sum);
        b.mul(y, rest)
    }
}

fn pointwise(node: &Node, op: Pointwise) -> Option<&[Value]> {
    match &node.op {
        Op::Pointwise(p) if *p == op => Some(&node.operands),
        _ => None,
    }
}

fn is_one(g: &Graph, v: Value) -> bool {
    let node = g.def(v);
    match &node.op {
        Op::Constant(c) => c.value.splat_value().is_some_and(|s| s.to_f64() == 1.0),
        Op::BroadcastInDim(_) => is_one(g, node.operands[0]),
        _ => false,
    }
}
