//! Masks that a cut-off leaves behind: whether `x` was above `z` is asked of `max(x, z)`, which later ops
//! have in memory, rather than of `x`, which would be kept for this question alone.

use super::rebuild;
use craneflow_ir::Pointwise;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::Op;
use craneflow_ir::scalar::CompareType;

/// A comparison of `x` with `z` which `y` answers as well: `x cmp z` is `y cmp z`.
struct Answer {
    x: Value,
    z: Value,
    cmp: Cmp,
    y: Value,
}

/// Replaces the comparisons behind each cut-off.
pub fn of_results(graph: &Graph) -> Graph {
    let answers: Vec<Answer> = graph.node_ids().flat_map(|id| answers(graph, id)).collect();
    if answers.is_empty() {
        return graph.clone();
    }
    let mut cut_off: Vec<Option<Value>> = vec![None; answers.len()];
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let mut operands = operands.to_vec();
        for (new, &old) in operands.iter_mut().zip(&node.operands) {
            let Some((x, z, cmp)) = comparison(graph, old) else {
                continue;
            };
            let found = answers
                .iter()
                .position(|a| (a.x, a.z, a.cmp) == (x, z, cmp));
            if let Some(y) = found.and_then(|a| cut_off[a]) {
                let z = b.graph().def(*new).operands[1];
                *new = b.compare(cmp, y, z);
            }
        }
        let results = b
            .push(node.op.clone(), &operands)
            .expect("the node was well-typed");
        for (a, y) in answers.iter().zip(&mut cut_off) {
            if node.results.first() == Some(&a.y) {
                *y = Some(results[0]);
            }
        }
        Some(results)
    })
}

/// The comparisons that the result of a node answers.
fn answers(g: &Graph, id: craneflow_ir::graph::NodeId) -> Vec<Answer> {
    let node = g.node(id);
    let of = |x, z, cmps: &[Cmp]| {
        let y = node.results[0];
        cmps.iter().map(|&cmp| Answer { x, z, cmp, y }).collect()
    };
    match node.op {
        Op::Pointwise(Pointwise::Maximum) if g.ty(node.results[0]).dtype.is_float() => {
            of(node.operands[0], node.operands[1], &[Cmp::Gt, Cmp::Le])
        }
        Op::Pointwise(Pointwise::Select) => match comparison(g, node.operands[0]) {
            // x <= z ? z : x, where a NaN stays one and is neither above z nor below.
            Some((x, z, Cmp::Le)) if node.operands[1..] == [z, x] => of(x, z, &[Cmp::Gt, Cmp::Le]),
            // x > z ? x : z, where a NaN becomes z, which is not above itself.
            Some((x, z, Cmp::Gt)) if node.operands[1..] == [x, z] => of(x, z, &[Cmp::Gt]),
            _ => vec![],
        },
        _ => vec![],
    }
}

/// What a value compares, and how.
fn comparison(g: &Graph, v: Value) -> Option<(Value, Value, Cmp)> {
    let node = g.def(v);
    match node.op {
        Op::Pointwise(Pointwise::Compare(cmp, CompareType::Normal)) => {
            Some((node.operands[0], node.operands[1], cmp))
        }
        _ => None,
    }
}
