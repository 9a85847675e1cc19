//! Chooses groups of nodes that become one kernel each.
//!
//! A group has one iteration space, the shape of its roots. Everything else in it is computed on the
//! way, at the place where a root asks for it. Rules:
//! - An op that costs a loop per element (`Reduction`, `Contraction`) or that writes its results itself
//!   (`Stores`) starts a group.
//! - A pointwise op joins the group that computes one of its operands, so it becomes the epilogue of a
//!   reduction, a contraction or what hands over each element once; it may not wait for anything that itself
//!   waits for the group.
//! - Pointwise ops, slices and `concatenate` of equal parts join a group that reads what they read.
//! - A cheap op is never stored just because several groups read it: each computes it again.
//! - Groups that walk the same rows become one (`rows`).

mod join;
mod order;
pub mod rows;

pub(crate) use join::space;

use craneflow_ir::Pointwise;
use craneflow_ir::graph::{Graph, NodeId, Value};
use craneflow_ir::ops::{Lowering, Op};
use std::collections::BTreeSet;

/// What kind of kernel a group becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupKind {
    /// Loops over the shape of the roots; may contain reductions at the root's own index.
    Loops,
    /// Rows, one after the other: reductions over them and what is elementwise between and after.
    Rows,
    /// A `dot_general` or `convolution` with an epilogue.
    Contraction(NodeId),
    /// An op that writes its results itself, with an epilogue where it writes each element once.
    Stores(NodeId),
    /// `while` or `case`.
    Control(NodeId),
    /// An op the reference interpreter evaluates.
    Interpret(NodeId),
}

/// Nodes that are computed by one kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Kind of kernel.
    pub kind: GroupKind,
    /// Values the group stores.
    pub roots: Vec<Value>,
    /// Nodes whose values exist only inside the group or are its roots, in graph order.
    pub members: Vec<NodeId>,
}

/// The partition of a graph.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// Groups in an order in which they can run.
    pub groups: Vec<Group>,
}

/// Above this estimated cost a value with several readers is stored rather than computed again.
const RECOMPUTE_LIMIT: u32 = 6;
/// Most results of one group.
const MAX_ROOTS: usize = 12;

/// How an op takes part in fusion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// Inputs and constants: no work.
    Source,
    /// One element from one element at the same index.
    Pointwise,
    /// One element from elements elsewhere (broadcast, transpose, slice, ...).
    Moves,
    Reduction,
    Contraction,
    Stores,
    Control,
    Interpret,
}

fn class(g: &Graph, id: NodeId) -> Class {
    let node = g.node(id);
    match node.op.rules().lower(&g.types(&node.operands)) {
        Lowering::Input | Lowering::Constant => Class::Source,
        Lowering::Element(_) if matches!(node.op, Op::Pointwise(_)) => Class::Pointwise,
        Lowering::Element(_) => Class::Moves,
        Lowering::Reduction(_) => Class::Reduction,
        Lowering::Contraction(_) => Class::Contraction,
        Lowering::Stores(_) | Lowering::Once(_) => Class::Stores,
        Lowering::Control => Class::Control,
        Lowering::Interpret => Class::Interpret,
    }
}

/// Whether an op writes each element of its result once, so that an epilogue can follow.
fn once(g: &Graph, id: NodeId) -> bool {
    let node = g.node(id);
    let lowering = node.op.rules().lower(&g.types(&node.operands));
    matches!(lowering, Lowering::Once(_))
}

/// Rough cost of one element in additions.
pub(crate) fn cost(op: &Op) -> u32 {
    use Pointwise::*;
    match op {
        Op::Pointwise(p) => match p {
            Exp | Expm1 | Log | Log1p | Tanh | Logistic | Sine | Cosine | Tan | Erf | Cbrt
            | Power | Atan2 | Remainder => 12,
            Divide | Sqrt | Rsqrt => 4,
            // Two comparisons: a NaN stays one.
            Maximum | Minimum => 2,
            _ => 1,
        },
        Op::Gather(_) | Op::DynamicSlice(_) | Op::Pad(_) => 3,
        _ => 0,
    }
}

struct Fuser<'g> {
    g: &'g Graph,
    class: Vec<Class>,
    /// Users of each value: nodes, in order.
    users: Vec<Vec<NodeId>>,
    is_output: Vec<bool>,
    /// Cost of computing one element of a node with everything that is not stored.
    cost: Vec<u32>,
    /// The group of a stored node.
    group: Vec<Option<usize>>,
    groups: Vec<Group>,
    /// Groups that a group reads from, directly.
    reads: Vec<Vec<usize>>,
    /// Whether a group computes scalars from inputs and other such scalars alone.
    light: Vec<bool>,
}

/// Partitions a graph into groups.
pub fn fuse(g: &Graph) -> Groups {
    let mut users = vec![vec![]; g.values.len()];
    for id in g.node_ids() {
        for v in &g.node(id).operands {
            users[v.0 as usize].push(id);
        }
    }
    let mut is_output = vec![false; g.values.len()];
    g.outputs
        .iter()
        .for_each(|o| is_output[o.value.0 as usize] = true);
    let n = g.nodes.len();
    let class = g.node_ids().map(|id| class(g, id)).collect();
    let mut fuser = Fuser {
        g,
        class,
        users,
        is_output,
        cost: vec![0; n],
        group: vec![None; n],
        groups: vec![],
        reads: vec![],
        light: vec![],
    };
    for id in g.node_ids() {
        fuser.place(id);
    }
    fuser.merge_rows();
    fuser.finish()
}

impl Fuser<'_> {
    fn class(&self, id: NodeId) -> Class {
        self.class[id.0 as usize]
    }

    fn node_of(&self, v: Value) -> NodeId {
        self.g.values[v.0 as usize].node
    }

    /// Decides whether a node is stored, and in which group.
    fn place(&mut self, id: NodeId) {
        let class = self.class(id);
        let node = self.g.node(id);
        if class == Class::Source {
            return;
        }
        let inherited: u32 = node.operands.iter().map(|&v| self.inline_cost(v)).sum();
        self.cost[id.0 as usize] = (inherited + cost(&node.op)).min(1 << 20);
        match class {
            Class::Pointwise | Class::Moves if !self.must_store(id) => {}
            Class::Pointwise => self.join_or(id, GroupKind::Loops),
            Class::Moves if matches!(node.op, Op::Slice(_)) => self.join_or(id, GroupKind::Loops),
            Class::Moves | Class::Reduction => self.open_with(GroupKind::Loops, id),
            Class::Contraction => self.open_with(GroupKind::Contraction(id), id),
            Class::Stores if self.joins_parts(id) => self.join_or(id, GroupKind::Stores(id)),
            Class::Stores => self.open_with(GroupKind::Stores(id), id),
            Class::Control => self.open_with(GroupKind::Control(id), id),
            Class::Interpret => self.open_with(GroupKind::Interpret(id), id),
            Class::Source => unreachable!("handled above"),
        }
    }

    /// Adds a node to a group that computes what it reads, or reads what it reads; else to one of its own.
    fn join_or(&mut self, id: NodeId, kind: GroupKind) {
        let mut found = self.candidates(id).into_iter();
        let k = found.find(|&k| self.joins(id, k));
        let k = k.unwrap_or_else(|| self.open(kind));
        self.add(k, id);
    }

    fn inline_cost(&self, v: Value) -> u32 {
        let id = self.node_of(v);
        if self.group[id.0 as usize].is_some() {
            0
        } else {
            self.cost[id.0 as usize]
        }
    }

    /// Whether an element op must be stored: a result, read by something that needs memory, or too
    /// costly to compute again for several readers.
    fn must_store(&self, id: NodeId) -> bool {
        let node = self.g.node(id);
        let v = node.results[0];
        let users = &self.users[v.0 as usize];
        // A reshape of something stored is another view of the same buffer.
        if matches!(node.op, Op::Reshape(_)) && self.is_stored(node.operands[0]) {
            return self.is_output[v.0 as usize];
        }
        // A loop that starts with one number everywhere fills its own buffer, if it reads it at all.
        let splat = self.is_splat(v);
        let wants = |&u: &NodeId| {
            let fills = splat && self.class(u) == Class::Control;
            !fills && self.needs_memory(u, self.cost[id.0 as usize])
        };
        if self.is_output[v.0 as usize] || users.iter().any(wants) {
            return true;
        }
        // An epilogue must be stored with its reduction or contraction, which is not computed twice; a
        // pointwise user of the same shape can follow it into the group, so only the last is stored.
        let distinct = users
            .iter()
            .filter(|u| self.class(**u) != Class::Source)
            .count();
        let grows = users.iter().any(|&u| {
            let once = matches!(self.g.node(u).op, Op::Pad(_));
            self.class(u) == Class::Moves
                && !once
                && self.g.ty(self.g.node(u).results[0]).count() > self.g.ty(v).count()
        });
        let total = self.cost[id.0 as usize];
        (distinct > 1 || grows) && total > RECOMPUTE_LIMIT
    }

    fn is_splat(&self, v: Value) -> bool {
        let node = self.g.def(v);
        match node.op {
            Op::Constant(_) => true,
            Op::BroadcastInDim(_) => self.is_splat(node.operands[0]),
            _ => false,
        }
    }

    /// Whether a value has a buffer: an input, a constant tensor, a root, or a view of one.
    fn is_stored(&self, v: Value) -> bool {
        let id = self.node_of(v);
        match &self.g.node(id).op {
            Op::Constant(c) => c.value.splat_value().is_none(),
            Op::Reshape(_) => {
                self.group[id.0 as usize].is_some() || self.is_stored(self.g.node(id).operands[0])
            }
            _ => self.class(id) == Class::Source || self.group[id.0 as usize].is_some(),
        }
    }

    /// Whether a user reads an operand of this cost from memory.
    fn needs_memory(&self, user: NodeId, cost: u32) -> bool {
        let node = self.g.node(user);
        match self.class(user) {
            Class::Contraction | Class::Control | Class::Interpret => true,
            Class::Stores => cost > RECOMPUTE_LIMIT,
            Class::Reduction => matches!(node.op, Op::ReduceWindow(_)) && cost > 2,
            _ if matches!(node.op, Op::Reshape(_)) => self.users[node.results[0].0 as usize]
                .iter()
                .any(|&u| self.needs_memory(u, cost)),
            _ => false,
        }
    }

    fn open(&mut self, kind: GroupKind) -> usize {
        self.groups.push(Group {
            kind,
            roots: vec![],
            members: vec![],
        });
        self.reads.push(vec![]);
        self.light.push(true);
        self.groups.len() - 1
    }

    fn open_with(&mut self, kind: GroupKind, id: NodeId) {
        let k = self.open(kind);
        self.add(k, id);
    }

    fn add(&mut self, k: usize, id: NodeId) {
        let mut outside = vec![];
        self.inputs_of(id, k, true, &mut outside, &mut BTreeSet::new());
        outside.retain(|&r| r != k);
        outside.sort_unstable();
        outside.dedup();
        let results = &self.g.node(id).results;
        let scalar = results.iter().all(|&v| self.g.ty(v).count() <= 1);
        self.light[k] &= scalar && outside.iter().all(|&r| self.light[r]);
        self.reads[k].extend(outside);
        self.group[id.0 as usize] = Some(k);
        self.groups[k].members.push(id);
        self.groups[k].roots.extend(&self.g.node(id).results);
    }

    /// Drops roots nobody outside their group reads, adds inlined members, and orders the groups.
    fn finish(mut self) -> Groups {
        let order = self.order();
        for k in 0..self.groups.len() {
            let inlined = self.inlined(k);
            let keep: Vec<Value> = match self.groups[k].kind {
                GroupKind::Stores(id) if !once(self.g, id) => self.groups[k].roots.clone(),
                GroupKind::Loops
                | GroupKind::Rows
                | GroupKind::Contraction(_)
                | GroupKind::Stores(_) => {
                    let roots = self.groups[k].roots.iter().copied();
                    roots.filter(|&v| self.read_outside(v, k)).collect()
                }
                _ => self.groups[k].roots.clone(),
            };
            let group = &mut self.groups[k];
            group.roots = keep;
            group.members.extend(inlined);
            group.members.sort_unstable();
            group.members.dedup();
        }
        Groups {
            groups: order
                .into_iter()
                .map(|k| self.groups[k].clone())
                .filter(|g| !g.roots.is_empty())
                .collect(),
        }
    }

    /// Whether a value is a result, or read by a group other than `k` or at another index.
    fn read_outside(&self, v: Value, k: usize) -> bool {
        if self.is_output[v.0 as usize] {
            return true;
        }
        let mut stack: Vec<NodeId> = self.users[v.0 as usize].clone();
        let mut seen = BTreeSet::new();
        while let Some(u) = stack.pop() {
            if !seen.insert(u) {
                continue;
            }
            match self.group[u.0 as usize] {
                Some(r) if r == k => {}
                Some(_) => return true,
                None => stack.extend(
                    self.g
                        .node(u)
                        .results
                        .iter()
                        .flat_map(|r| &self.users[r.0 as usize]),
                ),
            }
        }
        false
    }

    fn inlined(&self, k: usize) -> Vec<NodeId> {
        let mut out = vec![];
        let mut stack: Vec<NodeId> = self.groups[k].members.clone();
        let mut seen: BTreeSet<NodeId> = stack.iter().copied().collect();
        while let Some(id) = stack.pop() {
            for &v in &self.g.node(id).operands {
                let producer = self.node_of(v);
                let here = self.group[producer.0 as usize].is_none()
                    && self.class(producer) != Class::Source;
                if here && seen.insert(producer) {
                    out.push(producer);
                    stack.push(producer);
                }
            }
        }
        out
    }
}
