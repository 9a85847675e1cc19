//! Random graphs over every element type, with the values at the edges of each: integers that wrap,
//! division by zero, shifts past the width, conversions that saturate, infinities, NaN, -0 and
//! subnormals. All engines must agree on every bit. `random.rs` has graphs of `f32` and gradients.
//!
//! Every value has the shape `SHAPE`, so any two of one type fit together; ops that change the shape
//! are followed by one that changes it back. A graph is decoded from small numbers, which shrink.

mod engines;

use craneflow_ir::ops::common::{ConvDims, Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, DType, Graph, Pointwise, Scalar, Shape, Type, Value};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Picks an op and its operands out of the values so far.
type Choice = (u8, u8, u8, u8);

const SHAPE: [usize; 2] = [5, 18];

struct Decoder {
    b: Builder,
    values: Vec<Value>,
}

impl Decoder {
    fn new() -> Decoder {
        let mut b = Builder::new("edges");
        let input = |t: &DType| b.input(t.name(), Type::new(*t, SHAPE));
        let values = DType::ALL.iter().map(input).collect();
        Decoder { b, values }
    }

    fn pick(&self, i: u8) -> Value {
        self.values[i as usize % self.values.len()]
    }

    fn dtype(&self, v: Value) -> DType {
        self.b.ty(v).dtype
    }

    /// A value of type `dtype`: the `i`-th of those there are.
    fn of(&self, dtype: DType, i: u8) -> Value {
        let fits = |v: &&Value| self.dtype(**v) == dtype;
        let all: Vec<Value> = self.values.iter().filter(fits).copied().collect();
        all[i as usize % all.len()]
    }

    /// An index out of a value of any type, often out of range.
    fn index(&mut self, i: u8) -> Value {
        let v = self.pick(i);
        let v = self.b.convert(v, DType::I32);
        let start = vec![i as usize % 5, i as usize % 18];
        let limit = start.iter().map(|s| s + 1).collect();
        let stride = vec![1, 1];
        let one = Slice {
            start,
            limit,
            stride,
        };
        let one = self.b.op(one, &[v]);
        self.b.reshape(one, &[])
    }

    fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Option<Value> {
        self.b.push1(op, operands).ok()
    }

    /// Appends nodes; `None` when the choice makes no sense here.
    fn step(&mut self, (kind, x, y, z): Choice) -> Option<Value> {
        let v = self.pick(x);
        let w = self.of(self.dtype(v), y);
        match kind % 16 {
            0..=4 => self.pointwise(v, y, z),
            5 => {
                let to = DType::ALL[z as usize % DType::ALL.len()];
                Some(self.b.convert(v, to))
            }
            6 => self.reduced(v, y, z),
            7 => {
                let first = self.push(product([1], [1]), &[v, w])?;
                self.push(product([1], [0]), &[first, w])
            }
            8 => self.convolved(v, w, z),
            9 => self.moved(v, w, z),
            10 => {
                let mut window = Window::new(&[1, 3]);
                window.padding[1] = (1, 1);
                let kind = reducer(z);
                self.push(ReduceWindow { kind, window }, &[v])
            }
            11 => {
                let (i, j) = (self.index(y), self.index(z));
                let block = self.push(DynamicSlice { sizes: vec![2, 7] }, &[w, i, j])?;
                self.push(DynamicUpdateSlice, &[v, block, j, i])
            }
            12 => self.scattered(v, w, z),
            13 if !self.dtype(v).is_float() => {
                let cmp = [craneflow_ir::Cmp::Lt, craneflow_ir::Cmp::Gt][y as usize % 2];
                let sort = Sort::by_first(z as usize % 2, cmp, &[self.dtype(v), self.dtype(w)]);
                self.b.push(sort, &[v, w]).ok().map(|r| r[1])
            }
            14 => self.branch(v, y, z),
            15 => {
                let (ty, axis) = (self.b.ty(v).clone(), z as usize % 2);
                let count = self.push(Iota { ty, axis }, &[])?;
                Some(self.b.add(v, count))
            }
            _ => None,
        }
    }

    fn pointwise(&mut self, v: Value, y: u8, z: u8) -> Option<Value> {
        let all = Pointwise::all();
        let op = all[z as usize % all.len()];
        // The sign of a NaN that an operation made is not defined, and a total order sees it.
        if matches!(op, Pointwise::Compare(_, t) if t.name() == "total_order") {
            return None;
        }
        let mut operands: Vec<Value> = (0..op.arity() as u8)
            .map(|i| self.of(self.dtype(v), y.wrapping_mul(i + 1)))
            .collect();
        operands[0] = match op {
            Pointwise::Select => self.of(DType::Bool, y),
            _ => v,
        };
        self.push(op, &operands)
    }

    fn reduced(&mut self, v: Value, y: u8, z: u8) -> Option<Value> {
        let axes = [vec![0], vec![1], vec![0, 1]][y as usize % 3].clone();
        let reduce = Reduce {
            kind: reducer(z),
            axes: axes.clone(),
        };
        let r = self.push(reduce, &[v])?;
        Some(self.b.unreduce(r, &axes, &Shape::from(SHAPE)))
    }

    /// A convolution of an image of 5 x 6 with 3 features.
    fn convolved(&mut self, v: Value, w: Value, z: u8) -> Option<Value> {
        let rows = Slice {
            start: vec![0, 0],
            limit: vec![3, 18],
            stride: vec![1, 1],
        };
        let kernel = self.push(rows, &[w])?;
        let kernel = self.b.reshape(kernel, &[3, 2, 3, 3]);
        let image = self.b.reshape(v, &[1, 5, 6, 3]);
        let mut window = Window::new(&[3, 2]);
        window.padding = vec![(1, 1), (z as i64 % 2, 1 - z as i64 % 2)];
        let op = Convolution {
            window,
            reversal: vec![z & 2 == 0, z & 4 == 0],
            dims: ConvDims::channels_last(2),
            feature_groups: 1,
            batch_groups: 1,
        };
        let result = self.push(op, &[image, kernel])?;
        Some(self.b.reshape(result, &SHAPE))
    }

    fn moved(&mut self, v: Value, w: Value, z: u8) -> Option<Value> {
        match z % 5 {
            0 => {
                let flat = self.b.reshape(v, &[18, 5]);
                Some(self.b.transpose(flat, &[1, 0]))
            }
            1 => self.push(Reverse { axes: vec![0, 1] }, &[v]),
            2 => {
                let zero = self.b.splat(&Type::scalar(self.dtype(v)), 1.0);
                let shift = Pad {
                    low: vec![-1, 2],
                    high: vec![1, -2],
                    interior: vec![0, 0],
                };
                self.push(shift, &[v, zero])
            }
            3 => {
                let half = |start: usize| Slice {
                    start: vec![0, start],
                    limit: vec![5, start + 9],
                    stride: vec![1, 1],
                };
                let (left, right) = (self.push(half(4), &[v])?, self.push(half(9), &[w])?);
                self.push(Concatenate { axis: 1 }, &[left, right])
            }
            _ => {
                let every = Slice {
                    start: vec![0, 0],
                    limit: vec![5, 18],
                    stride: vec![2, 3],
                };
                let some = self.push(every, &[v])?;
                let zero = self.b.splat(&Type::scalar(self.dtype(v)), 0.0);
                let holes = Pad {
                    low: vec![0, 0],
                    high: vec![0, 2],
                    interior: vec![1, 2],
                };
                self.push(holes, &[some, zero])
            }
        }
    }

    /// Rows of `w` combined into rows of `v` at computed places.
    fn scattered(&mut self, v: Value, w: Value, z: u8) -> Option<Value> {
        let places = self.pick(z);
        let places = self.b.convert(places, DType::I32);
        let column = Slice {
            start: vec![0, z as usize % 18],
            limit: vec![5, z as usize % 18 + 1],
            stride: vec![1, 1],
        };
        let places = self.push(column, &[places])?;
        let op = Scatter {
            update: (z & 3 > 0).then(|| reducer(z)),
            update_window_dims: vec![1],
            inserted_window_dims: vec![0],
            input_batching_dims: vec![],
            scatter_indices_batching_dims: vec![],
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
        };
        self.push(op, &[v, places, w])
    }

    /// One of two things done to `v`, by a computed index.
    fn branch(&mut self, v: Value, y: u8, z: u8) -> Option<Value> {
        let ty = self.b.ty(v).clone();
        let region = |op: Option<Pointwise>| {
            let mut b = Builder::new("branches");
            let a = b.input("a", ty.clone());
            let result = match op {
                Some(op) => b.push1(op, &vec![a; op.arity()]).ok()?,
                None => a,
            };
            b.output("out0", result);
            Some(b.finish())
        };
        let other = [Pointwise::Add, Pointwise::Maximum, Pointwise::Not][z as usize % 3];
        let branches = vec![region(None)?, region(Some(other))?];
        let index = self.index(y);
        self.b
            .push(Case { branches }, &[index, v])
            .ok()
            .map(|r| r[0])
    }
}

fn product(lhs: [usize; 1], rhs: [usize; 1]) -> DotGeneral {
    DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        lhs_contract: lhs.to_vec(),
        rhs_contract: rhs.to_vec(),
    }
}

fn reducer(z: u8) -> Reducer {
    use Reducer::*;
    [Sum, Product, Max, Min, And, Or][z as usize % 6].clone()
}

fn decode(choices: &[Choice]) -> Graph {
    let mut d = Decoder::new();
    for &choice in choices {
        let value = d.step(choice);
        d.values.extend(value.filter(|&v| *d.b.shape(v) == SHAPE));
    }
    let kept = d.values.len().saturating_sub(4);
    for (i, v) in d.values.split_off(kept).into_iter().enumerate() {
        d.b.output(&format!("y{i}"), v);
    }
    d.b.finish()
}

/// Edges of every type among small numbers and random bits.
fn inputs() -> Vec<Array> {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        state >> 33
    };
    let arrays = DType::ALL.map(|t| {
        Array::from_fn(Type::new(t, SHAPE), |i| {
            let floats = [
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                0.0,
                -0.0,
                1e-40,
                -6e-8,
                65504.0,
                3e38,
                -2147483648.0,
                0.5,
                -2.5,
            ];
            let ints = [0, 1, -1, 2, -2, i64::MAX, i64::MIN, 31, 32, 64, 127, -128];
            let x = random();
            let special = (i % 3 == 0).then_some(x as usize % 12);
            match (special, t) {
                (Some(k), t) if t.is_float() => Scalar::from_f64(t, floats[k]),
                (None, t) if t.is_float() => Scalar::from_f64(t, (x % 1000) as f64 / 64.0 - 8.0),
                (_, DType::Bool) => Scalar::bool(x % 2 == 0),
                // The least value of a narrower type is its sign bit alone.
                (Some(6), t) => Scalar::int(t, i64::MIN >> (64 - t.bits())),
                (Some(5), t) => Scalar::int(t, i64::MAX >> (64 - t.bits())),
                (Some(k), t) => Scalar::int(t, ints[k]),
                (None, t) => Scalar::int(t, (x as i64) << (x % 33)),
            }
        })
    });
    arrays.to_vec()
}

/// The same graphs in every run; `CRANEFLOW_CASES=1000` runs as many new ones.
fn config() -> ProptestConfig {
    let more = std::env::var("CRANEFLOW_CASES").ok();
    let more = more.and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: more.unwrap_or(128),
        failure_persistence: None,
        rng_seed: match more {
            Some(_) => RngSeed::Random,
            None => RngSeed::Fixed(1),
        },
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn engines_agree_at_the_edges(choices in prop::collection::vec(any::<Choice>(), 1..12)) {
        engines::agree(&decode(&choices), &inputs());
    }
}
