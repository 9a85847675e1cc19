//! One row per op, and more where it has many forms: the op with operands away from kinks and ties.

use crate::common::array;
use craneflow_ir::ops::common::{Algorithm, ConvDims, Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, Cmp, DType, Graph, Pointwise, Scalar, Type, Value};

/// An op and its operands.
pub struct Row {
    pub op: Op,
    pub x: Vec<Array>,
}

fn row(op: impl Into<Op>, x: &[Array]) -> Row {
    Row {
        op: op.into(),
        x: x.to_vec(),
    }
}

/// Reproducible numbers in -1..1.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        let next = self.0.wrapping_mul(6364136223846793005);
        self.0 = next.wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// A whole number in `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (((self.next() + 1.0) / 2.0) * n as f64) as usize
    }

    pub fn array(&mut self, ty: &Type) -> Array {
        let ty = ty.with_dtype(DType::F64);
        Array::from_fn(ty, |_| Scalar::f64(self.next()))
    }
}

fn floats(shape: &[usize]) -> Array {
    let seed = shape.iter().fold(3, |s, &d| s * 31 + d as u64);
    Numbers(seed).array(&Type::new(DType::F64, shape))
}

pub fn pointwise() -> Vec<Row> {
    use Pointwise::*;
    let anywhere = [-1.7, -0.6, 0.3, 2.2];
    let positive = [0.3, 0.9, 1.7, 4.2];
    let above_minus_one = [-0.6, -0.2, 0.3, 2.2];
    let other = [0.4, -1.3, 1.9, 0.7];
    let list = |x: &[[f64; 4]]| -> Vec<Array> { x.iter().map(|x| array("f64[4]", x)).collect() };
    let mut rows = vec![];
    for op in Pointwise::all() {
        if op.infer_dtype(&vec![DType::F64; op.arity()]) != Some(DType::F64) {
            continue;
        }
        let x = match op {
            Convert(_) => list(&[anywhere]),
            Sqrt | Rsqrt | Log | Cbrt => list(&[positive]),
            Log1p => list(&[above_minus_one]),
            Power => list(&[positive, other]),
            Remainder => list(&[[5.3, -4.1, 1.2, -7.7], [1.7, 1.3, -0.5, 2.1]]),
            Clamp => list(&[[-1.0; 4], anywhere, [1.0; 4]]),
            Fma => list(&[anywhere, other, positive]),
            _ => list(&[anywhere, other])[..op.arity()].to_vec(),
        };
        rows.push(row(op, &x));
    }
    let which = array("bool[4]", &[1., 0., 0., 1.]);
    rows.push(row(
        Select,
        &[which, array("f64[4]", &anywhere), array("f64[4]", &other)],
    ));
    rows
}

pub fn structural() -> Vec<Row> {
    let mut rows = movement();
    rows.extend(indexed());
    rows.extend(windows());
    rows.extend(reductions());
    rows.extend(contractions());
    rows.extend(regions());
    rows
}

fn movement() -> Vec<Row> {
    let x = floats(&[3, 4]);
    let index = |i: f64| array("i32[]", &[i]);
    vec![
        row(
            BroadcastInDim {
                shape: [2, 4, 3, 5].into(),
                axes: vec![2, 1],
            },
            std::slice::from_ref(&x),
        ),
        row(
            BroadcastInDim {
                shape: [3, 4].into(),
                axes: vec![0, 1],
            },
            &[floats(&[3, 1])],
        ),
        row(
            Reshape {
                shape: [2, 6].into(),
            },
            std::slice::from_ref(&x),
        ),
        row(
            Transpose {
                permutation: vec![2, 0, 1],
            },
            &[floats(&[2, 3, 4])],
        ),
        row(
            Slice {
                start: vec![1, 0],
                limit: vec![3, 4],
                stride: vec![1, 3],
            },
            std::slice::from_ref(&x),
        ),
        row(
            DynamicSlice { sizes: vec![2, 2] },
            &[x.clone(), index(1.0), index(9.0)],
        ),
        row(
            DynamicUpdateSlice,
            &[x.clone(), floats(&[2, 2]), index(-3.0), index(1.0)],
        ),
        row(
            Pad {
                low: vec![2, -1],
                high: vec![-1, 1],
                interior: vec![1, 2],
            },
            &[x.clone(), floats(&[])],
        ),
        row(
            Concatenate { axis: 1 },
            &[x.clone(), floats(&[3, 2]), floats(&[3, 1])],
        ),
        row(Reverse { axes: vec![1] }, std::slice::from_ref(&x)),
        row(
            CustomCall {
                target: "identity".to_string(),
                config: String::new(),
                results: vec![x.ty.clone()],
            },
            std::slice::from_ref(&x),
        ),
    ]
}

fn indexed() -> Vec<Row> {
    let (x, rows) = (floats(&[5, 3]), array("i32[4]", &[4., 0., 4., 9.]));
    let lookup = Gather {
        offset_dims: vec![1],
        collapsed_slice_dims: vec![0],
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: vec![0],
        index_vector_dim: 1,
        slice_sizes: vec![1, 3],
    };
    let batched = Gather {
        offset_dims: vec![2],
        collapsed_slice_dims: vec![1],
        operand_batching_dims: vec![0],
        start_indices_batching_dims: vec![0],
        start_index_map: vec![1],
        index_vector_dim: 2,
        slice_sizes: vec![1, 1, 3],
    };
    let windows = Gather {
        offset_dims: vec![0, 2],
        collapsed_slice_dims: vec![],
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: vec![1, 0],
        index_vector_dim: 1,
        slice_sizes: vec![2, 2],
    };
    let places = array("i32[2,3,1]", &[0., 1., 1., 3., -2., 2.]);
    let corners = array("i64[3,2]", &[0., 1., 1., 2., 1., -1.]);
    let mut list = vec![
        row(lookup.clone(), &[x.clone(), rows.clone()]),
        row(batched.clone(), &[floats(&[2, 4, 3]), places.clone()]),
        row(windows.clone(), &[x.clone(), corners.clone()]),
    ];
    for update in [Some(Reducer::Sum), None] {
        let scatter = |g: &Gather, x: &Array, indices: &Array, updates: &[usize]| {
            let op = Scatter {
                update: update.clone(),
                update_window_dims: g.offset_dims.clone(),
                inserted_window_dims: g.collapsed_slice_dims.clone(),
                input_batching_dims: g.operand_batching_dims.clone(),
                scatter_indices_batching_dims: g.start_indices_batching_dims.clone(),
                scatter_dims_to_operand_dims: g.start_index_map.clone(),
                index_vector_dim: g.index_vector_dim,
            };
            row(op, &[x.clone(), indices.clone(), floats(updates)])
        };
        list.push(scatter(&lookup, &x, &rows, &[4, 3]));
        list.push(scatter(&batched, &floats(&[2, 4, 3]), &places, &[2, 3, 3]));
        list.push(scatter(&windows, &x, &corners, &[2, 3, 2]));
    }
    list
}

fn windows() -> Vec<Row> {
    let window = |size: &[usize], stride: &[usize], padding: &[(i64, i64)]| Window {
        stride: stride.to_vec(),
        padding: padding.to_vec(),
        ..Window::new(size)
    };
    let over = |kind, window| row(ReduceWindow { kind, window }, &[floats(&[5, 6])]);
    let overlapping = window(&[3, 2], &[2, 1], &[(1, 2), (0, 1)]);
    let cropped = window(&[2, 2], &[2, 3], &[(-1, 0), (0, -1)]);
    let dilated = Window {
        base_dilation: vec![2, 1],
        window_dilation: vec![1, 3],
        ..overlapping.clone()
    };
    let select = SelectAndScatter {
        select: Cmp::Ge,
        window: cropped.clone(),
    };
    vec![
        over(Reducer::Sum, overlapping.clone()),
        over(Reducer::Sum, cropped.clone()),
        over(Reducer::Sum, dilated),
        over(Reducer::Max, overlapping),
        over(Reducer::Min, cropped),
        row(select, &[floats(&[5, 6]), floats(&[2, 2])]),
    ]
}

fn reductions() -> Vec<Row> {
    let kinds = [Reducer::Sum, Reducer::Product, Reducer::Max, Reducer::Min];
    let over = |kind: &Reducer, axes: &[usize], shape: &[usize]| {
        let op = Reduce {
            kind: kind.clone(),
            axes: axes.to_vec(),
        };
        row(op, &[floats(shape)])
    };
    let mut rows = vec![];
    for kind in &kinds {
        rows.push(over(kind, &[1], &[3, 4]));
        rows.push(over(kind, &[0, 2], &[2, 3, 2]));
        rows.push(over(kind, &[0], &[18]));
    }
    rows
}

fn contractions() -> Vec<Row> {
    let dot = |lb: &[usize], rb: &[usize], lc: &[usize], rc: &[usize], l: &[usize], r: &[usize]| {
        let op = DotGeneral {
            lhs_batch: lb.to_vec(),
            rhs_batch: rb.to_vec(),
            lhs_contract: lc.to_vec(),
            rhs_contract: rc.to_vec(),
        };
        row(op, &[floats(l), floats(r)])
    };
    vec![
        dot(&[], &[], &[1], &[0], &[3, 4], &[4, 2]),
        dot(&[], &[], &[0], &[1], &[4, 3], &[2, 4]),
        dot(&[0], &[0], &[2], &[1], &[2, 3, 4], &[2, 4, 3]),
        dot(
            &[2, 0],
            &[1, 3],
            &[3, 1],
            &[0, 2],
            &[2, 3, 3, 2],
            &[2, 3, 3, 2],
        ),
        dot(&[3], &[3], &[2, 0], &[0, 2], &[3, 2, 4, 2], &[4, 5, 3, 2]),
        dot(&[], &[], &[], &[], &[2], &[3]),
        dot(&[0], &[0], &[], &[], &[3, 2], &[3]),
        dot(&[], &[], &[0], &[0], &[3], &[3]),
    ]
}

fn regions() -> Vec<Row> {
    let branch = |f: fn(&mut Builder, craneflow_ir::Value) -> craneflow_ir::Value| -> Graph {
        let mut b = Builder::new("branch");
        let x = b.input("x", Type::new(DType::F64, [3]));
        let i = b.input("i", Type::scalar(DType::I32));
        let other = b.input("other", Type::new(DType::F64, [2]));
        let y = f(&mut b, x);
        b.output("y", y);
        b.output("i", i);
        b.output("other", other);
        b.finish()
    };
    let case = Case {
        branches: vec![
            branch(|b, x| {
                let square = b.mul(x, x);
                b.mul(square, x)
            }),
            branch(|b, x| b.mul(x, x)),
            branch(|b, x| b.like(x, 1.5)),
        ],
    };
    let mut rows = vec![];
    for index in [0.0, 1.0, 2.0, 7.0] {
        let x = [
            array("i32[]", &[index]),
            floats(&[3]),
            array("i32[]", &[4.0]),
            floats(&[2]),
        ];
        rows.push(row(case.clone(), &x));
    }
    let one = Sort::by_first(1, Cmp::Gt, &[DType::F64]);
    rows.push(row(one, &[floats(&[2, 5])]));
    let three = Sort::by_first(0, Cmp::Lt, &[DType::F64, DType::I32, DType::F64]);
    let numbers: Vec<f64> = (0..12).map(f64::from).collect();
    let x = [
        floats(&[4, 3]),
        array("i32[4,3]", &numbers),
        floats(&[4, 3]),
    ];
    rows.push(row(three, &x));
    // Ties: the second operand is carried in the order of the first occurrence.
    let two = Sort::by_first(0, Cmp::Lt, &[DType::I32, DType::F64]);
    let keys = array("i32[6]", &[2., 1., 2., 1., 1., 0.]);
    rows.push(row(two, &[keys, floats(&[6])]));
    rows
}

/// Strides, paddings, dilations, reversals, groups and layouts in many combinations.
pub fn convolutions() -> Vec<Row> {
    let mut numbers = Numbers(5);
    let mut pick = |low: usize, high: usize| low + numbers.below(high - low + 1);
    let layouts = ["b01f_01io_b01f", "f1b0_i01o_0fb1", "bf01_oi01_bf01"];
    let mut rows = vec![];
    for case in 0..72 {
        let groups = [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)][case % 5];
        let dims = ConvDims::from_text(layouts[case % 3]).expect("a layout");
        let mut window = Window {
            size: vec![],
            ..Window::new(&[1, 1])
        };
        for i in 0..2 {
            window.stride[i] = pick(1, 3);
            window.base_dilation[i] = pick(1, 3);
            window.window_dilation[i] = pick(1, 3);
            window.padding[i] = (pick(0, 4) as i64 - 2, pick(0, 4) as i64 - 2);
        }
        let (mut x, mut k) = (vec![0; 4], vec![0; 4]);
        let per_group = pick(1, 2);
        x[dims.input_batch] = groups.1 * pick(1, 2);
        x[dims.input_feature] = groups.0 * per_group;
        k[dims.kernel_input] = per_group;
        k[dims.kernel_output] = groups.0 * groups.1 * pick(1, 2);
        for i in 0..2 {
            x[dims.input_spatial[i]] = pick(2, 5);
            k[dims.kernel_spatial[i]] = pick(1, 3);
        }
        let op = Convolution {
            window,
            reversal: vec![pick(0, 3) == 0, pick(0, 3) == 0],
            dims,
            feature_groups: groups.0,
            batch_groups: groups.1,
        };
        rows.push(row(op, &[floats(&x), floats(&k)]));
    }
    rows
}

/// Ops without a gradient.
pub fn others() -> Vec<Row> {
    let random = RngBitGenerator {
        algorithm: Algorithm::Philox,
        ty: Type::new(DType::U32, [3, 5]),
    };
    let carry = [
        Type::scalar(DType::I32),
        Type::new(DType::F32, [2]),
        Type::new(DType::F32, [2]),
    ];
    let region = |f: fn(&mut Builder, &[Value]) -> Vec<Value>| -> Box<Graph> {
        let mut b = Builder::new("region");
        let types = carry.iter().zip(0..);
        let x: Vec<Value> = types
            .map(|(t, i)| b.input(&format!("x{i}"), t.clone()))
            .collect();
        for (i, y) in f(&mut b, &x).into_iter().enumerate() {
            b.output(&format!("y{i}"), y);
        }
        Box::new(b.finish())
    };
    // Fibonacci numbers: the carries change places.
    let fibonacci = While {
        cond: region(|b, x| {
            let n = b.like(x[0], 7.0);
            vec![b.compare(Cmp::Lt, x[0], n)]
        }),
        body: region(|b, x| {
            let one = b.like(x[0], 1.0);
            vec![b.add(x[0], one), x[2], b.add(x[1], x[2])]
        }),
    };
    let swap = While {
        cond: fibonacci.cond.clone(),
        body: region(|b, x| {
            let one = b.like(x[0], 1.0);
            vec![b.add(x[0], one), x[2], x[1]]
        }),
    };
    let start = [
        array("i32[]", &[0.]),
        array("f32[2]", &[0., 1.]),
        array("f32[2]", &[1., 10.]),
    ];
    vec![
        row(fibonacci, &start),
        row(swap, &start),
        row(
            Iota {
                ty: Type::new(DType::I32, [2, 3]),
                axis: 1,
            },
            &[],
        ),
        row(
            Constant {
                value: floats(&[2]),
            },
            &[],
        ),
        row(BitcastConvert { dtype: DType::U32 }, &[floats(&[3])]),
        row(random, &[array("u64[3]", &[1., 2., 3.])]),
    ]
}
