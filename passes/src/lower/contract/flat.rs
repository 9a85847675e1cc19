//! Flat indices over several axes, and where they lie in memory.

use super::edge::Edge;
use craneflow_ir::loops::index::Index;

/// One of the flat indices b, m, n, k: its axes, outermost first.
#[derive(Clone, Debug, Default)]
pub struct Flat {
    /// Extent of each axis.
    pub extents: Vec<usize>,
    /// Step of each axis in A, in elements (0 where A does not have it).
    pub a: Vec<i64>,
    /// Step of each axis in B.
    pub b: Vec<i64>,
    /// Axis of the result and the step along it, for b, m and n.
    pub out: Vec<(usize, usize)>,
    /// For the axes of a window, where they may leave the input.
    pub edges: Vec<Option<Edge>>,
}

impl Flat {
    /// Number of values of the flat index.
    pub fn count(&self) -> usize {
        self.extents.iter().product()
    }

    /// Adds an innermost axis: its steps in A and B, and its place in the result.
    pub fn push(&mut self, extent: usize, a: i64, b: i64, out: (usize, usize)) {
        self.extents.push(extent);
        self.a.push(a);
        self.b.push(b);
        self.out.push(out);
        self.edges.push(None);
    }

    /// Puts the axes in this order of memory, outermost first; what is not contracted may have any order.
    pub fn sort(&mut self, steps: fn(&Flat) -> &Vec<i64>) {
        let mut order: Vec<usize> = (0..self.extents.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(steps(self)[i].abs()));
        let pick = |v: &[i64]| order.iter().map(|&i| v[i]).collect();
        self.a = pick(&self.a);
        self.b = pick(&self.b);
        self.out = order.iter().map(|&i| self.out[i]).collect();
        self.extents = order.iter().map(|&i| self.extents[i]).collect();
    }

    /// Makes one axis of neighbours that lie densely in A and in B. An axis with an edge stays.
    pub fn merge(&mut self) {
        let mut i = 1;
        while i < self.extents.len() {
            let extent = self.extents[i];
            let dense = |steps: &[i64]| steps[i - 1] == steps[i] * extent as i64;
            let free = |i: usize| self.edges[i].is_none();
            let trivial = |i: usize| self.extents[i] == 1 && free(i);
            let both = free(i - 1) && free(i) && dense(&self.a) && dense(&self.b);
            if !(trivial(i) || trivial(i - 1) || both) {
                i += 1;
                continue;
            }
            let (gone, left) = if trivial(i) { (i, i - 1) } else { (i - 1, i) };
            self.extents[left] *= self.extents[gone];
            self.extents.remove(gone);
            self.a.remove(gone);
            self.b.remove(gone);
            self.out.remove(gone);
            self.edges.remove(gone);
        }
    }

    /// The last axis with an edge.
    pub fn last_edge(&self) -> Option<usize> {
        self.edges.iter().rposition(Option::is_some)
    }

    /// Where the flat index is, by the step of each axis.
    pub fn address(&self, flat: &Index, steps: &[i64]) -> Index {
        let parts = flat.unravel(&self.extents);
        parts
            .iter()
            .zip(steps)
            .fold(Index::default(), |sum, (i, &s)| sum.add(&i.mul(s)))
    }

    /// The step of the flat index in A or B when it has one: axes nest densely.
    pub fn stride(&self, steps: &[i64]) -> Option<i64> {
        let mut inner = None;
        let mut size = 1;
        for (&extent, &step) in self.extents.iter().zip(steps).rev() {
            if extent == 1 {
                continue;
            }
            match inner {
                None => inner = Some(step),
                Some(unit) if step == unit * size => {}
                Some(_) => return None,
            }
            size *= extent as i64;
        }
        Some(inner.unwrap_or(0))
    }
}
