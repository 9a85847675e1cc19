//! Rewrites a graph into a smaller one with the same bits: constant folding, algebra, common
//! subexpressions (the builder shares equal nodes), dead code.

mod carries;
mod loops;
mod masks;
mod rules;
mod stacks;

use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::ops::Op;

/// Most rounds of rewriting; each round rewrites every node once, operands first.
const ROUNDS: usize = 4;

/// Simplifies until nothing changes, then drops what no output needs. Inputs stay.
pub fn simplify(graph: &Graph) -> Graph {
    let mut graph = rewrite(&loops::regions(graph));
    if graph.nodes.iter().any(|n| matches!(n.op, Op::While(_))) {
        graph = carries::trim(&stacks::recompute(&carries::trim(&graph)));
    }
    for round in 1..ROUNDS {
        if round == 1 {
            graph = masks::of_results(&graph);
        }
        let next = rewrite(&graph);
        if next.nodes.len() == graph.nodes.len() && next == graph {
            break;
        }
        graph = next;
    }
    graph
}

/// One round: rebuilds the live nodes in order through the rules.
fn rewrite(old: &Graph) -> Graph {
    let live = live(old);
    rebuild(old, &mut |b, i, operands| match live[i] {
        false => None,
        true => {
            let node = &old.nodes[i];
            Some(match rules::rewrite(b, &node.op, operands) {
                Some(value) => vec![value],
                None => b
                    .push(node.op.clone(), operands)
                    .expect("the node was well-typed"),
            })
        }
    })
}

/// The new results of a node (by position) on new operands, or `None` when nothing needs it.
pub(crate) type Rewrite<'a> =
    &'a mut dyn FnMut(&mut Builder, usize, &[Value]) -> Option<Vec<Value>>;

/// Copies a graph node by node through `f`; inputs are kept.
pub(crate) fn rebuild(old: &Graph, f: Rewrite) -> Graph {
    let mut b = Builder::new(&old.name);
    b.reserve(old.nodes.len());
    let mut new: Vec<Option<Value>> = vec![None; old.values.len()];
    for (i, node) in old.nodes.iter().enumerate() {
        let outer = b.enter(old.scope_name(node.scope));
        let results = match &node.op {
            Op::Input(input) => Some(vec![
                b.input(&old.inputs[input.index].name, input.ty.clone()),
            ]),
            _ => {
                let operands: Option<Vec<Value>> =
                    node.operands.iter().map(|v| new[v.0 as usize]).collect();
                operands.and_then(|operands| f(&mut b, i, &operands))
            }
        };
        b.leave(outer);
        for (old, result) in node.results.iter().zip(results.into_iter().flatten()) {
            new[old.0 as usize] = Some(result);
        }
    }
    for output in &old.outputs {
        b.output(
            &output.name,
            new[output.value.0 as usize].expect("outputs are live"),
        );
    }
    for (i, input) in old.inputs.iter().enumerate() {
        if let Some(output) = input.donated {
            b.donate(i, output);
        }
    }
    sweep(b.finish())
}

/// Whether each node is needed by an output.
fn live(g: &Graph) -> Vec<bool> {
    let mut live = vec![false; g.nodes.len()];
    let mut stack: Vec<Value> = g.outputs.iter().map(|o| o.value).collect();
    while let Some(v) = stack.pop() {
        let node = g.values[v.0 as usize].node.0 as usize;
        if !std::mem::replace(&mut live[node], true) {
            stack.extend(&g.nodes[node].operands);
        }
    }
    live
}

/// Drops nodes that the rules left without users.
fn sweep(old: Graph) -> Graph {
    let live = live(&old);
    let dead = |i: usize| !live[i] && !matches!(old.nodes[i].op, Op::Input(_));
    if !(0..old.nodes.len()).any(dead) {
        return old;
    }
    let mut g = Graph {
        scopes: old.scopes.clone(),
        ..Graph::new(&old.name)
    };
    let mut new = vec![Value(u32::MAX); old.values.len()];
    for (i, node) in old.nodes.iter().enumerate() {
        if dead(i) {
            continue;
        }
        let operands = node.operands.iter().map(|v| new[v.0 as usize]).collect();
        let id = g.append(
            node.op.clone(),
            operands,
            old.types(&node.results),
            node.scope,
        );
        for (from, &to) in node.results.iter().zip(&g.node(id).results) {
            new[from.0 as usize] = to;
        }
    }
    g.inputs = old.inputs.clone();
    g.outputs = old.outputs.clone();
    g.inputs
        .iter_mut()
        .for_each(|i| i.value = new[i.value.0 as usize]);
    g.outputs
        .iter_mut()
        .for_each(|o| o.value = new[o.value.0 as usize]);
    g
}
