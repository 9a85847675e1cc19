//! Makes the padding and the holes of a convolution's input explicit, so that a window never leaves it:
//! what is left is a product with affine addresses. As the specification of `convolution` says, the
//! padding is zeros that take part in the sum.

use crate::simplify::rebuild;
use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::native::Scalar;
use craneflow_ir::ops::{Convolution, Op, Pad};
use craneflow_ir::{Array, Rules, Type};

/// Rewrites every convolution with padding or a dilated input.
pub fn windows(graph: &Graph) -> Graph {
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let padded = match &node.op {
            Op::Convolution(c) => padded(b, c, operands),
            _ => None,
        };
        Some(match padded {
            Some(v) => vec![v],
            None => b
                .push(node.op.clone(), operands)
                .expect("the node was well-typed"),
        })
    })
}

fn padded(b: &mut Builder, c: &Convolution, x: &[Value]) -> Option<Value> {
    let plain = c.window.padding.iter().all(|&p| p == (0, 0))
        && c.window.base_dilation.iter().all(|&d| d == 1);
    if plain {
        return None;
    }
    let ty: Type = b.ty(x[0]).clone();
    let result = c.infer(&[ty.clone(), b.ty(x[1]).clone()]);
    if result.is_ok_and(|r| r[0].count() == 0) {
        // No window fits; the paddings may take away more than there is.
        return None;
    }
    let rank = ty.rank();
    let mut pad = Pad {
        low: vec![0; rank],
        high: vec![0; rank],
        interior: vec![0; rank],
    };
    for (i, &axis) in c.dims.input_spatial.iter().enumerate() {
        (pad.low[axis], pad.high[axis]) = c.window.padding[i];
        pad.interior[axis] = c.window.base_dilation[i] - 1;
    }
    let zero = b.constant(Array::scalar(Scalar {
        ty: ty.dtype,
        bits: 0,
    }));
    let input = b.op(pad, &[x[0], zero]);
    let mut conv = c.clone();
    conv.window.padding.fill((0, 0));
    conv.window.base_dilation.fill(1);
    Some(b.op(conv, &[input, x[1]]))
}
