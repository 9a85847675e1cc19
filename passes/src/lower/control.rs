//! Branches and loops whose turns are not counted: steps that run other steps.

use super::GraphLowering;
use super::output::Output;
use crate::fuse::fuse;
use craneflow_ir::graph::{Graph, NodeId};
use craneflow_ir::loops::{Buf, Step};
use craneflow_ir::ops::Op;

impl GraphLowering<'_> {
    /// Steps of a `while` or a `case`.
    pub(super) fn control(&mut self, id: NodeId, out: &mut Output) {
        let node = self.g.node(id);
        match &node.op {
            Op::While(w) if self.repeat(node, w, out) => {}
            Op::While(w) => {
                let carries: Vec<Buf> = (node.operands.iter().zip(&node.results))
                    .map(|(&operand, &result)| {
                        let from = self.in_memory(operand, out);
                        let to = self.root(result, out);
                        self.steps.push(Step::Copy { from, to });
                        to
                    })
                    .collect();
                let (cond, pred) = region(&w.cond, &carries, out);
                let (mut body, next) = region(&w.body, &carries, out);
                body.extend(
                    next.iter()
                        .zip(&carries)
                        .map(|(&from, &to)| Step::Copy { from, to }),
                );
                self.steps.push(Step::While {
                    cond,
                    pred: pred[0],
                    body,
                });
            }
            Op::Case(c) => {
                let operands = node.operands.iter();
                let mut args: Vec<Buf> = operands.map(|&v| self.in_memory(v, out)).collect();
                let index = args.remove(0);
                let results: Vec<Buf> = node.results.iter().map(|&v| self.root(v, out)).collect();
                let branch = |g: &Graph, out: &mut Output| {
                    let (mut steps, values) = region(g, &args, out);
                    steps.extend(
                        values
                            .iter()
                            .zip(&results)
                            .map(|(&from, &to)| Step::Copy { from, to }),
                    );
                    steps
                };
                let branches = c.branches.iter().map(|g| branch(g, out)).collect();
                self.steps.push(Step::Case { index, branches });
            }
            other => unreachable!("{} is no control op", other.name()),
        }
    }
}

/// Lowers a region whose inputs are in the given buffers; its results are fresh buffers.
fn region(g: &Graph, inputs: &[Buf], out: &mut Output) -> (Vec<Step>, Vec<Buf>) {
    let mut lowering = GraphLowering::new(g, inputs);
    let mut results = vec![];
    for output in &g.outputs {
        let buf = out.temp(&output.name, g.ty(output.value).clone());
        lowering.wanted.push((output.value, buf));
        results.push(buf);
    }
    lowering.run(&fuse(g), out);
    (lowering.finish(out), results)
}
