//! Row groups: a grid item is a row. The reductions go over it one after the other, and a last loop
//! stores what has an element for each of its own. What is costly and asked for by several of these
//! loops is kept in a tile as long as the row.

use super::{Elements, GraphLowering};
use crate::fuse::rows::{Level, Rows};
use crate::fuse::{Group, cost};
use craneflow_ir::graph::{NodeId, Value};
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, Buf, Kernel, LoopKind, Mem, Val};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Above this cost in additions and loads, an element is kept rather than computed again.
const KEEP: u32 = 4;

/// A row while it is walked.
pub(super) struct Walk {
    rows: Rows,
    /// The row's index.
    at: Vec<Index>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Results of reductions over the row.
    reduced: BTreeMap<Value, Val>,
    /// Values kept for every element of the row.
    tiles: BTreeMap<Value, Tile>,
}

struct Tile {
    mem: Mem,
    /// Whether a loop over the row has been through.
    full: bool,
    /// Whether the loop that is being written fills it.
    filling: bool,
}

impl Walk {
    /// An element that is known from earlier loops over the row.
    pub(super) fn known(&self, k: &mut KernelBuilder, v: Value, at: &[Index]) -> Option<Val> {
        let state = self.state.borrow();
        if let Some(&value) = state.reduced.get(&v) {
            return Some(value);
        }
        let tile = state.tiles.get(&v).filter(|t| t.full)?;
        Some(k.load(tile.mem, &self.place(at)))
    }

    /// Keeps an element for later loops over the row.
    pub(super) fn keep(&self, k: &mut KernelBuilder, v: Value, at: &[Index], value: Val) {
        if let Some(tile) = self.state.borrow_mut().tiles.get_mut(&v) {
            k.store(tile.mem, &self.place(at), value);
            tile.filling = true;
        }
    }

    /// Position in the row.
    fn place(&self, at: &[Index]) -> Index {
        Index::linear(&at[self.rows.rank..], &self.rows.shape[self.rows.rank..])
    }

    /// A loop over the row has ended.
    fn looped(&self) {
        for tile in self.state.borrow_mut().tiles.values_mut() {
            tile.full |= tile.filling;
        }
    }
}

impl GraphLowering<'_> {
    /// The kernel of a row group, and what it takes before the roots.
    pub(super) fn rows(&self, group: &Group) -> (Kernel, Vec<Buf>) {
        let g = self.g;
        let reductions: Vec<NodeId> = (group.members.iter().copied())
            .filter(|&id| {
                Rows::of(g, id).is_some() && self.buf[g.node(id).results[0].0 as usize].is_none()
            })
            .collect();
        let rows = Rows::of(g, reductions[0]).expect("a reduction over rows");
        let mut k = KernelBuilder::new(&self.name(group), rows.count());
        let at = k.grid().unravel(&rows.shape[..rows.rank]);
        let mut elements = self.elements();
        elements.declare_for(&mut k, &group.roots);
        let outs: Vec<Mem> = (group.roots.iter())
            .map(|&v| k.param(g.ty(v).dtype, g.ty(v).count(), Access::Write))
            .collect();
        let reduced: Vec<Value> = reductions.iter().map(|&id| g.node(id).results[0]).collect();
        let tiles = elements
            .kept(&rows, &reduced, &group.roots)
            .into_iter()
            .map(|v| {
                let mem = k.scratch(g.ty(v).dtype, rows.width());
                (
                    v,
                    Tile {
                        mem,
                        full: false,
                        filling: false,
                    },
                )
            });
        let state = State {
            reduced: BTreeMap::new(),
            tiles: tiles.collect(),
        };
        elements.walk = Some(Walk {
            rows,
            at,
            state: RefCell::new(state),
        });
        elements.walk_row(&mut k, &reduced, &group.roots, &outs);
        (k.finish(), elements.params.into_inner().bufs)
    }
}

impl Elements<'_, '_> {
    /// Writes the loops over one row.
    fn walk_row(&self, k: &mut KernelBuilder, reduced: &[Value], roots: &[Value], outs: &[Mem]) {
        let walk = self.walk.as_ref().expect("a walk");
        for &v in reduced {
            let value = self.element(k, v, &walk.at);
            walk.state.borrow_mut().reduced.insert(v, value);
            walk.looped();
        }
        let level = |v: Value| walk.rows.level(&self.graph().ty(v).shape);
        let (full, single): (Vec<_>, Vec<_>) = roots
            .iter()
            .copied()
            .zip(outs.iter().copied())
            .partition(|r| level(r.0) == Level::Full);
        for (v, mem) in single {
            let mut at = walk.at.clone();
            at.resize(self.graph().ty(v).rank(), Index::default());
            self.store_roots(k, &[v], &[mem], &at);
        }
        let (values, mems): (Vec<Value>, Vec<Mem>) = full.into_iter().unzip();
        if !values.is_empty() {
            k.nest(
                &walk.rows.shape[walk.rows.rank..],
                LoopKind::Lanes,
                &mut |k, inner| {
                    let at = [&walk.at, inner].concat();
                    self.store_roots(k, &values, &mems, &at);
                },
            );
        }
    }

    /// Values that several loops over the row ask for (one per reduction, and the last) and that cost more
    /// to compute than to keep.
    fn kept(&self, rows: &Rows, reduced: &[Value], roots: &[Value]) -> BTreeSet<Value> {
        let g = self.graph();
        let mut first: BTreeMap<Value, usize> = BTreeMap::new();
        let (mut kept, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
        for stage in 0..=reduced.len() {
            let mut seen = BTreeSet::new();
            let mut stack: Vec<(Value, Level)> = match reduced.get(stage) {
                Some(&v) => vec![(v, Level::Row)],
                None => roots
                    .iter()
                    .map(|&v| (v, rows.level(&g.ty(v).shape)))
                    .collect(),
            };
            while let Some((v, level)) = stack.pop() {
                let stored = self.lowering.buf[v.0 as usize].is_some();
                let done = reduced[..stage].contains(&v);
                if stored || done || !seen.insert((v, level)) {
                    continue;
                }
                if level == Level::Elsewhere {
                    elsewhere.insert(v);
                }
                let node = g.def(v);
                let again = level == Level::Full && *first.entry(v).or_insert(stage) < stage;
                if again && self.full_cost(rows, v, &mut BTreeSet::new()) > KEEP {
                    kept.insert(v);
                    continue;
                }
                let id = g.values[v.0 as usize].node;
                let asked = |(i, &x)| (x, rows.asks(g, id, i, level));
                stack.extend(node.operands.iter().enumerate().map(asked));
            }
        }
        &kept - &elsewhere
    }

    /// Cost of computing one element of `v`, of what has one for each element of the row.
    fn full_cost(&self, rows: &Rows, v: Value, seen: &mut BTreeSet<Value>) -> u32 {
        let g = self.graph();
        if !seen.insert(v) || rows.level(&g.ty(v).shape) != Level::Full {
            return 0;
        }
        if self.lowering.buf[v.0 as usize].is_some() {
            return 1;
        }
        let node = g.def(v);
        let operands = node.operands.iter();
        cost(&node.op)
            + operands
                .map(|&x| self.full_cost(rows, x, seen))
                .sum::<u32>()
    }
}
