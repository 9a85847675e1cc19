//! Products and convolutions by register tiles: the bits of the reference, for every layout and tail.

use craneflow_ir::loops::eval::eval_program;
use craneflow_ir::ops::common::{ConvDims, Window};
use craneflow_ir::ops::{Convolution, DotGeneral, Op};
use craneflow_ir::{Array, Builder, DType, Type, Verified, eval};
use craneflow_passes::{Options, Unit, compile};
use proptest::prelude::*;

fn sample(ty: &Type, seed: usize) -> Array {
    let value = |i: usize| ((i * 7919 + seed * 104729) % 1013) as f64 / 97.0 - 5.0;
    Array::from_f64(ty.clone(), &(0..ty.count()).map(value).collect::<Vec<_>>())
}

/// Compares the lowered program of one contraction with a small epilogue to the graph after the graph passes.
fn check(op: impl Into<Op>, x: [Type; 2]) {
    let op = op.into();
    let mut b = Builder::new("contract");
    let (l, r) = (b.input("l", x[0].clone()), b.input("r", x[1].clone()));
    let Ok(y) = b.push1(op, &[l, r]) else { return };
    let half = b.like(y, 0.5);
    let z = b.mul(y, half);
    b.output("y", y);
    b.output("z", z);
    let graph = b.finish();
    let verified = Verified::graph(graph.clone()).expect("right");
    let inputs = [sample(&x[0], 1), sample(&x[1], 2)];
    for bits in [0, 128, 256] {
        let mut last = graph.clone();
        let options = Options {
            vector_bits: bits,
            ..Options::default()
        };
        let (program, _) = compile(verified.clone(), &options, &mut |_, unit, _| {
            if let Unit::Graph(g) = unit {
                last = g.clone();
            }
        });
        let expect = eval::eval_graph(&last, &inputs);
        for (new, old) in expect.iter().zip(eval::eval_graph(&graph, &inputs)) {
            // Zeros of either sign are equal here: products with holes are left out.
            let same = (0..old.ty.count()).all(|i| new.get(i).to_f64() == old.get(i).to_f64());
            assert!(same, "the passes changed {:?} of {x:?}", graph.nodes[2].op);
        }
        for kernel in &program.kernels {
            craneflow_ir::loops::verify::verify_kernel(kernel)
                .unwrap_or_else(|e| panic!("{e}\n{graph:#?}"));
        }
        let found =
            eval_program(&program, &inputs).unwrap_or_else(|e| panic!("{e}\n{:?}", graph.nodes));
        assert_eq!(
            found, expect,
            "{bits} bits: {:?} of {x:?}",
            graph.nodes[2].op
        );
    }
}

fn dot(batch: usize, lhs: [usize; 2], rhs: [usize; 2], contract: [usize; 2], dtype: DType) {
    let with = |d: [usize; 2]| {
        if batch > 0 {
            vec![batch, d[0], d[1]]
        } else {
            d.to_vec()
        }
    };
    let shift = (batch > 0) as usize;
    let batches = if batch > 0 { vec![0] } else { vec![] };
    let op = DotGeneral {
        lhs_batch: batches.clone(),
        rhs_batch: batches,
        lhs_contract: vec![contract[0] + shift],
        rhs_contract: vec![contract[1] + shift],
    };
    check(
        op,
        [Type::new(dtype, with(lhs)), Type::new(dtype, with(rhs))],
    );
}

#[test]
fn products_of_every_layout() {
    for (lhs, rhs, contract) in [
        ([12, 32], [32, 16], [1, 0]),
        ([12, 32], [16, 32], [1, 1]),
        ([32, 12], [32, 16], [0, 0]),
        ([32, 12], [16, 32], [0, 1]),
        ([64, 40], [40, 10], [1, 0]),
        ([1, 300], [300, 17], [1, 0]),
        ([70, 300], [300, 1], [1, 0]),
        ([5, 2100], [2100, 9], [1, 0]),
    ] {
        dot(0, lhs, rhs, contract, DType::F32);
        dot(3, lhs, rhs, contract, DType::F32);
        dot(0, lhs, rhs, contract, DType::F64);
    }
}

fn conv_dims(order: usize) -> ConvDims {
    // Plain NHWC, NCHW, and the dims of a weight gradient, where batch and features change places.
    let (i, k, o) = match order {
        0 => ([0, 3, 1, 2], [2, 3, 0, 1], [0, 3, 1, 2]),
        1 => ([0, 1, 2, 3], [1, 0, 2, 3], [0, 1, 2, 3]),
        _ => ([3, 0, 1, 2], [0, 3, 1, 2], [2, 3, 0, 1]),
    };
    ConvDims {
        input_batch: i[0],
        input_feature: i[1],
        input_spatial: i[2..].to_vec(),
        kernel_input: k[0],
        kernel_output: k[1],
        kernel_spatial: k[2..].to_vec(),
        output_batch: o[0],
        output_feature: o[1],
        output_spatial: o[2..].to_vec(),
    }
}

fn shaped(axes: &[(usize, usize)]) -> Type {
    let mut shape = vec![0; axes.len()];
    axes.iter().for_each(|&(axis, extent)| shape[axis] = extent);
    Type::new(DType::F32, shape)
}

/// A convolution of 4 images or, in the order of a weight gradient, of 4 channels, padded on all sides.
fn padded(
    order: usize,
    size: [usize; 2],
    kernel: [usize; 2],
    channels: [usize; 2],
    window: Window,
) {
    let d = conv_dims(order);
    let spatial =
        |axes: &[usize], extents: [usize; 2]| [(axes[0], extents[0]), (axes[1], extents[1])];
    let lhs = [(d.input_batch, 4), (d.input_feature, channels[0])];
    let rhs = [
        (d.kernel_input, channels[0]),
        (d.kernel_output, channels[1]),
    ];
    let lhs = shaped(&[lhs, spatial(&d.input_spatial, size)].concat());
    let rhs = shaped(&[rhs, spatial(&d.kernel_spatial, kernel)].concat());
    let op = Convolution {
        window,
        reversal: vec![true, false],
        dims: d,
        feature_groups: 1,
        batch_groups: 1,
    };
    let mut b = Builder::new("padded");
    let (l, r) = (b.input("l", lhs.clone()), b.input("r", rhs.clone()));
    let y = b.op(op.clone(), &[l, r]);
    b.output("y", y);
    let written = craneflow_passes::windows::windows(&b.finish());
    let pads = written.nodes.iter().any(|n| matches!(n.op, Op::Pad(_)));
    assert!(!pads, "the padding of {op:?} is written out");
    check(op, [lhs, rhs]);
}

#[test]
fn products_with_padding_are_left_out() {
    let window = |kernel: [usize; 2], stride, dilation, padding| {
        let mut window = Window::new(&kernel);
        window.stride = vec![stride, 1];
        window.window_dilation = vec![1, dilation];
        window.padding = padding;
        window
    };
    let same = vec![(1, 1), (1, 1)];
    padded(
        0,
        [5, 6],
        [3, 3],
        [8, 8],
        window([3, 3], 1, 1, same.clone()),
    );
    padded(
        0,
        [5, 6],
        [3, 3],
        [1, 5],
        window([3, 3], 2, 2, same.clone()),
    );
    padded(
        0,
        [4, 4],
        [3, 3],
        [70, 32],
        window([3, 3], 1, 1, vec![(2, 2), (2, 2)]),
    );
    padded(
        0,
        [2, 2],
        [3, 5],
        [3, 9],
        window([3, 5], 1, 1, vec![(2, 3), (4, 4)]),
    );
    padded(
        0,
        [6, 6],
        [2, 2],
        [4, 2],
        window([2, 2], 3, 1, vec![(2, -1), (0, 3)]),
    );
    // The window is the result of the forward pass.
    padded(
        2,
        [7, 30],
        [7, 30],
        [3, 16],
        window([7, 30], 1, 1, same.clone()),
    );
    padded(2, [8, 13], [8, 7], [40, 4], window([8, 7], 1, 2, same));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_products(m in 1usize..40, n in 1usize..40, k in 1usize..60, layout in 0usize..4, batch in 0usize..3) {
        let lhs = if layout & 1 == 0 { [m, k] } else { [k, m] };
        let rhs = if layout & 2 == 0 { [k, n] } else { [n, k] };
        dot(batch, lhs, rhs, [1 - (layout & 1), layout >> 1], DType::F32);
    }

    #[test]
    fn random_convolutions(
        order in 0usize..3,
        (batch, size, kernel) in (prop::sample::select(vec![1usize, 2, 4, 8, 12]), 4usize..9, 1usize..4),
        (input, output, groups) in (1usize..4, 1usize..12, 1usize..3),
        (stride, pad, base, dilation, reverse) in (1usize..3, -1i64..3, 1usize..3, 1usize..3, any::<bool>()),
    ) {
        let d = conv_dims(order);
        let lhs = shaped(&[(d.input_batch, batch), (d.input_feature, input * groups), (d.input_spatial[0], size), (d.input_spatial[1], size + 1)]);
        let rhs = shaped(&[(d.kernel_input, input), (d.kernel_output, output * groups), (d.kernel_spatial[0], kernel), (d.kernel_spatial[1], 2)]);
        let mut window = Window::new(&[kernel, 2]);
        window.stride = vec![stride, 1];
        window.padding = vec![(pad, 1), (0, pad)];
        window.base_dilation = vec![base, 1];
        window.window_dilation = vec![1, dilation];
        check(Convolution { window, reversal: vec![reverse, false], dims: d, feature_groups: groups, batch_groups: 1 }, [lhs, rhs]);
    }
}
