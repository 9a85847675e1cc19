//! Which group a node joins that does not have to start one.

use super::{Class, Fuser, GroupKind, MAX_ROOTS, once};
use craneflow_ir::graph::{Graph, NodeId, Value};
use craneflow_ir::ops::Op;
use craneflow_ir::types::Shape;
use std::collections::BTreeSet;

/// Most nodes that a search for siblings looks at.
const FAR: usize = 64;

/// The shape of the loops that compute a root. `concatenate` of equal parts has an element of each part per
/// turn; all else has one of its own.
pub(crate) fn space(g: &Graph, root: Value) -> &Shape {
    let node = g.def(root);
    let first = node.operands.first().map(|&v| &g.ty(v).shape);
    let equal = |shape: &Shape| node.operands.iter().all(|&v| g.ty(v).shape == *shape);
    match (&node.op, first) {
        (Op::Concatenate(_), Some(part)) if equal(part) => part,
        _ => &g.ty(root).shape,
    }
}

impl Fuser<'_> {
    /// The shape of the loops that could compute a node.
    fn space(&self, id: NodeId) -> &Shape {
        space(self.g, self.g.node(id).results[0])
    }

    /// Whether a node is a `concatenate` of equal parts, which a group of loops over one part can store.
    pub(super) fn joins_parts(&self, id: NodeId) -> bool {
        *self.space(id) != self.g.ty(self.g.node(id).results[0]).shape
    }

    /// Groups that a node could join: those that compute, at the node's own index, a value
    /// it reads, latest first; then those that read a same-shaped stored value with it.
    pub(super) fn candidates(&self, id: NodeId) -> Vec<usize> {
        let shape = self.space(id);
        let mut found = vec![];
        let mut stack = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(n) = stack.pop() {
            for &v in &self.g.node(n).operands {
                let producer = self.node_of(v);
                if !seen.insert(producer) || self.g.ty(v).shape != *shape {
                    continue;
                }
                match self.group[producer.0 as usize] {
                    Some(k) => found.push(k),
                    None if self.class(producer) == Class::Pointwise => stack.push(producer),
                    None => {}
                }
            }
        }
        latest_first(&mut found);
        let mut siblings = self.siblings(id);
        latest_first(&mut siblings);
        found.extend(siblings);
        found
    }

    /// Earlier groups that read a stored value which this node reads too, each perhaps through what it
    /// computes on the way: an optimizer's p, m and v, the gates of a recurrent cell. Values smaller than
    /// the node's result do not count.
    fn siblings(&self, id: NodeId) -> Vec<usize> {
        let mut found = vec![];
        let least = self.space(id).count();
        let (mut up, mut down) = (vec![id], vec![]);
        let mut seen = BTreeSet::new();
        while let Some(n) = up.pop().filter(|_| seen.len() < FAR) {
            for &v in &self.g.node(n).operands {
                let producer = self.node_of(v);
                if self.g.ty(v).count() < least || !seen.insert(producer) {
                    continue;
                }
                match self.group[producer.0 as usize] {
                    None if self.class(producer) != Class::Source => up.push(producer),
                    _ => down.push(v),
                }
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(v) = down.pop().filter(|_| seen.len() < FAR) {
            for &u in self.users[v.0 as usize].iter().filter(|u| u.0 < id.0) {
                match self.group[u.0 as usize] {
                    Some(k) => found.push(k),
                    None if seen.insert(u) => down.extend(&self.g.node(u).results),
                    None => {}
                }
            }
        }
        found
    }

    /// Whether a node can join group `k`: same iteration space, and nothing that the node reads has
    /// to wait for the group from outside.
    pub(super) fn joins(&self, id: NodeId, k: usize) -> bool {
        let (open, follows) = match self.groups[k].kind {
            GroupKind::Loops | GroupKind::Contraction(_) => (true, false),
            GroupKind::Stores(id) => (once(self.g, id), true),
            _ => (false, false),
        };
        if !open {
            return false;
        }
        if self.groups[k].roots.len() >= MAX_ROOTS {
            return false;
        }
        let parts = self.class(id) == Class::Stores;
        if parts && self.groups[k].kind != GroupKind::Loops {
            return false;
        }
        if space(self.g, self.groups[k].roots[0]) != self.space(id) {
            return false;
        }
        // A value of the group that is read at another index than the group's own would be
        // read before it is complete.
        let mut reads = vec![];
        if !self.inputs_of(id, k, true, &mut reads, &mut BTreeSet::new()) {
            return false;
        }
        if follows && !reads.contains(&k) {
            return false;
        }
        // An epilogue does not wait for work that comes later than what it follows started, and a group not
        // for what comes after it, if the node reads nothing of it.
        let members = &self.groups[k].members;
        let start = match self.groups[k].kind {
            GroupKind::Contraction(_) | GroupKind::Stores(_) => Some(members[0]),
            _ if !reads.contains(&k) => members.last().copied(),
            _ => None,
        };
        let late = |r: usize| start.is_some_and(|start| self.groups[r].members[0] > start);
        let mut outside = reads.iter().filter(|&&r| r != k);
        !outside.any(|&r| late(r) || self.reaches(r, k))
    }

    /// Collects the groups that computing `id` reads from, `k` perhaps among them; false when group `k` is
    /// read at an index that is not the node's own.
    pub(super) fn inputs_of(
        &self,
        id: NodeId,
        k: usize,
        identity: bool,
        reads: &mut Vec<usize>,
        seen: &mut BTreeSet<(NodeId, bool)>,
    ) -> bool {
        if !seen.insert((id, identity)) {
            return true;
        }
        let own = self.class(id) == Class::Pointwise || self.joins_parts(id);
        let identity = identity && own;
        self.g.node(id).operands.iter().all(|&v| {
            let producer = self.node_of(v);
            match self.group[producer.0 as usize] {
                Some(r) => {
                    reads.push(r);
                    r != k || identity
                }
                None => self.inputs_of(producer, k, identity, reads, seen),
            }
        })
    }
}

fn latest_first(groups: &mut Vec<usize>) {
    groups.sort_unstable_by(|a, b| b.cmp(a));
    groups.dedup();
}
