//! What a program costs to run, estimated from its graph.

use craneflow_ir::Graph;
use craneflow_ir::graph::Node;
use craneflow_ir::ops::Op;

/// An estimate of one run; a loop counts one iteration.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    /// Floating-point and integer operations.
    pub operations: f64,
    /// Elements of all values.
    pub elements: f64,
    /// Bytes of arguments and results.
    pub bytes: f64,
    /// Whether it holds a loop or a choice, whose cost is not known before it runs.
    pub open: bool,
}

/// The cost of a graph.
pub fn of(graph: &Graph) -> Cost {
    let mut cost = Cost::default();
    for node in &graph.nodes {
        cost.operations += operations(graph, node);
        match &node.op {
            Op::While(op) => {
                cost.open = true;
                cost.operations += of(&op.body).operations + of(&op.cond).operations;
            }
            Op::Case(op) => {
                cost.open = true;
                let most = op.branches.iter().map(|b| of(b).operations);
                cost.operations += most.fold(0.0, f64::max);
            }
            Op::CustomCall(_) => cost.open = true,
            _ => {}
        }
    }
    cost.elements = graph.values.iter().map(|v| v.ty.count() as f64).sum();
    let inputs = graph.inputs.iter().map(|i| i.value);
    let ends = inputs.chain(graph.outputs.iter().map(|o| o.value));
    cost.bytes = ends.map(|v| graph.ty(v).bytes() as f64).sum();
    cost
}

/// Operations of one node, without those of its regions.
fn operations(graph: &Graph, node: &Node) -> f64 {
    let count = |v| graph.ty(v).count() as f64;
    let results: f64 = node.results.iter().map(|&v| count(v)).sum();
    let operands: f64 = node.operands.iter().map(|&v| count(v)).sum();
    match &node.op {
        Op::DotGeneral(dot) => {
            let shape = &graph.ty(node.operands[0]).shape;
            let contracted = dot.lhs_contract.iter().map(|&a| shape[a] as f64);
            2.0 * results * contracted.product::<f64>()
        }
        Op::Convolution(conv) => {
            let kernel = &graph.ty(node.operands[1]).shape;
            let taken = kernel.count() as f64 / kernel[conv.dims.kernel_output].max(1) as f64;
            2.0 * results * taken
        }
        Op::Input(_)
        | Op::Constant(_)
        | Op::Iota(_)
        | Op::Reshape(_)
        | Op::BroadcastInDim(_)
        | Op::Transpose(_)
        | Op::Slice(_)
        | Op::Reverse(_)
        | Op::Concatenate(_)
        | Op::Pad(_)
        | Op::CustomCall(_)
        | Op::While(_)
        | Op::Case(_) => 0.0,
        Op::Reduce(_) | Op::Sort(_) | Op::Scatter(_) | Op::SelectAndScatter(_) => operands,
        _ => results,
    }
}
