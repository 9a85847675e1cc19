//! `a b + c` rounded once, where nothing else reads `a b`: as JAX's own CPU backend does.

use craneflow_ir::graph::Graph;
use craneflow_ir::{DType, Op, Pointwise, Value};

/// Rounds sums of products once, in a graph and the regions of its loops and branches.
pub fn contract(graph: &mut Graph) {
    let uses = graph.use_counts();
    for i in 0..graph.nodes.len() {
        match &mut graph.nodes[i].op {
            Op::While(w) => {
                contract(&mut w.cond);
                contract(&mut w.body);
            }
            Op::Case(c) => c.branches.iter_mut().for_each(contract),
            Op::Pointwise(Pointwise::Add) => {
                let &[a, b] = &graph.nodes[i].operands[..] else {
                    continue;
                };
                let fused = match (product(graph, &uses, a), product(graph, &uses, b)) {
                    (Some([x, y]), _) => [x, y, b],
                    (None, Some([x, y])) => [x, y, a],
                    (None, None) => continue,
                };
                graph.nodes[i].op = Op::Pointwise(Pointwise::Fma);
                graph.nodes[i].operands = fused.to_vec();
            }
            _ => {}
        }
    }
}

/// The factors of a product that is read once.
fn product(graph: &Graph, uses: &[usize], v: Value) -> Option<[Value; 2]> {
    let (node, dtype) = (graph.def(v), graph.ty(v).dtype);
    let is_product = node.op == Op::Pointwise(Pointwise::Multiply);
    let float = matches!(dtype, DType::F32 | DType::F64);
    match node.operands[..] {
        [x, y] if is_product && float && uses[v.0 as usize] == 1 => Some([x, y]),
        _ => None,
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
