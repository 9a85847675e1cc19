//! Attributes and operand types that nobody would write: `infer` must answer, never panic, and what
//! it accepts must evaluate when it is small, by loops too.

mod common;

use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Cmp, DType, Scalar, Type};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }

    fn number(&mut self) -> usize {
        const HUGE: [usize; 6] = [
            usize::MAX,
            i64::MAX as usize,
            1 << 62,
            1 << 60,
            1 << 40,
            1 << 32,
        ];
        match self.below(12) {
            0 => HUGE[self.below(HUGE.len())],
            n => n % 4,
        }
    }

    fn signed(&mut self) -> i64 {
        match self.below(10) {
            0 => i64::MIN,
            1 => -(1 << 59),
            n if n < 5 => -(n as i64 - 2),
            _ => self.number() as i64,
        }
    }

    fn list(&mut self, rank: usize) -> Vec<usize> {
        let n = if self.below(6) == 0 {
            self.below(4)
        } else {
            rank
        };
        (0..n).map(|_| self.number()).collect()
    }

    fn signed_list(&mut self, rank: usize) -> Vec<i64> {
        self.list(rank).iter().map(|_| self.signed()).collect()
    }

    /// A few different axes, mostly in range.
    fn axes(&mut self, rank: usize) -> Vec<usize> {
        match self.below(5) {
            0 => self.list(2),
            _ => (0..rank).filter(|_| self.below(2) == 0).collect(),
        }
    }

    fn ty(&mut self, dtypes: &[DType]) -> Type {
        let rank = self.below(4);
        let shape: Vec<usize> = (0..rank).map(|_| self.below(4)).collect();
        Type::new(dtypes[self.below(dtypes.len())], shape)
    }

    fn window(&mut self, rank: usize) -> Window {
        Window {
            size: self.list(rank),
            stride: self.list(rank),
            padding: self
                .list(rank)
                .iter()
                .map(|_| (self.signed(), self.signed()))
                .collect(),
            base_dilation: self.list(rank),
            window_dilation: self.list(rank),
        }
    }
}

/// A random op over operands of these ranks.
fn op(r: &mut Random, rank: usize, other: usize) -> Op {
    use Reducer::*;
    let kind = [Sum, Product, Max, Min, And, Or][r.below(6)].clone();
    match r.below(16) {
        0 => Iota {
            ty: Type::new(DType::F32, r.list(rank)),
            axis: r.number(),
        }
        .into(),
        1 => BroadcastInDim {
            shape: r.list(rank + 1).into(),
            axes: r.list(rank),
        }
        .into(),
        2 => Reshape {
            shape: r.list(rank + 1).into(),
        }
        .into(),
        3 => Transpose {
            permutation: r.list(rank),
        }
        .into(),
        4 => Slice {
            start: r.list(rank),
            limit: r.list(rank),
            stride: r.list(rank),
        }
        .into(),
        5 => DynamicSlice {
            sizes: r.list(rank),
        }
        .into(),
        6 => DynamicUpdateSlice.into(),
        7 => Pad {
            low: r.signed_list(rank),
            high: r.signed_list(rank),
            interior: r.list(rank),
        }
        .into(),
        8 => Concatenate { axis: r.number() }.into(),
        9 => Reverse { axes: r.axes(rank) }.into(),
        10 => BitcastConvert {
            dtype: DType::ALL[r.below(13)],
        }
        .into(),
        11 => Reduce {
            kind,
            axes: r.axes(rank),
        }
        .into(),
        12 => ReduceWindow {
            kind,
            window: r.window(rank),
        }
        .into(),
        13 => SelectAndScatter {
            select: Cmp::ALL[r.below(6)].0,
            window: r.window(rank),
        }
        .into(),
        14 => Gather {
            offset_dims: r.axes(other),
            collapsed_slice_dims: r.axes(rank),
            operand_batching_dims: r.axes(1),
            start_indices_batching_dims: r.axes(1),
            start_index_map: r.axes(rank),
            index_vector_dim: r.number(),
            slice_sizes: r.list(rank),
        }
        .into(),
        _ => Scatter {
            update: (r.below(2) == 0).then_some(kind),
            update_window_dims: r.axes(other),
            inserted_window_dims: r.axes(rank),
            input_batching_dims: r.axes(1),
            scatter_indices_batching_dims: r.axes(1),
            scatter_dims_to_operand_dims: r.axes(rank),
            index_vector_dim: r.number(),
        }
        .into(),
    }
}

#[test]
fn infer_answers_and_eval_follows() {
    let r = &mut Random(3);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let x = r.ty(&[DType::F32]);
        let second = r.ty(&[DType::F32, DType::I32, DType::I32]);
        let third = r.ty(&[DType::F32, DType::I32]);
        let op = op(r, x.rank(), second.rank());
        let types = [x, second, third][..r.below(4)].to_vec();
        let Ok(results) = op.rules().infer(&types) else {
            continue;
        };
        accepted += 1;
        let window = match &op {
            Op::ReduceWindow(op) => op.window.size.iter().product(),
            Op::SelectAndScatter(op) => op.window.size.iter().product(),
            _ => 1usize,
        };
        if results.iter().any(|t| t.count() > 1000) || window > 1000 {
            continue;
        }
        let zeros = |t: &Type| Array::splat(t.clone(), Scalar::from_f64(t.dtype, 0.0));
        let operands: Vec<Array> = types.iter().map(zeros).collect();
        let y = op.rules().eval(&operands);
        let found: Vec<Type> = y.iter().map(|a| a.ty.clone()).collect();
        assert_eq!(found, results, "{op:?} of {types:?}");
        if let Some(loops) = common::lowered(&op, &operands) {
            assert_eq!(loops, y, "{op:?} of {types:?}");
        }
    }
    assert!(accepted > 5_000, "only {accepted} were accepted");
}
