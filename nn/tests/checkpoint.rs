//! Saved files: the same bytes for the same state, whole or not at all.

use craneflow_nn::checkpoint::{Checkpoint, read};
use craneflow_nn::layers::{Dense, Input};
use craneflow_nn::loss::Loss;
use craneflow_nn::optim::{Adam, Sgd, Tune};
use craneflow_nn::{FitOptions, Model, Sequential, Verbose};
use ndarray::Array2;
use std::fs;

fn model(units: usize) -> Model {
    let model = Sequential::new(Input::new([3]))
        .add(Dense::new(units))
        .add(Dense::new(1));
    let mut model = model.build().expect("a model").seed(7);
    model
        .compile(Adam::new(0.01), Loss::MeanSquaredError, &[])
        .expect("compiles");
    model
}

fn options(epochs: usize) -> FitOptions<'static> {
    FitOptions {
        epochs,
        batch_size: 4,
        verbose: Verbose::Silent,
        ..Default::default()
    }
}

fn train(model: &mut Model, epochs: usize) {
    fit(model, options(epochs));
}

fn fit(model: &mut Model, options: FitOptions<'_>) {
    let x = Array2::from_shape_fn((10, 3), |(i, j)| (i * 3 + j) as f32 / 30.0);
    let y = Array2::from_shape_fn((10, 1), |(i, _)| i as f32);
    model.fit(&x, &y, options).expect("trains");
}

#[test]
fn an_interrupted_training_is_the_same_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let [whole, half, resumed] = ["whole", "half", "resumed"].map(|n| folder.path().join(n));
    let mut first = model(4);
    train(&mut first, 2);
    first.save(&half).expect("saves");
    train(&mut first, 2);
    first.save(&whole).expect("saves");

    let mut second = model(4).seed(1);
    second.load(&half).expect("loads");
    train(&mut second, 2);
    second.save(&resumed).expect("saves");
    assert_eq!(
        fs::read(&whole).expect("is there"),
        fs::read(&resumed).expect("is there")
    );
    let leftovers = fs::read_dir(folder.path()).expect("is there").count();
    assert_eq!(leftovers, 3, "no temporary files remain");
}

#[test]
fn a_training_whose_averages_took_the_place_of_weights_goes_on_from_the_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("half");
    let averaging = || {
        let mut model = model(4);
        let optimizer = Adam::new(0.01).moving_average(0.9);
        model
            .compile(optimizer, Loss::MeanSquaredError, &[])
            .expect("compiles");
        model
    };
    let train = |model: &mut Model, epochs| {
        let options = FitOptions {
            use_averages: true,
            ..options(epochs)
        };
        fit(model, options);
    };
    let mut whole = averaging();
    train(&mut whole, 4);
    let mut first = averaging();
    train(&mut first, 2);
    first.save(&path).expect("saves");
    let averages = first.weight("dense.kernel").expect("is there");
    let mut second = averaging().seed(1);
    second.load(&path).expect("loads");
    // Until it is trained, it is what was saved.
    assert_eq!(second.weight("dense.kernel").expect("is there"), averages);
    train(&mut second, 2);
    assert_eq!(second.checkpoint().bytes(), whole.checkpoint().bytes());
    // In memory it is the same.
    train(&mut first, 2);
    assert_eq!(first.checkpoint().bytes(), whole.checkpoint().bytes());
    // Weights that are set are what is trained.
    let mut third = averaging();
    third.load(&path).expect("loads");
    third.set_weight("dense.kernel", &averages).expect("fits");
    train(&mut third, 2);
    assert_ne!(third.checkpoint().bytes(), whole.checkpoint().bytes());
}

#[test]
fn others_read_the_format() {
    let bytes = model(4).checkpoint().bytes();
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("is valid");
    let kernel = file.tensor("dense.kernel").expect("is there");
    assert_eq!(kernel.shape(), [3, 4]);
    assert_eq!(kernel.dtype(), safetensors::Dtype::F32);
    let names = file.names();
    assert!(
        names.contains(&"training.dense.kernel.velocity"),
        "{names:?}"
    );
    assert!(names.contains(&"training.adam.beta1_power"), "{names:?}");
}

#[test]
fn weights_alone_go_into_any_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights");
    let mut first = model(4);
    train(&mut first, 1);
    first.save_weights(&path).expect("saves");
    let mut second = model(4);
    second
        .compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])
        .expect("compiles");
    second.load(&path).expect("loads");
    let kernel = |m: &mut Model| m.weight("dense.kernel").expect("is there");
    assert_eq!(kernel(&mut first), kernel(&mut second));
}

/// Damages a file, tries to load it, and gives the message without the path.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    let mut bytes = model(4).checkpoint().bytes();
    change(&mut bytes);
    fs::write(&path, &bytes).expect("writes");
    let mut other = model(4).seed(3);
    let before = other.checkpoint();
    let error = other.load(&path).expect_err("is damaged").to_string();
    assert_eq!(other.checkpoint(), before, "the model is untouched");
    assert_eq!(
        fs::read(&path).expect("is there"),
        bytes,
        "the file is untouched"
    );
    error.replace(&format!("{}: ", path.display()), "")
}

#[test]
fn damage_is_reported_with_its_position() {
    let whole = model(4).checkpoint().bytes();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    assert_eq!(
        damaged(|b| b.truncate(5)),
        "byte 5: the file ends within the 8 bytes that give the length of the header"
    );
    assert_eq!(
        damaged(|b| b.truncate(100)),
        format!(
            "byte 100: the file ends within the header of {} bytes",
            header - 8
        )
    );
    let short = whole.len() - 3;
    let message = damaged(|b| b.truncate(short));
    let expected = format!("byte {short}: the file ends within tensor training.");
    assert!(message.starts_with(&expected), "{message}");
    let message = damaged(|b| b[8 + 20] = b'\x01');
    assert!(
        message.starts_with("byte 28: the header is not JSON: "),
        "{message}"
    );
    let end = whole.len();
    assert_eq!(
        damaged(|b| b.push(0)),
        format!("byte {end}: the last tensor ends before the file")
    );
    assert!(damaged(|b| b[..8].fill(0xff)).contains("the file ends within the header"));
}

#[test]
fn other_models_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    model(4).save(&path).expect("saves");
    let message = model(5).load(&path).expect_err("differs").to_string();
    let name = path.display();
    assert_eq!(
        message,
        format!("{name}: dense.kernel: expected f32[3,5], found f32[3,4]")
    );
    let missing = folder.path().join("missing");
    let message = read(&missing).expect_err("is missing").to_string();
    assert!(
        message.starts_with(&format!("{}: ", missing.display())),
        "{message}"
    );
    let nowhere = folder.path().join("no/such/folder/model");
    assert!(Checkpoint::default().write(&nowhere).is_err());
    let mut empty = model(4).checkpoint();
    empty.tensors.clear();
    empty.write(&path).expect("writes");
    let message = model(4).load(&path).expect_err("is empty").to_string();
    assert_eq!(
        message,
        format!("{name}: dense.kernel: expected f32[3,4], found nothing")
    );
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    let whole = model(1).checkpoint().bytes();
    for length in (0..whole.len()).step_by(17) {
        fs::write(&path, &whole[..length]).expect("writes");
        assert!(read(&path).is_err(), "cut at byte {length}");
    }
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    let mut rng = craneflow_nn::rng::Rng::new(11);
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(header as u64) as usize;
            bytes[at] = b"0123456789\"[]{},:x\x00\xff"[rng.below(20) as usize];
        }
        fs::write(&path, &bytes).expect("writes");
        // Some changes are harmless, such as to a name; all that counts is that it returns.
        let _ = read(&path);
    }
}
