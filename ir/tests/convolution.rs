//! `convolution`: numbers by hand, errors, and its loops.

mod common;
use common::{array, check, error, fill, ty};
use craneflow_ir::ops::common::{ConvDims, Window};
use craneflow_ir::ops::{Convolution, Op, Rules};

fn plain(spatial: usize) -> Convolution {
    Convolution {
        window: Window {
            size: vec![],
            ..Window::new(&vec![1; spatial])
        },
        reversal: vec![false; spatial],
        dims: ConvDims::channels_last(spatial),
        feature_groups: 1,
        batch_groups: 1,
    }
}

/// One spatial axis, one feature in and out.
fn line(edit: impl FnOnce(&mut Convolution), x: &[f64], k: &[f64]) -> Vec<f64> {
    let mut op = plain(1);
    edit(&mut op);
    let x = array(&format!("f32[1,{},1]", x.len()), x);
    let k = array(&format!("f32[{},1,1]", k.len()), k);
    check(op, &[x, k])[0].to_f64()
}

#[test]
fn one_axis() {
    let x = [1., 2., 3., 4.];
    assert_eq!(line(|_| (), &x, &[1., 10.]), [21., 32., 43.]);
    let y = line(|c| c.window.padding = vec![(1, 2)], &x, &[1., 10.]);
    assert_eq!(y, [10., 21., 32., 43., 4., 0.]);
    let y = line(|c| c.window.padding = vec![(-1, 0)], &x, &[1., 10.]);
    assert_eq!(y, [32., 43.]);
    assert_eq!(
        line(|c| c.window.stride = vec![2], &x, &[1., 10.]),
        [21., 43.]
    );
    let y = line(|c| c.window.window_dilation = vec![2], &x, &[1., 10.]);
    assert_eq!(y, [31., 42.]);
    let y = line(|c| c.window.base_dilation = vec![2], &x, &[1., 10.]);
    assert_eq!(y, [1., 20., 2., 30., 3., 40.]);
    assert_eq!(
        line(|c| c.reversal = vec![true], &x, &[1., 10.]),
        [12., 23., 34.]
    );
    assert_eq!(line(|_| (), &[1.], &[1., 10.]), []);
}

/// Padding is zeros that take part: an infinite weight makes them NaN.
#[test]
fn padding_is_zeros() {
    let y = line(
        |c| c.window.padding = vec![(1, 0)],
        &[1., 2.],
        &[f64::INFINITY, 1.],
    );
    assert!(y[0].is_nan());
    assert_eq!(y[1], f64::INFINITY);
}

#[test]
fn features_and_groups() {
    let x = array("f32[1,1,4]", &[1., 2., 3., 4.]);
    let k = array("f32[1,4,1]", &[1., 10., 100., 1000.]);
    assert_eq!(check(plain(1), &[x.clone(), k])[0].to_f64(), [4321.]);
    let mut op = plain(1);
    op.feature_groups = 2;
    let k = array("f32[1,2,2]", &[1., 10., 100., 1000.]);
    // The first output takes features 0 and 1, the second 2 and 3.
    let y = check(op, &[x, k.clone()]);
    assert_eq!(y[0].to_f64(), [201., 4030.]);
    let mut op = plain(1);
    op.batch_groups = 2;
    let x = array("f32[2,1,2]", &[1., 2., 3., 4.]);
    assert_eq!(check(op, &[x, k])[0].to_f64(), [201., 4030.]);
}

/// All kinds of windows over two axes in another layout, for every type.
#[test]
fn loops_agree() {
    let mut state = 1u64;
    let mut pick = |n: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    for case in 0..60 {
        let t = ["f32", "bf16", "i16", "f64", "bool", "f16"][case % 6];
        let groups = 1 + pick(2) as usize;
        let (fg, bg) = if pick(2) == 0 {
            (groups, 1)
        } else {
            (1, groups)
        };
        let mut two = |n, low| vec![low + pick(n) as usize, low + pick(n) as usize];
        let op = Convolution {
            window: Window {
                size: vec![],
                stride: two(3, 1),
                padding: vec![(0, 0); 2],
                base_dilation: two(3, 1),
                window_dilation: two(3, 1),
            },
            reversal: vec![pick(2) == 0, pick(2) == 0],
            dims: ConvDims::from_text("f1b0_i01o_0fb1").unwrap(),
            feature_groups: fg,
            batch_groups: bg,
        };
        let mut op = op;
        for p in &mut op.window.padding {
            *p = (pick(5) as i64 - 2, pick(5) as i64 - 2);
        }
        let x = fill(
            &format!("{t}[{},{},2,{}]", 2 * fg, 3 + pick(4), 3 + pick(4)),
            7,
        );
        let k = fill(&format!("{t}[2,{},{},4]", 1 + pick(3), 1 + pick(3)), 8);
        check(op, &[x, k]);
    }
}

#[test]
fn dims_in_text() {
    let op = plain(2);
    let attrs = op.attrs();
    assert_eq!(
        attrs.find("dims"),
        Some(&craneflow_ir::Attr::Word("b01f_01io_b01f".into()))
    );
    for text in [
        "b0f_0io",
        "b0f_0io_b0f_b",
        "b0f_01io_b0f",
        "bb0_0io_b0f",
        "",
    ] {
        assert_eq!(ConvDims::from_text(text), None, "{text}");
    }
    let mut leading = plain(1);
    leading.dims = ConvDims::from_text("0bf_0io_0bf").unwrap();
    assert_eq!(Convolution::parse(&leading.attrs()), Ok(leading));
    let mut broken = plain(1);
    broken.dims.input_feature = 9;
    assert_eq!(broken.dims.to_text(), "b0__0io_b0f");
}

#[test]
fn errors() {
    let of = |edit: &dyn Fn(&mut Convolution), x: &str, k: &str| {
        let mut op = plain(2);
        edit(&mut op);
        error(Op::from(op), &[ty(x), ty(k)])
    };
    let (x, k) = ("f32[2,8,8,4]", "f32[3,3,4,6]");
    let starts = |message: String, start: &str, number: &str| {
        assert!(
            message.starts_with(&format!("convolution: {start}"))
                && message.ends_with(&format!("({number})")),
            "{message}"
        );
    };
    starts(
        of(&|_| (), "f32[2,8,4]", k),
        "f32[2,8,4] and f32[3,3,4,6] must have rank 4",
        "C1",
    );
    starts(of(&|c| c.window.stride = vec![1], x, k), "stride,", "C2");
    starts(of(&|c| c.window.stride[0] = 0, x, k), "strides and", "C3");
    starts(
        of(&|c| c.window.padding[0].0 = i64::MIN, x, k),
        "strides, d",
        "C4",
    );
    starts(
        of(&|c| c.window.base_dilation[1] = usize::MAX, x, k),
        "strides, d",
        "C4",
    );
    starts(
        of(&|c| c.window.size = vec![2, 2], x, k),
        "window size [2, 2]",
        "C5",
    );
    starts(
        of(&|c| c.dims.input_feature = 0, x, k),
        "axis 0 of f32[2,8,8,4] is named twice",
        "C6",
    );
    starts(of(&|c| c.feature_groups = 0, x, k), "0 feature", "C7");
    starts(
        of(&|c| (c.feature_groups, c.batch_groups) = (2, 2), x, k),
        "2 feature",
        "C7",
    );
    assert_eq!(
        of(&|_| (), x, "f32[3,3,5,6]"),
        "convolution: input f32[2,8,8,4] has 4 features, kernel f32[3,3,5,6] takes 5 in each of 1 groups (C8)"
    );
    starts(
        of(&|c| c.feature_groups = 4, x, "f32[3,3,1,6]"),
        "6 output features",
        "C9",
    );
    starts(of(&|c| c.batch_groups = 3, x, k), "batch of 2", "C10");
    assert_eq!(
        of(&|_| (), x, "f64[3,3,4,6]"),
        "convolution: f32[2,8,8,4] and f64[3,3,4,6] must have the same element type"
    );
}
