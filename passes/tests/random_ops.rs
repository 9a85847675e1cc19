//! Random structural ops: the reference interpreter against the loops of the op, as lowered and as
//! scheduled for vectors of every width.

use craneflow_ir::loops::build::{KernelBuilder, Operand, Out};
use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::{Access, Kernel, LoopKind, Val};
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Cmp, DType, Scalar, Type};
use craneflow_passes::schedule::{Target, schedule};

/// Random numbers and tensors, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn subset(&mut self, n: usize) -> Vec<usize> {
        (0..n).filter(|_| self.coin()).collect()
    }

    fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut p: Vec<usize> = (0..n).collect();
        for i in 0..n {
            p.swap(i, self.below(n));
        }
        p
    }

    fn signed(&mut self, n: usize, least: i64, count: usize) -> Vec<i64> {
        (0..n).map(|_| least + self.below(count) as i64).collect()
    }

    /// Small numbers, among them -0 and NaN.
    fn array(&mut self, ty: &Type) -> Array {
        let dtype = ty.dtype;
        Array::from_fn(ty.clone(), |_| match self.below(40) as i64 {
            39 if dtype.is_float() => Scalar::from_f64(dtype, f64::NAN),
            38 if dtype.is_float() => Scalar::from_f64(dtype, -0.0),
            x if dtype.is_float() => Scalar::from_f64(dtype, x as f64 / 8.0 - 2.0),
            x => Scalar::int(dtype, x - 5),
        })
    }

    fn ty(&mut self) -> Type {
        use DType::*;
        let dtype = self.one_of(&[F32, F32, F64, F16, BF16, I32, I64, U8]);
        let outer = (0..self.below(4)).map(|_| 1 + self.below(6));
        let mut shape: Vec<usize> = outer.collect::<Vec<_>>();
        shape.push(1 + self.below(40));
        Type::new(dtype, shape)
    }

    fn kind(&mut self) -> Reducer {
        use Reducer::*;
        self.one_of(&[Sum, Product, Max, Min])
    }

    /// A window over `shape`, often without one along the minor axis.
    fn window(&mut self, shape: &[usize]) -> Window {
        let rank = shape.len();
        let size: Vec<usize> = shape.iter().map(|&d| 1 + self.below(d.min(3))).collect();
        let mut w = Window::new(&size);
        let windowed = if self.coin() { rank - 1 } else { rank };
        w.size[windowed..].fill(1);
        for axis in 0..windowed {
            w.stride[axis] = 1 + self.below(3);
            w.padding[axis] = (self.below(4) as i64 - 1, self.below(4) as i64 - 1);
        }
        w
    }
}

fn kernel(op: &Op, types: &[Type], results: &[Type]) -> Option<Kernel> {
    let mut k = KernelBuilder::new(op.name(), 1);
    let fetch: Vec<_> = types
        .iter()
        .map(|t| {
            let mem = k.param(t.dtype, t.count(), Access::Read);
            let shape = t.shape.clone();
            move |k: &mut KernelBuilder, at: &[Index]| k.load(mem, &Index::linear(at, &shape))
        })
        .collect();
    let outs: Vec<Out> = results
        .iter()
        .map(|ty| Out {
            ty: ty.clone(),
            mem: k.param(ty.dtype, ty.count(), Access::Write),
        })
        .collect();
    let operands: Vec<Operand> = (types.iter().zip(&fetch))
        .map(|(ty, fetch)| Operand {
            ty: ty.clone(),
            fetch: fetch as &dyn Fn(&mut KernelBuilder, &[Index]) -> Val,
        })
        .collect();
    match op.rules().lower(types) {
        Lowering::Element(f) | Lowering::Reduction(f) => {
            let (&rows, inner) = results[0].shape.split_first()?;
            k.set_grid(rows);
            let row = k.grid();
            k.nest(inner, LoopKind::Lanes, &mut |k, rest| {
                let at = [std::slice::from_ref(&row), rest].concat();
                let v = f(k, &operands, &at);
                k.store_at(&outs[0], &at, v);
            });
        }
        Lowering::Stores(f) => f(&mut k, &operands, &outs),
        Lowering::Once(f) => f(&mut k, &operands, &mut |k, at, v| {
            k.store_at(&outs[0], at, v)
        }),
        _ => return None,
    }
    Some(k.finish())
}

fn same(a: &Array, b: &Array) -> bool {
    let nan = |s: Scalar| s.ty.is_float() && s.to_f64().is_nan();
    let equal = |(a, b): (Scalar, Scalar)| a == b || (nan(a) && nan(b));
    a.iter().zip(b.iter()).all(equal)
}

/// Checks one op on operands; nothing when `infer` rejects them, or nothing is computed.
fn check(op: impl Into<Op>, x: &[Array]) {
    let op = op.into();
    let types: Vec<Type> = x.iter().map(|a| a.ty.clone()).collect();
    let Ok(results) = op.rules().infer(&types) else {
        return;
    };
    if results.iter().any(|t| t.count() == 0) {
        return;
    }
    let Some(plain) = kernel(&op, &types, &results) else {
        return;
    };
    let expected = op.rules().eval(x);
    let scheduled = [1, 4, 8, 16].map(|lanes_32| schedule(plain.clone(), &Target { lanes_32 }));
    for k in std::iter::once(&plain).chain(&scheduled) {
        let context = || format!("{} lanes, {op:?} of {types:?}", k.lanes);
        verify_kernel(k).unwrap_or_else(|e| panic!("{e}: {}", context()));
        let mut memory: Vec<Vec<u8>> = x.iter().map(|a| a.bytes().to_vec()).collect();
        memory.extend(results.iter().map(|t| vec![0xa5; t.bytes()]));
        let (middle, end) = (k.grid() / 2, k.grid());
        for (from, to) in [(0, middle), (middle, end)] {
            eval_kernel(k, &mut memory, from, to).unwrap_or_else(|e| panic!("{e}: {}", context()));
        }
        for ((bytes, ty), want) in memory.drain(x.len()..).zip(&results).zip(&expected) {
            let found = Array::from_bytes(ty.clone(), bytes).expect("length");
            assert!(same(&found, want), "{}\n{found:?}\n{want:?}", context());
        }
    }
}

fn each(rounds: usize, seed: u64, mut f: impl FnMut(&mut Random, Type, Array)) {
    let mut r = Random(seed);
    for _ in 0..rounds {
        let ty = r.ty();
        let x = r.array(&ty);
        f(&mut r, ty, x);
    }
}

#[test]
fn reductions() {
    each(150, 1, |r, ty, x| {
        let kind = r.kind();
        let axes = r.subset(ty.rank());
        check(Reduce { kind, axes }, &[x]);
    });
}

#[test]
fn windows() {
    each(150, 2, |r, ty, x| {
        let mut window = r.window(&ty.shape);
        let kind = r.kind();
        let pool = ReduceWindow { kind, window };
        check(pool.clone(), std::slice::from_ref(&x));
        window = pool.window;
        let sum = ReduceWindow {
            kind: Reducer::Sum,
            window: window.clone(),
        };
        if let Ok(windows) = sum.infer(std::slice::from_ref(&ty)) {
            let source = r.array(&windows[0]);
            let select = r.one_of(&[Cmp::Ge, Cmp::Le]);
            check(
                SelectAndScatter {
                    select,
                    window: window.clone(),
                },
                &[x.clone(), source],
            );
        }
        for axis in 0..ty.rank() {
            window.window_dilation[axis] = 1 + r.below(2);
            window.base_dilation[axis] = 1 + r.below(2);
        }
        let kind = r.kind();
        check(ReduceWindow { kind, window }, &[x]);
    });
}

#[test]
fn indexing() {
    each(200, 3, |r, ty, x| {
        let rank = ty.rank();
        let mut addressed = r.permutation(rank);
        addressed.truncate(1 + r.below(rank.min(2)));
        let collapsed: Vec<usize> = (0..rank)
            .filter(|a| addressed.contains(a) && r.coin())
            .collect();
        let sizes: Vec<usize> = (0..rank)
            .map(|a| match collapsed.contains(&a) {
                true => 1,
                false if r.coin() => ty.shape[a],
                false => 1 + r.below(ty.shape[a]),
            })
            .collect();
        let n = 1 + r.below(9);
        let dtype = r.one_of(&[DType::I32, DType::I64, DType::U8, DType::U64]);
        let indices = r.array(&Type::new(dtype, [n, addressed.len()]));
        let mut updates: Vec<usize> = (0..rank)
            .filter(|a| !collapsed.contains(a))
            .map(|a| sizes[a])
            .collect();
        let batch = r.below(updates.len() + 1);
        updates.insert(batch, n);
        let offsets: Vec<usize> = (0..updates.len()).filter(|&a| a != batch).collect();
        let gather = Gather {
            offset_dims: offsets.clone(),
            collapsed_slice_dims: collapsed.clone(),
            operand_batching_dims: vec![],
            start_indices_batching_dims: vec![],
            start_index_map: addressed.clone(),
            index_vector_dim: 1,
            slice_sizes: sizes,
        };
        check(gather, &[x.clone(), indices.clone()]);
        let kind = r.kind();
        let scatter = Scatter {
            update: r.one_of(&[None, Some(kind), Some(Reducer::Sum)]),
            update_window_dims: offsets,
            inserted_window_dims: collapsed,
            input_batching_dims: vec![],
            scatter_indices_batching_dims: vec![],
            scatter_dims_to_operand_dims: addressed,
            index_vector_dim: 1,
        };
        let updates = r.array(&Type::new(ty.dtype, updates));
        check(scatter, &[x, indices, updates]);
    });
}

#[test]
fn dynamic_windows() {
    each(100, 4, |r, ty, x| {
        let sizes: Vec<usize> = ty.shape.iter().map(|&d| 1 + r.below(d)).collect();
        let update = r.array(&ty.with_shape(sizes.clone()));
        let at = |r: &mut Random| Array::scalar(Scalar::int(DType::I32, r.below(45) as i64 - 4));
        let starts: Vec<Array> = (0..ty.rank()).map(|_| at(r)).collect();
        let slice = [std::slice::from_ref(&x), &starts].concat();
        check(DynamicSlice { sizes }, &slice);
        check(DynamicUpdateSlice, &[&[x, update], &starts[..]].concat());
    });
}

#[test]
fn movement() {
    each(150, 5, |r, ty, x| {
        let (rank, n) = (ty.rank(), ty.count());
        let one = std::slice::from_ref(&x);
        check(
            Reverse {
                axes: r.subset(rank),
            },
            one,
        );
        let permutation = r.permutation(rank);
        check(Transpose { permutation }, one);
        let slice = Slice {
            start: ty.shape.iter().map(|&d| r.below(d)).collect(),
            limit: ty.shape.0.clone(),
            stride: (0..rank).map(|_| 1 + r.below(3)).collect(),
        };
        check(slice, one);
        let axis = r.below(rank);
        check(
            Iota {
                ty: ty.clone(),
                axis,
            },
            &[],
        );
        for d in [2, 3, 5, 7] {
            check(
                Reshape {
                    shape: [d, n / d].into(),
                },
                one,
            );
        }
        for dtype in [DType::U8, DType::I16, DType::F32, DType::I64, DType::F64] {
            check(BitcastConvert { dtype }, one);
        }
        let value = r.array(&Type::scalar(ty.dtype));
        let pad = Pad {
            low: r.signed(rank, -2, 5),
            high: r.signed(rank, -2, 5),
            interior: (0..rank).map(|_| r.below(3)).collect(),
        };
        check(pad, &[x.clone(), value]);
        let part = |r: &mut Random| {
            let mut ty = ty.clone();
            ty.shape.0[axis] = r.below(20);
            r.array(&ty)
        };
        let parts: Vec<Array> = (0..1 + r.below(3)).map(|_| part(r)).collect();
        check(Concatenate { axis }, &parts);
    });
}
