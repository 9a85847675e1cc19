//! Models of several parts: shared, nested and frozen layers, several targets, weights of samples,
//! masks, penalties, randomness, texts.

#[path = "models/random.rs"]
mod random;

use craneflow_nn::callbacks::BackupAndRestore;
use craneflow_nn::data::Pipeline;
use craneflow_nn::host::Feed;
use craneflow_nn::layers::*;
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::Metric;
use craneflow_nn::optim::{Adam, Lbfgs, Sgd};
use craneflow_nn::rng::Rng;
use craneflow_nn::text::TextVectorization;
use craneflow_nn::{FitOptions, Model, Sequential, Target, Verbose};
use ndarray::{Array, Array2, Array3, ArrayD, Dimension, array};

fn quiet(epochs: usize) -> FitOptions<'static> {
    FitOptions {
        epochs,
        verbose: Verbose::Silent,
        ..Default::default()
    }
}

fn normal<D: Dimension, S: ndarray::ShapeBuilder<Dim = D>>(seed: u64, shape: S) -> Array<f32, D> {
    let mut rng = Rng::new(seed);
    Array::from_shape_simple_fn(shape, || rng.normal())
}

/// A model of one layer.
fn alone(shape: &[usize], layer: impl Call) -> Model {
    let input = Input::new(shape).symbol();
    Model::new(&[&input], &[&layer.call(&input)]).expect("a model")
}

#[test]
fn a_nested_model_brings_its_weights_and_stays_frozen() {
    let mut base = Sequential::new(Input::new([3]))
        .add(Dense::new(4).activation(Activation::Tanh))
        .build()
        .expect("a model")
        .seed(5);
    let kernel = base.weight("dense.kernel").expect("is there");
    let mut model = Sequential::new(Input::new([3]))
        .add(base.layer().name("base").trainable(false))
        .add(Dense::new(1))
        .build()
        .expect("a model");
    assert_eq!(model.weight("base.dense.kernel").expect("is there"), kernel);
    assert_eq!(model.parameters(), (16 + 5, 5));
    let (x, y) = (normal(1, (20, 3)), normal(2, (20, 1)));
    let loss = || Loss::MeanSquaredError;
    model
        .compile(Adam::new(0.1), loss(), &[])
        .expect("compiles");
    let head = model.weight("dense.kernel").expect("is there");
    model.fit(&x, &y, quiet(2)).expect("trains");
    assert_eq!(model.weight("base.dense.kernel").expect("is there"), kernel);
    assert_ne!(model.weight("dense.kernel").expect("is there"), head);

    model.set_trainable("dense", false).expect("is there");
    assert_eq!(model.parameters().1, 0);
    model.set_trainable("dense", true).expect("is there");
    let error = model
        .set_trainable("nose", false)
        .expect_err("is not there");
    assert!(error.to_string().contains("nose"), "{error}");
}

#[test]
fn targets_add_up_and_report_by_name() {
    let input = Input::new([4]).symbol();
    let shared = Dense::new(6).activation(Activation::Relu).call(&input);
    let number = Dense::new(1).name("number").call(&shared);
    let class = Dense::new(3).name("class").call(&shared);
    let mut model = Model::new(&[&input], &[&number, &class]).expect("a model");
    let sparse = Loss::SparseCategoricalCrossentropy { from_logits: true };
    let targets = vec![
        Target::new(Loss::MeanSquaredError).weight(0.5),
        Target::new(sparse).metrics(&[Metric::Accuracy]),
    ];
    model
        .compile_all(Sgd::new(0.01), targets)
        .expect("compiles");
    let x = normal(1, (10, 4));
    let (y, classes) = (normal(2, (10, 1)), Array2::from_elem((10, 1), 2));
    let labels = [(&y).into(), (&classes).into()];
    let logs = model
        .evaluate_all(&[(&x).into()], &labels, 5)
        .expect("runs");
    let names: Vec<&str> = logs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["loss", "number_loss", "class_loss", "class_accuracy"]
    );
    assert!(
        (logs[0].1 - (0.5 * logs[1].1 + logs[2].1)).abs() < 1e-5,
        "{logs:?}"
    );
    model
        .fit_all(&[(&x).into()], &labels, quiet(2))
        .expect("trains");
    let error = model
        .fit_all(&[(&x).into()], &labels[..1], quiet(1))
        .expect_err("too few");
    assert!(error.to_string().contains("2 arrays of labels"), "{error}");
}

#[test]
fn weights_of_samples_and_classes_change_the_loss_alone() {
    let x = array![[1.0f32], [2.0], [3.0]];
    let y = array![[0.0f32], [1.0], [1.0]];
    let fitted = |options: FitOptions<'_>| {
        let mut model = alone(&[1], Dense::new(1).no_bias());
        model
            .set_weight("dense.kernel", &array![[1.0f32]])
            .expect("fits");
        model
            .compile(Sgd::new(0.0), Loss::MeanSquaredError, &[])
            .expect("compiles");
        model
            .fit(&x, &y, options)
            .expect("trains")
            .last("loss")
            .expect("is there")
    };
    // Squares are 1, 1 and 4.
    assert!((fitted(quiet(1)) - 2.0).abs() < 1e-6);
    let weights = array![1.0f32, 0.0, 0.5];
    let options = FitOptions {
        sample_weight: Some((&weights).into()),
        ..quiet(1)
    };
    assert!((fitted(options) - 1.0).abs() < 1e-6);
    let options = FitOptions {
        class_weight: vec![3.0, 0.6],
        ..quiet(1)
    };
    assert!((fitted(options) - 2.0).abs() < 1e-6);
    // The same of pipelines, which give weights as one array more.
    let streamed = |arrays: &[Feed<'_>], class_weight: &[f32]| {
        let mut model = alone(&[1], Dense::new(1).no_bias());
        let kernel = model.set_weight("dense.kernel", &array![[1.0f32]]);
        kernel.expect("fits");
        let compiled = model.compile(Sgd::new(0.0), Loss::MeanSquaredError, &[]);
        compiled.expect("compiles");
        let batches = Pipeline::from_arrays(arrays).expect("fit").batch(3);
        let options = FitOptions {
            class_weight: class_weight.to_vec(),
            ..quiet(1)
        };
        let judged = model.evaluate_pipeline(&batches).expect("judges");
        assert_eq!(judged[0].1, 2.0);
        let history = model.fit_pipeline(&batches, None, options);
        history.expect("trains").last("loss").expect("is there")
    };
    let plain: [Feed<'_>; 2] = [(&x).into(), (&y).into()];
    let weighted: [Feed<'_>; 3] = [(&x).into(), (&y).into(), (&weights).into()];
    assert!((streamed(&plain, &[]) - 2.0).abs() < 1e-6);
    assert!((streamed(&weighted, &[]) - 1.0).abs() < 1e-6);
    assert!((streamed(&plain, &[3.0, 0.6]) - 2.0).abs() < 1e-6);
    // 3 * 1 * 1, 0.6 * 0 * 1, 0.6 * 0.5 * 4.
    assert!((streamed(&weighted, &[3.0, 0.6]) - 1.4).abs() < 1e-6);
}

#[test]
fn penalties_are_in_the_loss_and_constraints_hold() {
    let dense = Dense::new(2)
        .kernel_regularizer(Regularizer::L1L2 { l1: 0.5, l2: 0.25 })
        .activity_regularizer(Regularizer::L2(0.1))
        .kernel_constraint(Constraint::NonNeg);
    let mut model = alone(&[1], dense);
    model
        .set_weight("dense.kernel", &array![[1.0f32, -2.0]])
        .expect("fits");
    model
        .compile(Sgd::new(0.01), Loss::MeanSquaredError, &[])
        .expect("compiles");
    let (x, y) = (array![[1.0f32], [1.0]], array![[1.0f32, -2.0], [1.0, -2.0]]);
    let logs = model.train_on_batch(&x, &y).expect("runs");
    // |w|: 3, w^2: 5; y^2 of each sample: 5.
    assert!((logs[0].1 - (1.5 + 1.25 + 0.5)).abs() < 1e-5, "{logs:?}");
    let kernel = model.weight("dense.kernel").expect("is there");
    assert!(kernel.iter().all(|&w| w >= 0.0), "{kernel}");
}

#[test]
fn masked_steps_count_nowhere() {
    let build = || {
        Sequential::new(Input::new([5]))
            .add(Embedding::new(6, 4).mask_zero())
            .add(Gru::new(3).return_sequences())
            .add(Dense::new(1))
            .build()
            .expect("a model")
            .seed(4)
    };
    let x = array![[1.0f32, 2.0, 3.0, 0.0, 0.0], [4.0, 5.0, 1.0, 2.0, 3.0]];
    let mut y = Array3::<f32>::zeros((2, 5, 1));
    let loss = |y: &Array3<f32>| {
        let mut model = build();
        model
            .compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])
            .expect("compiles");
        model.train_on_batch(&x, y).expect("runs")[0].1
    };
    let before = loss(&y);
    y[[0, 3, 0]] = 100.0;
    assert_eq!(loss(&y), before);
    y[[0, 2, 0]] = 100.0;
    assert!(loss(&y) > before + 100.0);
}

#[test]
fn a_decoder_does_not_see_what_comes_later() {
    let decoder = TransformerDecoder::new(2, 8)
        .normalize_first()
        .rotary(10_000.0);
    let mut model = alone(&[5, 4], decoder).seed(2);
    let x = normal(1, (1, 5, 4));
    let mut other = x.clone();
    other[[0, 4, 0]] += 1.0;
    let (a, b) = (
        model.predict(&x).expect("runs"),
        model.predict(&other).expect("runs"),
    );
    let until = |y: &ArrayD<f32>| y.iter().take(16).copied().collect::<Vec<f32>>();
    assert_eq!(until(&a), until(&b));
    assert_ne!(a, b);
    let mut encoder = alone(&[5, 4], TransformerEncoder::new(2, 8)).seed(2);
    let (a, b) = (
        encoder.predict(&x).expect("runs"),
        encoder.predict(&other).expect("runs"),
    );
    assert_ne!(until(&a), until(&b));
}

#[test]
fn lbfgs_finds_the_line() {
    let x = normal(1, (50, 2));
    let y = Array2::from_shape_fn((50, 1), |(i, _)| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.5);
    let mut model = alone(&[2], Dense::new(1));
    model
        .compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])
        .expect("compiles");
    let found = model.fit_lbfgs(&x, &y, &Lbfgs::default()).expect("runs");
    assert!(found.value < 1e-8 && found.iterations < 30, "{found:?}");
    let kernel = model.weight("dense.kernel").expect("is there");
    assert!((kernel[[0, 0]] - 2.0).abs() < 1e-3 && (kernel[[1, 0]] + 1.0).abs() < 1e-3);
}

#[test]
fn iterations_of_lbfgs_are_epochs() {
    let x = normal(1, (50, 2));
    let y = Array2::from_shape_fn((50, 1), |(i, _)| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.5);
    let compiled = || {
        let mut model = alone(&[2], Dense::new(1));
        model
            .compile(
                Sgd::new(0.1),
                Loss::MeanSquaredError,
                &[Metric::MeanAbsoluteError],
            )
            .expect("compiles");
        model
    };
    let (mut model, mut other) = (compiled(), compiled());
    let options = || FitOptions {
        validation_data: Some(((&x).into(), (&y).into())),
        ..quiet(100)
    };
    let lbfgs = Lbfgs::default();
    let history = model.fit_lbfgs_epochs(&x, &y, &lbfgs, options());
    let history = history.expect("trains");
    let losses = history.get("loss");
    assert!(
        losses.len() < 30 && losses.windows(2).all(|w| w[1] <= w[0]),
        "{losses:?}"
    );
    assert!(losses[losses.len() - 1] < 1e-8, "{losses:?}");
    // Sums of other batches.
    for (watched, loss) in history.get("val_loss").iter().zip(&losses) {
        assert!((watched / loss - 1.0).abs() < 1e-5, "{watched} and {loss}");
    }
    assert_eq!(history.get("mean_absolute_error").len(), losses.len());
    assert_eq!(
        (model.epochs(), model.steps_done()),
        (losses.len() as u64, losses.len() as u64)
    );
    other.fit_lbfgs(&x, &y, &lbfgs).expect("runs");
    let kernel = |m: &mut Model| m.weight("dense.kernel").expect("is there");
    assert_eq!(kernel(&mut model), kernel(&mut other));
    let options = FitOptions {
        backup: Some(BackupAndRestore::new("nowhere")),
        ..options()
    };
    let error = model.fit_lbfgs_epochs(&x, &y, &lbfgs, options);
    assert!(
        error
            .expect_err("is refused")
            .to_string()
            .contains("backup")
    );
}

#[test]
fn metrics_are_of_all_samples_and_texts_go_with_the_model() {
    let texts = ["good film", "bad film", "good good", "bad"];
    let words = TextVectorization::adapted(&texts, 10).length(2);
    let y = array![[1.0f32], [0.0], [1.0], [0.0]];
    let build = || {
        Sequential::new(Input::new([2]))
            .add(Embedding::new(10, 4))
            .add(Bidirectional::new(Lstm::new(4)))
            .add(Dense::new(1))
            .build()
            .expect("a model")
            .seed(1)
    };
    let mut model = build();
    model.set_text("words", words.clone());
    let loss = Loss::BinaryCrossentropy { from_logits: true };
    let threshold = 0.5;
    let metrics = [
        Metric::Accuracy,
        Metric::auc(),
        Metric::Precision { threshold },
    ];
    model
        .compile(Adam::new(0.05), loss, &metrics)
        .expect("compiles");
    let x = words.apply(&texts);
    model
        .fit(
            &x,
            &y,
            FitOptions {
                batch_size: 3,
                ..quiet(40)
            },
        )
        .expect("trains");
    let logs = model
        .evaluate_all(&[(&x).into()], &[(&y).into()], 3)
        .expect("runs");
    assert!(
        logs[1..]
            .iter()
            .all(|(_, value)| (value - 1.0).abs() < 1e-6),
        "{logs:?}"
    );

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    model.save(&path).expect("is written");
    let mut other = build();
    other.load(&path).expect("is read");
    assert_eq!(other.text("words"), Some(&words));
    let numbers = words.apply(&["good"]);
    assert_eq!(
        other.predict(&numbers).expect("runs"),
        model.predict(&numbers).expect("runs")
    );
}

#[test]
fn kernels_of_attention_start_as_large_as_in_keras() {
    // The greatest number of each kernel in Keras 3.15.1, whose limits are sqrt(6 / (inputs + outputs)).
    let square = MultiHeadAttention::new(8, 8);
    let values = MultiHeadAttention::new(3, 16).value_width(5);
    let joined = EinsumDense::new("abc,cde->abde", &[5, 7, 4]);
    let split = EinsumDense::new("abcd,cde->abe", &[5, 9]);
    let greatest = |model: &mut Model, name: &str| {
        let kernel = model.weight(name).expect("is there");
        kernel.iter().fold(0.0, |most: f32, x| most.max(x.abs()))
    };
    let near = |model: &mut Model, name: &str, keras: f32| {
        let found = greatest(model, name);
        assert!(
            (found / keras - 1.0).abs() < 0.06,
            "{name}: {found}, in Keras {keras}"
        );
    };
    let mut model = alone(&[5, 64], square);
    for name in ["query", "key", "value", "attention_output"] {
        near(
            &mut model,
            &format!("multi_head_attention.{name}.kernel"),
            0.2165,
        );
    }
    let mut model = alone(&[5, 20], values);
    for (name, keras) in [
        ("query", 0.2965),
        ("value", 0.4135),
        ("attention_output", 0.4137),
    ] {
        near(
            &mut model,
            &format!("multi_head_attention.{name}.kernel"),
            keras,
        );
    }
    near(&mut alone(&[5, 20], joined), "einsum_dense.kernel", 0.3534);
    near(&mut alone(&[5, 4, 6], split), "einsum_dense.kernel", 0.4256);
}
