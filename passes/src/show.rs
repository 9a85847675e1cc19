//! What the passes work on, as text.

use crate::{Unit, fuse, plan};
use craneflow_ir::Graph;
use std::fmt::{Display, Formatter, Result};

/// Graphs and programs as text that reads back; what else there is to say comes in comments after them.
impl Display for Unit {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Unit::Graph(graph) => write!(f, "{graph}"),
            Unit::Fused(graph, groups) => write!(f, "{graph}{}", groups_text(graph, groups)),
            Unit::Program(program) => write!(f, "{program}"),
            Unit::Planned(program, plan) => {
                write!(f, "{program}")?;
                for (buffer, place) in program.buffers.iter().zip(&plan.places) {
                    writeln!(f, "; %{}: {}", buffer.name, place_text(*place))?;
                }
                writeln!(
                    f,
                    "; bytes: inputs {}, outputs {}, constants {}, arena {} (at least {}), scratch {} a thread",
                    plan.input_bytes,
                    plan.output_bytes,
                    plan.constant_bytes,
                    plan.arena_bytes,
                    plan.live_bytes,
                    plan.scratch_bytes
                )
            }
        }
    }
}

/// What was fused, as comments: the values that each kernel stores and the nodes it computes.
fn groups_text(graph: &Graph, groups: &fuse::Groups) -> String {
    let mut text = String::new();
    for (i, group) in groups.groups.iter().enumerate() {
        let roots: Vec<String> = group.roots.iter().map(|v| format!("%{}", v.0)).collect();
        let of = |&n: &_| {
            let node = graph.node(n);
            match graph.scope_name(node.scope) {
                "" => node.op.name().to_string(),
                scope => format!("{}@{scope}", node.op.name()),
            }
        };
        let members: Vec<String> = group.members.iter().map(of).collect();
        let kind = match group.kind {
            fuse::GroupKind::Loops => "loops",
            fuse::GroupKind::Rows => "rows",
            fuse::GroupKind::Contraction(_) => "contraction",
            fuse::GroupKind::Stores(_) => "stores",
            fuse::GroupKind::Control(_) => "control",
            fuse::GroupKind::Interpret(_) => "interpreted",
        };
        text += &format!(
            "; group {i} ({kind}) stores {}: {}\n",
            roots.join(", "),
            members.join(" ")
        );
    }
    text
}

fn place_text(place: plan::Place) -> String {
    match place {
        plan::Place::Input(i) => format!("input {i}"),
        plan::Place::Output(o) => format!("output {o}"),
        plan::Place::Constant(at) => format!("constants + {at}"),
        plan::Place::Arena(at) => format!("arena + {at}"),
        plan::Place::Nowhere => "nowhere".to_string(),
    }
}
