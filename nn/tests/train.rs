//! Small models learn, and models behave as documented.

use craneflow_nn::engine::Options;
use craneflow_nn::layers::{
    Activation, BatchNorm, Call, Conv2D, Dense, Dropout, Embedding, Flatten, GlobalAveragePool2D,
    Input, LayerNorm, MaxPool2D,
};
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::Metric;
use craneflow_nn::optim::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use craneflow_nn::rng::Rng;
use craneflow_nn::{FitOptions, Model, Sequential, Verbose};
use ndarray::{Array1, Array2, Array4, array};

fn quiet(epochs: usize, batch_size: usize) -> FitOptions<'static> {
    FitOptions {
        epochs,
        batch_size,
        verbose: Verbose::Silent,
        ..Default::default()
    }
}

#[test]
fn plain_descent_steps_as_worked_out_by_hand() {
    let mut model = Sequential::new(Input::new([2]))
        .add(Dense::new(1))
        .build()
        .expect("a model");
    model
        .compile(
            Sgd::new(0.1),
            Loss::MeanSquaredError,
            &[Metric::MeanAbsoluteError],
        )
        .expect("compiles");
    model
        .set_weight("dense.kernel", &array![[1.0f32], [-1.0]])
        .expect("fits");
    // x w + b = [-1, 1]; the loss is (1 + 1) / 2; d loss / d out = [-1, 1].
    let x = array![[1.0f32, 2.0], [3.0, 2.0]];
    let y = array![[0.0f32], [0.0]];
    let logs = model.train_on_batch(&x, &y).expect("runs");
    assert_eq!(
        logs,
        [
            ("loss".to_string(), 1.0),
            ("mean_absolute_error".to_string(), 1.0)
        ]
    );
    // Gradients: kernel [-1 + 3, -2 + 2], bias 0.
    assert_eq!(
        model.weight("dense.kernel").expect("is there"),
        array![[0.8f32], [-1.0]].into_dyn()
    );
    assert_eq!(
        model.weight("dense.bias").expect("is there"),
        array![0.0f32].into_dyn()
    );
}

/// Which side of a line points are on.
fn points(n: usize) -> (Array2<f32>, Array2<f32>) {
    let mut rng = Rng::new(1);
    let x = Array2::from_shape_fn((n, 2), |_| rng.uniform_in(-1.0, 1.0));
    let y = Array2::from_shape_fn((n, 1), |(i, _)| f32::from(x[[i, 0]] * x[[i, 1]] > 0.0));
    (x, y)
}

fn learns(optimizer: impl Optimizer + 'static, from_logits: bool) -> f64 {
    let (x, y) = points(100);
    let last = match from_logits {
        true => Activation::Linear,
        false => Activation::Sigmoid,
    };
    let model = Sequential::new(Input::new([2]))
        .add(Dense::new(16).activation(Activation::Tanh))
        .add(Dense::new(1).activation(last));
    let mut model = model.build().expect("a model").seed(3);
    let loss = Loss::BinaryCrossentropy { from_logits };
    model
        .compile(optimizer, loss, &[Metric::Accuracy])
        .expect("compiles");
    model.fit(&x, &y, quiet(60, 16)).expect("trains");
    model.evaluate(&x, &y).expect("runs")[1].1
}

#[test]
fn every_optimizer_learns_a_saddle() {
    let accuracies = [
        learns(Sgd::new(0.5).momentum(0.9), true),
        learns(Sgd::new(0.5).momentum(0.9).nesterov(), false),
        learns(Adam::new(0.05), true),
        learns(AdamW::new(0.05), false),
        learns(RmsProp::new(0.02), true),
        learns(RmsProp::new(0.02).momentum(0.5), false),
    ];
    assert!(accuracies.iter().all(|&a| a > 0.9), "{accuracies:?}");
}

/// Images whose bright half tells the class.
fn halves(n: usize) -> (Array4<f32>, Array1<i32>) {
    let mut rng = Rng::new(2);
    let y = Array1::from_shape_fn(n, |i| (i % 2) as i32);
    let x = Array4::from_shape_fn((n, 6, 6, 1), |(i, r, _, _)| {
        let bright = (r < 3) == (y[i] == 0);
        rng.uniform() * 0.5 + if bright { 0.5 } else { 0.0 }
    });
    (x, y)
}

fn image_model() -> Model {
    let model = Sequential::new(Input::new([6, 6, 1]))
        .add(Conv2D::new(4, [3, 3]).activation(Activation::Relu))
        .add(BatchNorm::new().momentum(0.9))
        .add(MaxPool2D::new([2, 2]))
        .add(Flatten::new())
        .add(Dropout::new(0.25))
        .add(Dense::new(2));
    let mut model = model.build().expect("a model").seed(1);
    let from_logits = true;
    let loss = Loss::SparseCategoricalCrossentropy { from_logits };
    model
        .compile(Adam::new(0.02), loss, &[Metric::Accuracy])
        .expect("compiles");
    model
}

#[test]
fn a_convolutional_model_learns_and_validates() {
    let (x, y) = halves(40);
    let mut model = image_model();
    let options = FitOptions {
        validation_split: 0.25,
        ..quiet(8, 8)
    };
    let history = model.fit(&x, &y, options).expect("trains");
    assert_eq!(history.epochs.len(), 8);
    assert!(
        history.last("val_accuracy").expect("is there") > 0.9,
        "{history:?}"
    );
    assert!(history.last("loss") < history.get("loss").first().copied());
    let outputs = model.predict(&x).expect("runs");
    assert_eq!(outputs.shape(), [40, 2]);
    assert_ne!(
        model
            .weight("batch_normalization.moving_mean")
            .expect("is there")[[0]],
        0.0
    );
}

#[test]
fn a_seed_decides_everything() {
    let (x, y) = halves(20);
    let run = |seed: u64, parts: &[usize]| {
        let mut model = image_model().seed(seed);
        for &epochs in parts {
            model.fit(&x, &y, quiet(epochs, 8)).expect("trains");
        }
        model.weight("dense.kernel").expect("is there")
    };
    let whole = run(5, &[2]);
    assert_eq!(
        whole,
        run(5, &[1, 1]),
        "a training in two parts is the same training"
    );
    assert_ne!(whole, run(6, &[2]));
}

#[test]
fn functional_models_share_layers_and_merge() {
    let x = Input::new([4]).symbol();
    let shared = Dense::new(4).activation(Activation::Gelu);
    let once = shared.call(&x);
    let twice = shared.call(&once);
    let sum = LayerNorm::new().call(&(&twice + &x));
    let y = Dense::new(1).call(&sum);
    let mut model = Model::new(&[&x], &[&y, &sum]).expect("a model");
    assert_eq!(model.parameters(), (4 * 4 + 4 + 8 + 5, 4 * 4 + 4 + 8 + 5));
    let outputs = model
        .predict_all(&[(&Array2::<f32>::ones((3, 4))).into()], 2)
        .expect("runs");
    assert_eq!(outputs[0].shape(), [3, 1]);
    assert_eq!(outputs[1].shape(), [3, 4]);
}

#[test]
fn embeddings_learn_from_token_numbers() {
    let x = Array2::from_shape_fn((16, 3), |(i, j)| ((i * 7 + j * 3) % 5) as i32);
    let y = Array1::from_shape_fn(16, |i| f32::from(u8::from(x[[i, 0]] == 2)));
    let model = Sequential::new(Input::new([3]).dtype(craneflow_ir::DType::I32))
        .add(Embedding::new(5, 4))
        .add(Flatten::new())
        .add(Dense::new(1));
    let mut model = model.build().expect("a model");
    let from_logits = true;
    model
        .compile(
            Adam::new(0.1),
            Loss::BinaryCrossentropy { from_logits },
            &[Metric::Accuracy],
        )
        .expect("compiles");
    let history = model.fit(&x, &y, quiet(20, 16)).expect("trains");
    assert!(
        history.last("accuracy").expect("is there") > 0.95,
        "{history:?}"
    );
}

#[test]
fn the_summary_lists_layers() {
    let model = Sequential::new(Input::new([28, 28, 1]))
        .add(Conv2D::new(32, [3, 3]))
        .add(BatchNorm::new())
        .add(Conv2D::new(64, [3, 3]).strides([2, 2]))
        .add(GlobalAveragePool2D::new())
        .add(Dense::new(10).name("classes"));
    let text = model.build().expect("a model").summary();
    let expected = "\
Layer                     Output              Parameters
────────────────────────────────────────────────────────
x                         (None, 28, 28, 1)            0
conv2d                    (None, 26, 26, 32)         320
batch_normalization       (None, 26, 26, 32)         128
conv2d_1                  (None, 12, 12, 64)      18,496
global_average_pooling2d  (None, 64)                   0
classes                   (None, 10)                 650
────────────────────────────────────────────────────────
19,594 parameters: 19,530 trainable, 64 not
";
    assert_eq!(text, expected);
}

/// The image is an input that is read as a matrix at once.
#[test]
fn the_perceptron_fits_a_batch() {
    let entry = craneflow_nn::models::BuiltIn::find("mlp").expect("is built in");
    let mut model = entry.model_for(&[6, 6, 1], 2).expect("a model");
    entry.compile(&mut model, Some(0.01)).expect("compiles");
    let (x, y) = halves(32);
    let history = model.fit(&x, &y, quiet(10, 16)).expect("trains");
    assert!(
        history.last("accuracy").expect("is there") > 0.95,
        "{history:?}"
    );
}

/// The bytes of a model that was trained for an epoch on some of the digits.
fn trained(batch_size: usize, samples: usize, options: Options) -> Vec<u8> {
    let digits = craneflow_nn::data::digits().train.take(samples);
    let entry = craneflow_nn::models::BuiltIn::find("digits_cnn").expect("is built in");
    let mut model = entry.model().expect("a model").options(options);
    entry.compile(&mut model, None).expect("compiles");
    model
        .fit(digits.inputs(), digits.labels(), quiet(1, batch_size))
        .expect("trains");
    model.checkpoint().bytes()
}

#[test]
fn threads_do_not_change_a_bit() {
    let on = |threads| {
        let interpret = false;
        trained(64, 160, Options { threads, interpret })
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(4));
}

#[test]
fn compiled_steps_have_the_bits_of_the_interpreter() {
    let on = |interpret| {
        let threads = 2;
        trained(2, 3, Options { threads, interpret })
    };
    assert_eq!(on(false), on(true));
}
