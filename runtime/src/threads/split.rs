//! How a grid is cut into chunks: by its size and the thread budget alone.

use super::MAX_THREADS;

/// Chunks per participant: enough for the others to take over from a thread that was delayed.
const CHUNKS_EACH: usize = 4;

/// How a grid is cut: `grid` items into `chunks` ranges, the ranges into one run per worker.
#[derive(Clone, Copy)]
pub struct Split {
    pub grid: usize,
    pub chunks: usize,
    pub workers: usize,
}

impl Split {
    pub fn new(grid: usize, budget: usize) -> Split {
        let workers = budget.clamp(1, MAX_THREADS).min(grid);
        let chunks = if workers <= 1 {
            workers
        } else {
            grid.min(workers * CHUNKS_EACH)
        };
        Split {
            grid,
            chunks,
            workers,
        }
    }

    /// The items of a chunk, as start and end.
    pub fn items(&self, chunk: usize) -> (usize, usize) {
        part(self.grid, self.chunks, chunk)
    }

    /// The chunks that belong to a slot, as start and end.
    pub fn owned(&self, slot: usize) -> (usize, usize) {
        part(self.chunks, self.workers, slot)
    }
}

/// Part `i` of `total` things cut into `parts` runs whose lengths differ by at most one, the longer ones first.
pub fn part(total: usize, parts: usize, i: usize) -> (usize, usize) {
    let (each, rest) = (total / parts, total % parts);
    let start = i * each + i.min(rest);
    (start, start + each + usize::from(i < rest))
}
