//! The verifier of graphs, and the mark of what has passed a verifier. Rules of graphs:
//!
//! - G1 every id names an entry of its table; results have consecutive ids, in the order of nodes.
//! - G2 operands and outputs are defined, operands before their node.
//! - G3 every type has at most `isize::MAX / 8` elements, and the types recorded are those that the
//!   op infers.
//! - G4 regions follow the rules too, and donate nothing. That an op takes its regions is part of G3.
//! - G5 names of inputs and outputs are words (a letter or `_`, then letters, digits, `_`, `.`), and
//!   unique among inputs and among outputs.
//! - G6 an input is donated to an output of the same type that exists and takes over no other input.
//! - G7 inputs are `input` nodes, each named once, with their own position and type.
//!
//! `loops::verify` has the rules of the loop IR.

#[cfg(test)]
mod tests;

use crate::attrs::Attr;
use crate::error::TypeError;
use crate::graph::{Graph, Node};
use crate::loops::{self, Program};
use crate::ops::{Op, check};
use crate::text::is_word;
use crate::types::Type;
use std::collections::BTreeSet;
use thiserror::Error;

/// What has passed its verifier.
#[derive(Clone, PartialEq, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Verified<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Verified<Graph> {
    /// Checks the rules G1 to G7.
    pub fn graph(g: Graph) -> Result<Self, VerifyError> {
        check_graph(&g)?;
        Ok(Verified(g))
    }
}

impl Verified<Program> {
    /// Checks a program.
    pub fn program(p: Program) -> Result<Self, loops::verify::VerifyError> {
        loops::verify::verify_program(&p)?;
        Ok(Verified(p))
    }
}

/// A part of a graph or region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The whole.
    Graph,
    /// The node at this position.
    Node(usize),
    /// The output at this position.
    Output(usize),
}

/// A place in a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At {
    /// The way into regions: node, attribute, position in a list of regions.
    pub regions: Vec<(usize, String, usize)>,
    /// The part of the innermost region.
    pub part: Part,
}

/// What is wrong with a graph.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs)]
pub enum GraphError {
    #[error("{0}")]
    Type(#[from] TypeError),
    #[error("{op}: the result is declared as {declared}, but is {inferred} (G3)")]
    Result {
        op: &'static str,
        declared: String,
        inferred: String,
    },
    #[error("{message} ({rule})")]
    Rule { rule: &'static str, message: String },
}

/// A broken rule and its place.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{place}: {kind}")]
pub struct VerifyError {
    /// Graph, value, op and layer, in words.
    pub place: String,
    /// Where it is.
    pub at: At,
    /// What is wrong.
    pub kind: Box<GraphError>,
}

/// Checks the rules G1 to G7.
pub fn check_graph(g: &Graph) -> Result<(), VerifyError> {
    Checker {
        regions: vec![],
        place: format!("graph {}", g.name),
    }
    .graph(g)
}

struct Checker {
    regions: Vec<(usize, String, usize)>,
    place: String,
}

type Check = Result<(), GraphError>;

fn ensure(holds: bool, rule: &'static str, message: impl FnOnce() -> String) -> Check {
    match holds {
        true => Ok(()),
        false => Err(GraphError::Rule {
            rule,
            message: message(),
        }),
    }
}

impl Checker {
    fn at(&self, g: &Graph, part: Part) -> impl FnOnce(GraphError) -> VerifyError {
        let place = match part {
            Part::Node(i) => format!("{}, {}", self.place, describe(g, i)),
            _ => self.place.clone(),
        };
        let regions = self.regions.clone();
        move |kind| VerifyError {
            place,
            at: At { regions, part },
            kind: Box::new(kind),
        }
    }

    fn graph(&mut self, g: &Graph) -> Result<(), VerifyError> {
        let mut next = 0;
        for (i, node) in g.nodes.iter().enumerate() {
            table(g, i, node, &mut next).map_err(self.at(g, Part::Node(i)))?;
            self.regions_of(i, node)?;
            types(g, node).map_err(self.at(g, Part::Node(i)))?;
        }
        let total = ensure(next == g.values.len(), "G1", || {
            "values that no node defines".to_string()
        });
        total.map_err(self.at(g, Part::Graph))?;
        for i in 0..g.outputs.len() {
            output(g, i).map_err(self.at(g, Part::Output(i)))?;
        }
        self.inputs(g)
    }

    fn regions_of(&mut self, i: usize, node: &Node) -> Result<(), VerifyError> {
        for (key, value) in node.op.rules().attrs().list {
            let regions = match value {
                Attr::Region(g) => vec![g],
                Attr::Regions(list) => list,
                _ => continue,
            };
            for (position, region) in regions.iter().enumerate() {
                let outer = self.place.clone();
                let op = node.op.name();
                self.place = format!("{outer}, {key} {position} of {op} at node {i}");
                self.regions.push((i, key.clone(), position));
                self.graph(region)?;
                self.regions.pop();
                self.place = outer;
            }
        }
        Ok(())
    }

    fn inputs(&self, g: &Graph) -> Result<(), VerifyError> {
        let mut taken = BTreeSet::new();
        for (position, input) in g.inputs.iter().enumerate() {
            let node = g.values.get(input.value.0 as usize).map(|d| d.node);
            let part = node.map_or(Part::Graph, |id| Part::Node(id.0 as usize));
            let names = g.inputs[..position].iter().map(|i| &i.name);
            name(&input.name, "input", names).map_err(self.at(g, part))?;
            let own = node.is_some_and(|id| match &g.node(id).op {
                Op::Input(op) => op.index == position,
                _ => false,
            });
            ensure(own, "G7", || {
                format!("input {:?} is no input node of its position", input.name)
            })
            .map_err(self.at(g, part))?;
            if let Some(o) = input.donated {
                let region = !self.regions.is_empty();
                donation(g, position, o, region, &mut taken).map_err(self.at(g, part))?;
            }
        }
        let nodes = g.nodes.iter().filter(|n| matches!(n.op, Op::Input(_)));
        ensure(nodes.count() == g.inputs.len(), "G7", || {
            "the input nodes are not the inputs".to_string()
        })
        .map_err(self.at(g, Part::Graph))
    }
}

/// The value, op and layer of a node, as far as they exist.
fn describe(g: &Graph, i: usize) -> String {
    let node = &g.nodes[i];
    let value = node
        .results
        .first()
        .map_or(String::new(), |v| match &node.op {
            Op::Input(op) if op.index < g.inputs.len() => format!("%{} ", g.inputs[op.index].name),
            _ => format!("%{} ", v.0),
        });
    let layer = g.scopes.get(node.scope.0 as usize);
    let layer = layer.filter(|l| !l.is_empty());
    let layer = layer.map_or(String::new(), |l| format!(" in layer {l}"));
    format!("{value}({}){layer}", node.op.name())
}

/// G1 and G2 for one node; `next` is the id of its first result.
fn table(g: &Graph, i: usize, node: &Node, next: &mut usize) -> Check {
    let known = (node.scope.0 as usize) < g.scopes.len();
    ensure(known, "G1", || {
        format!("there is no scope {}", node.scope.0)
    })?;
    for v in &node.operands {
        let defined = (v.0 as usize) < *next;
        ensure(defined, "G2", || {
            format!("operand %{} is not defined before its use", v.0)
        })?;
    }
    for (index, v) in node.results.iter().enumerate() {
        let def = g.values.get(*next);
        let own = v.0 as usize == *next
            && def.is_some_and(|d| d.node.0 as usize == i && d.index == index);
        ensure(own, "G1", || format!("result %{} is out of order", v.0))?;
        *next += 1;
    }
    Ok(())
}

/// G3 for one node.
fn types(g: &Graph, node: &Node) -> Check {
    let op = node.op.name();
    let declared = g.types(&node.results);
    for ty in &declared {
        check::sized(op, ty.clone())?;
    }
    let inferred = node.op.rules().infer(&g.types(&node.operands))?;
    if inferred == declared {
        return Ok(());
    }
    let list = |types: &[Type]| match types {
        [ty] => ty.to_string(),
        _ => {
            let names: Vec<String> = types.iter().map(Type::to_string).collect();
            format!("({})", names.join(", "))
        }
    };
    Err(GraphError::Result {
        op,
        declared: list(&declared),
        inferred: list(&inferred),
    })
}

fn output(g: &Graph, i: usize) -> Check {
    let output = &g.outputs[i];
    let defined = (output.value.0 as usize) < g.values.len();
    ensure(defined, "G2", || {
        format!("output %{} is not defined", output.value.0)
    })?;
    let names = g.outputs[..i].iter().map(|o| &o.name);
    name(&output.name, "output", names)
}

/// G5 for a name and those before it.
fn name<'a>(name: &str, what: &str, mut before: impl Iterator<Item = &'a String>) -> Check {
    ensure(is_word(name), "G5", || {
        format!("{what} name {name:?} is not a letter or _, then letters, digits, _ and .")
    })?;
    ensure(!before.any(|n| n == name), "G5", || {
        format!("two {what}s are called {name}")
    })
}

/// G6 for one input; `taken` are the outputs that replace inputs before it.
fn donation(
    g: &Graph,
    input: usize,
    output: usize,
    region: bool,
    taken: &mut BTreeSet<usize>,
) -> Check {
    let name = &g.inputs[input].name;
    ensure(!region, "G4", || format!("a region donates {name}"))?;
    let Some(to) = g.outputs.get(output) else {
        return ensure(false, "G6", || {
            format!("{name} is donated to output {output}, which does not exist")
        });
    };
    let (from, to_type) = (g.ty(g.inputs[input].value), g.ty(to.value));
    ensure(from == to_type, "G6", || {
        format!("{name}: {from} is donated to output {}: {to_type}", to.name)
    })?;
    ensure(taken.insert(output), "G6", || {
        format!("two inputs are donated to output {}", to.name)
    })
}
