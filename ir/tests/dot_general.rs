//! `dot_general`: numbers by hand, errors, and its loops.

mod common;
use common::{array, check, error, fill, ty};
use craneflow_ir::ops::DotGeneral;

fn dot(lb: &[usize], rb: &[usize], lc: &[usize], rc: &[usize]) -> DotGeneral {
    DotGeneral {
        lhs_batch: lb.to_vec(),
        rhs_batch: rb.to_vec(),
        lhs_contract: lc.to_vec(),
        rhs_contract: rc.to_vec(),
    }
}

#[test]
fn matrix_product() {
    let a = array("f32[2,3]", &[1., 2., 3., 4., 5., 6.]);
    let b = array("f32[3,2]", &[1., 0., 0., 1., 2., -1.]);
    let y = check(DotGeneral::matmul(2), &[a, b]);
    assert_eq!(y[0], array("f32[2,2]", &[7., -1., 16., -1.]));
}

#[test]
fn batches_and_two_contracted_axes() {
    // y[b] = sum over i, j of l[i,b,j] * r[j,i,b].
    let l = array("i32[2,2,2]", &[1., 2., 3., 4., 5., 6., 7., 8.]);
    let r = array("i32[2,2,2]", &[1., 0., 0., 1., 2., 0., 0., 2.]);
    let y = check(dot(&[1], &[2], &[0, 2], &[1, 0]), &[l, r]);
    assert_eq!(y[0], array("i32[2]", &[5., 23.]));
}

#[test]
fn loops_agree_for_every_type() {
    for t in [
        "bool", "i8", "u16", "i32", "u64", "f16", "bf16", "f32", "f64",
    ] {
        let l = fill(&format!("{t}[3,2,4,2]"), 1);
        let r = fill(&format!("{t}[4,5,3,2]"), 2);
        let y = check(dot(&[3], &[3], &[2, 0], &[0, 2]), &[l, r]);
        assert_eq!(y[0].ty, ty(&format!("{t}[2,2,5]")));
    }
}

#[test]
fn outer_product_and_empty_sums() {
    let y = check(
        dot(&[], &[], &[], &[]),
        &[array("f32[2]", &[1., 2.]), array("f32[2]", &[3., 4.])],
    );
    assert_eq!(y[0], array("f32[2,2]", &[3., 4., 6., 8.]));
    let empty = [array("f32[2,0]", &[]), array("f32[0,1]", &[])];
    let y = check(DotGeneral::matmul(2), &empty);
    assert_eq!(y[0], array("f32[2,1]", &[0., 0.]));
}

#[test]
fn sixteen_bit_sums_are_rounded_once() {
    // 2048 + 1 is not an f16, but 2048 + 1 + 1 is.
    let l = array("f16[3]", &[2048., 1., 1.]);
    let r = array("f16[3]", &[1., 1., 1.]);
    let y = check(dot(&[], &[], &[0], &[0]), &[l, r]);
    assert_eq!(y[0], array("f16[]", &[2050.]));
}

#[test]
fn errors() {
    let (a, b) = (ty("f32[2,3]"), ty("f32[4,5]"));
    let of = |op| error(op, &[a.clone(), b.clone()]);
    assert_eq!(
        of(dot(&[], &[], &[1], &[0])),
        "dot_general: contracted axis 1 of f32[2,3] has 3 elements, axis 0 of f32[4,5] has 4 (C6)"
    );
    assert_eq!(
        of(dot(&[0], &[0], &[], &[])),
        "dot_general: batch axis 0 of f32[2,3] has 2 elements, axis 0 of f32[4,5] has 4 (C5)"
    );
    assert_eq!(
        of(dot(&[0], &[], &[], &[])),
        "dot_general: batch axes [0] of f32[2,3] and [] of f32[4,5] do not pair (C1)"
    );
    assert_eq!(
        of(dot(&[], &[], &[1], &[])),
        "dot_general: contracted axes [1] of f32[2,3] and [] of f32[4,5] do not pair (C2)"
    );
    assert_eq!(
        of(dot(&[1], &[0], &[1], &[1])),
        "dot_general: axis 1 of f32[2,3] is named twice (C3)"
    );
    assert_eq!(
        of(dot(&[0], &[1], &[1], &[1])),
        "dot_general: axis 1 of f32[4,5] is named twice (C4)"
    );
    assert_eq!(
        of(dot(&[], &[], &[7], &[0])),
        "dot_general: axis 7 is out of range for f32[2,3]"
    );
    assert_eq!(
        error(DotGeneral::matmul(2), &[ty("f32[2,3]"), ty("f64[3,5]")]),
        "dot_general: f32[2,3] and f64[3,5] must have the same element type"
    );
    assert_eq!(
        error(DotGeneral::matmul(2), &[ty("f32[2,3]")]),
        "dot_general: takes 2 operands, found 1"
    );
    let huge = [
        ty("f32[4611686018427387904,1]"),
        ty("f32[1,4611686018427387904]"),
    ];
    assert!(error(DotGeneral::matmul(2), &huge).contains("too large"));
}
