//! Which buffers a kernel may write over buffers that it reads.

use craneflow_ir::loops::{Access, Affine, GRID, Inst, Kernel, Loop, Mem, Stmt};

/// Whether parameter `to` of a kernel may be the same memory as parameter `from`, which has as many bytes: whether each element
/// of `from` is loaded before the kernel overwrites it, by the grid item that does.
///
/// Each load is followed, in the same run of its own block, by a store to its index. No element is stored twice: the kernel stores
/// all of them, and no more often than there are elements. So the store after a load is the only one to that index.
pub fn replaces(k: &Kernel, from: usize, to: usize) -> bool {
    let (x, y) = (&k.params[from], &k.params[to]);
    let alike = x.dtype == y.dtype && x.len == y.len;
    if !alike || x.access != Access::Read || y.access != Access::Write {
        return false;
    }
    let mut search = Search {
        k,
        from: Mem::Param(from as u32),
        to: Mem::Param(to as u32),
        stored: 0,
    };
    search.block(&k.prologue, 1)
        && search.block(&k.body, k.loops[GRID.0 as usize].extent)
        && search.block(&k.epilogue, 1)
        && search.stored == y.len
}

struct Search<'a> {
    k: &'a Kernel,
    from: Mem,
    to: Mem,
    /// Elements of `to` that are stored, each time they are.
    stored: usize,
}

impl Search<'_> {
    /// Goes through a block that runs this many times; false where a load is not followed by its store.
    fn block(&mut self, block: &[Stmt], times: usize) -> bool {
        block.iter().enumerate().all(|(i, stmt)| match stmt {
            Stmt::Let(v) => match &self.k.val(*v).inst {
                Inst::Load(m, at) if *m == self.from => {
                    self.stored_later(&block[i + 1..], at, self.k.val(*v).vector)
                }
                Inst::Gather(m, ..) => *m != self.from,
                _ => true,
            },
            Stmt::Store(m, _, v) => {
                if *m == self.to {
                    let lanes = if self.k.val(*v).vector {
                        self.k.lanes
                    } else {
                        1
                    };
                    self.stored = self.stored.saturating_add(times.saturating_mul(lanes));
                }
                true
            }
            Stmt::For(Loop(l), body) => {
                let turns = self.k.loops[*l as usize].extent;
                self.block(body, times.saturating_mul(turns))
            }
            Stmt::If(_, a, b) => self.block(a, times) && self.block(b, times),
            Stmt::Set(..) => true,
        })
    }

    fn stored_later(&self, rest: &[Stmt], from: &Affine, vector: bool) -> bool {
        rest.iter().any(|s| match s {
            Stmt::Store(m, at, v) => *m == self.to && at == from && self.k.val(*v).vector == vector,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use craneflow_ir::loops::LoopKind;
    use craneflow_ir::loops::build::KernelBuilder;
    use craneflow_ir::loops::index::Index;
    use craneflow_ir::{DType, Emit, Native};

    /// A kernel over 4 by 8 elements that stores, at each, the sum of those that `read` tells the indices of.
    fn kernel(read: impl Fn(&Index, &Index) -> Vec<Index>) -> Kernel {
        let mut k = KernelBuilder::new("k", 4);
        let x = k.param(DType::F32, 32, Access::Read);
        let y = k.param(DType::F32, 32, Access::Write);
        let row = k.grid();
        k.each(8, LoopKind::Lanes, |k, j| {
            let mut values = read(&row, &j)
                .into_iter()
                .map(|at| k.load(x, &at))
                .collect::<Vec<_>>();
            let first = values.remove(0);
            let sum = (values.into_iter()).fold(first, |a, b| k.native(Native::Add, &[a, b]));
            k.store(y, &row.mul(8).add(&j), sum);
        });
        k.finish()
    }

    #[test]
    fn what_is_read_where_it_is_written_may_be_replaced() {
        assert!(replaces(&kernel(|i, j| vec![i.mul(8).add(j)]), 0, 1));
    }

    #[test]
    fn what_is_read_elsewhere_may_not() {
        let next = |i: &Index, j: &Index| i.mul(8).add(j).plus(1).rem(32);
        assert!(!replaces(&kernel(|i, j| vec![next(i, j)]), 0, 1));
        let both = kernel(|i, j| vec![i.mul(8).add(j), j.clone()]);
        assert!(!replaces(&both, 0, 1));
    }

    #[test]
    fn what_is_written_twice_may_not() {
        let mut k = KernelBuilder::new("k", 4);
        let x = k.param(DType::F32, 4, Access::Read);
        let y = k.param(DType::F32, 4, Access::Write);
        let at = k.grid();
        k.each(2, LoopKind::Serial, |k, _| {
            let value = k.load(x, &at);
            k.store(y, &at, value);
        });
        assert!(!replaces(&k.finish(), 0, 1));
    }
}
