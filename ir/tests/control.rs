//! `while`, `case` and `custom_call`: numbers by hand and errors.

mod common;
use common::{array, check, error, ty};
use craneflow_ir::ops::{Case, CustomCall, While};
use craneflow_ir::{Builder, Cmp, DType, Graph, Type, Value};

fn region(takes: &[&str], f: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>) -> Graph {
    let mut b = Builder::new("region");
    let inputs: Vec<Value> = takes
        .iter()
        .enumerate()
        .map(|(i, t)| b.input(&format!("x{i}"), ty(t)))
        .collect();
    for (i, y) in f(&mut b, &inputs).into_iter().enumerate() {
        b.output(&format!("y{i}"), y);
    }
    b.finish()
}

/// Doubles `x` until `i` reaches `n`.
fn doubling(n: f64) -> While {
    let carry = ["i32[]", "f32[2]"];
    While {
        cond: Box::new(region(&carry, |b, x| {
            let n = b.like(x[0], n);
            vec![b.compare(Cmp::Lt, x[0], n)]
        })),
        body: Box::new(region(&carry, |b, x| {
            let one = b.like(x[0], 1.0);
            vec![b.add(x[0], one), b.add(x[1], x[1])]
        })),
    }
}

#[test]
fn while_counts() {
    let x = [array("i32[]", &[0.]), array("f32[2]", &[1., -3.])];
    let y = check(doubling(5.0), &x);
    assert_eq!(y[0].to_f64(), [5.]);
    assert_eq!(y[1].to_f64(), [32., -96.]);
    assert_eq!(check(doubling(0.0), &x), x);
}

#[test]
fn while_errors() {
    assert_eq!(
        error(doubling(1.0), &[ty("i32[]"), ty("f32[3]")]),
        "while: its cond must be (i32[], f32[3]) -> (bool[]), \
         found (i32[], f32[2]) -> (bool[]) (C1)"
    );
    let mut op = doubling(1.0);
    op.body = Box::new(region(&["i32[]", "f32[2]"], |_, x| vec![x[1], x[0]]));
    assert_eq!(
        error(op, &[ty("i32[]"), ty("f32[2]")]),
        "while: its body must be (i32[], f32[2]) -> (i32[], f32[2]), \
         found (i32[], f32[2]) -> (f32[2], i32[]) (C2)"
    );
}

fn branches() -> Case {
    let branch = |k: f64| {
        region(&["f32[2]"], |b, x| {
            let k = b.like(x[0], k);
            vec![b.mul(x[0], k), x[0]]
        })
    };
    Case {
        branches: vec![branch(2.0), branch(10.0)],
    }
}

#[test]
fn case_takes_the_last_branch_when_out_of_range() {
    let x = array("f32[2]", &[1., 2.]);
    for (index, first) in [
        (0., [2., 4.]),
        (1., [10., 20.]),
        (2., [10., 20.]),
        (-1., [10., 20.]),
    ] {
        let y = check(branches(), &[array("i32[]", &[index]), x.clone()]);
        assert_eq!(y[0].to_f64(), first);
        assert_eq!(y[1], x);
    }
}

#[test]
fn case_errors() {
    let op = branches();
    assert_eq!(
        error(Case { branches: vec![] }, &[]),
        "case: it has no branches (C1)"
    );
    assert_eq!(
        error(op.clone(), &[ty("i32[]"), ty("f32[3]")]),
        "case: its branch 0 must be (f32[3]) -> (f32[2], f32[2]), \
         found (f32[2]) -> (f32[2], f32[2]) (C2)"
    );
    assert_eq!(
        error(op.clone(), &[ty("i64[]"), ty("f32[2]")]),
        "case: its index must be i32[], found i64[] (C4)"
    );
    let mut op = op;
    op.branches[1] = region(&["f32[2]"], |_, x| vec![x[0]]);
    assert_eq!(
        error(op, &[ty("i32[]"), ty("f32[2]")]),
        "case: its branch 1 must be (f32[2]) -> (f32[2], f32[2]), found (f32[2]) -> (f32[2]) (C3)"
    );
}

#[test]
fn custom_calls_are_known() {
    let op = |target: &str| CustomCall {
        target: target.to_string(),
        config: "a \"b\"\n".to_string(),
        results: vec![Type::new(DType::F32, [2])],
    };
    let x = array("f32[2]", &[1., 2.]);
    assert_eq!(check(op("identity"), std::slice::from_ref(&x)), [x]);
    assert_eq!(
        error(op("launch"), &[ty("f32[2]")]),
        "custom_call: no function is called \"launch\"; known are identity, Sharding (C1)"
    );
    assert_eq!(
        error(op("identity"), &[ty("f32[3]")]),
        "custom_call: \"identity\" returns its operands (f32[3]), not (f32[2]) (C2)"
    );
}
