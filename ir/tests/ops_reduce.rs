//! Reductions: results by hand, the canonical order, and every way to be wrong.

mod common;

use common::{array, check, error, fill, ty};
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, Builder, Cmp, DType, Graph, Type};

fn reduce(kind: Reducer, axes: &[usize]) -> Reduce {
    let axes = axes.to_vec();
    Reduce { kind, axes }
}

fn run(op: impl Into<Op>, x: &[Array]) -> Vec<f64> {
    check(op, x)[0].to_f64()
}

/// `(a, b) -> (a - 2 b)`
fn odd_body(dtype: DType) -> Reducer {
    let mut b = Builder::new("odd");
    let (x, y) = (
        b.input("a", Type::scalar(dtype)),
        b.input("b", Type::scalar(dtype)),
    );
    let twice = b.add(y, y);
    let z = b.sub(x, twice);
    b.output("c", z);
    Reducer::Body(Box::new(b.finish()))
}

/// `(a, i, b, j) -> (max, its index)`
fn argmax() -> Reducer {
    let mut b = Builder::new("argmax");
    let (f, i) = (Type::scalar(DType::F32), Type::scalar(DType::I32));
    let a = [b.input("a", f.clone()), b.input("i", i.clone())];
    let x = [b.input("b", f), b.input("j", i)];
    let keep = b.compare(Cmp::Ge, a[0], x[0]);
    for (name, k) in [("x", 0), ("k", 1)] {
        let v = b.select(keep, a[k], x[k]);
        b.output(name, v);
    }
    Reducer::Body(Box::new(b.finish()))
}

#[test]
fn named_reducers() {
    let x = array("f32[2,3]", &[1., 2., 3., 4., 5., 6.]);
    let one = |kind, axes: &[usize]| run(reduce(kind, axes), std::slice::from_ref(&x));
    assert_eq!(one(Reducer::Sum, &[1]), [6., 15.]);
    assert_eq!(one(Reducer::Sum, &[0]), [5., 7., 9.]);
    assert_eq!(one(Reducer::Sum, &[0, 1]), [21.]);
    assert_eq!(one(Reducer::Product, &[1]), [6., 120.]);
    assert_eq!(one(Reducer::Max, &[0]), [4., 5., 6.]);
    assert_eq!(one(Reducer::Min, &[1]), [1., 4.]);
    assert_eq!(one(Reducer::Sum, &[]), [1., 2., 3., 4., 5., 6.]);
    let bits = array("u8[2,2]", &[12., 10., 3., 5.]);
    assert_eq!(
        run(reduce(Reducer::And, &[1]), std::slice::from_ref(&bits)),
        [8., 1.]
    );
    assert_eq!(run(reduce(Reducer::Or, &[1]), &[bits]), [14., 7.]);
    let flags = array("bool[2,2]", &[1., 0., 1., 1.]);
    assert_eq!(
        run(reduce(Reducer::Sum, &[1]), std::slice::from_ref(&flags)),
        [1., 1.]
    );
    assert_eq!(
        run(reduce(Reducer::Product, &[1]), std::slice::from_ref(&flags)),
        [0., 1.]
    );
    assert_eq!(run(reduce(Reducer::Min, &[0]), &[flags]), [1., 0.]);
}

#[test]
fn nothing_gives_the_identity() {
    let inf = f64::INFINITY;
    for (kind, want) in [
        (Reducer::Sum, 0.),
        (Reducer::Product, 1.),
        (Reducer::Max, -inf),
        (Reducer::Min, inf),
    ] {
        let y = run(reduce(kind, &[1]), &[array("f32[2,0]", &[])]);
        assert_eq!(y, [want, want]);
    }
    let y = run(reduce(Reducer::Max, &[0]), &[array("i8[0]", &[])]);
    assert_eq!(y, [-128.]);
}

#[test]
fn nan_wins_max_and_min() {
    let x = array("f32[3]", &[1., f64::NAN, 2.]);
    for kind in [Reducer::Max, Reducer::Min] {
        assert!(run(reduce(kind, &[0]), std::slice::from_ref(&x))[0].is_nan());
    }
}

#[test]
fn long_minor_axes_use_sixteen_partial_sums() {
    // 2^24 + 1 is lost in f32 unless the ones meet first: element 16 joins partial 0, the others
    // form partials of their own.
    let big = 16777216.0;
    let mut data = vec![1.0; 18];
    data[0] = big;
    let x = array("f32[18]", &data);
    // Partials: p0 = big + 1 = big, p1 = 1 + 1 = 2, p2..p15 = 1.
    // Fold by 8: p0 = big + 1 = big, p1 = 3, others 2; by 4: p0 = big + 2, p1 = 5, p2 = p3 = 4;
    // by 2: big + 6, 9; by 1: big + 15 rounds to even, big + 16.
    assert_eq!(run(reduce(Reducer::Sum, &[0]), &[x]), [big + 16.]);
    // Sequentially, every one is lost.
    let rows = array("f32[18,1]", &data);
    assert_eq!(run(reduce(Reducer::Sum, &[0]), &[rows]), [big]);
}

#[test]
fn loops_agree_on_all_shapes() {
    for dtype in ["f32", "f64", "f16", "bf16", "i32", "u8", "i64"] {
        for (shape, axes) in [
            ("[3,37]", &[1][..]),
            ("[2,3,16]", &[0, 2]),
            ("[2,3,16]", &[0, 1, 2]),
            ("[2,5,15]", &[1, 2]),
            ("[40,3]", &[0]),
            ("[4,5,6]", &[1]),
        ] {
            for kind in [Reducer::Sum, Reducer::Product, Reducer::Max, Reducer::Min] {
                let x = fill(&format!("{dtype}{shape}"), 7);
                check(reduce(kind, axes), &[x]);
            }
        }
    }
}

#[test]
fn bodies_fold_in_order() {
    let x = array("f32[2,3]", &[1., 2., 3., 4., 5., 6.]);
    let init = array("f32[]", &[100.]);
    let body = odd_body(DType::F32);
    assert_eq!(run(reduce(body, &[1]), &[x, init]), [88., 70.]);
    let x = array("f32[2,3]", &[1., 7., 3., 9., 5., 9.]);
    let i = array("i32[2,3]", &[0., 1., 2., 0., 1., 2.]);
    let inits = [array("f32[]", &[-1e30]), array("i32[]", &[-1.])];
    let y = check(
        reduce(argmax(), &[1]),
        &[x, i, inits[0].clone(), inits[1].clone()],
    );
    assert_eq!(y[0].to_f64(), [7., 9.]);
    assert_eq!(y[1].to_f64(), [1., 0.]);
}

#[test]
fn reduce_rejects() {
    let wrong = |op: Reduce, x: &[&str]| error(op, &x.iter().map(|t| ty(t)).collect::<Vec<_>>());
    assert_eq!(
        wrong(reduce(Reducer::Sum, &[0]), &[]),
        "reduce: takes 1 operands, found 0"
    );
    assert_eq!(
        wrong(reduce(Reducer::Sum, &[2]), &["f32[8,4]"]),
        "reduce: axis 2 is out of range for f32[8,4]"
    );
    assert_eq!(
        wrong(reduce(Reducer::Sum, &[0, 0]), &["f32[8,4]"]),
        "reduce: axis 0 of f32[8,4] is named twice (C2)"
    );
    assert_eq!(
        wrong(reduce(Reducer::Sum, &[1, 0]), &["f32[8,4]"]),
        "reduce: axes must be increasing, found [1, 0] (C2)"
    );
    assert_eq!(
        wrong(reduce(Reducer::And, &[0]), &["f32[8,4]"]),
        "reduce: takes integers or bool for and, or, found f32"
    );
    let body = || odd_body(DType::F32);
    assert_eq!(
        wrong(reduce(body(), &[0]), &["f32[8,4]"]),
        "reduce: a body takes as many initial values as tensors, found 1 operands (C1)"
    );
    assert_eq!(
        wrong(reduce(body(), &[0]), &["f32[8,4]", "f32[1]"]),
        "reduce: takes a shape of rank 0, found [1]"
    );
    assert_eq!(
        wrong(reduce(body(), &[0]), &["f32[8,4]", "i32[]"]),
        "reduce: f32[8,4] and i32[] must have the same element type"
    );
    assert_eq!(
        wrong(reduce(body(), &[0]), &["i32[8,4]", "i32[]"]),
        "reduce: its region must be (i32[], i32[]) -> (i32[]), found (f32[], f32[]) -> (f32[]) (C6)"
    );
    assert_eq!(
        wrong(
            reduce(argmax(), &[0]),
            &["f32[8]", "i32[4]", "f32[]", "i32[]"]
        ),
        "reduce: f32[8] and i32[4] must have the same shape"
    );
}

fn pool(kind: Reducer, window: Window) -> ReduceWindow {
    ReduceWindow { kind, window }
}

fn window(size: &[usize], stride: &[usize], padding: &[(i64, i64)]) -> Window {
    Window {
        stride: stride.to_vec(),
        padding: padding.to_vec(),
        ..Window::new(size)
    }
}

#[test]
fn windows_pool() {
    let x = array(
        "f32[4,4]",
        &(0..16).map(|i| ((i * 7) % 16) as f64).collect::<Vec<_>>(),
    );
    // 0 7 14 5 / 12 3 10 1 / 8 15 6 13 / 4 11 2 9
    let w = window(&[2, 2], &[2, 2], &[(0, 0), (0, 0)]);
    assert_eq!(
        run(pool(Reducer::Max, w.clone()), std::slice::from_ref(&x)),
        [12., 14., 15., 13.]
    );
    assert_eq!(run(pool(Reducer::Sum, w), &[x]), [22., 30., 38., 30.]);
    let x = array("f32[5]", &[1., 2., 3., 4., 5.]);
    // Cumulative sum.
    let w = window(&[5], &[1], &[(4, 0)]);
    assert_eq!(
        run(pool(Reducer::Sum, w), std::slice::from_ref(&x)),
        [1., 3., 6., 10., 15.]
    );
    let w = window(&[3], &[2], &[(1, 1)]);
    assert_eq!(
        run(pool(Reducer::Min, w), std::slice::from_ref(&x)),
        [1., 2., 4.]
    );
    let w = Window {
        window_dilation: vec![2],
        ..Window::new(&[2])
    };
    assert_eq!(
        run(pool(Reducer::Product, w), std::slice::from_ref(&x)),
        [3., 8., 15.]
    );
    let w = Window {
        base_dilation: vec![2],
        ..Window::new(&[2])
    };
    assert_eq!(
        run(pool(Reducer::Max, w), std::slice::from_ref(&x)),
        [1., 2., 2., 3., 3., 4., 4., 5.]
    );
    let w = window(&[7], &[1], &[(0, 0)]);
    assert_eq!(run(pool(Reducer::Sum, w), std::slice::from_ref(&x)), []);
    let w = window(&[2], &[1], &[(-1, -1)]);
    assert_eq!(run(pool(Reducer::Sum, w), &[x]), [5., 7.]);
    // A window of nothing but padding.
    let w = window(&[1], &[1], &[(1, 0)]);
    let y = run(pool(Reducer::Max, w.clone()), &[array("i32[1]", &[3.])]);
    assert_eq!(y, [i32::MIN as f64, 3.]);
    assert_eq!(run(pool(Reducer::Sum, w), &[array("i32[0]", &[])]), [0.]);
}

#[test]
fn window_loops_agree() {
    let padded = Window {
        size: vec![1, 3, 2, 1],
        stride: vec![1, 2, 1, 1],
        padding: vec![(0, 0), (2, 1), (1, 3), (0, 0)],
        base_dilation: vec![1, 2, 1, 1],
        window_dilation: vec![1, 1, 3, 1],
    };
    let large = window(
        &[1, 6, 7, 1],
        &[1, 1, 3, 1],
        &[(0, 0), (3, 3), (0, 2), (0, 0)],
    );
    for w in [padded, large] {
        for dtype in ["f32", "f16", "i32"] {
            let x = fill(&format!("{dtype}[2,7,8,3]"), 5);
            for kind in [Reducer::Sum, Reducer::Product, Reducer::Max, Reducer::Min] {
                check(pool(kind, w.clone()), std::slice::from_ref(&x));
            }
        }
        let x = fill("f32[2,7,8,3]", 5);
        let init = array("f32[]", &[0.5]);
        check(
            pool(odd_body(DType::F32), w.clone()),
            &[x.clone(), init.clone()],
        );
        let i = fill("i32[2,7,8,3]", 6);
        check(pool(argmax(), w), &[x, i, init, array("i32[]", &[3.])]);
    }
}

#[test]
fn reduce_window_rejects() {
    let wrong = |w: Window| error(pool(Reducer::Sum, w), &[ty("f32[4,4]")]);
    let ok = window(&[2, 2], &[2, 2], &[(0, 0), (0, 0)]);
    assert_eq!(
        wrong(Window::new(&[2])),
        "reduce_window: padding has 1 entries for the axes of f32[4,4] (C2)"
    );
    assert_eq!(
        wrong(Window {
            stride: vec![1],
            ..ok.clone()
        }),
        "reduce_window: stride has 1 entries for the axes of f32[4,4] (C2)"
    );
    assert_eq!(
        wrong(Window {
            size: vec![2, 0],
            ..ok.clone()
        }),
        "reduce_window: size must be at least 1 on every axis, found [2, 0] (C7)"
    );
    assert_eq!(
        wrong(Window {
            window_dilation: vec![0, 1],
            ..ok.clone()
        }),
        "reduce_window: window_dilation must be at least 1 on every axis, found [0, 1] (C7)"
    );
    let far = i64::MAX;
    for hostile in [
        Window {
            padding: vec![(far, far), (0, 0)],
            ..ok.clone()
        },
        Window {
            padding: vec![(i64::MIN, 0), (0, 0)],
            ..ok.clone()
        },
        Window {
            base_dilation: vec![usize::MAX, 1],
            ..ok.clone()
        },
        Window {
            window_dilation: vec![usize::MAX, 1],
            ..ok.clone()
        },
        Window {
            stride: vec![usize::MAX, 1],
            ..ok.clone()
        },
        Window {
            size: vec![usize::MAX, usize::MAX],
            ..ok.clone()
        },
        Window {
            size: vec![1 << 40, 1 << 40],
            ..ok.clone()
        },
    ] {
        assert!(
            wrong(hostile.clone()).ends_with("too large (C8)"),
            "{hostile:?}"
        );
    }
    let wide = window(&[1, 1], &[1, 1], &[(1 << 50, 0), (1 << 50, 0)]);
    assert!(wrong(wide).ends_with("is too large (size)"));
}

fn scatter_max(window: Window) -> SelectAndScatter {
    SelectAndScatter {
        select: Cmp::Ge,
        window,
    }
}

#[test]
fn select_and_scatter_finds_the_first_best() {
    let x = array("f32[6]", &[1., 5., 5., 2., 7., 0.]);
    let s = array("f32[3]", &[10., 20., 30.]);
    let two = window(&[2], &[2], &[(0, 0)]);
    let y = run(scatter_max(two), &[x.clone(), s.clone()]);
    assert_eq!(y, [0., 10., 20., 0., 30., 0.]);
    // Overlap adds up; windows 1 5 5 / 5 5 2 / 5 2 7 / 2 7 0.
    let s4 = array("f32[4]", &[1., 2., 4., 8.]);
    let three = window(&[3], &[1], &[(0, 0)]);
    assert_eq!(
        run(scatter_max(three), &[x.clone(), s4.clone()]),
        [0., 3., 0., 0., 12., 0.]
    );
    let least = SelectAndScatter {
        select: Cmp::Le,
        window: window(&[3], &[1], &[(0, 0)]),
    };
    assert_eq!(run(least, &[x.clone(), s4]), [1., 0., 0., 6., 0., 8.]);
    // Padding is never preferred: windows . 1 / 5 5 / 2 7 / 0 .
    let padded = window(&[2], &[2], &[(1, 1)]);
    let s4 = array("f32[4]", &[1., 2., 4., 8.]);
    assert_eq!(
        run(scatter_max(padded), &[x.clone(), s4]),
        [1., 2., 0., 0., 4., 8.]
    );
    // A remainder that no window covers, and gaps between windows.
    let x7 = array("f32[7]", &[1., 5., 5., 2., 7., 0., 9.]);
    let two = window(&[2], &[2], &[(0, 0)]);
    assert_eq!(
        run(scatter_max(two), &[x7.clone(), s.clone()]),
        [0., 10., 20., 0., 30., 0., 0.]
    );
    let gaps = window(&[1], &[3], &[(0, 0)]);
    assert_eq!(
        run(scatter_max(gaps), &[x7, s.clone()]),
        [10., 0., 0., 20., 0., 0., 30.]
    );
    let nan = array("f32[6]", &[f64::NAN, f64::NAN, 3., f64::NAN, 1., 2.]);
    let two = window(&[2], &[2], &[(0, 0)]);
    assert_eq!(
        run(scatter_max(two), &[nan, s]),
        [10., 0., 0., 20., 0., 30.]
    );
}

#[test]
fn select_and_scatter_loops_agree() {
    for (w, windows) in [
        (
            window(&[1, 2, 2, 1], &[1, 2, 2, 1], &[(0, 0); 4]),
            "[2,3,4,3]",
        ),
        (
            window(
                &[1, 3, 2, 1],
                &[1, 2, 1, 1],
                &[(0, 0), (1, 1), (2, 0), (0, 0)],
            ),
            "[2,4,9,3]",
        ),
        (
            window(
                &[1, 6, 6, 1],
                &[1, 1, 1, 1],
                &[(0, 0), (3, 0), (0, 0), (0, 0)],
            ),
            "[2,5,3,3]",
        ),
        (
            window(&[2, 2, 2, 3], &[1, 3, 2, 1], &[(0, 0); 4]),
            "[1,2,4,1]",
        ),
    ] {
        for dtype in ["f32", "f64", "f16", "i32"] {
            let x = fill(&format!("{dtype}[2,7,8,3]"), 3);
            let s = fill(&format!("{dtype}{windows}"), 4);
            check(scatter_max(w.clone()), &[x.clone(), s.clone()]);
            check(
                SelectAndScatter {
                    select: Cmp::Le,
                    window: w.clone(),
                },
                &[x, s],
            );
        }
    }
}

#[test]
fn select_and_scatter_rejects() {
    let ok = window(&[2], &[2], &[(0, 0)]);
    let wrong = |op: SelectAndScatter, x: &str, s: &str| error(op, &[ty(x), ty(s)]);
    assert_eq!(
        wrong(scatter_max(ok.clone()), "f32[6]", "f32[2]"),
        "select_and_scatter: source must be f32[3], found f32[2] (C7)"
    );
    assert_eq!(
        wrong(scatter_max(ok.clone()), "f32[6]", "i32[3]"),
        "select_and_scatter: f32[6] and i32[3] must have the same element type"
    );
    assert_eq!(
        wrong(scatter_max(ok.clone()), "bool[6]", "bool[3]"),
        "select_and_scatter: takes a number, found bool"
    );
    let eq = SelectAndScatter {
        select: Cmp::Eq,
        window: ok.clone(),
    };
    assert_eq!(
        wrong(eq, "f32[6]", "f32[3]"),
        "select_and_scatter: select must be ge or le, found eq (C5)"
    );
    let dilated = Window {
        window_dilation: vec![2],
        ..ok
    };
    assert_eq!(
        wrong(scatter_max(dilated), "f32[6]", "f32[2]"),
        "select_and_scatter: takes no dilation (C4)"
    );
    assert_eq!(
        wrong(scatter_max(Window::new(&[2, 2])), "f32[6]", "f32[2]"),
        "select_and_scatter: padding has 2 entries for the axes of f32[6] (C1)"
    );
}

#[test]
fn bodies_that_cannot_be_inlined_are_interpreted() {
    let mut b = Builder::new("odd");
    let x = b.input("a", ty("f32[]"));
    let y = b.input("b", ty("f32[]"));
    let row = b.reshape(x, &[1]);
    let row = b.sum(row, &[0]);
    let z = b.add(row, y);
    b.output("c", z);
    let graph: Graph = b.finish();
    let op = reduce(Reducer::Body(Box::new(graph)), &[0]);
    let types = [ty("f32[3]"), ty("f32[]")];
    assert!(matches!(op.lower(&types), Lowering::Interpret));
    let x = array("f32[3]", &[1., 2., 3.]);
    assert_eq!(op.eval(&[x, array("f32[]", &[4.])])[0].to_f64(), [10.]);
}
