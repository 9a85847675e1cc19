//! The gradient pass: names, scopes, sums over several uses, gradients of gradients, and what is left
//! out of the walk.

mod common;
use common::array;
use craneflow_ir::eval::eval_graph;
use craneflow_ir::grad::{append_gradient, append_vjp, gradient, vjp_graph};
use craneflow_ir::ops::Sort;
use craneflow_ir::{Builder, Cmp, DType, Graph, Pointwise, Type, Value};

/// `y = x * x * x` in the layer `cube`.
fn cube() -> Graph {
    let mut b = Builder::new("cube");
    let x = b.input("x", Type::scalar(DType::F64));
    let outside = b.enter("cube");
    let square = b.mul(x, x);
    let y = b.mul(square, x);
    b.leave(outside);
    b.output("y", y);
    b.finish()
}

#[test]
fn derivatives_of_all_orders() {
    let mut graph = cube();
    for output in 0..3 {
        graph = gradient(&graph, output, &[0]).unwrap();
    }
    let names: Vec<&str> = graph.outputs.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["y", "grad.x", "grad.grad.x", "grad.grad.grad.x"]);
    let y = eval_graph(&graph, &[array("f64[]", &[2.0])]);
    let y: Vec<f64> = y.iter().map(|a| a.get(0).to_f64()).collect();
    assert_eq!(y, [8., 12., 12., 6.]);
}

#[test]
fn nodes_belong_to_the_gradient_of_their_layer() {
    let forward = cube();
    let graph = gradient(&forward, 0, &[0]).unwrap();
    for node in &graph.nodes[forward.nodes.len()..] {
        let scope = graph.scope_name(node.scope);
        assert!(["", "cube/grad"].contains(&scope), "{scope}");
    }
    assert!(graph.scopes.contains(&"cube/grad".to_string()));
}

/// What does not lie between the inputs and the output is not asked for its gradient.
#[test]
fn only_what_matters_is_differentiated() {
    let mut b = Builder::new("graph");
    let x = b.input("x", Type::scalar(DType::F32));
    let other = b.input("other", Type::new(DType::F32, [3]));
    let sorted = b.op(Sort::by_first(0, Cmp::Lt, &[DType::F32]), &[other]);
    let sum = b.sum(sorted, &[0]);
    let y = b.mul(x, sum);
    b.output("y", y);
    let forward = b.finish();
    let graph = gradient(&forward, 0, &[0]).unwrap();
    let sorts = graph.nodes.iter().filter(|n| n.op.name() == "sort");
    assert_eq!(sorts.count(), 1);
    let inputs = [array("f32[]", &[2.]), array("f32[3]", &[3., 1., 2.])];
    assert_eq!(eval_graph(&graph, &inputs)[1].to_f64(), [6.]);
}

#[test]
fn products_with_given_gradients() {
    let mut b = Builder::new("graph");
    let x = b.input("x", Type::new(DType::F64, [2]));
    let unused = b.input("unused", Type::scalar(DType::F64));
    let y = b.mul(x, x);
    let dy = b.input("dy", Type::new(DType::F64, [2]));
    // The gradient of a value that is itself given counts.
    let dx = append_vjp(&mut b, &[(y, dy), (x, dy)], &[x, unused]).unwrap();
    assert_eq!(dx[1], None);
    b.output("dx", dx[0].unwrap());
    let inputs = [
        array("f64[2]", &[1., 2.]),
        array("f64[]", &[0.]),
        array("f64[2]", &[10., 100.]),
    ];
    assert_eq!(eval_graph(&b.finish(), &inputs)[0].to_f64(), [30., 500.]);
}

#[test]
fn a_graph_of_its_own() {
    let graph = vjp_graph(&cube(), &[0], &[0]).unwrap();
    let y = eval_graph(&graph, &[array("f64[]", &[2.]), array("f64[]", &[0.5])]);
    assert_eq!(y[0].to_f64(), [6.]);
}

/// The sum of `w * softmax(x)` over rows, and the exponentials.
fn softmax(b: &mut Builder) -> [Value; 3] {
    let ty = Type::new(DType::F64, [2, 3]);
    let x = b.input("x", ty.clone());
    let w = b.input("w", ty.clone());
    let e = b.op(Pointwise::Exp, &[x]);
    let sum = b.sum(e, &[1]);
    let sum = b.reshape(sum, &[2, 1]);
    let one = b.like(sum, 1.0);
    let inverse = b.div(one, sum);
    let scale = b.broadcast(inverse, &[0, 1], &ty.shape);
    let y = b.mul(e, scale);
    let weighed = b.mul(y, w);
    let loss = b.sum(weighed, &[0, 1]);
    b.output("loss", loss);
    [x, e, loss]
}

#[test]
fn a_softmax_needs_its_result_only() {
    let mut b = Builder::new("softmax");
    let [x, e, loss] = softmax(&mut b);
    let forward = b.graph().nodes.len();
    let grads = append_gradient(&mut b, loss, &[x]).unwrap();
    b.output("grad.x", grads[0]);
    let graph = b.finish();
    let later = &graph.nodes[forward..];
    assert!(later.iter().all(|node| !node.operands.contains(&e)));

    let at = [0.5, -1.0, 2.0, 0.0, 0.25, -0.75];
    let w = array("f64[2,3]", &[1.0, -2.0, 0.5, 3.0, 0.0, 1.5]);
    let run = |at: &[f64]| eval_graph(&graph, &[array("f64[2,3]", at), w.clone()]);
    let found = run(&at)[1].to_f64();
    for (i, found) in found.into_iter().enumerate() {
        let moved = |by: f64| {
            let mut at = at;
            at[i] += by;
            run(&at)[0].get(0).to_f64()
        };
        let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        assert!((found - numeric).abs() < 1e-8, "{i}: {found}, {numeric}");
    }
}

#[test]
fn what_a_softmax_computes_on_the_way_has_a_gradient() {
    let mut b = Builder::new("softmax");
    let [x, e, loss] = softmax(&mut b);
    let grads = append_gradient(&mut b, loss, &[x, e]).unwrap();
    b.output("grad.x", grads[0]);
    b.output("grad.e", grads[1]);
    let graph = b.finish();
    let at = array("f64[2,3]", &[0.5, -1.0, 2.0, 0.0, 0.25, -0.75]);
    let w = array("f64[2,3]", &[1.0, -2.0, 0.5, 3.0, 0.0, 1.5]);
    let y = eval_graph(&graph, &[at.clone(), w]);
    let parts = (at.to_f64().into_iter()).zip(y[1].to_f64().into_iter().zip(y[2].to_f64()));
    for (x, (dx, de)) in parts {
        assert!((dx - de * x.exp()).abs() < 1e-12, "{dx}, {de}");
    }
}
