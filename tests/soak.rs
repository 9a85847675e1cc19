//! Models are built, trained and dropped many times: memory stays what it was. And data that go bad
//! in the middle of a training end in an error that says so, with what was saved before untouched.

use craneflow::nn::callbacks::ModelCheckpoint;
use craneflow::nn::data::{DataError, Pipeline};
use craneflow::prelude::*;
use ndarray::Array2;

fn cycle(seed: u64) -> Result<f64, NnError> {
    let x = Array2::from_shape_fn((24, 4), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let y = x.sum_axis(ndarray::Axis(1));
    let mut model = Sequential::new(Input::new([4]))
        .add(Dense::new(8).activation(Activation::Relu))
        .add(Dropout::new(0.1))
        .add(Dense::new(1))
        .build()?
        .seed(seed);
    model.compile(Adam::new(0.01), Loss::MeanSquaredError, &[])?;
    let options = FitOptions {
        batch_size: 10,
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    let history = model.fit(&x, &y, options)?;
    Ok(history.last("loss").unwrap_or(f64::NAN))
}

/// Resident memory in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Memory after a number of cycles to get warm, and after so many more.
fn soak(warm: u64, cycles: u64) {
    (0..warm).for_each(|seed| assert!(cycle(seed).expect("trains").is_finite()));
    let before = resident();
    (0..cycles).for_each(|seed| assert!(cycle(seed).expect("trains").is_finite()));
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{before} KiB before, {after} KiB after {cycles} cycles");
        assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
    }
}

#[test]
fn memory_is_flat_over_some_cycles() {
    soak(10, 40);
}

#[test]
#[ignore = "takes minutes"]
fn memory_is_flat_over_2000_cycles() {
    soak(100, 2000);
}

#[test]
fn a_file_that_vanishes_while_training_ends_it_with_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("samples.txt");
    std::fs::write(&file, "1 2\n".repeat(64)).expect("writes");
    let place = file.clone();
    let read = move |i: usize| {
        let wrong = |e: String| DataError::Other(format!("{}: {e}", place.display()).into());
        let text = std::fs::read_to_string(&place).map_err(|e| wrong(e.to_string()))?;
        let line = text.lines().nth(i);
        let line = line.ok_or_else(|| wrong(format!("ends before line {}", i + 1)))?;
        let numbers = line.split(' ').map(str::parse::<f32>);
        let numbers: Result<Vec<f32>, _> = numbers.collect();
        match numbers.map_err(|e| wrong(format!("line {}: {e}", i + 1)))?[..] {
            [x, y] => Ok(vec![Array::f32([1], &[x]), Array::f32([1], &[y])]),
            _ => Err(wrong(format!("line {}: two numbers expected", i + 1))),
        }
    };
    let batches = Pipeline::from_fn(64, read).batch(16).prefetch(1);
    let damages: [(&str, Option<String>); 3] = [
        ("No such file", None),
        ("ends before line", Some("1 2\n".repeat(20))),
        (
            "line 31: invalid float",
            Some("1 2\n".repeat(30) + "1 x\n" + &"1 2\n".repeat(33)),
        ),
    ];
    for (message, damage) in damages {
        std::fs::write(&file, "1 2\n".repeat(64)).expect("writes");
        let saved = folder.path().join("saved.safetensors");
        let mut model = Sequential::new(Input::new([1]))
            .add(Dense::new(1))
            .build()
            .expect("a model");
        model
            .compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])
            .expect("compiles");
        let harm = craneflow::nn::callbacks::LambdaCallback::new().on_epoch_end(|_, epoch| {
            if epoch.number == 1 {
                match &damage {
                    None => std::fs::remove_file(&file).expect("is there"),
                    Some(text) => std::fs::write(&file, text).expect("writes"),
                }
            }
        });
        let options = FitOptions {
            epochs: 5,
            verbose: Verbose::Silent,
            callbacks: vec![
                Box::new(ModelCheckpoint::new(saved.display().to_string())),
                Box::new(harm),
            ],
            ..FitOptions::default()
        };
        let error = model.fit_pipeline(&batches, None, options);
        let error = error.expect_err("the data are damaged").to_string();
        assert!(
            error.contains(message) && error.contains("samples.txt"),
            "{error}"
        );
        model.load(&saved).expect("the last checkpoint is whole");
        assert_eq!(model.epochs(), 2);
    }
}
