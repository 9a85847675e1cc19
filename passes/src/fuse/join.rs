//! Which group a pointwise node joins.

use super::{Class, Fuser, GroupKind, MAX_ROOTS};
use craneflow_ir::graph::NodeId;
use std::collections::BTreeSet;

impl Fuser<'_> {
    /// Groups that a pointwise node could join: those that compute, at the node's own index, a value
    /// it reads, latest first; then those that read a same-shaped stored value with it.
    pub(super) fn candidates(&self, id: NodeId) -> Vec<usize> {
        let shape = &self.g.ty(self.g.node(id).results[0]).shape;
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
        // Siblings: other readers of what this node reads (an optimizer's p, m and v).
        for n in std::iter::once(id).chain(seen.iter().copied()) {
            for &v in &self.g.node(n).operands {
                let readers = self.users[v.0 as usize].iter().filter(|u| u.0 < id.0);
                found.extend(readers.filter_map(|u| self.group[u.0 as usize]));
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }

    /// Whether a node can join group `k`: same iteration space, and nothing that the node reads has
    /// to wait for the group from outside.
    pub(super) fn joins(&self, id: NodeId, k: usize) -> bool {
        if !matches!(
            self.groups[k].kind,
            GroupKind::Loops | GroupKind::Contraction(_)
        ) {
            return false;
        }
        if self.groups[k].roots.len() >= MAX_ROOTS {
            return false;
        }
        let shape = &self.g.ty(self.g.node(id).results[0]).shape;
        if self.g.ty(self.groups[k].roots[0]).shape != *shape {
            return false;
        }
        // A value of the group that is read at another index than the group's own would be
        // read before it is complete.
        let mut outside = vec![];
        if !self.inputs_of(id, k, true, &mut outside, &mut BTreeSet::new()) {
            return false;
        }
        // The epilogue of a contraction does not wait for work that comes later than it started.
        let start = self.groups[k].members[0];
        let late = |&r: &usize| {
            matches!(self.groups[k].kind, GroupKind::Contraction(_))
                && self.groups[r].members[0] > start
        };
        !outside
            .iter()
            .any(|&r| r == k || late(&r) || self.reaches(r, k))
    }

    /// Collects the groups that computing `id` reads from; false when group `k` is read at an index that
    /// is not the node's own.
    pub(super) fn inputs_of(
        &self,
        id: NodeId,
        k: usize,
        identity: bool,
        outside: &mut Vec<usize>,
        seen: &mut BTreeSet<(NodeId, bool)>,
    ) -> bool {
        if !seen.insert((id, identity)) {
            return true;
        }
        let identity = identity && self.class(id) == Class::Pointwise;
        self.g.node(id).operands.iter().all(|&v| {
            let producer = self.node_of(v);
            match self.group[producer.0 as usize] {
                Some(r) if r == k => identity,
                Some(r) => {
                    outside.push(r);
                    true
                }
                None => self.inputs_of(producer, k, identity, outside, seen),
            }
        })
    }
}
