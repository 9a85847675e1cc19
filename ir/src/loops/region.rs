//! Regions of scalar functions (comparators, reducers) inlined into kernels.

use super::Val;
use super::build::{KernelBuilder, Operand};
use crate::graph::Graph;
use crate::native::Emit;
use crate::ops::{Lowering, Op};

/// Whether `inline_region` takes this graph: all values have rank 0 and every op fuses.
pub fn can_inline(graph: &Graph) -> bool {
    graph.values.iter().all(|v| v.ty.rank() == 0)
        && graph.nodes.iter().all(|node| {
            let inputs = graph.types(&node.operands);
            match &node.op {
                Op::Input(_) | Op::Constant(_) | Op::Pointwise(_) => true,
                op => matches!(
                    op.rules().lower(&inputs),
                    Lowering::Element(_) | Lowering::Reduction(_) | Lowering::Contraction(_)
                ),
            }
        })
}

/// Computes the outputs of a region on scalar values, one per input.
///
/// # Panics
/// When `can_inline` is false, or the types of `args` are not those of the inputs.
pub fn inline_region(k: &mut KernelBuilder, graph: &Graph, args: &[Val]) -> Vec<Val> {
    assert_eq!(args.len(), graph.inputs.len(), "inputs of {}", graph.name);
    let mut vals: Vec<Option<Val>> = vec![None; graph.values.len()];
    for node in &graph.nodes {
        let x: Vec<Val> = node
            .operands
            .iter()
            .map(|v| vals[v.0 as usize].expect("operands come first"))
            .collect();
        let y = match &node.op {
            Op::Input(input) => args[input.index],
            Op::Constant(c) => k.constant(c.value.get(0)),
            Op::Pointwise(p) => p.emit(k, &x),
            op => {
                let types = graph.types(&node.operands);
                let (Lowering::Element(f) | Lowering::Reduction(f) | Lowering::Contraction(f)) =
                    op.rules().lower(&types)
                else {
                    panic!("{} cannot be inlined", op.name())
                };
                let fetch: Vec<_> = x
                    .iter()
                    .map(|&v| move |_: &mut KernelBuilder, _: &[super::index::Index]| v)
                    .collect();
                let operands: Vec<Operand> = types
                    .into_iter()
                    .zip(&fetch)
                    .map(|(ty, fetch)| Operand { ty, fetch })
                    .collect();
                f(k, &operands, &[])
            }
        };
        vals[node.results[0].0 as usize] = Some(y);
    }
    let outputs = graph.outputs.iter();
    outputs
        .map(|o| vals[o.value.0 as usize].expect("defined"))
        .collect()
}
