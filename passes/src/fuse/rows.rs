//! Row groups: a chain of kernels whose reductions run over the same rows becomes one kernel, so that a
//! row is read from memory once and what is between the reductions stays in the cache (softmax, norms
//! over the last axis, cross-entropy, and their gradients).

use super::{Class, Fuser, GroupKind, MAX_ROOTS};
use craneflow_ir::graph::{Graph, NodeId, Value};
use craneflow_ir::ops::Op;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::types::Shape;
use std::collections::BTreeSet;

/// Elements of the shortest row that is worth a loop of its own.
const SHORT: usize = 16;
/// Elements of the longest row.
const LONG: usize = 1 << 16;
/// Fewer rows than this leave threads without work.
const FEW: usize = 8;
/// Up to this many elements one thread does all anyway.
const SMALL: usize = 1 << 13;

/// The space of a row group: one row for each index of the first `rank` axes of `shape`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    /// Shape of what is reduced.
    pub shape: Shape,
    /// How many of its axes count rows; the others are reduced.
    pub rank: usize,
}

/// Where a walk over rows asks for an element.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Every element of the row, at the walk's own index.
    Full,
    /// The one element that belongs to the row.
    Row,
    /// Anywhere.
    Elsewhere,
}

impl Rows {
    /// The rows that a node reduces: one operand, a named reducer, the last axes.
    pub fn of(g: &Graph, id: NodeId) -> Option<Rows> {
        let node = g.node(id);
        let Op::Reduce(r) = &node.op else {
            return None;
        };
        let shape = g.ty(node.operands[0]).shape.clone();
        let rank = shape.rank() - r.axes.len();
        let last = r.axes.iter().copied().eq(rank..shape.rank());
        let named = !matches!(r.kind, Reducer::Body(_));
        (last && named && shape.count() > 0).then_some(Rows { shape, rank })
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.shape[..self.rank].iter().product()
    }

    /// Elements of a row.
    pub fn width(&self) -> usize {
        self.shape[self.rank..].iter().product()
    }

    /// The level of a value of this shape that the walk stores: all of a row, or one element for it.
    pub fn level(&self, shape: &[usize]) -> Level {
        if *shape == self.shape[..] {
            return Level::Full;
        }
        let of_row = shape.len() >= self.rank
            && shape[..self.rank] == self.shape[..self.rank]
            && shape[self.rank..].iter().all(|&d| d == 1);
        if of_row { Level::Row } else { Level::Elsewhere }
    }

    /// Where computing an element of `id` at `level` asks for the operand at position `i`.
    pub fn asks(&self, g: &Graph, id: NodeId, i: usize, level: Level) -> Level {
        let node = g.node(id);
        let own = self.level(&g.ty(node.operands[i]).shape);
        let kept = match (&node.op, level) {
            (_, Level::Elsewhere) => false,
            (Op::Pointwise(_), _) => own == level,
            (Op::Reduce(_), Level::Row) => Rows::of(g, id).as_ref() == Some(self),
            (Op::Reshape(_), Level::Row) => own == Level::Row,
            (Op::BroadcastInDim(b), _) => {
                own == Level::Row && b.axes.iter().copied().eq(0..b.axes.len())
            }
            _ => false,
        };
        if kept { own } else { Level::Elsewhere }
    }

    /// Whether walking these rows in one kernel pays.
    fn pays(&self) -> bool {
        let work = self.count() >= FEW || self.shape.count() <= SMALL;
        (SHORT..=LONG).contains(&self.width()) && work
    }
}

impl Fuser<'_> {
    /// Merges groups with the groups they read from where both walk the same rows.
    pub(super) fn merge_rows(&mut self) {
        for k in self.order() {
            while let Some(a) = self.reads_rows_of(k) {
                self.merge(a, k);
            }
        }
    }

    /// The latest group that `k` reads from and can be merged with.
    fn reads_rows_of(&self, k: usize) -> Option<usize> {
        let from: BTreeSet<usize> = self.reads[k].iter().copied().collect();
        from.into_iter().rev().find(|&a| self.share_rows(a, k))
    }

    /// Whether group `k` can take over group `a`, which it reads from.
    fn share_rows(&self, a: usize, k: usize) -> bool {
        let plain = |k: usize| matches!(self.groups[k].kind, GroupKind::Loops | GroupKind::Rows);
        let number = self.groups[a].roots.len() + self.groups[k].roots.len();
        if a == k || !plain(a) || !plain(k) || number > MAX_ROOTS {
            return false;
        }
        let Some(rows) = self.common_rows(a, k) else {
            return false;
        };
        let detour = |&r: &usize| r != a && r != k && self.reaches(r, a);
        rows.pays() && self.local(&rows, a, k) && !self.reads[k].iter().any(detour)
    }

    /// The rows that all reductions of two groups walk; `None` when there are no reductions, or others.
    fn common_rows(&self, a: usize, k: usize) -> Option<Rows> {
        let mut found = None;
        for &id in [a, k].iter().flat_map(|&k| &self.groups[k].members) {
            if self.class(id) != Class::Reduction {
                continue;
            }
            let rows = Rows::of(self.g, id)?;
            if found.get_or_insert_with(|| rows.clone()) != &rows {
                return None;
            }
        }
        found
    }

    /// Whether each row of the results of `a` and `k` needs nothing of them but the same row.
    fn local(&self, rows: &Rows, a: usize, k: usize) -> bool {
        let mut stack: Vec<(NodeId, Level)> = vec![];
        for &v in [a, k].iter().flat_map(|&k| &self.groups[k].roots) {
            let shape = &self.g.ty(v).shape;
            if super::join::space(self.g, v) != shape {
                return false;
            }
            match rows.level(shape) {
                Level::Elsewhere => return false,
                level => stack.push((self.node_of(v), level)),
            }
        }
        let mut seen = BTreeSet::new();
        while let Some((id, level)) = stack.pop() {
            if !seen.insert((id, level)) {
                continue;
            }
            for (i, &v) in self.g.node(id).operands.iter().enumerate() {
                let (producer, asked) = (self.node_of(v), rows.asks(self.g, id, i, level));
                match self.group[producer.0 as usize] {
                    Some(r) if r == a || r == k => {
                        if asked == Level::Elsewhere {
                            return false;
                        }
                    }
                    Some(_) => {}
                    None => stack.push((producer, asked)),
                }
            }
        }
        true
    }

    /// Group `k` takes over everything of `a`.
    fn merge(&mut self, a: usize, k: usize) {
        let taken = std::mem::replace(
            &mut self.groups[a],
            super::Group {
                kind: GroupKind::Loops,
                roots: vec![],
                members: vec![],
            },
        );
        for &id in &taken.members {
            self.group[id.0 as usize] = Some(k);
        }
        let reads = std::mem::take(&mut self.reads[a]);
        self.reads[k].extend(reads);
        self.light[k] &= self.light[a];
        for reads in &mut self.reads {
            for r in reads.iter_mut().filter(|r| **r == a) {
                *r = k;
            }
        }
        self.reads[k].retain(|&r| r != k);
        let group = &mut self.groups[k];
        group.kind = GroupKind::Rows;
        group.members.splice(0..0, taken.members);
        group.roots.splice(0..0, taken.roots);
        let by_place = |v: &Value| v.0;
        group.members.sort_unstable();
        group.roots.sort_unstable_by_key(by_place);
    }
}
