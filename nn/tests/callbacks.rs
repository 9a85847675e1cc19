//! Callbacks, and trainings that go on from a backup.

use craneflow_nn::callbacks::{
    BackupAndRestore, Callback, CsvLogger, EarlyStopping, LambdaCallback, LearningRateScheduler,
    ModelCheckpoint, ReduceLROnPlateau, Run, TerminateOnNaN,
};
use craneflow_nn::layers::{Activation, BatchNorm, Dense, Dropout, Input};
use craneflow_nn::loss::Loss;
use craneflow_nn::model::{Epoch, Logs};
use craneflow_nn::optim::{Adam, Sgd};
use craneflow_nn::rng::Rng;
use craneflow_nn::{FitOptions, Model, NnError, Sequential, Verbose};
use ndarray::Array2;
use std::path::Path;

fn data() -> (Array2<f32>, Array2<f32>) {
    let mut rng = Rng::new(3);
    let x = Array2::from_shape_fn((50, 4), |_| rng.normal());
    let y = Array2::from_shape_fn((50, 1), |(i, _)| x[[i, 0]] - 0.5 * x[[i, 2]].abs());
    (x, y)
}

fn model() -> Model {
    let mut model = Sequential::new(Input::new([4]))
        .add(Dense::new(8).activation(Activation::Relu))
        .add(BatchNorm::new())
        .add(Dropout::new(0.2))
        .add(Dense::new(1))
        .build()
        .expect("a model")
        .seed(5);
    model
        .compile(Adam::new(0.01), Loss::MeanSquaredError, &[])
        .expect("compiles");
    model
}

fn silent<'a>(epochs: usize, callbacks: Vec<Box<dyn Callback + 'a>>) -> FitOptions<'a> {
    FitOptions {
        epochs,
        batch_size: 8,
        verbose: Verbose::Silent,
        callbacks,
        ..FitOptions::default()
    }
}

/// Fails after some steps, as a machine would.
struct Crash(usize);

impl Callback for Crash {
    fn on_batch_end(&mut self, _: &mut Run<'_>, _: usize, _: &Logs) -> Result<(), NnError> {
        match self.0 {
            0 => Err(NnError::Empty { what: "luck" }),
            _ => {
                self.0 -= 1;
                Ok(())
            }
        }
    }
}

/// All that has a memory, with files in `folder`.
fn everything(folder: &Path) -> Vec<Box<dyn Callback>> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        Box::new(CsvLogger::new(folder.join("log.csv"))),
        Box::new(
            ModelCheckpoint::new(path("best.safetensors"))
                .save_best_only(true)
                .monitor("val_loss"),
        ),
        Box::new(
            ReduceLROnPlateau::new("val_loss")
                .patience(1)
                .factor(0.5)
                .min_delta(0.02),
        ),
        Box::new(
            EarlyStopping::new("val_loss")
                .patience(4)
                .min_delta(0.01)
                .restore_best_weights(true),
        ),
    ]
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    ["log.csv", "best.safetensors", "model.safetensors"]
        .iter()
        .map(|name| std::fs::read(folder.join(name)).expect("was written"))
        .collect()
}

#[test]
fn a_training_that_crashed_ends_with_the_same_bytes() {
    let (x, y) = data();
    let whole = tempfile::tempdir().expect("a folder");
    let mut options = silent(12, everything(whole.path()));
    options.validation_split = 0.2;
    let mut unbroken = model();
    let history = unbroken.fit(&x, &y, options).expect("trains");
    unbroken
        .save(whole.path().join("model.safetensors"))
        .expect("saves");

    for crash in [0, 1, 4, 5, 6, 13, 22] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ended = None;
        // The process that goes on starts from nothing but the files.
        for attempt in 0..40 {
            let mut model = model();
            let mut callbacks = everything(folder.path());
            // It crashes again and again, each time a little later.
            callbacks.push(Box::new(Crash(crash + attempt)));
            let mut options = silent(12, callbacks);
            options.validation_split = 0.2;
            let backup = BackupAndRestore::new(folder.path().join("backup")).save_freq(2);
            options.backup = Some(backup);
            match model.fit(&x, &y, options) {
                Ok(history) => {
                    model
                        .save(folder.path().join("model.safetensors"))
                        .expect("saves");
                    ended = Some(history);
                    break;
                }
                Err(error) => assert_eq!(error.to_string(), "the model has no luck"),
            }
        }
        let ended = ended.expect("it ends");
        for name in ["loss", "val_loss"] {
            assert_eq!(ended.get(name), history.get(name), "crash after {crash}");
        }
        assert!(
            files(folder.path()) == files(whole.path()),
            "crash after {crash}"
        );
        assert!(!folder.path().join("backup/backup.safetensors").exists());
    }
}

#[test]
fn a_backup_of_something_else_is_refused() {
    let (x, y) = data();
    let folder = tempfile::tempdir().expect("a folder");
    let options = || FitOptions {
        backup: Some(BackupAndRestore::new(folder.path()).delete_checkpoint(false)),
        ..silent(2, vec![])
    };
    model().fit(&x, &y, options()).expect("trains");
    let mut other = model();
    other
        .compile(Sgd::new(0.1), Loss::MeanSquaredError, &[])
        .expect("compiles");
    let message = other.fit(&x, &y, options()).expect_err("is refused");
    assert!(
        message.to_string().contains("backup of another training"),
        "{message}"
    );
    let file = folder.path().join("backup.safetensors");
    let bytes = std::fs::read(&file).expect("is there");
    for cut in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..cut]).expect("writes");
        let error = model().fit(&x, &y, options()).expect_err("is refused");
        assert!(error.to_string().contains("backup.safetensors"), "{error}");
    }
}

#[test]
fn early_stopping_counts_as_keras_does() {
    // (losses, patience, min_delta, epochs that run, best epoch)
    type Case<'a> = (&'a [f64], usize, f64, usize, u64);
    let cases: [Case<'_>; 5] = [
        (&[3.0, 2.0, 2.5, 2.4, 2.3, 2.2], 2, 0.0, 4, 1),
        (&[3.0, 2.0, 2.5, 1.9, 2.3, 2.2, 1.0], 2, 0.0, 6, 3),
        (&[3.0, 2.95, 2.9, 2.0], 1, 0.2, 2, 0),
        (&[1.0, 1.0, 1.0], 0, 0.0, 2, 0),
        (&[5.0, 4.0, 3.0], 3, 0.0, 3, 2),
    ];
    let (x, y) = data();
    for (losses, patience, delta, expected, best) in cases {
        let mut early = EarlyStopping::new("told")
            .patience(patience)
            .min_delta(delta);
        let tell = LambdaCallback::new().on_epoch_end(|_, epoch: &mut Epoch| {
            let loss = losses[epoch.number as usize];
            epoch.logs.push(("told".to_string(), loss));
        });
        let options = silent(losses.len(), vec![Box::new(tell), Box::new(&mut early)]);
        let history = model().fit(&x, &y, options).expect("trains");
        assert_eq!(history.epochs.len(), expected, "{losses:?}");
        assert_eq!(early.best_epoch(), Some(best), "{losses:?}");
    }
    let mut early = EarlyStopping::new("val_los");
    let options = silent(1, vec![Box::new(&mut early)]);
    let error = model().fit(&x, &y, options).expect_err("no such number");
    assert_eq!(
        error.to_string(),
        "there is no number to monitor val_los; there are loss"
    );
}

#[test]
fn the_best_weights_come_back() {
    let (x, y) = data();
    let mut early = EarlyStopping::new("told")
        .patience(2)
        .restore_best_weights(true);
    let mut kernels = vec![];
    let tell = LambdaCallback::new().on_epoch_end(|run, epoch| {
        kernels.push(run.model.weight("dense.kernel").expect("is there"));
        let told = [3.0, 1.0, 2.0, 2.0][epoch.number as usize];
        epoch.logs.push(("told".to_string(), told));
    });
    let mut model = model();
    let options = silent(9, vec![Box::new(tell), Box::new(&mut early)]);
    model.fit(&x, &y, options).expect("trains");
    assert_eq!(kernels.len(), 4);
    assert_ne!(kernels[1], kernels[3]);
    assert_eq!(model.weight("dense.kernel").expect("is there"), kernels[1]);
}

#[test]
fn rates_follow_plateaus_and_schedules() {
    let (x, y) = data();
    let told = [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 1.0, 1.0];
    let tell = LambdaCallback::new().on_epoch_end(|_, epoch| {
        let loss = told[epoch.number as usize];
        epoch.logs.push(("told".to_string(), loss));
    });
    let plateau = ReduceLROnPlateau::new("told")
        .patience(2)
        .factor(0.5)
        .cooldown(1)
        .min_lr(0.004);
    let mut trained = model();
    let options = silent(8, vec![Box::new(tell), Box::new(plateau)]);
    let history = trained.fit(&x, &y, options).expect("trains");
    let rates: Vec<f32> = history.epochs.iter().map(|e| e.learning_rate).collect();
    // Waits 2, halves, cools 1, waits 2, halves, but not below the least.
    assert_eq!(
        rates,
        [0.01, 0.01, 0.01, 0.005, 0.005, 0.004, 0.004, 0.004].map(|x: f32| x)
    );

    let schedule = LearningRateScheduler::new(|epoch, rate| match epoch {
        0 => rate,
        _ => rate * 0.5,
    });
    let mut trained = model();
    let options = silent(3, vec![Box::new(schedule)]);
    let history = trained.fit(&x, &y, options).expect("trains");
    let rates: Vec<f32> = history.epochs.iter().map(|e| e.learning_rate).collect();
    assert_eq!(rates, [0.01, 0.005, 0.0025]);
}

#[test]
fn the_layer_of_the_first_number_that_is_not_finite_is_named() {
    let (mut x, y) = data();
    let find = |model: &mut Model, x: &Array2<f32>| {
        let options = silent(20, vec![Box::new(TerminateOnNaN)]);
        let error = model.fit(x, &y, options).expect_err("runs away");
        error.to_string()
    };
    let mut wild = Sequential::new(Input::new([4]))
        .add(Dense::new(8).name("first"))
        .add(Dense::new(8).name("second"))
        .add(Dense::new(1).name("last"))
        .build()
        .expect("a model");
    wild.compile(Sgd::new(50.0), Loss::MeanSquaredError, &[])
        .expect("compiles");
    let message = find(&mut wild, &x);
    let layers = ["first", "second", "last", "the loss"];
    assert!(
        layers.iter().any(|name| message.contains(name)),
        "{message}"
    );
    assert!(message.contains("learning rate 50"), "{message}");
    // The weights are those of before the step.
    let kernel = wild.weight("first.kernel").expect("is there");
    assert!(kernel.iter().any(|x| x.is_finite()), "{kernel}");

    x[[17, 2]] = f32::NAN;
    let message = find(&mut model(), &x);
    assert!(message.contains("input x"), "{message}");
    assert!(message.starts_with("epoch 1, step "), "{message}");
}

#[test]
fn histories_are_saved_with_the_model() {
    let (x, y) = data();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("m.safetensors");
    let mut trained = model();
    trained.fit(&x, &y, silent(3, vec![])).expect("trains");
    trained.save(&file).expect("saves");
    let mut loaded = model();
    loaded.load(&file).expect("loads");
    assert_eq!(loaded.history().get("loss"), trained.history().get("loss"));
    loaded.fit(&x, &y, silent(2, vec![])).expect("trains");
    assert_eq!(loaded.history().get("loss").len(), 5);
    assert_eq!(loaded.epochs(), 5);
}
