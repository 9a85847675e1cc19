//! Carries of loops: one that never changes is its operand, and one that nothing needs goes.

use super::{rebuild, sweep};
use craneflow_ir::Builder;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::ops::{Op, While};

/// Drops carries that nothing needs, after the loop or in it, and reads those that never change from outside of it.
pub fn trim(graph: &Graph) -> Graph {
    let uses = graph.use_counts();
    let mut used = uses.clone();
    let mut needed: Vec<Option<Vec<bool>>> = vec![None; graph.nodes.len()];
    // Later loops first: what they no longer take, earlier ones need not give.
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        let Op::While(w) = &node.op else { continue };
        let fixed = |k: usize| w.body.inputs[k].value == w.body.outputs[k].value;
        for (k, &result) in node.results.iter().enumerate() {
            if fixed(k) {
                let readers = std::mem::take(&mut used[result.0 as usize]);
                used[node.operands[k].0 as usize] += readers;
            }
        }
        let wanted = node.results.iter().map(|r| used[r.0 as usize] > 0);
        let live = live_carries(w, wanted.collect());
        for (&x, _) in node.operands.iter().zip(&live).filter(|(_, live)| !**live) {
            used[x.0 as usize] -= 1;
        }
        let read = |k: usize| uses[node.results[k].0 as usize] > 0;
        if (0..live.len()).any(|k| !live[k] || fixed(k) && read(k)) {
            needed[i] = Some(live);
        }
    }
    if needed.iter().all(Option::is_none) {
        return graph.clone();
    }
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let (Op::While(w), Some(live)) = (&node.op, &needed[i]) else {
            let results = b.push(node.op.clone(), operands);
            return Some(results.expect("the node was well-typed"));
        };
        let kept = operands.iter().zip(live).filter(|(_, live)| **live);
        let kept: Vec<Value> = kept.map(|(&x, _)| x).collect();
        let op = While {
            cond: Box::new(restrict(&w.cond, live, false)),
            body: Box::new(restrict(&w.body, live, true)),
        };
        let mut results = (b.push(op, &kept).expect("the loop was well-typed")).into_iter();
        let result = |k: usize| {
            let new = live[k].then(|| results.next()).flatten();
            let fixed = w.body.inputs[k].value == w.body.outputs[k].value;
            // Nothing asks for the value of a carry that goes.
            new.filter(|_| !fixed).unwrap_or(operands[k])
        };
        Some((0..live.len()).map(result).collect())
    })
}

/// Which carries the condition, the wanted results, or other such carries need.
fn live_carries(w: &While, wanted: Vec<bool>) -> Vec<bool> {
    let mut live = wanted;
    let condition = w.cond.use_counts();
    for (live, input) in live.iter_mut().zip(&w.cond.inputs) {
        *live |= condition[input.value.0 as usize] > 0;
    }
    let mut seen = vec![false; w.body.nodes.len()];
    let mut done = vec![false; live.len()];
    while let Some(k) = (0..live.len()).find(|&k| live[k] && !done[k]) {
        done[k] = true;
        let mut stack = vec![w.body.outputs[k].value];
        while let Some(v) = stack.pop() {
            let id = w.body.values[v.0 as usize].node.0 as usize;
            if std::mem::replace(&mut seen[id], true) {
                continue;
            }
            match &w.body.nodes[id].op {
                Op::Input(input) => live[input.index] = true,
                _ => stack.extend(&w.body.nodes[id].operands),
            }
        }
    }
    live
}

/// A region with the carries that stay, which need none of the others.
fn restrict(region: &Graph, live: &[bool], outputs: bool) -> Graph {
    let mut b = Builder::new(&region.name);
    let mut new: Vec<Option<Value>> = vec![None; region.values.len()];
    for (input, _) in region.inputs.iter().zip(live).filter(|(_, live)| **live) {
        let ty = region.ty(input.value).clone();
        new[input.value.0 as usize] = Some(b.input(&input.name, ty));
    }
    for node in region
        .nodes
        .iter()
        .filter(|n| !matches!(n.op, Op::Input(_)))
    {
        let operands = node.operands.iter().map(|x| new[x.0 as usize]);
        let Some(operands) = operands.collect::<Option<Vec<Value>>>() else {
            continue;
        };
        let outer = b.enter(region.scope_name(node.scope));
        let results = b.push(node.op.clone(), &operands);
        b.leave(outer);
        for (old, result) in node
            .results
            .iter()
            .zip(results.expect("the node was well-typed"))
        {
            new[old.0 as usize] = Some(result);
        }
    }
    for (k, output) in region.outputs.iter().enumerate() {
        if !outputs || live[k] {
            let value = new[output.value.0 as usize];
            b.output(&output.name, value.expect("live carries need live ones"));
        }
    }
    sweep(b.finish())
}
