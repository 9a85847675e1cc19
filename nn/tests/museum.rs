//! Files of every version that was ever written: they are still read. `data/README.md` says how each was made.

use craneflow_nn::data::Table;
use craneflow_nn::data::front::Front;
use craneflow_nn::data::prepare::{Preparation, Prepared};
use craneflow_nn::layers::{Dense, Input};
use craneflow_nn::loss::Loss;
use craneflow_nn::optim::Adam;
use craneflow_nn::{Model, Sequential};
use ndarray::array;
use std::path::PathBuf;

fn exhibit(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("tests/data").join(name)
}

fn linear() -> Model {
    let mut model = Sequential::new(Input::new([2]))
        .add(Dense::new(1))
        .build()
        .expect("a model");
    model
        .compile(Adam::new(0.5), Loss::MeanSquaredError, &[])
        .expect("compiles");
    model
}

#[test]
fn version_1_is_read_with_its_training_state() {
    let mut model = linear();
    model.load(exhibit("linear-v1.safetensors")).expect("loads");
    assert_eq!(model.epochs(), 2);
    assert_eq!(model.steps_done(), 2);
    assert_eq!(model.learning_rate(), 0.001);
    assert!(model.history().epochs.is_empty());
    let x = array![[1.0f32, 2.0]];
    let kernel = model.weight("dense.kernel").expect("is there");
    let bias = model.weight("dense.bias").expect("is there");
    let said = model.predict(&x).expect("predicts");
    let expected = kernel[[0, 0]] + 2.0 * kernel[[1, 0]] + bias[[0]];
    assert!((said[[0, 0]] - expected).abs() < 1e-5);
    assert!(bias[[0]] != 0.0, "two steps moved it");
}

#[test]
fn a_file_says_the_earliest_version_that_understands_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "x,y\n1,2\n2,4\n3,7\n").expect("writes");
    let table = Table::read(&path, b',').expect("reads");
    let mut model = linear();
    let mut version = |scale_target: bool| {
        let plan = Preparation {
            scale_target,
            ..Preparation::new("y")
        };
        let prepared = Prepared::fit(&table, &plan).expect("learns");
        let front = Front::Table {
            delimiter: b',',
            prepared,
        };
        model.set_samples(&front, "t", &[]);
        model.checkpoint().metadata["version"].clone()
    };
    assert_eq!(version(false), "3");
    assert_eq!(version(true), "4");
    assert_eq!(version(false), "3");
}

#[test]
fn a_later_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("later.safetensors");
    let mut file = linear().checkpoint();
    file.metadata
        .insert("version".to_string(), "999".to_string());
    file.write(&path).expect("writes");
    let error = linear().load(&path).expect_err("is refused");
    let message = error.to_string();
    let both = "of version 999, and this version of Craneflow reads files up to version 4";
    assert!(message.contains(both), "{message}");
    let error = craneflow_nn::checkpoint::read(&path).expect_err("is refused");
    assert_eq!(error.to_string(), message);
    // What others say about their files is their affair.
    file.metadata.insert("format".to_string(), "pt".to_string());
    file.write(&path).expect("writes");
    linear().load_weights(&path).expect("fits");
}
