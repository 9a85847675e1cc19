//! The reference interpreter of graphs: slow, obvious, one node after the other.

use crate::array::Array;
use crate::graph::Graph;
use crate::ops::Op;

/// The outputs of a graph for its inputs, both in the graph's order.
///
/// # Panics
/// When the inputs do not have the number and types that the graph declares, or the graph is not
/// well-formed.
pub fn eval_graph(g: &Graph, inputs: &[Array]) -> Vec<Array> {
    assert_eq!(inputs.len(), g.inputs.len(), "inputs of graph {}", g.name);
    for (declared, given) in g.inputs.iter().zip(inputs) {
        let ty = g.ty(declared.value);
        assert_eq!(*ty, given.ty, "input {} of graph {}", declared.name, g.name);
    }
    let mut uses = g.use_counts();
    let mut values: Vec<Option<Array>> = vec![None; g.values.len()];
    for node in &g.nodes {
        let results = match &node.op {
            Op::Input(input) => vec![inputs[input.index].clone()],
            op => {
                let args: Vec<Array> = node
                    .operands
                    .iter()
                    .map(|v| values[v.0 as usize].clone().expect("defined before use"))
                    .collect();
                op.rules().eval(&args)
            }
        };
        for (v, array) in node.results.iter().zip(results) {
            debug_assert_eq!(*g.ty(*v), array.ty, "result of {}", node.op.name());
            if uses[v.0 as usize] > 0 {
                values[v.0 as usize] = Some(array);
            }
        }
        for v in &node.operands {
            let left = &mut uses[v.0 as usize];
            *left -= 1;
            if *left == 0 {
                values[v.0 as usize] = None;
            }
        }
    }
    let result = |v: &crate::Value| values[v.0 as usize].clone().expect("defined before use");
    g.outputs.iter().map(|o| result(&o.value)).collect()
}
