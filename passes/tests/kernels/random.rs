//! Random kernels: a nest of independent loops around random expressions, conditions and folds.

use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::*;
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};

/// A source of choices.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn roll(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

struct Random<'a> {
    dice: &'a mut Dice,
    /// Indices in scope with their extents.
    at: Vec<(Index, usize)>,
    inputs: Vec<(Mem, usize)>,
}

/// A kernel that stores one element for every point of its nest.
pub fn kernel(dice: &mut Dice) -> Kernel {
    let rank = 1 + dice.roll(4);
    let shape: Vec<usize> = (0..rank)
        .map(|_| dice.pick(&[1, 2, 3, 4, 5, 7, 8, 17, 33]))
        .collect();
    let grid = dice.roll(3) > 0;
    let mut k = KernelBuilder::new("random", if grid { shape[0] } else { 1 });
    let count: usize = shape.iter().product();
    let inputs = (0..2)
        .map(|_| {
            let len = 1 + dice.roll(2 * count);
            (k.param(DType::F32, len, Access::Read), len)
        })
        .collect();
    let out = k.param(DType::F32, count, Access::Write);
    let tile = k.scratch(DType::F32, count);
    // The result is laid out by another order of the axes.
    let mut order: Vec<usize> = (0..rank).collect();
    if dice.roll(3) == 0 {
        order.rotate_left(1);
    }
    let kinds: Vec<LoopKind> = (0..rank)
        .map(|_| {
            dice.pick(&[
                LoopKind::Lanes,
                LoopKind::Lanes,
                LoopKind::Serial,
                LoopKind::Unroll,
            ])
        })
        .collect();
    let mut r = Random {
        dice,
        at: vec![],
        inputs,
    };
    r.nest(&mut k, &shape, &kinds, grid, &order, out, tile);
    k.finish()
}

impl Random<'_> {
    #[allow(clippy::too_many_arguments)]
    fn nest(
        &mut self,
        k: &mut KernelBuilder,
        shape: &[usize],
        kinds: &[LoopKind],
        grid: bool,
        order: &[usize],
        out: Mem,
        tile: Mem,
    ) {
        let depth = self.at.len();
        if depth == shape.len() {
            let extents: Vec<usize> = order.iter().map(|&a| shape[a]).collect();
            let at: Vec<Index> = order.iter().map(|&a| self.at[a].0.clone()).collect();
            let here = Index::linear(&at, &extents);
            let mut v = self.value(k, 3);
            if self.dice.roll(3) == 0 {
                k.store(tile, &here, v);
                let w = self.value(k, 1);
                v = k.load(tile, &here);
                v = k.native(Native::Add, &[v, w]);
            }
            return k.store(out, &here, v);
        }
        if depth == 0 && grid {
            self.at.push((k.grid(), shape[0]));
            return self.nest(k, shape, kinds, grid, order, out, tile);
        }
        if self.dice.roll(4) == 0 {
            // Something to hoist or to find in the way of a merge.
            self.value(k, 1);
        }
        k.each(shape[depth], kinds[depth], |k, i| {
            self.at.push((i, shape[depth]));
            self.nest(k, shape, kinds, grid, order, out, tile);
        });
        self.at.truncate(depth);
    }

    /// Some sum of indices, with its greatest value.
    fn index(&mut self) -> (Index, i64) {
        let mut sum = Index::constant(self.dice.roll(3) as i64);
        for (i, _) in self.at.clone() {
            sum = sum.add(&i.mul(self.dice.pick(&[0, 1, 1, 2, 5, -1])));
        }
        let (least, greatest) = sum.range();
        let shift = -least.min(0);
        (sum.plus(shift), greatest + shift)
    }

    fn load(&mut self, k: &mut KernelBuilder) -> Val {
        let (mem, len) = self.dice.pick(&self.inputs.clone());
        let (at, greatest) = self.index();
        if greatest < len as i64 {
            return k.load(mem, &at);
        }
        match self.dice.roll(3) {
            0 => {
                let v = k.index_value(&at);
                let last = k.constant(Scalar::int(DType::I64, len as i64 - 1));
                let v = k.native(Native::Min, &[v, last]);
                let at = k.as_index(v, len);
                k.load(mem, &at)
            }
            1 => k.load(mem, &at.rem(len as i64)),
            _ => {
                let inside = k.within(&at, 0, len as i64);
                let other = k.constant(Scalar::f32(0.25));
                k.choose(inside, |k| k.load(mem, &at), |_| other)
            }
        }
    }

    fn condition(&mut self, k: &mut KernelBuilder) -> Val {
        let (a, greatest) = self.index();
        let a = k.index_value(&a);
        let b = k.constant(Scalar::int(
            DType::I64,
            self.dice.roll(greatest as usize + 2) as i64,
        ));
        let cmp = self
            .dice
            .pick(&[Cmp::Lt, Cmp::Ge, Cmp::Eq, Cmp::Ne, Cmp::Gt, Cmp::Le]);
        k.native(Native::Cmp(cmp), &[a, b])
    }

    fn value(&mut self, k: &mut KernelBuilder, depth: usize) -> Val {
        if depth == 0 {
            return self.load(k);
        }
        match self.dice.roll(8) {
            0 => k.constant(Scalar::f32(0.5)),
            1 => {
                let (i, _) = self.index();
                let i = k.index_value(&i);
                k.native(Native::Convert(DType::F32), &[i])
            }
            2 => {
                let c = self.condition(k);
                let (a, b) = (self.value(k, depth - 1), self.value(k, depth - 1));
                k.native(Native::Select, &[c, a, b])
            }
            3 => {
                let c = self.condition(k);
                let fallback = self.load(k);
                let mut inner = None;
                let v = k.choose(
                    c,
                    |k| {
                        let v = self.value(k, depth - 1);
                        inner = Some(v);
                        k.native(Native::Neg, &[v])
                    },
                    |_| fallback,
                );
                k.native(Native::Abs, &[v])
            }
            4 => self.fold(k, depth),
            5 => {
                let a = self.value(k, depth - 1);
                k.native(Native::Floor, &[a])
            }
            _ => {
                let (a, b) = (self.value(k, depth - 1), self.value(k, depth - 1));
                let op = self
                    .dice
                    .pick(&[Native::Add, Native::Sub, Native::Mul, Native::Min]);
                k.native(op, &[a, b])
            }
        }
    }

    /// A sum over a loop of its own.
    fn fold(&mut self, k: &mut KernelBuilder, depth: usize) -> Val {
        let zero = k.constant(Scalar::f32(0.0));
        let acc = k.var(zero);
        let extent = self.dice.pick(&[1, 2, 3, 6]);
        let kind = self.dice.pick(&[LoopKind::Serial, LoopKind::Unroll]);
        let scope = self.at.len();
        k.each(extent, kind, |k, i| {
            self.at.push((i, extent));
            let v = self.value(k, depth - 1);
            let old = k.get(acc);
            let new = k.native(Native::Add, &[old, v]);
            k.set(acc, new);
        });
        self.at.truncate(scope);
        k.get(acc)
    }
}
