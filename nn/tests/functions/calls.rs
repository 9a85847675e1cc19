//! Functions as programs call them.

use super::*;

#[test]
fn functions_are_called_by_position_and_by_name() {
    let f = |x: &[Tensor]| (x[0].square() * &x[1]).sum(&[]);
    let graph = trace(
        "f",
        &[("x", f32s([2])), ("w", f32s([2]))],
        value_and_grad(f),
    )
    .expect("traces");
    let mut function = Function::compile(graph, &Default::default()).expect("compiles");
    let x = array![1.0f32, 2.0, 3.0, 4.0];
    let (view, w) = (x.slice(s![..;2]), array![2.0f32, 3.0]);
    let results = function.call(&[(&view).into(), (&w).into()]).expect("runs");
    assert_eq!(results.get::<f32>(0).expect("is f32")[[]], 29.0);
    assert_eq!(
        results.named::<f32>("out1").expect("is there"),
        array![4.0, 18.0].into_dyn()
    );
    let results = function
        .call_named(&[("w", (&array![0.0f32, 1.0]).into())])
        .expect("runs");
    assert_eq!(
        results.get::<f32>(0).expect("is f32")[[]],
        9.0,
        "x keeps its value"
    );
    let message = |e: Result<_, craneflow_nn::NnError>| {
        e.map(|_: craneflow_nn::trace::Outputs| ())
            .expect_err("wrong")
            .to_string()
    };
    assert_eq!(
        message(function.call_named(&[("z", (&w).into())])),
        "there is no input z; the inputs are x, w"
    );
    assert_eq!(
        message(function.call(&[(&w).into()])),
        "2 inputs expected (x, w), found 1"
    );
    assert_eq!(
        message(function.call_named(&[("x", (&x).into())])),
        "input x: expected f32[2], found f32[4]: axis 0 is 4 instead of 2"
    );
    assert_eq!(
        results
            .named::<f32>("y")
            .expect_err("is not there")
            .to_string(),
        "there is no output y; the outputs are out0, out1, out2"
    );

    let step = || {
        let names = [("w", f32s([2])), ("x", f32s([]))];
        trace("step", &names, |a| {
            let next = &a[0] + &a[1];
            vec![("w", next.clone()), ("x", next.sum(&[]))]
        })
        .expect("traces")
    };
    let graph = donate(step(), &["w"]).expect("fits");
    let mut sum = Function::compile(graph, &Default::default()).expect("compiles");
    let one = ndarray::arr0(1.0f32);
    sum.call(&[(&w).into(), (&one).into()]).expect("runs");
    let results = sum.call_named(&[]).expect("runs");
    assert_eq!(
        results.named::<f32>("w").expect("is there"),
        array![4.0, 5.0].into_dyn()
    );
    let wrong = |names: &[&str]| donate(step(), names).expect_err("wrong").to_string();
    assert_eq!(wrong(&["v"]), "there is no output v; the outputs are w, x");
    let first = trace("f", &[("a", f32s([2]))], |a| vec![("b", a[0].clone())]);
    assert_eq!(
        donate(first.expect("traces"), &["b"])
            .expect_err("wrong")
            .to_string(),
        "there is no input b; the inputs are a"
    );

    let mut cube = jit(&["x"], grad(|x| (x[0].square() * &x[0]).sum(&[])));
    for n in [2, 3, 2] {
        let x = ndarray::Array1::<f32>::from_elem(n, 2.0);
        let y = cube.call(&[(&x).into()]).expect("runs");
        assert_eq!(y.get::<f32>(0).expect("is f32"), (&x * 6.0).into_dyn());
    }
    assert_eq!(cube.compiled(), 2);
    assert_eq!(
        message(cube.call_named(&[])),
        "input x has no value; the inputs are x"
    );
}
