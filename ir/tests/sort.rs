//! `sort`: numbers by hand, NaN, stability, errors, and its loops.

mod common;
use common::{array, check, error, fill, ty};
use craneflow_ir::ops::Sort;
use craneflow_ir::{Array, Builder, Cmp, DType, Type};

#[test]
fn along_either_axis() {
    let x = array("f32[2,3]", &[3., 1., 2., 0., 5., -4.]);
    let rows = check(
        Sort::by_first(1, Cmp::Lt, &[DType::F32]),
        std::slice::from_ref(&x),
    );
    assert_eq!(rows[0].to_f64(), [1., 2., 3., -4., 0., 5.]);
    let columns = check(Sort::by_first(0, Cmp::Gt, &[DType::F32]), &[x]);
    assert_eq!(columns[0].to_f64(), [3., 5., 2., 0., 1., -4.]);
}

#[test]
fn equals_keep_their_order() {
    let keys = array("i8[7]", &[2., 1., 2., 1., 0., 2., 1.]);
    let places = array("u16[7]", &[0., 1., 2., 3., 4., 5., 6.]);
    let y = check(
        Sort::by_first(0, Cmp::Lt, &[DType::I8, DType::U16]),
        &[keys, places],
    );
    assert_eq!(y[0].to_f64(), [0., 1., 1., 1., 2., 2., 2.]);
    assert_eq!(y[1].to_f64(), [4., 1., 3., 6., 0., 2., 5.]);
}

#[test]
fn total_order_of_floats() {
    let x = [f64::NAN, 1., -0., f64::INFINITY, 0., -f64::NAN, -1.];
    for t in ["f32", "f64", "f16", "bf16"] {
        let x = array(&format!("{t}[7]"), &x);
        let y = check(Sort::by_first(0, Cmp::Lt, &[x.ty.dtype]), &[x])[0].to_f64();
        assert!(y[0].is_nan() && y[6].is_nan(), "{y:?}");
        assert_eq!(y[1..6], [-1., -0., 0., 1., f64::INFINITY]);
        assert!(y[2].is_sign_negative() && y[3].is_sign_positive());
    }
}

/// `<` on floats is no order when there are NaNs; interpreter and loops still agree.
#[test]
fn comparators_that_are_no_order() {
    let mut b = Builder::new("less");
    let a = b.input("a", Type::scalar(DType::F32));
    let c = b.input("b", Type::scalar(DType::F32));
    let less = b.compare(Cmp::Lt, a, c);
    b.output("less", less);
    let op = Sort {
        axis: 0,
        stable: false,
        comparator: Box::new(b.finish()),
    };
    let x = [4., f64::NAN, 2., 9., f64::NAN, 1., 3., f64::NAN, 0., 5., 7.];
    check(op, &[array("f32[11]", &x)]);
}

#[test]
fn loops_agree_for_every_length() {
    for n in (0..20).chain([31, 32, 33, 100]) {
        let x = fill(&format!("i32[2,{n},3]"), n);
        let y = fill(&format!("f16[2,{n},3]"), n + 50);
        let sorted = check(
            Sort::by_first(1, Cmp::Lt, &[DType::I32, DType::F16]),
            &[x, y],
        );
        let first: Vec<f64> = sorted[0].to_f64().into_iter().step_by(3).collect();
        assert!(first[..n as usize].is_sorted());
    }
    check(
        Sort::by_first(0, Cmp::Lt, &[DType::Bool]),
        &[Array::from_f64(ty("bool[3]"), &[1., 0., 1.])],
    );
}

#[test]
fn errors() {
    let op = |axis| Sort::by_first(axis, Cmp::Lt, &[DType::F32, DType::I32]);
    assert_eq!(error(op(0), &[]), "sort: it has no operands (C1)");
    assert_eq!(
        error(op(0), &[ty("f32[2]"), ty("i32[3]")]),
        "sort: f32[2] and i32[3] must have the same shape"
    );
    assert_eq!(
        error(op(1), &[ty("f32[2]"), ty("i32[2]")]),
        "sort: axis 1 is out of range for f32[2]"
    );
    assert_eq!(
        error(op(0), &[ty("f32[2]")]),
        "sort: its region must be (f32[], f32[]) -> (bool[]), \
         found (f32[], f32[], i32[], i32[]) -> (bool[]) (C3)"
    );
}
