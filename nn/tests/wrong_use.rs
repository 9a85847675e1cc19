//! Wrong use gives an error that names the layer, the op, the shapes and the axis; never a panic.

use craneflow_ir::{DType, Type};
use craneflow_nn::functional::{Conv, Padding, conv2d, dropout};
use craneflow_nn::layers::{
    Activation, Add, AveragePool2D, Call, Conv2D, Dense, Dropout, Flatten, Input, Lambda,
    MaxPool2D, Reshape,
};
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::Metric;
use craneflow_nn::optim::Sgd;
use craneflow_nn::trace::{f32s, i32s, trace};
use craneflow_nn::{FitOptions, Model, NnError, Sequential, Tensor, Verbose};
use ndarray::{Array1, Array2, Array3};

/// The message of tracing `f` over tensors of these types.
fn check(inputs: &[Type], f: impl FnOnce(&[Tensor]) -> Tensor, expected: &str) {
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let ports: Vec<(&str, Type)> = names
        .iter()
        .map(String::as_str)
        .zip(inputs.to_vec())
        .collect();
    let error = trace("wrong", &ports, f).expect_err(expected);
    assert_eq!(error.to_string(), expected);
}

/// The message of something that must fail.
fn message<T>(result: Result<T, NnError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn operators_name_shapes_and_axis() {
    check(
        &[f32s([64, 10]), f32s([64, 9])],
        |x| &x[0] + &x[1],
        "add: [64,10] and [64,9] do not broadcast: axis 1 (10) and axis 1 (9) must be equal or 1",
    );
    check(
        &[f32s([64, 100]), f32s([128, 10])],
        |x| x[0].matmul(&x[1]),
        "dot_general: [64,100] and [128,10]: axis 1 (100) must equal axis 0 (128)",
    );
    check(
        &[f32s([4, 8, 16, 32]), f32s([4, 7, 32, 16])],
        |x| x[0].matmul(&x[1]),
        "dot_general: [4,8,16,32] and [4,7,32,16]: axis 1 (8) must equal axis 1 (7)",
    );
    check(
        &[f32s([4, 8]), f32s([8])],
        |x| x[0].dot(&x[1], &[], &[], 1, 1),
        "dot_general: axis 1 is out of range for [8]",
    );
    check(
        &[f32s([64, 10])],
        |x| x[0].sum(&[2]),
        "sum: axis 2 is out of range for [64,10]",
    );
    check(
        &[f32s([64, 10])],
        |x| x[0].mean(&[-3]),
        "mean: axis -3 is out of range for [64,10]",
    );
    check(
        &[f32s([64, 10])],
        |x| x[0].reshape(&[64, 3]),
        "reshape: [64,10] has 640 elements, [64,3] has 192",
    );
    check(
        &[f32s([4]), i32s([4])],
        |x| &x[0] * &x[1],
        "multiply: takes f32, found i32",
    );
    check(
        &[i32s([4])],
        |x| x[0].exp(),
        "exp: takes a float, found i32",
    );
    check(
        &[f32s([4, 2]), f32s([3])],
        |x| x[0].take(&x[1]),
        "take: takes an integer, found f32",
    );
    check(
        &[f32s([4, 10])],
        |x| x[0].split(1, 3).remove(0),
        "split: the number of parts must be a divisor of 10, found 3",
    );
    check(
        &[f32s([4, 10])],
        |x| x[0].broadcast_to(&[10]),
        "broadcast_to: the shape must be one that [4,10] repeats to, found [10]",
    );
}

#[test]
fn the_first_error_counts_and_gradients_are_checked() {
    check(
        &[f32s([2, 3]), f32s([4])],
        |x| (&x[0] + &x[1]).sum(&[7]).reshape(&[100]),
        "add: [2,3] and [4] do not broadcast: axis 1 (3) and axis 0 (4) must be equal or 1",
    );
    check(
        &[f32s([2, 3])],
        |x| x[0].square().gradient(&[&x[0]]).remove(0),
        "gradient: gradient of a f32[2,3] output: it must be a scalar float",
    );
    let mut other = None;
    let _ = trace("other", &[("x", f32s([3]))], |x| {
        other = Some(x[0].clone());
        x[0].clone()
    });
    let other = other.expect("the closure ran");
    check(
        &[f32s([3])],
        |x| &x[0] + &other,
        "add: its operands belong to different traces",
    );
}

#[test]
fn convolutions_name_channels_and_windows() {
    let options = Conv::default();
    check(
        &[f32s([1, 28, 28, 3]), f32s([3, 3, 4, 8])],
        |x| conv2d(&x[0], &x[1], &options),
        "convolution: [1,28,28,3] and [3,3,4,8]: axis 3 (3) must equal axis 2 (4)",
    );
    check(
        &[f32s([1, 28, 28]), f32s([3, 3, 4, 8])],
        |x| conv2d(&x[0], &x[1], &options),
        "convolution: takes (batch, height, width, channels), found [1,28,28]",
    );
    check(
        &[f32s([4]), Type::new(DType::U32, [4])],
        |x| dropout(&x[0], 1.5, &x[1]),
        "dropout: the rate must be at least 0 and below 1, found 1.5",
    );
}

#[test]
fn layers_are_named() {
    let image = || Sequential::new(Input::new([8, 8, 1]));
    let model = image()
        .add(Conv2D::new(4, [3, 3]))
        .add(Conv2D::new(4, [7, 7]));
    assert_eq!(
        message(model.build()),
        "conv2d_1: convolution: a window of 7 does not fit [1,6,6,4] along axis 1 (6)"
    );
    let model = image()
        .add(MaxPool2D::new([2, 2]))
        .add(MaxPool2D::new([0, 2]).name("pool"));
    assert_eq!(
        message(model.build()),
        "pool: max_pool2d: a window must be at least 1, found 0"
    );
    let model = image().add(Flatten::new()).add(AveragePool2D::new([2, 2]));
    assert_eq!(
        message(model.build()),
        "average_pooling2d: avg_pool2d: takes (batch, height, width, channels), found [1,64]"
    );
    let model = image().add(Conv2D::new(4, [3, 3]).groups(2).padding(Padding::Same));
    assert_eq!(
        message(model.build()),
        "conv2d: convolution: the number of groups must be a divisor of the 1 channels and the 4 \
         filters, found 2"
    );
    let model = image().add(Reshape::new([7, 9]));
    assert_eq!(
        message(model.build()),
        "reshape: reshape: [1,8,8,1] has 64 elements, [1,7,9] has 63"
    );
    let model = image().add(Flatten::new()).add(Dropout::new(-0.5));
    assert_eq!(
        message(model.build()),
        "dropout: dropout: the rate must be at least 0 and below 1, found -0.5"
    );
}

#[test]
fn wiring_is_checked() {
    let x = Input::new([10]).symbol();
    let y = Input::new([12]).symbol();
    let first = Dense::new(5).call(&x);
    let shared = Dense::new(7);
    let a = shared.call(&first);
    let b = shared.call(&y);
    assert_eq!(
        message(Model::new(&[&x, &y], &[&(&a + &b)])),
        "dense_1: dot_general: [1,12] and [5,7]: axis 1 (12) must equal axis 0 (5)"
    );
    assert_eq!(
        message(Model::new(&[&x], &[&b])),
        "the output depends on an input [12], which is not among the inputs of the model"
    );
    assert_eq!(
        message(Model::new(&[&x], &[&Add::new().call_all(&[])])),
        "add: the number of inputs must be at least 1, found 0"
    );
    let total = Lambda::new(|x| x[0].sum(&[])).call(&x);
    assert_eq!(
        message(Model::new(&[&x], &[&total])),
        "model: takes an output whose first axis is the batch (here 1), found []"
    );
    let class = Lambda::new(|x| x[0].argmax(-1)).call(&x);
    assert_eq!(
        message(Model::new(&[&x], &[&class])),
        "model: takes an f32 output, found i32"
    );
    let twice = Dense::new(5)
        .name("one")
        .call(&Dense::new(5).name("one").call(&x));
    assert_eq!(
        message(Model::new(&[&x], &[&twice])),
        "two layers are called one"
    );
    let bad = Dense::new(5).name("my layer").call(&x);
    assert_eq!(
        message(Model::new(&[&x], &[&bad])),
        "model: a name must be letters, digits and _, found \"my layer\""
    );
}

fn classifier() -> Model {
    let model = Sequential::new(Input::new([4]))
        .add(Dense::new(8).activation(Activation::Relu))
        .add(Dense::new(3));
    model.build().expect("a model")
}

#[test]
fn data_is_checked() {
    let x = Array2::<f32>::zeros((6, 4));
    let y = Array1::<i32>::zeros(6);
    let quiet = || FitOptions {
        verbose: Verbose::Silent,
        ..Default::default()
    };
    let mut model = classifier();
    assert_eq!(
        message(model.fit(&x, &y, quiet())),
        "the model is not compiled: call compile(optimizer, loss, metrics) before fit"
    );
    let from_logits = true;
    let loss = Loss::SparseCategoricalCrossentropy { from_logits };
    model
        .compile(Sgd::new(0.1), loss, &[Metric::Accuracy])
        .expect("compiles");
    let wide = Array2::<f32>::zeros((6, 5));
    assert_eq!(
        message(model.fit(&wide, &y, quiet())),
        "input x: expected f32[6,4], found f32[6,5]: axis 1 is 5 instead of 4"
    );
    let long = Array1::<i32>::zeros(7);
    assert_eq!(
        message(model.fit(&x, &long, quiet())),
        "x has 6 samples and y has 7: the first axes must be equal"
    );
    let mut label = y.clone();
    label[4] = 3;
    assert_eq!(
        message(model.fit(&x, &label, quiet())),
        "label 3 of sample 4 is out of range for the 3 classes of the model: its last layer needs a unit for each class"
    );
    let mut unpooled = Sequential::new(Input::new([5, 4]))
        .add(Dense::new(3))
        .build()
        .expect("a model");
    let loss = Loss::SparseCategoricalCrossentropy { from_logits };
    unpooled
        .compile(Sgd::new(0.1), loss, &[])
        .expect("compiles");
    let x3 = Array3::<f32>::zeros((6, 5, 4));
    assert_eq!(
        message(unpooled.fit(&x3, &y, quiet())),
        "the output dense f32[6,5,3] takes labels i32[6,5]; found i32[6]: 1 axes instead of 2. For one \
         label a sample, put a Flatten or global pooling layer before it (a recurrent layer: return_sequences = false)"
    );
    let zero = FitOptions {
        batch_size: 0,
        ..quiet()
    };
    assert_eq!(
        message(model.fit(&x, &y, zero)),
        "fit: the batch size must be at least 1, found 0"
    );
    let split = FitOptions {
        validation_split: 1.0,
        ..quiet()
    };
    assert_eq!(
        message(model.fit(&x, &y, split)),
        "fit: validation_split must be at least 0 and below 1, found 1"
    );
    assert_eq!(
        message(model.predict(&Array2::<f32>::zeros((0, 4)))),
        "x has no samples"
    );
    assert_eq!(
        message(model.weight("dense_2.kernel")),
        "there is no weight dense_2.kernel; there are dense.kernel, dense.bias, dense_1.kernel, \
         dense_1.bias"
    );
    assert_eq!(
        message(Metric::from_name("auk")).split(", ").next(),
        Some("there is no metric auk; there are accuracy")
    );
}

#[test]
fn names_of_inputs_and_outputs_are_words() {
    let x = [("the input", f32s([2]))];
    assert_eq!(
        message(trace("f", &x, |x| x[0].clone())),
        "graph f, %the input (input): input name \"the input\" is not a letter or _, then letters, digits, _ and . (G5)"
    );
    let twice = |x: &[Tensor]| vec![("y", x[0].clone()), ("y", x[0].exp())];
    assert_eq!(
        message(trace("f", &[("x", f32s([2]))], twice)),
        "graph f: two outputs are called y (G5)"
    );
}
