//! The gradient of a value that is cut into slices is their gradients side by side.

use craneflow_ir::ops::{Op, Slice};
use craneflow_ir::{Array, Builder, DType, Type, eval, grad};

fn check(cuts: &[(usize, usize)], want: &[f64], concatenated: bool) {
    let mut b = Builder::new("cut");
    let x = b.input("x", Type::new(DType::F32, [2, 4]));
    let mut loss = None;
    for (i, &(from, to)) in cuts.iter().enumerate() {
        let slice = Slice {
            start: vec![0, from],
            limit: vec![2, to],
            stride: vec![1, 1],
        };
        let part = b.op(slice, &[x]);
        let scale = b.like(part, (i + 1) as f64);
        let part = b.mul(part, scale);
        let sum = b.sum(part, &[0, 1]);
        loss = Some(match loss {
            Some(before) => b.add(before, sum),
            None => sum,
        });
    }
    let dx = grad::append_gradient(&mut b, loss.unwrap(), &[x]).unwrap();
    b.output("dx", dx[0]);
    let g = b.finish();
    let found = matches!(g.def(dx[0]).op, Op::Concatenate(_));
    assert_eq!(found, concatenated);
    let x = Array::f32([2, 4], &[0.0; 8]);
    assert_eq!(eval::eval_graph(&g, &[x])[0].to_f64(), want);
}

#[test]
fn slices_side_by_side() {
    check(
        &[(1, 3), (0, 1), (3, 4)],
        &[2., 1., 1., 3., 2., 1., 1., 3.],
        true,
    );
    check(&[(0, 2), (1, 4)], &[1., 3., 2., 2., 1., 3., 2., 2.], false);
    check(&[(0, 1), (2, 4)], &[1., 0., 2., 2., 1., 0., 2., 2.], false);
}
