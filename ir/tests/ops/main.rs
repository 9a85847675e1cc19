//! All ops, row by row: gradients, loops against the interpreter in every float type, and attributes
//! and operand types that someone made up.

#[path = "../common/mod.rs"]
mod common;
mod gradcheck;
mod hostile;
mod rows;

use craneflow_ir::{Array, Attrs, DType, Op, Pointwise, Scalar};

/// The interpreter and the loops agree, and attributes survive printing, in each float type.
#[test]
fn loops_agree() {
    for ty in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        for row in rows::structural().into_iter().chain(rows::convolutions()) {
            if ["case", "sort", "custom_call"].contains(&row.op.name()) && ty != DType::F64 {
                continue;
            }
            let x: Vec<Array> = row.x.iter().map(|x| convert(x, ty)).collect();
            common::check(row.op, &x);
        }
    }
}

fn convert(x: &Array, to: DType) -> Array {
    if !x.ty.dtype.is_float() {
        return x.clone();
    }
    Array::from_fn(x.ty.with_dtype(to), |i| {
        Scalar::from_f64(to, x.get(i).to_f64())
    })
}

#[test]
fn names_are_found() {
    let all = Pointwise::all();
    let pointwise = all.iter().map(|p| p.name());
    for name in Op::STRUCTURAL.iter().copied().chain(pointwise) {
        let attrs = Attrs::default();
        assert!(Op::parse(name, &attrs).is_some(), "{name}");
    }
    let nothing = Op::parse("nothing", &Attrs::default());
    assert!(nothing.is_none());
}
