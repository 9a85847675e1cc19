//! Regions of loops and branches: each is simplified itself, and a loop that another one contains goes.

use super::{rebuild, simplify};
use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::ops::{Case, Op, While};

/// Simplifies the regions of a graph's nodes.
pub fn regions(graph: &Graph) -> Graph {
    let has_regions = |op: &Op| matches!(op, Op::While(_) | Op::Case(_));
    if !graph.nodes.iter().any(|node| has_regions(&node.op)) {
        return graph.clone();
    }
    let larger = larger(graph);
    rebuild(graph, &mut |b, i, operands| {
        let (node, mut operands) = (&graph.nodes[larger[i]], operands.to_vec());
        // What the larger loop has more starts with constants.
        for &x in &node.operands[operands.len()..] {
            operands.push(splat(b, graph, x));
        }
        let op = match &node.op {
            Op::While(w) => Op::from(While {
                cond: Box::new(simplify(&w.cond)),
                body: Box::new(simplify(&w.body)),
            }),
            Op::Case(c) => Op::from(Case {
                branches: c.branches.iter().map(simplify).collect(),
            }),
            op => op.clone(),
        };
        let results = b.push(op, &operands).expect("the node was well-typed");
        Some(results[..graph.nodes[i].results.len()].to_vec())
    })
}

/// For each node the node that computes all it does: a later loop with the same carries, and more.
fn larger(graph: &Graph) -> Vec<usize> {
    let mut found: Vec<usize> = (0..graph.nodes.len()).collect();
    let loops = graph.nodes.iter().enumerate();
    let loops: Vec<(usize, &While)> = loops
        .filter_map(|(i, node)| match &node.op {
            Op::While(w) => Some((i, w)),
            _ => None,
        })
        .collect();
    for (n, &(i, w)) in loops.iter().enumerate() {
        for &(j, other) in &loops[n + 1..] {
            let own = &graph.nodes[i].operands;
            let rest = graph.nodes[j].operands.strip_prefix(&own[..]);
            let movable = |rest: &[Value]| rest.iter().all(|&x| is_splat(graph, x));
            if rest.is_some_and(movable) && contains(other, w) {
                found[i] = j;
            }
        }
    }
    found
}

/// Whether the first carries of `large` go through the same values as those of `small`.
fn contains(large: &While, small: &While) -> bool {
    let mut b = Builder::new("carries");
    let inputs = large.body.inputs.iter();
    let inputs: Vec<Value> = inputs
        .map(|x| b.input(&x.name, large.body.ty(x.value).clone()))
        .collect();
    let n = small.body.inputs.len();
    // Equal nodes of a builder are one node.
    let mut same = |large: &Graph, small: &Graph| {
        let (all, some) = (b.inline(large, &inputs), b.inline(small, &inputs[..n]));
        all.starts_with(&some)
    };
    same(&large.cond, &small.cond) && same(&large.body, &small.body)
}

fn is_splat(graph: &Graph, v: Value) -> bool {
    match &graph.def(v).op {
        Op::Constant(_) => true,
        Op::BroadcastInDim(_) => is_splat(graph, graph.def(v).operands[0]),
        _ => false,
    }
}

/// The same constant again.
fn splat(b: &mut Builder, graph: &Graph, v: Value) -> Value {
    let node = graph.def(v);
    let operands: Vec<Value> = (node.operands.iter())
        .map(|&x| splat(b, graph, x))
        .collect();
    b.op(node.op.clone(), &operands)
}
