//! Reductions that are long enough to have stages: the stages are the meaning of the op, so all engines
//! and the graph before and after each pass have the same bits, also inside of a loop.

mod engines;

use craneflow_ir::ops::Reduce;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::text::parse_verified;
use craneflow_ir::{Array, Builder, DType, Scalar, Type};

/// Numbers whose sum depends on the order.
fn numbers(ty: Type) -> Array {
    let value = |i: usize| ((i * 7919 % 10007) as f64 - 5000.0) / 997.0;
    Array::from_fn(ty.clone(), |i| Scalar::from_f64(ty.dtype, value(i)))
}

const SHAPES: [(&[usize], &[usize]); 8] = [
    (&[40000], &[0]),
    (&[32768, 3], &[0]),
    (&[3, 33000], &[1]),
    (&[9, 700, 3], &[0, 1]),
    (&[8, 90, 5, 50], &[0, 1, 3]),
    (&[5, 70, 90], &[1, 2]),
    (&[4099], &[0]),
    (&[12, 12, 12, 12], &[0, 1, 2, 3]),
];

#[test]
fn engines_agree() {
    for (shape, axes) in SHAPES {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            let mut b = Builder::new("long");
            let x = b.input("x", Type::new(dtype, shape));
            let twice = b.add(x, x);
            let kinds = [Reducer::Sum, Reducer::Max];
            for (kind, name) in kinds.into_iter().zip(["sum", "max"]) {
                let y = b.reduce(kind, twice, axes);
                b.output(name, y);
            }
            engines::agree(&b.finish(), &[numbers(Type::new(dtype, shape))]);
        }
    }
}

#[test]
fn engines_agree_in_a_loop() {
    let text = "graph @loop(%n: i32[], %x: f32[40000], %s: f32[]) {
  %m, %y, %t: (i32[], f32[40000], f32[]) = while %n, %x, %s {cond=(%i: i32[], %v: f32[40000], %a: f32[]) {
    %3: i32[] = constant 0
    %4: bool[] = compare %i, %3 {direction=gt}
    return %4
  }, body=(%i: i32[], %v: f32[40000], %a: f32[]) {
    %3: i32[] = constant 1
    %4: i32[] = subtract %i, %3
    %5: f32[40000] = multiply %v, %v
    %6: f32[] = reduce %5 {kind=sum, axes=[0]}
    %7: f32[40000] = add %v, %v
    %8: f32[] = add %6, %a
    return %4, %7, %8
  }}
  return %t as t
}
";
    let graph = parse_verified(text).expect("right").into_inner();
    let x = [
        Array::scalar(Scalar::int(DType::I32, 3)),
        numbers(Type::new(DType::F32, [40000])),
        Array::scalar(Scalar::f32(0.5)),
    ];
    engines::agree(&graph, &x);
}

/// Stages differ from one accumulator in order, or they would not be tested here.
#[test]
fn stages_are_an_order_of_their_own() {
    let x = numbers(Type::new(DType::F32, [32768, 3]));
    let sum = Reduce {
        kind: Reducer::Sum,
        axes: vec![0],
    };
    assert!(sum.stages(&x.ty).is_some());
    let in_order = (0..32768).fold(0f32, |sum, i| sum + x.get(i * 3).to_f64() as f32);
    let mut b = Builder::new("sum");
    let v = b.input("x", x.ty.clone());
    let y = b.op(sum, &[v]);
    b.output("y", y);
    let staged = craneflow_ir::eval_graph(&b.finish(), &[x]);
    assert_ne!(staged[0].get(0), Scalar::f32(in_order));
}
