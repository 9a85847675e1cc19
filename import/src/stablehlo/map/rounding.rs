//! Expressions that are rounded less often than they are written, as JAX's own CPU backend does, where nothing else reads what is
//! computed on the way: `a b + c` is rounded once, and `a / b / c` is `a / (b c)`.

use craneflow_ir::graph::{Graph, NodeId};
use craneflow_ir::{DType, Op, Pointwise, Value};

/// Rounds less often, in a graph and the regions of its loops and branches.
pub fn fewer(graph: &mut Graph) {
    let uses = graph.use_counts();
    // Where each node comes after: its own place, or just before another.
    let mut place: Vec<usize> = (0..graph.nodes.len()).map(|i| 2 * i + 1).collect();
    for i in 0..graph.nodes.len() {
        match &mut graph.nodes[i].op {
            Op::While(w) => {
                fewer(&mut w.cond);
                fewer(&mut w.body);
            }
            Op::Case(c) => c.branches.iter_mut().for_each(fewer),
            Op::Pointwise(Pointwise::Divide) => {
                let &[quotient, c] = &graph.nodes[i].operands[..] else {
                    continue;
                };
                let Some([a, b]) = single(graph, &uses, quotient, Pointwise::Divide) else {
                    continue;
                };
                let first = graph.values[quotient.0 as usize].node.0 as usize;
                graph.nodes[first].op = Op::Pointwise(Pointwise::Multiply);
                graph.nodes[first].operands = vec![b, c];
                graph.nodes[i].operands = vec![a, quotient];
                place[first] = 2 * i;
            }
            Op::Pointwise(Pointwise::Add) => {
                let &[a, b] = &graph.nodes[i].operands[..] else {
                    continue;
                };
                let fused = match [a, b].map(|v| single(graph, &uses, v, Pointwise::Multiply)) {
                    [Some([x, y]), _] => [x, y, b],
                    [None, Some([x, y])] => [x, y, a],
                    [None, None] => continue,
                };
                graph.nodes[i].op = Op::Pointwise(Pointwise::Fma);
                graph.nodes[i].operands = fused.to_vec();
            }
            _ => {}
        }
    }
    reorder(graph, &place);
}

/// The operands of a product or quotient that is read once.
fn single(graph: &Graph, uses: &[usize], v: Value, op: Pointwise) -> Option<[Value; 2]> {
    let (node, dtype) = (graph.def(v), graph.ty(v).dtype);
    let float = matches!(dtype, DType::F32 | DType::F64);
    match node.operands[..] {
        [x, y] if node.op == Op::Pointwise(op) && float && uses[v.0 as usize] == 1 => Some([x, y]),
        _ => None,
    }
}

/// Puts nodes into the order of their places, which are different, and numbers values in that order.
fn reorder(graph: &mut Graph, place: &[usize]) {
    if place.is_sorted() {
        return;
    }
    let mut nodes: Vec<_> = place.iter().zip(std::mem::take(&mut graph.nodes)).collect();
    nodes.sort_by_key(|(place, _)| **place);
    graph.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    let old = std::mem::take(&mut graph.values);
    let mut new = vec![Value(0); old.len()];
    for (i, node) in graph.nodes.iter_mut().enumerate() {
        for result in &mut node.results {
            let mut value = old[result.0 as usize].clone();
            value.node = NodeId(i as u32);
            new[result.0 as usize] = Value(graph.values.len() as u32);
            *result = new[result.0 as usize];
            graph.values.push(value);
        }
        // Operands come before.
        node.operands
            .iter_mut()
            .for_each(|v| *v = new[v.0 as usize]);
    }
    let ports = graph.inputs.iter_mut().map(|i| &mut i.value);
    for v in ports.chain(graph.outputs.iter_mut().map(|o| &mut o.value)) {
        *v = new[v.0 as usize];
    }
}

#[cfg(test)]
mod tests {
    use crate::stablehlo::import;

    /// What becomes of a function of three arrays.
    fn imported(element: &str, lines: &[&str], result: &str) -> String {
        let t = format!("tensor<2x{element}>");
        let lines: String = (lines.iter())
            .map(|line| format!("  {line} : {t}\n"))
            .collect();
        let text = format!(
            "func.func public @main(%x: {t}, %y: {t}, %z: {t}) -> {t} {{\n{lines}  return {result} : {t}\n}}"
        );
        let program = import(text.as_bytes()).expect("a program");
        craneflow_passes::simplify::simplify(&program.graph).to_string()
    }

    #[test]
    fn a_product_that_is_read_once_is_rounded_with_its_sum() {
        let sum = [
            "%p = stablehlo.multiply %x, %y",
            "%s = stablehlo.add %z, %p",
            "%q = stablehlo.multiply %s, %p",
        ];
        let once = imported("f32", &sum[..2], "%s");
        assert!(once.contains("fma %arg0, %arg1, %arg2"), "{once}");
        assert!(!once.contains("multiply"), "{once}");
        for (element, n, result) in [("f32", 3, "%q"), ("f16", 2, "%s"), ("i32", 2, "%s")] {
            let other = imported(element, &sum[..n], result);
            assert!(!other.contains("fma"), "{other}");
        }
    }

    #[test]
    fn a_quotient_that_is_divided_again_is_divided_once() {
        let lines = [
            "%p = stablehlo.divide %x, %y",
            "%e = stablehlo.exponential %z",
            "%q = stablehlo.divide %p, %e",
            "%r = stablehlo.divide %q, %x",
            "%s = stablehlo.add %r, %q",
        ];
        let once = imported("f32", &lines[..3], "%q");
        assert_eq!(once.matches("divide").count(), 1, "{once}");
        assert_eq!(once.matches("multiply").count(), 1, "{once}");
        // What is read again stays.
        let again = imported("f32", &lines, "%s");
        assert_eq!(again.matches("divide").count(), 2, "{again}");
        let row = imported("f64", &lines[..4], "%r");
        assert_eq!(row.matches("divide").count(), 1, "{row}");
        let whole = imported(
            "i32",
            &[
                "%p = stablehlo.divide %x, %y",
                "%q = stablehlo.divide %p, %z",
            ],
            "%q",
        );
        assert_eq!(whole.matches("divide").count(), 2, "{whole}");
    }

    #[test]
    fn a_logistic_function_that_is_written_out_is_one() {
        let lines = [
            "%n = stablehlo.negate %x",
            "%e = stablehlo.exponential %n",
            "%one = stablehlo.constant dense<1.0>",
            "%d = stablehlo.add %one, %e",
            "%l = stablehlo.divide %one, %d",
        ];
        let l = imported("f32", &lines, "%l");
        assert!(l.contains("logistic %arg0") && !l.contains("divide"), "{l}");
    }
}
