//! Rules that no text can break, and errors in full. The other rules have fixtures.

use super::check_graph;
use crate::graph::{Graph, NodeId, Scope, Value};
use crate::ops::common::Reducer;
use crate::ops::{Op, Reduce};
use crate::{Builder, DType, Type};

fn sum() -> Graph {
    let mut b = Builder::new("step");
    let x = b.input("x", Type::new(DType::F32, [2, 3]));
    b.enter("dense");
    let y = b.sum(x, &[1]);
    b.output("y", y);
    b.finish()
}

/// The error after a change for the worse.
fn error(change: impl FnOnce(&mut Graph)) -> String {
    let mut g = sum();
    check_graph(&g).expect("right before");
    change(&mut g);
    check_graph(&g).expect_err("wrong after").to_string()
}

#[test]
fn g1_ids() {
    let scope = error(|g| g.nodes[1].scope = Scope(7));
    assert_eq!(scope, "graph step, %1 (reduce): there is no scope 7 (G1)");
    let results = error(|g| g.nodes[1].results = vec![Value(5)]);
    assert_eq!(
        results,
        "graph step, %5 (reduce) in layer dense: result %5 is out of order (G1)"
    );
    let back = error(|g| g.values[1].node = NodeId(0));
    assert_eq!(
        back,
        "graph step, %1 (reduce) in layer dense: result %1 is out of order (G1)"
    );
    let left = error(|g| g.values.push(g.values[0].clone()));
    assert_eq!(left, "graph step: values that no node defines (G1)");
}

#[test]
fn g2_order() {
    let own = error(|g| g.nodes[1].operands = vec![Value(1)]);
    assert_eq!(
        own,
        "graph step, %1 (reduce) in layer dense: operand %1 is not defined before its use (G2)"
    );
    let output = error(|g| g.outputs[0].value = Value(9));
    assert_eq!(output, "graph step: output %9 is not defined (G2)");
}

#[test]
fn g3_errors_name_op_layer_axis_and_shape() {
    let axis = error(|g| {
        let (kind, axes) = (Reducer::Sum, vec![2]);
        g.nodes[1].op = Reduce { kind, axes }.into();
    });
    assert_eq!(
        axis,
        "graph step, %1 (reduce) in layer dense: reduce: axis 2 is out of range for f32[2,3]"
    );
}

#[test]
fn g7_inputs() {
    let position = error(|g| match &mut g.nodes[0].op {
        Op::Input(input) => input.index = 1,
        _ => unreachable!("the first node is the input"),
    });
    assert_eq!(
        position,
        "graph step, %0 (input): input \"x\" is no input node of its position (G7)"
    );
    let value = error(|g| g.inputs[0].value = Value(1));
    assert_eq!(
        value,
        "graph step, %1 (reduce) in layer dense: input \"x\" is no input node of its position (G7)"
    );
    let missing = error(|g| g.inputs.clear());
    assert_eq!(
        missing,
        "graph step: the input nodes are not the inputs (G7)"
    );
}
