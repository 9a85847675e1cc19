//! Writes out the stages that the meaning of long reductions has, so that each becomes a kernel that
//! threads can share. Every bit is kept.

use crate::simplify::rebuild;
use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Node, Value};
use craneflow_ir::ops::{Case, Op, Reduce, While};

/// Rewrites every reduction with stages, also in the regions of loops and branches.
pub fn split(graph: &Graph) -> Graph {
    let concerns = |node: &Node| match &node.op {
        Op::Reduce(r) => r.stages(graph.ty(node.operands[0])).is_some(),
        op => matches!(op, Op::While(_) | Op::Case(_)),
    };
    if !graph.nodes.iter().any(concerns) {
        return graph.clone();
    }
    rebuild(graph, &mut |b, i, operands| {
        let op = match &graph.nodes[i].op {
            Op::Reduce(r) if operands.len() == 1 => return Some(vec![staged(b, r, operands[0])]),
            Op::While(w) => Op::from(While {
                cond: Box::new(split(&w.cond)),
                body: Box::new(split(&w.body)),
            }),
            Op::Case(c) => Op::from(Case {
                branches: c.branches.iter().map(split).collect(),
            }),
            op => op.clone(),
        };
        Some(b.push(op, operands).expect("the node was well-typed"))
    })
}

fn staged(b: &mut Builder, r: &Reduce, x: Value) -> Value {
    let Some(stages) = r.stages(b.ty(x)) else {
        return b.reduce(r.kind.clone(), x, &r.axes);
    };
    let x = b.reshape(x, &stages.shape);
    let partial = staged(b, &stages.first, x);
    staged(b, &stages.second, partial)
}
