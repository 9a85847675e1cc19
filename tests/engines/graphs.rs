//! Random graphs, decoded from lists of small numbers. The tests and a fuzz target use them.

use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, Cmp, DType, Graph, Pointwise, Scalar, Type, Value, grad};

/// Picks an op and its operands out of the values so far.
pub type Choice = (u8, u8, u8, u8);

struct Decoder {
    b: Builder,
    values: Vec<Value>,
}

/// Types of the inputs of every graph.
const INPUTS: [&[usize]; 4] = [&[6, 20], &[20], &[20, 6], &[6, 5, 4]];

impl Decoder {
    fn new() -> Decoder {
        let mut b = Builder::new("random");
        let inputs = INPUTS.iter().zip(0..);
        let values = inputs
            .map(|(shape, i)| b.input(&format!("x{i}"), Type::new(DType::F32, *shape)))
            .collect();
        Decoder { b, values }
    }

    fn pick(&self, i: u8) -> Value {
        self.values[i as usize % self.values.len()]
    }

    /// A float value of the shape of `like`, made out of value `i` if that can be broadcast.
    fn fit(&mut self, i: u8, like: Value) -> Value {
        let (v, shape) = (self.pick(i), self.b.shape(like));
        let own = self.b.shape(v);
        if own == shape {
            return v;
        }
        let suffix = shape.len().checked_sub(own.len());
        match suffix.filter(|&n| shape[n..] == own[..]) {
            Some(n) => {
                let axes: Vec<usize> = (n..shape.len()).collect();
                self.b.broadcast(v, &axes, &shape)
            }
            None => like,
        }
    }

    fn axis(&self, v: Value, i: u8) -> Option<usize> {
        let rank = self.b.ty(v).rank();
        (rank > 0).then(|| i as usize % rank)
    }

    /// Appends a node; `None` when the choice makes no sense here.
    fn step(&mut self, (kind, x, y, z): Choice) -> Option<Value> {
        let v = self.pick(x);
        let rank = self.b.ty(v).rank();
        let shape = self.b.shape(v);
        let axis = self.axis(v, y);
        let op: Op = match kind % 24 {
            0..=4 => return Some(self.pointwise(v, y, z)),
            5 => {
                let w = self.fit(y, v);
                let c = self.b.compare(Cmp::Lt, v, w);
                let u = self.fit(z, v);
                return Some(self.b.select(c, u, v));
            }
            6 | 7 => {
                let kinds = [Reducer::Sum, Reducer::Max, Reducer::Min, Reducer::Product];
                let kind = kinds[z as usize % 4].clone();
                let axes = match z / 4 % 3 {
                    0 => (0..rank).collect(),
                    _ => vec![axis?],
                };
                Reduce { kind, axes }.into()
            }
            8 => {
                let mut permutation: Vec<usize> = (0..rank).collect();
                permutation.rotate_left(axis?);
                Transpose { permutation }.into()
            }
            9 => Reshape {
                shape: [shape.count()].into(),
            }
            .into(),
            10 => {
                let (axis, mut start) = (axis?, vec![0; rank]);
                start[axis] = z as usize % shape[axis];
                let mut stride = vec![1; rank];
                stride[axis] = 1 + z as usize % 2;
                let limit = shape.0.clone();
                Slice {
                    start,
                    limit,
                    stride,
                }
                .into()
            }
            11 => {
                let (axis, mut low) = (axis?, vec![0; rank]);
                low[axis] = 1;
                let mut high = vec![0; rank];
                high[axis] = z as i64 % 3 - 1;
                let mut interior = vec![0; rank];
                interior[axis] = z as usize % 2;
                let op = Pad {
                    low,
                    high,
                    interior,
                };
                let zero = self.b.splat(&Type::scalar(DType::F32), 0.5);
                return self.b.push1(op, &[v, zero]).ok();
            }
            12 => {
                let w = self.fit(z, v);
                return self.b.push1(Concatenate { axis: axis? }, &[v, w]).ok();
            }
            13 => Reverse { axes: vec![axis?] }.into(),
            14..=16 => return self.product(v, y),
            17 => Sort::by_first(axis?, Cmp::Lt, &[DType::F32]).into(),
            18 => {
                let mut window = Window::new(&vec![1; rank]);
                let axis = axis?;
                window.size[axis] = 2 + z as usize % 2;
                window.stride[axis] = 1 + z as usize / 4 % 2;
                window.padding[axis] = (1, 0);
                let kinds = [Reducer::Sum, Reducer::Max];
                let kind = kinds[z as usize % 2].clone();
                ReduceWindow { kind, window }.into()
            }
            19 => return self.rows(v, z),
            20 => {
                let halves = self.b.convert(v, [DType::F16, DType::BF16][z as usize % 2]);
                return Some(self.b.convert(halves, DType::F32));
            }
            21 => {
                let ints = self.b.convert(v, DType::I32);
                let axis = axis?;
                let ty = self.b.ty(ints).clone();
                let count = self.b.op(Iota { ty, axis }, &[]);
                let ints = self.b.add(ints, count);
                return Some(self.b.convert(ints, DType::F32));
            }
            22 => {
                let index = self.b.convert(v, DType::I32);
                let axes: Vec<usize> = (0..rank).collect();
                let index = self.b.reduce(Reducer::Max, index, &axes);
                let sizes: Vec<usize> = shape.iter().map(|&d| d.div_ceil(2)).collect();
                let operands = [vec![v], vec![index; rank]].concat();
                return self.b.push1(DynamicSlice { sizes }, &operands).ok();
            }
            _ => return self.updated(v, y),
        };
        self.b.push1(op, &[v]).ok()
    }

    fn pointwise(&mut self, v: Value, y: u8, z: u8) -> Value {
        let w = self.fit(y, v);
        let b = &mut self.b;
        match z % 14 {
            0 => b.add(v, w),
            1 => b.sub(v, w),
            2 | 3 => b.mul(v, w),
            4 => b.max(v, w),
            5 => b.min(w, v),
            6 => b.tanh(v),
            7 => b.logistic(v),
            8 => {
                let small = b.tanh(v);
                b.exp(small)
            }
            9 => b.abs(v),
            10 => b.neg(v),
            11 => {
                let (square, one) = (b.mul(v, v), b.like(v, 1.0));
                let sum = b.add(square, one);
                b.div(w, sum)
            }
            12 => b.op(Pointwise::Erf, &[v]),
            _ => {
                let (square, one) = (b.mul(v, v), b.like(v, 1.0));
                let sum = b.add(square, one);
                b.rsqrt(sum)
            }
        }
    }

    /// A product of two values with an axis of equal extents.
    fn product(&mut self, v: Value, y: u8) -> Option<Value> {
        let w = self.pick(y);
        let (l, r) = (self.b.shape(v), self.b.shape(w));
        let pairs = (0..l.len()).flat_map(|i| (0..r.len()).map(move |j| (i, j)));
        let equal: Vec<_> = pairs.filter(|&(i, j)| l[i] == r[j]).collect();
        let &(i, j) = equal.get(y as usize % equal.len().max(1))?;
        let op = DotGeneral {
            lhs_batch: vec![],
            rhs_batch: vec![],
            lhs_contract: vec![i],
            rhs_contract: vec![j],
        };
        let small = l.count() / l[i] * (r.count() / r[j]) <= 4000 && l.len() + r.len() <= 6;
        small.then(|| self.b.op(op, &[v, w]))
    }

    /// Rows of `v` at places computed from another value.
    fn rows(&mut self, v: Value, z: u8) -> Option<Value> {
        let shape = self.b.shape(v);
        let places = self.pick(z);
        let count = self.b.shape(places).count().min(64);
        let places = self.b.reshape(places, &[self.b.shape(places).count()]);
        let first = Slice {
            start: vec![0],
            limit: vec![count],
            stride: vec![1],
        };
        let places = self.b.op(first, &[places]);
        let places = self.b.convert(places, DType::I32);
        let op = Gather {
            offset_dims: (1..shape.len().max(1)).collect(),
            collapsed_slice_dims: vec![0],
            operand_batching_dims: vec![],
            start_indices_batching_dims: vec![],
            start_index_map: vec![0],
            index_vector_dim: 1,
            slice_sizes: [&[1], shape.get(1..)?].concat(),
        };
        self.b.push1(op, &[v, places]).ok()
    }

    /// `v` with a corner overwritten.
    fn updated(&mut self, v: Value, y: u8) -> Option<Value> {
        let shape = self.b.shape(v);
        let sizes: Vec<usize> = shape.iter().map(|&d| d.div_ceil(2)).collect();
        let update = self.b.splat(&Type::new(DType::F32, sizes), y as f64);
        let i = self
            .b
            .splat(&Type::scalar(DType::I32), (y % 8) as f64 - 2.0);
        let operands = [vec![v, update], vec![i; shape.len()]].concat();
        self.b.push1(DynamicUpdateSlice, &operands).ok()
    }
}

/// The graph of some choices: its outputs are the last values, or the gradient of the last one.
pub fn decode(choices: &[Choice], backward: bool) -> Graph {
    let mut d = Decoder::new();
    let inputs = d.values.clone();
    for &choice in choices {
        if let Some(v) = d.step(choice)
            && d.b.shape(v).count() <= 5000
        {
            d.values.push(v);
        }
    }
    let last = *d.values.last().expect("inputs");
    let axes: Vec<usize> = (0..d.b.ty(last).rank()).collect();
    let weighted = d.b.tanh(last);
    let loss = d.b.sum(weighted, &axes);
    let grads = match backward {
        true => grad::append_gradient(&mut d.b, loss, &inputs).unwrap_or_default(),
        false => vec![],
    };
    let kept = d.values.len().saturating_sub(3);
    let outputs = d.values.split_off(kept).into_iter().chain(grads);
    for (i, v) in outputs.enumerate() {
        d.b.output(&format!("y{i}"), v);
    }
    d.b.finish()
}

/// Values for the inputs of every graph.
pub fn inputs() -> Vec<Array> {
    let mut state = 5u64;
    let arrays = INPUTS.iter().map(|shape| {
        Array::from_fn(Type::new(DType::F32, *shape), |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            Scalar::f32((state >> 40) as f32 / (1 << 22) as f32 - 2.0)
        })
    });
    arrays.collect()
}
