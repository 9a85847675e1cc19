//! Loops of the program against the same computation written out, on every engine.

mod engines;

use craneflow::ir::{Array, DType, Graph, Scalar, Type, Verified, eval_graph};
use craneflow::nn::Tensor;
use craneflow::nn::functional::{Direction, lstm_cell, scan};
use craneflow::nn::trace::trace;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn f64s(shape: &[usize]) -> Type {
    Type::new(DType::F64, shape)
}

/// Numbers between -1 and 1 that look random.
fn numbers(ty: &Type, seed: usize) -> Array {
    Array::from_fn(ty.clone(), |i| {
        let x = ((i + 1) * (seed + 3)) as f64 * 0.754_877_666;
        Scalar::from_f64(ty.dtype, 2.0 * x.fract() - 1.0)
    })
}

/// The outputs of `f`, and the gradients of the sum of their squares with respect to all inputs.
fn with_gradients(types: &[Type], f: impl Fn(&[Tensor]) -> Vec<Tensor>) -> Verified<Graph> {
    let names: Vec<String> = (0..types.len()).map(|i| format!("x{i}")).collect();
    let inputs: Vec<(&str, Type)> = (names.iter().map(String::as_str))
        .zip(types.iter().cloned())
        .collect();
    let graph = trace("loops", &inputs, |x| {
        let mut y = f(x);
        let squares = y.iter().map(|y| y.square().sum(&[]));
        let sum = squares.reduce(|a, b| a + b).expect("outputs");
        y.extend(sum.gradient(&x.iter().collect::<Vec<_>>()));
        y
    });
    graph.unwrap_or_else(|e| panic!("{e}"))
}

/// Both give the same numbers and gradients; the loop gives the same bits on every engine.
fn same(
    types: &[Type],
    looped: impl Fn(&[Tensor]) -> Vec<Tensor>,
    unrolled: impl Fn(&[Tensor]) -> Vec<Tensor>,
) {
    let x: Vec<Array> = types
        .iter()
        .enumerate()
        .map(|(i, t)| numbers(t, i))
        .collect();
    let (one, other) = (
        with_gradients(types, looped),
        with_gradients(types, unrolled),
    );
    let (y, z) = (eval_graph(&one, &x), eval_graph(&other, &x));
    for ((y, z), output) in y.iter().zip(&z).zip(&one.outputs) {
        for (a, b) in y.to_f64().iter().zip(z.to_f64()) {
            let close = (a - b).abs() <= 1e-10 * (1.0 + b.abs());
            assert!(close, "{}: {a} and {b}", output.name);
        }
    }
    engines::agree(&one, &x);
}

/// Whether the program repeats, rather than asks in every turn.
fn repeats(graph: &Verified<Graph>) -> usize {
    let options = craneflow_passes::Options::default();
    let (program, _) = craneflow_passes::compile(graph.clone(), &options, &mut |_, _, _| {});
    let text = program.to_string();
    assert!(!text.contains("while {"), "{text}");
    text.matches("repeat ").count()
}

#[test]
fn an_lstm_is_what_its_steps_are() {
    let (batch, time, units) = (3, 5, 4);
    let types = [
        f64s(&[time, batch, 4 * units]),
        f64s(&[batch, units]),
        f64s(&[batch, units]),
        f64s(&[units, 4 * units]),
    ];
    let looped = |x: &[Tensor]| {
        let (last, ys) = scan(&x[1..3], &x[..1], time, Direction::Forward, |hc, xt| {
            let (h, c) = lstm_cell(&xt[0], &hc[0], &hc[1], &x[3]);
            (vec![h.clone(), c], vec![h])
        });
        vec![last[0].clone(), last[1].clone(), ys[0].clone()]
    };
    let unrolled = |x: &[Tensor]| {
        let (mut h, mut c) = (x[1].clone(), x[2].clone());
        let mut all = vec![];
        for t in 0..time {
            (h, c) = lstm_cell(&x[0].index(0, t), &h, &c, &x[3]);
            all.push(h.expand_dims(0));
        }
        let ys = Tensor::concat(&all.iter().collect::<Vec<_>>(), 0);
        vec![h, c, ys]
    };
    same(&types, looped, unrolled);
    // The forward loop is the one that keeps values for the gradient.
    assert_eq!(repeats(&with_gradients(&types, looped)), 2);
}

/// How often a part of the rows goes through all turns by itself.
fn in_parts(graph: &Verified<Graph>) -> usize {
    let options = craneflow_passes::Options {
        sharing: 2,
        ..Default::default()
    };
    let (program, _) = craneflow_passes::compile(graph.clone(), &options, &mut |_, _, _| {});
    program.to_string().matches(" parts with ").count()
}

#[test]
fn rows_of_a_batch_go_through_all_turns() {
    let (batch, time, units) = (16, 9, 32);
    let f32s = |shape: &[usize]| Type::new(DType::F32, shape);
    let types = [
        f32s(&[time, batch, 4 * units]),
        f32s(&[batch, units]),
        f32s(&[batch, units]),
        f32s(&[units, 4 * units]),
    ];
    let lstm = |mixed: bool| {
        let types = &types;
        with_gradients(types, move |x| {
            let (last, ys) = scan(&x[1..3], &x[..1], time, Direction::Forward, |hc, xt| {
                let (mut h, c) = lstm_cell(&xt[0], &hc[0], &hc[1], &x[3]);
                if mixed {
                    h = &h - &h.mean(&[0]);
                }
                (vec![h.clone(), c], vec![h])
            });
            vec![last[0].clone(), last[1].clone(), ys[0].clone()]
        })
    };
    let x: Vec<Array> = (types.iter().enumerate())
        .map(|(i, t)| numbers(t, i))
        .collect();
    let apart = lstm(false);
    assert_eq!(in_parts(&apart), 2, "forwards and backwards");
    engines::agree(&apart, &x);
    // What a row takes from the others keeps them together.
    let mixed = lstm(true);
    assert_eq!(in_parts(&mixed), 0);
    engines::agree(&mixed, &x);
}

/// One of the things that a turn may do to rows, some of which mix them.
fn moved(h: &Tensor, x: &[Tensor], what: u8) -> Tensor {
    let rows = h.dim(0);
    match what {
        0 => h.tanh(),
        1 => h.matmul(&x[2]),
        2 => x[3].matmul(h),
        3 => h.reverse(&[0]),
        4 => h.reverse(&[1]),
        5 => h - &h.mean(&[1]).keep(h, &[1]),
        6 => h * &h.mean(&[0]),
        7 => {
            let parts = [h.slice_axis(0, 1..rows), h.slice_axis(0, 0..1)];
            Tensor::concat(&[&parts[0], &parts[1]], 0)
        }
        _ => {
            let parts = h.split(1, 2);
            Tensor::concat(&[&parts[1].square(), &parts[0]], 1)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("CRANEFLOW_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]
    /// Whether a loop falls into parts or not, every engine computes the same.
    #[test]
    fn turns_of_all_kinds(
        kinds in prop::collection::vec(0..9u8, 1..5),
        rows in prop::sample::select(vec![2, 4, 8, 16, 12]),
        turns in 1..5usize,
    ) {
        let f32s = |shape: &[usize]| Type::new(DType::F32, shape);
        let types = [
            f32s(&[turns, rows, 16]),
            f32s(&[rows, 16]),
            f32s(&[16, 16]),
            f32s(&[rows, rows]),
        ];
        let graph = with_gradients(&types, |x| {
            let (last, all) = scan(&x[1..2], &x[..1], turns, Direction::Forward, |h, xt| {
                let start = &h[0] * 0.5 + &xt[0];
                let h = kinds.iter().fold(start, |h, &what| moved(&h, x, what));
                (vec![h.clone()], vec![h.sin()])
            });
            vec![last[0].clone(), all[0].clone()]
        });
        let x: Vec<Array> = types.iter().enumerate().map(|(i, t)| numbers(t, i)).collect();
        engines::agree(&graph, &x);
    }
}

#[test]
fn backwards_with_biases_and_a_weight_that_moves() {
    // A product and a bias inside the loop, a part of `x` in each turn, a factor that is no sum.
    let types = [
        f64s(&[6, 2, 3]),
        f64s(&[2, 3]),
        f64s(&[3, 3]),
        f64s(&[3]),
        f64s(&[]),
    ];
    let turn = |x: &[Tensor], h: &Tensor, xt: &Tensor| {
        let h = (xt.matmul(&x[2]) + h * &x[4] + &x[3]).tanh();
        (h.clone(), h.square())
    };
    let looped = |x: &[Tensor]| {
        let (last, ys) = scan(&x[1..2], &x[..1], 6, Direction::Backward, |h, xt| {
            let (h, y) = turn(x, &h[0], &xt[0]);
            (vec![h], vec![y])
        });
        vec![last[0].clone(), ys[0].clone()]
    };
    let unrolled = |x: &[Tensor]| {
        let mut h = x[1].clone();
        let mut all = vec![];
        for t in (0..6).rev() {
            let (next, y) = turn(x, &h, &x[0].index(0, t));
            h = next;
            all.insert(0, y.expand_dims(0));
        }
        vec![h, Tensor::concat(&all.iter().collect::<Vec<_>>(), 0)]
    };
    same(&types, looped, unrolled);
}

#[test]
fn a_loop_in_a_loop() {
    let types = [f64s(&[3, 4, 2]), f64s(&[2])];
    let looped = |x: &[Tensor]| {
        let (last, ys) = scan(&x[1..], &x[..1], 3, Direction::Forward, |h, rows| {
            let (inner, _) = scan(h, rows, 4, Direction::Backward, |h, row| {
                (vec![(&h[0] * &row[0]).sin() + &x[1]], vec![])
            });
            (vec![inner[0].clone()], vec![inner[0].exp()])
        });
        vec![last[0].clone(), ys[0].clone()]
    };
    let unrolled = |x: &[Tensor]| {
        let mut h = x[1].clone();
        let mut all = vec![];
        for i in 0..3 {
            for j in (0..4).rev() {
                h = (&h * &x[0].index(0, i).index(0, j)).sin() + &x[1];
            }
            all.push(h.exp().expand_dims(0));
        }
        vec![h, Tensor::concat(&all.iter().collect::<Vec<_>>(), 0)]
    };
    same(&types, looped, unrolled);
}

#[test]
fn a_gradient_of_a_gradient() {
    let types = [f64s(&[4, 3]), f64s(&[3])];
    let inner = |y: Tensor, x: &[Tensor]| y.square().sum(&[]).gradient(&[&x[0], &x[1]]);
    let looped = |x: &[Tensor]| {
        let (last, _) = scan(&x[1..], &x[..1], 4, Direction::Forward, |h, row| {
            (vec![(&h[0] * &row[0]).tanh() + &row[0]], vec![])
        });
        inner(last[0].clone(), x)
    };
    let unrolled = |x: &[Tensor]| {
        let mut h = x[1].clone();
        for t in 0..4 {
            let row = x[0].index(0, t);
            h = (&h * &row).tanh() + &row;
        }
        inner(h, x)
    };
    same(&types, looped, unrolled);
}

#[test]
fn wrong_use_is_said() {
    let wrong = |f: &dyn Fn(&[Tensor]) -> Vec<Tensor>| {
        let types = [("x", f64s(&[4, 3])), ("h", f64s(&[3]))];
        trace("wrong", &types, |x| f(x)).unwrap_err().to_string()
    };
    let length = wrong(&|x| {
        scan(&x[1..], &x[..1], 5, Direction::Forward, |h, _| {
            (h.to_vec(), vec![])
        })
        .0
    });
    assert!(
        length.contains("scan") && length.contains("must be 5, found [4,3]"),
        "{length}"
    );
    let carry = wrong(&|x| {
        let turn = |h: &[Tensor], _: &[Tensor]| (vec![h[0].sum(&[])], vec![]);
        scan(&x[1..], &x[..1], 4, Direction::Forward, turn).0
    });
    assert!(carry.contains("must be f64[3], found f64[]"), "{carry}");
    let inside = wrong(&|x| {
        let turn =
            |h: &[Tensor], row: &[Tensor]| (vec![h[0].matmul(&row[0].expand_dims(0))], vec![]);
        scan(&x[1..], &x[..1], 4, Direction::Forward, turn).0
    });
    assert!(
        inside.contains("matmul") || inside.contains("dot"),
        "{inside}"
    );
}
