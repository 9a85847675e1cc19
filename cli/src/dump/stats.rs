//! `craneflow dump --stats`

use anyhow::Result;
use craneflow::ir::Graph;
use craneflow::ir::loops::{Program, Step};
use craneflow::ir::verify::Verified;
use craneflow::passes::{self, Options};
use std::collections::BTreeMap;
use std::io::{Write, stdout};

/// What steps come to.
#[derive(Default)]
struct Counts {
    launches: usize,
    copies: usize,
    loops: usize,
    /// Ops that the reference interpreter evaluates, by name.
    interpreted: BTreeMap<String, usize>,
}

impl Counts {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Launch { .. } => self.launches += 1,
                Step::Copy { .. } => self.copies += 1,
                Step::Interpret { op, .. } => {
                    let name = match op {
                        craneflow::ir::Op::CustomCall(call) => {
                            format!("custom_call {}", call.target)
                        }
                        op => op.name().to_string(),
                    };
                    *self.interpreted.entry(name).or_default() += 1;
                }
                Step::While { cond, body, .. } => {
                    self.loops += 1;
                    self.steps(cond);
                    self.steps(body);
                }
                Step::Repeat { body, .. } => {
                    self.loops += 1;
                    self.steps(body);
                }
                Step::Case { branches, .. } => branches.iter().for_each(|b| self.steps(b)),
            }
        }
    }
}

/// Prints how often each op occurs, and what the compiled program consists of.
pub fn print(graph: Verified<Graph>, options: &Options) -> Result<()> {
    let mut out = stdout().lock();
    let mut ops: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &graph.nodes {
        *ops.entry(node.op.name()).or_default() += 1;
    }
    writeln!(out, "{} nodes", graph.nodes.len())?;
    for (name, count) in &ops {
        writeln!(out, "{count:8} {name}")?;
    }
    let (program, plan) = passes::compile(graph.clone(), options, &mut |_, _, _| {});
    let program: &Program = &program;
    let mut counts = Counts::default();
    counts.steps(&program.steps);
    writeln!(
        out,
        "{} kernels, {} launches, {} copies, {} loops",
        program.kernels.len(),
        counts.launches,
        counts.copies,
        counts.loops
    )?;
    writeln!(
        out,
        "{} bytes of inputs, {} of outputs, {} of constants",
        plan.input_bytes, plan.output_bytes, plan.constant_bytes
    )?;
    writeln!(
        out,
        "{} bytes between them; {} live at once, the least that this order of steps needs",
        plan.arena_bytes, plan.live_bytes
    )?;
    let interpreted: usize = counts.interpreted.values().sum();
    writeln!(out, "{interpreted} ops are interpreted")?;
    for (name, count) in &counts.interpreted {
        writeln!(out, "{count:8} {name}")?;
    }
    Ok(())
}
