//! The order in which groups run.

use super::{Fuser, GroupKind};
use std::collections::BTreeSet;

impl Fuser<'_> {
    /// An order in which every group comes after all it reads. Groups that nobody waits for, and scalars
    /// known from the start, run as soon as they can: what they read is still in the cache and its memory
    /// is free after them. The others keep to the order of the graph.
    pub(super) fn order(&self) -> Vec<usize> {
        let n = self.groups.len();
        let before = self.before();
        let mut pending = vec![0; n];
        let mut after = vec![vec![]; n];
        for (k, before) in before.iter().enumerate() {
            pending[k] = before.len();
            before.iter().for_each(|&r| after[r].push(k));
        }
        let mut awaited = vec![false; n];
        self.reads.iter().flatten().for_each(|&r| awaited[r] = true);
        let key = |k: usize| {
            let at_once = !awaited[k] || self.light[k];
            // A contraction comes where it is in the graph, not where its epilogue is: the gradient of a
            // weight is computed while what it is made of is in the cache.
            let members = &self.groups[k].members;
            let place = match self.groups[k].kind {
                GroupKind::Contraction(id) => Some(id),
                _ => members.last().copied(),
            };
            (!at_once, place, k)
        };
        let mut ready: BTreeSet<_> = (0..n).filter(|&k| pending[k] == 0).map(key).collect();
        let mut order = vec![];
        while let Some((_, _, k)) = ready.pop_first() {
            order.push(k);
            for &r in &after[k] {
                pending[r] -= 1;
                if pending[r] == 0 {
                    ready.insert(key(r));
                }
            }
        }
        assert_eq!(order.len(), n, "fusion made a cycle of groups");
        order
    }

    /// The groups that must come before each: those it reads and, as far as possible, those that read an
    /// input that it replaces.
    fn before(&self) -> Vec<BTreeSet<usize>> {
        let reads = self.reads.iter().enumerate();
        let mut before: Vec<BTreeSet<usize>> = reads
            .map(|(k, reads)| reads.iter().copied().filter(|&r| r != k).collect())
            .collect();
        for input in &self.g.inputs {
            let Some(output) = input.donated else {
                continue;
            };
            let by = self.node_of(self.g.outputs[output].value);
            let Some(k) = self.group[by.0 as usize] else {
                continue;
            };
            for r in self.readers(input.value) {
                if r != k && !waits(&before, r, k) {
                    before[k].insert(r);
                }
            }
        }
        before
    }

    /// The groups that read a value, directly or through what they compute on the way.
    fn readers(&self, v: craneflow_ir::Value) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut stack = self.users[v.0 as usize].clone();
        while let Some(u) = stack.pop() {
            if !seen.insert(u) {
                continue;
            }
            match self.group[u.0 as usize] {
                Some(k) => drop(found.insert(k)),
                None => {
                    let results = &self.g.node(u).results;
                    stack.extend(results.iter().flat_map(|r| &self.users[r.0 as usize]));
                }
            }
        }
        found
    }

    /// Whether group `from` (transitively) reads group `to`.
    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        reach(from, to, self.groups.len(), |k| {
            self.reads[k].iter().copied()
        })
    }
}

/// Whether `from` waits for `to`.
fn waits(before: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    reach(from, to, before.len(), |k| before[k].iter().copied())
}

/// Whether a walk along `next` from `from` meets `to`.
fn reach<I: Iterator<Item = usize>>(
    from: usize,
    to: usize,
    n: usize,
    next: impl Fn(usize) -> I,
) -> bool {
    let mut stack = vec![from];
    let mut seen = vec![false; n];
    while let Some(k) = stack.pop() {
        if k == to {
            return true;
        }
        if !std::mem::replace(&mut seen[k], true) {
            stack.extend(next(k));
        }
    }
    false
}
