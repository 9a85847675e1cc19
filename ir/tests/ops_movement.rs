//! Ops that move elements: results by hand, and every way to be wrong.

mod common;

use common::{array, check, error, ty};
use craneflow_ir::ops::*;
use craneflow_ir::{Array, DType, Scalar, Type};

fn run(op: impl Into<Op>, x: &[Array]) -> Vec<f64> {
    check(op, x)[0].to_f64()
}

fn count(text: &str) -> Array {
    let n = ty(text).count();
    array(text, &(0..n).map(|i| i as f64).collect::<Vec<_>>())
}

fn int(text: &str, data: &[i64]) -> Array {
    let ty = ty(text);
    Array::from_fn(ty.clone(), |i| Scalar::int(ty.dtype, data[i]))
}

#[test]
fn iota_counts_along_an_axis() {
    let iota = |text: &str, axis| run(Iota { ty: ty(text), axis }, &[]);
    assert_eq!(iota("f32[2,3]", 1), [0., 1., 2., 0., 1., 2.]);
    assert_eq!(iota("i64[2,3]", 0), [0., 0., 0., 1., 1., 1.]);
    assert_eq!(iota("bf16[3]", 0), [0., 1., 2.]);
    assert_eq!(iota("u8[260]", 0)[255..], [255., 0., 1., 2., 3.]);
    assert_eq!(iota("f64[0,3]", 1), []);
    let wrong = |text: &str, axis| error(Iota { ty: ty(text), axis }, &[]);
    assert_eq!(wrong("bool[2]", 0), "iota: takes a number, found bool");
    assert_eq!(
        wrong("f32[2]", 1),
        "iota: axis 1 is out of range for f32[2]"
    );
    let huge = Type::new(DType::F32, [1 << 40, 1 << 40]);
    let message = error(Iota { ty: huge, axis: 0 }, &[]);
    assert_eq!(
        message,
        "iota: f32[1099511627776,1099511627776] is too large (size)"
    );
}

#[test]
fn constants_and_inputs_have_their_type() {
    let value = array("f32[2]", &[1., 2.]);
    let c = Constant { value };
    assert_eq!(c.infer(&[]).unwrap(), [ty("f32[2]")]);
    assert_eq!(Constant::parse(&c.attrs()), Ok(c.clone()));
    assert_eq!(c.eval(&[])[0].to_f64(), [1., 2.]);
    assert_eq!(
        error(c, &[ty("f32[]")]),
        "constant: takes 0 operands, found 1"
    );
    let i = Input {
        index: 3,
        ty: ty("i8[4]"),
    };
    assert_eq!(Input::parse(&i.attrs()), Ok(i.clone()));
    assert_eq!(i.infer(&[]).unwrap(), [ty("i8[4]")]);
    let huge = Type::new(DType::I8, [usize::MAX]);
    let message = error(Input { index: 0, ty: huge }, &[]);
    assert_eq!(
        message,
        "input: i8[18446744073709551615] is too large (size)"
    );
}

fn broadcast(shape: &[usize], axes: &[usize]) -> BroadcastInDim {
    BroadcastInDim {
        shape: shape.into(),
        axes: axes.to_vec(),
    }
}

#[test]
fn broadcast_repeats() {
    let x = array("f32[2]", &[1., 2.]);
    assert_eq!(
        run(broadcast(&[2, 3], &[0]), std::slice::from_ref(&x)),
        [1., 1., 1., 2., 2., 2.]
    );
    assert_eq!(
        run(broadcast(&[3, 2], &[1]), &[x]),
        [1., 2., 1., 2., 1., 2.]
    );
    let x = array("f32[1,2]", &[1., 2.]);
    assert_eq!(run(broadcast(&[2, 2], &[0, 1]), &[x]), [1., 2., 1., 2.]);
    // Axes out of order transpose.
    let x = count("i32[2,3]");
    assert_eq!(
        run(broadcast(&[3, 2], &[1, 0]), &[x]),
        [0., 3., 1., 4., 2., 5.]
    );
    assert_eq!(run(broadcast(&[0], &[]), &[array("f32[]", &[1.])]), []);
}

#[test]
fn broadcast_rejects() {
    let wrong = |op, x| error(op, &[ty(x)]);
    assert_eq!(
        wrong(broadcast(&[2, 3], &[0, 1]), "f32[2]"),
        "broadcast_in_dim: axes has 2 entries for the axes of f32[2] (C1)"
    );
    assert_eq!(
        wrong(broadcast(&[2, 3], &[2]), "f32[2]"),
        "broadcast_in_dim: axis 2 is out of range for f32[2,3]"
    );
    assert_eq!(
        wrong(broadcast(&[2, 3], &[0, 0]), "f32[2,2]"),
        "broadcast_in_dim: axis 0 of f32[2,3] is named twice (C2)"
    );
    assert_eq!(
        wrong(broadcast(&[2, 3], &[1]), "f32[2]"),
        "broadcast_in_dim: axis 0 of f32[2] cannot become axis 1 of f32[2,3]: 2 is neither 1 nor 3 (C3)"
    );
    assert_eq!(
        wrong(broadcast(&[1 << 62], &[]), "f32[]"),
        "broadcast_in_dim: f32[4611686018427387904] is too large (size)"
    );
}

#[test]
fn reshape_keeps_the_order() {
    let reshape = |shape: &[usize]| Reshape {
        shape: shape.into(),
    };
    let x = count("f32[2,3]");
    assert_eq!(
        run(reshape(&[3, 2]), std::slice::from_ref(&x)),
        [0., 1., 2., 3., 4., 5.]
    );
    assert_eq!(run(reshape(&[1, 6, 1]), &[x]), [0., 1., 2., 3., 4., 5.]);
    assert_eq!(run(reshape(&[]), &[count("i8[1,1]")]), [0.]);
    assert_eq!(
        error(reshape(&[4]), &[ty("f32[2,3]")]),
        "reshape: f32[2,3] has 6 elements, f32[4] has 4 (C1)"
    );
}

#[test]
fn transpose_permutes() {
    let op = |p: &[usize]| Transpose {
        permutation: p.to_vec(),
    };
    assert_eq!(
        run(op(&[1, 0]), &[count("f32[2,3]")]),
        [0., 3., 1., 4., 2., 5.]
    );
    assert_eq!(
        run(op(&[2, 0, 1]), &[count("u16[2,1,3]")]),
        [0., 3., 1., 4., 2., 5.]
    );
    assert_eq!(
        error(op(&[0]), &[ty("f32[2,3]")]),
        "transpose: permutation has 1 entries for the axes of f32[2,3] (C1)"
    );
    assert_eq!(
        error(op(&[0, 0]), &[ty("f32[2,3]")]),
        "transpose: axis 0 of f32[2,3] is named twice (C2)"
    );
    assert_eq!(
        error(op(&[0, 2]), &[ty("f32[2,3]")]),
        "transpose: axis 2 is out of range for f32[2,3]"
    );
}

fn slice(start: &[usize], limit: &[usize], stride: &[usize]) -> Slice {
    Slice {
        start: start.to_vec(),
        limit: limit.to_vec(),
        stride: stride.to_vec(),
    }
}

#[test]
fn slice_steps() {
    assert_eq!(
        run(slice(&[1], &[6], &[2]), &[count("f32[7]")]),
        [1., 3., 5.]
    );
    assert_eq!(
        run(slice(&[1], &[2], &[i64::MAX as usize]), &[count("f32[7]")]),
        [1.]
    );
    assert_eq!(run(slice(&[3], &[3], &[1]), &[count("f32[7]")]), []);
    let x = count("f32[3,4]");
    assert_eq!(
        run(slice(&[1, 0], &[3, 4], &[1, 3]), &[x]),
        [4., 7., 8., 11.]
    );
    let wrong = |op| error(op, &[ty("f32[7]")]);
    assert_eq!(
        wrong(slice(&[1, 2], &[6], &[2])),
        "slice: start has 2 entries for the axes of f32[7] (C1)"
    );
    assert_eq!(
        wrong(slice(&[1], &[8], &[2])),
        "slice: 1..8 is not a range within axis 0 of f32[7] (C2)"
    );
    assert_eq!(
        wrong(slice(&[5], &[4], &[2])),
        "slice: 5..4 is not a range within axis 0 of f32[7] (C2)"
    );
    assert_eq!(
        wrong(slice(&[1], &[4], &[0])),
        "slice: the stride of axis 0 must be at least 1 (C3)"
    );
}

fn pad(low: &[i64], high: &[i64], interior: &[usize]) -> Pad {
    Pad {
        low: low.to_vec(),
        high: high.to_vec(),
        interior: interior.to_vec(),
    }
}

#[test]
fn pad_adds_crops_and_spreads() {
    let (x, v) = (array("f32[3]", &[1., 2., 3.]), array("f32[]", &[9.]));
    let one = |op| run(op, &[x.clone(), v.clone()]);
    assert_eq!(one(pad(&[1], &[2], &[0])), [9., 1., 2., 3., 9., 9.]);
    assert_eq!(one(pad(&[0], &[0], &[2])), [1., 9., 9., 2., 9., 9., 3.]);
    assert_eq!(one(pad(&[-1], &[1], &[1])), [9., 2., 9., 3., 9.]);
    assert_eq!(one(pad(&[-3], &[-2], &[1])), []);
    assert_eq!(one(pad(&[2], &[-4], &[1])), [9., 9., 1.]);
    let x = array("i32[1,2]", &[1., 2.]);
    assert_eq!(
        run(pad(&[1, 0], &[0, 1], &[5, 0]), &[x, array("i32[]", &[7.])]),
        [7., 7., 7., 1., 2., 7.]
    );
    let nothing = array("f64[0]", &[]);
    assert_eq!(
        run(pad(&[1], &[1], &[1]), &[nothing, array("f64[]", &[4.])]),
        [4., 4.]
    );
}

#[test]
fn pad_rejects() {
    let wrong = |op, v| error(op, &[ty("f32[3]"), ty(v)]);
    let plain = pad(&[0], &[0], &[0]);
    assert_eq!(
        wrong(pad(&[0], &[0, 0], &[0]), "f32[]"),
        "pad: high has 2 entries for the axes of f32[3] (C1)"
    );
    assert_eq!(
        wrong(plain.clone(), "f32[1]"),
        "pad: takes a shape of rank 0, found [1]"
    );
    assert_eq!(
        wrong(plain, "i32[]"),
        "pad: f32[3] and i32[] must have the same element type"
    );
    assert_eq!(
        wrong(pad(&[-2], &[-2], &[0]), "f32[]"),
        "pad: axis 0 of f32[3] cannot be padded by -2 and -2 (C3)"
    );
    for hostile in [
        pad(&[i64::MIN], &[i64::MAX], &[0]),
        pad(&[i64::MAX], &[i64::MAX], &[0]),
        pad(&[0], &[0], &[usize::MAX]),
    ] {
        assert!(wrong(hostile, "f32[]").ends_with("(C3)"));
    }
}

#[test]
fn dynamic_slice_clamps() {
    let x = count("f32[3,4]");
    let op = DynamicSlice { sizes: vec![2, 2] };
    let at = |i, j| {
        run(
            op.clone(),
            &[x.clone(), int("i32[]", &[i]), int("i32[]", &[j])],
        )
    };
    assert_eq!(at(0, 1), [1., 2., 5., 6.]);
    assert_eq!(at(9, 9), [6., 7., 10., 11.]);
    assert_eq!(at(-5, 1), [1., 2., 5., 6.]);
    let far = |dtype: &str, i| {
        let sizes = vec![2];
        run(DynamicSlice { sizes }, &[count("f32[5]"), int(dtype, &[i])])
    };
    assert_eq!(far("u64[]", -1), [3., 4.]);
    assert_eq!(far("i64[]", i64::MIN), [0., 1.]);
    assert_eq!(far("i8[]", 2), [2., 3.]);
    let wrong = |x: &[&str]| error(op.clone(), &x.iter().map(|t| ty(t)).collect::<Vec<_>>());
    assert_eq!(
        wrong(&["f32[3,4]", "i32[]"]),
        "dynamic_slice: takes 3 operands, found 2"
    );
    assert_eq!(wrong(&[]), "dynamic_slice: takes 1 operands, found 0");
    assert_eq!(
        wrong(&["f32[3,4]", "i32[]", "i64[]"]),
        "dynamic_slice: i32[] and i64[] must have the same element type"
    );
    assert_eq!(
        wrong(&["f32[3,4]", "f32[]", "f32[]"]),
        "dynamic_slice: takes integer start indices, found f32"
    );
    assert_eq!(
        wrong(&["f32[3,4]", "i32[1]", "i32[]"]),
        "dynamic_slice: takes a shape of rank 0, found [1]"
    );
    assert_eq!(
        wrong(&["f32[3]", "i32[]"]),
        "dynamic_slice: the window has 2 entries for the axes of f32[3] (C3)"
    );
    assert_eq!(
        wrong(&["f32[3,1]", "i32[]", "i32[]"]),
        "dynamic_slice: a window of 2 does not fit into axis 1 of f32[3,1] (C4)"
    );
}

#[test]
fn dynamic_update_slice_overwrites() {
    let u = array("f32[2,2]", &[100., 101., 102., 103.]);
    let at = |i, j| {
        let x = count("f32[3,4]");
        run(
            DynamicUpdateSlice,
            &[x, u.clone(), int("i32[]", &[i]), int("i32[]", &[j])],
        )
    };
    assert_eq!(
        at(0, 1),
        [0., 100., 101., 3., 4., 102., 103., 7., 8., 9., 10., 11.]
    );
    assert_eq!(
        at(7, 7),
        [0., 1., 2., 3., 4., 5., 100., 101., 8., 9., 102., 103.]
    );
    assert_eq!(
        at(-1, -1),
        [100., 101., 2., 3., 102., 103., 6., 7., 8., 9., 10., 11.]
    );
    let x = array("i8[4]", &[1., 2., 3., 4.]);
    assert_eq!(
        run(
            DynamicUpdateSlice,
            &[x, array("i8[2]", &[8., 9.]), int("u8[]", &[1])]
        ),
        [1., 8., 9., 4.]
    );
    let scalar = [array("f32[]", &[1.]), array("f32[]", &[2.])];
    assert_eq!(run(DynamicUpdateSlice, &scalar), [2.]);
    let empty = [
        count("f32[2,2]"),
        array("f32[0,2]", &[]),
        int("i32[]", &[1]),
        int("i32[]", &[0]),
    ];
    assert_eq!(run(DynamicUpdateSlice, &empty), [0., 1., 2., 3.]);
    let wrong = |x: &[&str]| {
        error(
            DynamicUpdateSlice,
            &x.iter().map(|t| ty(t)).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        wrong(&["f32[3]", "f32[4]", "i32[]"]),
        "dynamic_update_slice: a window of 4 does not fit into axis 0 of f32[3] (C4)"
    );
    assert_eq!(
        wrong(&["f32[3]", "f64[1]", "i32[]"]),
        "dynamic_update_slice: f32[3] and f64[1] must have the same element type"
    );
    assert_eq!(
        wrong(&["f32[3]", "f32[1,1]", "i32[]"]),
        "dynamic_update_slice: the window has 2 entries for the axes of f32[3] (C3)"
    );
}

#[test]
fn concatenate_joins() {
    let (a, b) = (count("f32[2,2]"), array("f32[2,1]", &[8., 9.]));
    let op = |axis| Concatenate { axis };
    assert_eq!(run(op(1), &[a.clone(), b]), [0., 1., 8., 2., 3., 9.]);
    let c = array("f32[1,2]", &[8., 9.]);
    assert_eq!(run(op(0), &[c, a.clone()]), [8., 9., 0., 1., 2., 3.]);
    assert_eq!(run(op(0), std::slice::from_ref(&a)), [0., 1., 2., 3.]);
    let empty = array("f32[2,0]", &[]);
    assert_eq!(run(op(1), &[empty, a]), [0., 1., 2., 3.]);
    let cube = [count("i32[2,1,2]"), count("i32[2,2,2]")];
    assert_eq!(
        run(op(1), &cube),
        [0., 1., 0., 1., 2., 3., 2., 3., 4., 5., 6., 7.]
    );
    let wrong = |axis, x: &[&str]| error(op(axis), &x.iter().map(|t| ty(t)).collect::<Vec<_>>());
    assert_eq!(wrong(0, &[]), "concatenate: takes 1 operands, found 0");
    assert_eq!(
        wrong(0, &["f32[2]", "i32[2]"]),
        "concatenate: f32[2] and i32[2] must have the same element type"
    );
    assert_eq!(
        wrong(1, &["f32[2]"]),
        "concatenate: axis 1 is out of range for f32[2]"
    );
    assert_eq!(
        wrong(0, &["f32[2,3]", "f32[2,2]"]),
        "concatenate: f32[2,3] and f32[2,2] must agree in all axes but 0 (C4)"
    );
    assert_eq!(
        wrong(0, &["f32[2,3]", "f32[2]"]),
        "concatenate: f32[2,3] and f32[2] must agree in all axes but 0 (C4)"
    );
}

#[test]
fn reverse_turns_axes() {
    let op = |axes: &[usize]| Reverse {
        axes: axes.to_vec(),
    };
    let x = count("f32[2,3]");
    assert_eq!(
        run(op(&[1]), std::slice::from_ref(&x)),
        [2., 1., 0., 5., 4., 3.]
    );
    assert_eq!(
        run(op(&[0, 1]), std::slice::from_ref(&x)),
        [5., 4., 3., 2., 1., 0.]
    );
    assert_eq!(run(op(&[]), &[x]), [0., 1., 2., 3., 4., 5.]);
    assert_eq!(
        error(op(&[1]), &[ty("f32[2]")]),
        "reverse: axis 1 is out of range for f32[2]"
    );
    assert_eq!(
        error(op(&[0, 0]), &[ty("f32[2]")]),
        "reverse: axis 0 of f32[2] is named twice (C1)"
    );
}

#[test]
fn bitcast_convert_keeps_bits() {
    let op = |dtype| BitcastConvert { dtype };
    let one = array("f32[2]", &[1., -2.]);
    let bits = check(op(DType::U32), std::slice::from_ref(&one)).remove(0);
    assert_eq!(
        bits.to_f64(),
        [0x3f80_0000u32 as f64, 0xc000_0000u32 as f64]
    );
    let bytes = check(op(DType::U8), &[one]).remove(0);
    assert_eq!(bytes.ty, ty("u8[2,4]"));
    assert_eq!(
        bytes.to_f64(),
        [0., 0., 0x80 as f64, 0x3f as f64, 0., 0., 0., 0xc0 as f64]
    );
    let back = check(op(DType::F32), &[bytes]).remove(0);
    assert_eq!(back.to_f64(), [1., -2.]);
    let halves = check(op(DType::BF16), &[array("f32[1]", &[1.])]).remove(0);
    assert_eq!(halves.to_f64(), [0., 1.]);
    let wide = check(
        op(DType::F64),
        &[array("u32[2]", &[0., 0x3ff0_0000u32 as f64])],
    );
    assert_eq!(
        (wide[0].ty.clone(), wide[0].to_f64()),
        (ty("f64[]"), vec![1.])
    );
    check(op(DType::Bool), &[array("bool[2]", &[1., 0.])]);
    assert_eq!(
        error(op(DType::U8), &[ty("bool[2]")]),
        "bitcast_convert: bool and u8 have no common representation (C1)"
    );
    assert_eq!(
        error(op(DType::F32), &[ty("u8[3]")]),
        "bitcast_convert: the last extent of u8[3] must be 4 to make f32 (C2)"
    );
    assert_eq!(
        error(op(DType::F32), &[ty("u8[]")]),
        "bitcast_convert: the last extent of u8[] must be 4 to make f32 (C2)"
    );
}
