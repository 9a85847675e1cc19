//! How a contraction is cut into register tiles and blocks.

use super::view::View;
use crate::Options;
use craneflow_ir::loops::index::Index;

/// Least multiply-adds of one grid item, to be worth a hand-over.
const LEAST_WORK: usize = 1 << 17;
/// Most multiply-adds of one grid item: with short k enough to use a panel of B well; with long k, where a
/// tile alone is much, many tiles share a block of the panel.
const MOST_WORK: (usize, usize) = (1 << 20, 1 << 26);
/// Most items that a contraction is cut into where its work allows.
const ITEMS: usize = 16;
/// Items for each thread, where k is long: few, for each reads a part of A and B again.
const SHARES: usize = 2;
/// Bytes of a panel of B as deep as a block of k: half of L1.
const PANEL: usize = 16 << 10;
/// Most bytes of B that tiles walk over again and again, along rows: a part of L2.
const NEAR: usize = 256 << 10;
/// What reading a panel costs when it is copied, in readings: its lines come from far and are not in a row.
const COPIED: usize = 4;
/// L1 as most processors have it: bytes of a line, sets, and lines in a set.
const LINE: usize = 64;
const SETS: usize = 64;
const WAYS: usize = 8;
/// Panels longer than this many blocks of k are walked block by block.
const WHOLE: usize = 4;
/// Most accumulators of a block that waits for the next block of k, in bytes: a part of L2.
const BLOCK: usize = 64 << 10;
/// Steps of k in a round of the innermost loop, where whole axes are that short.
const ROUND: usize = 16;

/// A function of the shape, the width of vectors and how many threads share it. The order of accumulation does
/// not depend on it.
#[derive(Clone, Debug)]
pub struct Blocking {
    /// Lanes of a vector.
    pub lanes: usize,
    /// Rows of the register tile.
    pub rows: usize,
    /// Columns of the register tile.
    pub width: usize,
    /// Register tiles of a block along m.
    pub row_tiles: usize,
    /// Register tiles of a block along n.
    pub column_tiles: usize,
    /// Whether a tile takes all of k at once.
    pub whole: bool,
    /// Whether tiles follow each other along rows rather than down columns.
    pub along_rows: bool,
}

/// What one grid item computes.
pub struct Item {
    /// Batch index.
    pub batch: Index,
    /// First row.
    pub row: Index,
    /// First column.
    pub column: Index,
}

impl Blocking {
    /// The blocking of a contraction of which B stays the same in so many turns of a loop.
    pub fn choose(view: &View, options: &Options, turns: usize) -> Blocking {
        let lanes = options.lanes(view.dtype);
        let (m, n, k) = (view.m.count(), view.n.count(), view.k.count());
        let (rows, vectors, lanes) = register_tile(m, view.shared().unwrap_or(m), n, lanes);
        let width = vectors * lanes;
        let size = view.dtype.size();
        let depth = (PANEL / (width * size)).max(16);
        let mut blocking = Blocking {
            lanes,
            rows,
            width,
            row_tiles: 1,
            column_tiles: 1,
            whole: k <= WHOLE * depth,
            along_rows: false,
        };
        let items = match blocking.whole {
            true => ITEMS,
            false => (SHARES * options.sharing).min(ITEMS),
        };
        match turns > 1 && blocking.by_rows(view, size, SHARES * options.sharing) {
            true => {}
            false => blocking.cut(view, size, items, turns),
        }
        blocking
    }

    /// Blocks of few rows and all columns, where B stays in L2: threads then take rows through all turns of a loop, each
    /// by itself. False where there are too few rows.
    fn by_rows(&mut self, view: &View, size: usize, items: usize) -> bool {
        let (m, n, k) = (view.m.count(), view.n.count(), view.k.count());
        let high = m / self.rows;
        let near = n * k * size <= NEAR && view.batch.count() == 1;
        if !near || high < 2 || !m.is_multiple_of(self.rows) {
            return false;
        }
        let even = (1..=items.min(high))
            .rev()
            .find(|&i| high.is_multiple_of(i));
        self.row_tiles = even.map_or(high, |items| high / items);
        self.column_tiles = n.div_ceil(self.width);
        true
    }

    /// Chooses the block: the least traffic per multiply-add among those of the right amount of work.
    fn cut(&mut self, view: &View, size: usize, items: usize, turns: usize) {
        let (m, n, k) = (view.m.count(), view.n.count(), view.k.count());
        let tile = (self.rows * self.width * k).max(1);
        let most = if self.whole { MOST_WORK.0 } else { MOST_WORK.1 };
        let work = (view.work() / items.max(1)).clamp(LEAST_WORK, most);
        let space = match self.whole {
            true => usize::MAX,
            false => BLOCK / (self.rows * self.width * size),
        };
        let tiles = (work / tile).min(space).max(1);
        let (high, wide) = (m.div_ceil(self.rows), n.div_ceil(self.width));
        // Blocks of columns are equal, so that only the last tile of a whole row can be ragged.
        let even =
            |t: &usize| wide.is_multiple_of(*t) && (n.is_multiple_of(t * self.width) || *t == wide);
        // So are blocks of rows, where rows are whole tiles: a ragged block tests each of its rows.
        let exact = m.is_multiple_of(self.rows);
        let block = |t: usize| {
            let most = (tiles / t).clamp(1, high);
            let even = (1..=most).rev().find(|&r| high.is_multiple_of(r));
            (t, even.filter(|_| exact).unwrap_or(most))
        };
        let copied = self.spread(view) && !self.whole && !view.needs_pack(self, turns);
        let panel = match copied {
            true => COPIED * self.width,
            false => self.width,
        };
        let traffic = |&(t, r): &(usize, usize)| {
            let per_work = (r * self.rows + t * panel) as f64 / (r * t) as f64;
            (per_work * 1024.0) as usize
        };
        let blocks = (1..=wide).filter(even).map(block);
        let fits = blocks.clone().filter(|&(t, r)| t * r <= tiles);
        let best = fits.min_by_key(traffic).or(blocks.min_by_key(|b| b.0));
        (self.column_tiles, self.row_tiles) = best.unwrap_or((wide, 1));
        // Along rows, what an epilogue reads and writes is in sequence, and comes before it is asked for.
        if self.whole && wide > 1 && wide <= tiles && n * k * size <= NEAR {
            (self.column_tiles, self.row_tiles) = block(wide);
            self.along_rows = true;
        }
    }

    /// Rows of a block.
    pub fn block_rows(&self) -> usize {
        self.rows * self.row_tiles
    }

    /// Columns of a block, those beyond n included.
    pub fn block_columns(&self) -> usize {
        self.width * self.column_tiles
    }

    fn counts(&self, view: &View) -> (usize, usize) {
        (
            view.m.count().div_ceil(self.block_rows()),
            view.n.count().div_ceil(self.block_columns()),
        )
    }

    /// Number of grid items.
    pub fn grid(&self, view: &View) -> usize {
        let (rows, columns) = self.counts(view);
        view.batch.count() * rows * columns
    }

    /// The block of a grid item. Threads take neighbouring items, so neighbours share what is larger: the rows
    /// of A, or the columns of B.
    pub fn item(&self, grid: &Index, view: &View) -> Item {
        let (rows, columns) = self.counts(view);
        let (m, n, k) = (view.m.count(), view.n.count(), view.k.count());
        let by_columns = n.saturating_mul(k) > m.saturating_mul(k.saturating_add(n));
        let (row, column) = match by_columns {
            true => (2, 1),
            false => (1, 2),
        };
        let parts = match by_columns {
            true => grid.unravel(&[view.batch.count(), columns, rows]),
            false => grid.unravel(&[view.batch.count(), rows, columns]),
        };
        Item {
            batch: parts[0].clone(),
            row: parts[row].mul(self.block_rows() as i64),
            column: parts[column].mul(self.block_columns() as i64),
        }
    }

    /// The extents of k around a block and those inside. A block is as deep as a panel of B may be, or up to
    /// twice as deep where the axes leave no other choice.
    pub fn depth(&self, view: &View) -> (Vec<usize>, Vec<usize>) {
        let extents = view.k.extents.clone();
        if self.whole {
            return (vec![], extents);
        }
        let panel = (PANEL / (self.width * view.dtype.size())).max(16);
        if let Some(Some(_)) = view.k.edges.last() {
            // The walk along a window with an edge is not cut.
            let (last, rest) = extents.split_last().expect("the axis of the edge");
            let (outer, mut inner) = part(rest, panel / last);
            inner.push(*last);
            return (outer, inner);
        }
        let good = |parts: &(Vec<usize>, Vec<usize>)| 2 * count(&parts.1) >= panel;
        let tight = part(&extents, panel + panel / 4);
        match good(&tight) {
            true => tight,
            false => part(&extents, 2 * panel),
        }
    }

    /// Whether each block of k of a panel of B is copied before it is used: its lines are spread over the
    /// cache so that they would displace each other, and enough rows use it.
    pub fn copies_panel(&self, view: &View) -> bool {
        !self.whole && self.lanes > 1 && self.spread(view) && self.row_tiles >= 8
    }

    /// Whether a panel of B as deep as all of k is copied before it is used: it fits L1, but its rows lie so
    /// that they would displace each other there, and enough rows of the result use it.
    pub fn copies_whole_panel(&self, view: &View) -> bool {
        let (size, depth) = (view.dtype.size(), view.k.count());
        let step = match view.k.extents.len() {
            1 => view
                .b_step(0)
                .map_or(0, |s| s.unsigned_abs() as usize * size),
            _ => 0,
        };
        let used = self.whole && self.lanes > 1 && !self.along_rows && self.row_tiles >= 8;
        if !used || step == 0 || !step.is_multiple_of(LINE) || depth * self.width * size > 2 * PANEL
        {
            return false;
        }
        let across = (self.width * size).div_ceil(LINE);
        let places = (1..=SETS).find(|n| (n * step / LINE).is_multiple_of(SETS));
        depth * across > places.map_or(SETS, |n| (n * across).min(SETS)) * WAYS
    }

    /// Whether the rows of a panel of B lie apart.
    fn spread(&self, view: &View) -> bool {
        let last = view.k.extents.len().checked_sub(1);
        let stride = last.and_then(|last| view.b_step(last));
        stride.is_some_and(|s| s.unsigned_abs() as usize > self.width)
    }
}

fn count(extents: &[usize]) -> usize {
    extents.iter().product()
}

/// Cuts axes into outer ones and inner ones of at most `most` together, of which there are as many as can be.
fn part(extents: &[usize], most: usize) -> (Vec<usize>, Vec<usize>) {
    let mut outer = extents.to_vec();
    let mut inner = vec![];
    while let Some(&last) = outer.last() {
        let room = most / count(&inner).max(1);
        if last <= room {
            inner.insert(0, last);
            outer.pop();
            continue;
        }
        if let Some(cut) = (2..=room).rev().find(|d| last.is_multiple_of(*d)) {
            inner.insert(0, cut);
            *outer.last_mut().expect("there is one") /= cut;
        }
        break;
    }
    (outer, inner)
}

/// Rows and vectors of the register tile, and lanes of a vector: eight accumulators, which hide the latency
/// of a multiply-add and leave room for B and A in 16 registers. Of `m` rows, a tile lies within `shared`
/// neighbours; where these are fewer than all, tiles divide them.
fn register_tile(m: usize, shared: usize, n: usize, lanes: usize) -> (usize, usize, usize) {
    let dividing = |most: usize| {
        let divides = |rows: &usize| shared == m || shared.is_multiple_of(*rows);
        (1..=most.min(m)).rev().find(divides).unwrap_or(1)
    };
    if n < 4 {
        return (dividing(8 / n), n, 1);
    }
    if lanes == 1 {
        return (dividing(2), 4, 1);
    }
    let fits = |v: &usize| n >= v * lanes && n.is_multiple_of(v * lanes);
    let vectors = match m {
        1 => [8, 4, 2].into_iter().find(fits).unwrap_or(2),
        2 => [4, 2].into_iter().find(fits).unwrap_or(2),
        _ if n <= lanes => 1,
        _ => 2,
    };
    // Rows that divide m, so that no row is tested or computed twice.
    let heights: &[usize] = match vectors {
        1 => &[8, 9, 10, 7, 6, 5, 4],
        2 => &[4, 5, 3],
        _ => &[],
    };
    let even = heights.iter().find(|&&rows| shared.is_multiple_of(rows));
    let rows = even.map_or_else(|| dividing(8 / vectors), |&rows| rows.min(m));
    (rows, vectors, lanes)
}

/// The loops around a round of the innermost loop, and the steps of that round: short axes are whole in
/// it, a long one in part. A loop is left, so that what a step loads does not leave it and fill registers;
/// the first `keep` are left in any case.
pub fn rounds(inner: &[usize], keep: usize) -> (Vec<usize>, usize) {
    let mut loops = inner.to_vec();
    let mut steps = 1;
    let repeated = |loops: &[usize]| loops.iter().product::<usize>() > 1;
    while loops.len() > keep
        && let Some((&last, rest)) = loops.split_last()
        && steps * last <= ROUND
        && repeated(rest)
    {
        steps *= last;
        loops.pop();
    }
    if loops.len() > keep
        && let Some((last, rest)) = loops.split_last_mut()
    {
        let most = ROUND / 2 / steps;
        let fits =
            |u: &usize| last.is_multiple_of(*u) && (*last > *u || u * steps <= 2 || repeated(rest));
        let part = (1..=most).rev().find(fits).unwrap_or(1);
        *last /= part;
        steps *= part;
    }
    (loops, steps)
}

#[cfg(test)]
mod tests {
    use super::{count, part, rounds};

    #[test]
    fn parts_cover_k_once() {
        for (extents, most) in [
            (&[64, 11, 11][..], 160),
            (&[32, 16, 16], 160),
            (&[7919], 160),
            (&[], 8),
            (&[2048], 160),
        ] {
            let (outer, inner) = part(extents, most);
            assert_eq!(count(&outer) * count(&inner), count(extents), "{extents:?}");
            assert!(count(&inner) <= most);
        }
        assert_eq!(part(&[32, 16, 16], 160), (vec![32, 2], vec![8, 16]));
    }

    #[test]
    fn rounds_cover_k_once() {
        for inner in [
            &[][..],
            &[1],
            &[2],
            &[3, 3],
            &[9],
            &[97],
            &[4, 64],
            &[11, 11],
            &[2, 5, 7],
        ] {
            let (loops, steps) = rounds(inner, 0);
            let count: usize = loops.iter().product();
            assert_eq!(count * steps, inner.iter().product::<usize>(), "{inner:?}");
            assert!(steps <= 16 && (count > 1 || steps <= 2), "{inner:?}");
        }
        assert_eq!(rounds(&[3, 3, 3], 2), (vec![3, 3], 3));
        assert_eq!(rounds(&[3, 3, 64], 2), (vec![3, 3, 8], 8));
    }
}
