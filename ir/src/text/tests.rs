//! What is printed, read by eye.

use crate::native::Cmp;
use crate::ops::{DotGeneral, Sort};
use crate::*;

fn step() -> Graph {
    let mut b = Builder::new("step");
    let x = b.input("x", Type::new(DType::F32, [2, 3]));
    let w = b.input("dense.kernel", Type::new(DType::F32, [3, 2]));
    b.enter("dense");
    let op = DotGeneral {
        lhs_batch: vec![],
        rhs_batch: vec![],
        lhs_contract: vec![1],
        rhs_contract: vec![0],
    };
    let y = b.op(op, &[x, w]);
    let half = b.constant(Array::splat(
        Type::new(DType::F32, [2, 2]),
        Scalar::f32(0.5),
    ));
    let y = b.mul(y, half);
    b.enter("top k");
    let sort = Sort::by_first(1, Cmp::Gt, &[DType::F32, DType::F32]);
    let sorted = b.push(sort, &[y, half]).unwrap();
    b.output("y", sorted[0]);
    b.output("out1", sorted[1]);
    b.finish()
}

#[test]
fn graph_text() {
    let expected = r#"graph @step(%x: f32[2,3], %dense.kernel: f32[3,2]) {
  %2: f32[2,2] = dot_general %x, %dense.kernel {lhs_batch=[], rhs_batch=[], lhs_contract=[1], rhs_contract=[0]} @dense
  %3: f32[2,2] = constant splat(0.5) @dense
  %4: f32[2,2] = multiply %2, %3 @dense
  %5, %6: (f32[2,2], f32[2,2]) = sort %4, %3 {axis=1, stable=true, comparator=(%a0: f32[], %b0: f32[], %a1: f32[], %b1: f32[]) {
    %4: bool[] = compare %a0, %b0 {direction=gt, type=total_order}
    return %4 as before
  }} @"top k"
  return %5 as y, %6
}
"#;
    assert_eq!(step().to_string(), expected);
}
