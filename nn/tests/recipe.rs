//! Descriptions of trainings: what they make, and where they are wrong.

use craneflow_nn::data::{Labels, NpyArray, npz};
use craneflow_nn::recipe::Recipe;
use craneflow_nn::{FitOptions, Verbose};
use ndarray::ArrayD;
use std::path::Path;

const GOOD: &str = r#"
[data]
train = "digits"

[model]
layers = [
  { type = "Conv2D", filters = 4, kernel_size = 3, activation = "relu", name = "conv" },
  { type = "MaxPooling2D" },
  { type = "Flatten", name = "flat" },
  { type = "Dense", units = 8, name = "left", inputs = ["flat"] },
  { type = "Dense", units = 8, name = "right", inputs = ["flat"] },
  { type = "add", inputs = ["left", "right"] },
  { type = "Activation", activation = "relu" },
  { type = "dense", units = "outputs" },
]

[training]
epochs = 2
batch_size = 64
seed = 3
optimizer = { type = "SGD", learning_rate = 0.05, momentum = 0.9 }

[[callback]]
type = "EarlyStopping"
patience = 3
"#;

fn wrong(text: &str) -> String {
    let recipe = Recipe::parse(Path::new("m.toml"), text);
    let recipe = match recipe {
        Err(error) => return error.to_string(),
        Ok(recipe) => recipe,
    };
    let data = recipe.load_data().expect("data are good");
    let built = recipe.build(&data.split.train).map(|_| ());
    built.expect_err("something is wrong").to_string()
}

#[test]
fn a_description_is_built_and_trained() {
    let recipe = Recipe::parse(Path::new("m.toml"), GOOD).expect("is good");
    let data = recipe.load_data().expect("the digits");
    let mut model = recipe.build(&data.split.train).expect("builds");
    assert_eq!(model.parameters().0, 40 + 2 * (36 * 8 + 8) + 90);
    let options = FitOptions {
        epochs: recipe.training().epochs,
        batch_size: recipe.training().batch_size,
        verbose: Verbose::Silent,
        callbacks: recipe.callbacks().expect("are good"),
        validation_data: Some((
            data.split.test.inputs().into(),
            data.split.test.labels().into(),
        )),
        ..FitOptions::default()
    };
    let x = data.split.train.inputs();
    let history = model
        .fit(x, data.split.train.labels(), options)
        .expect("trains");
    assert!(history.last("val_accuracy").expect("is there") > 0.5);
    assert!(matches!(data.split.train.labels(), Labels::Classes(_)));
}

#[test]
fn errors_point_at_line_and_key() {
    let cases = [
        (
            "epochs = 2",
            "epoch = 2",
            "m.toml:18:1: training.epoch: unknown key; did you mean `epochs`?",
        ),
        (
            "epochs = 2",
            "epochs = \"two\"",
            "m.toml:18:10: training.epochs: expected a whole number of at least 0, found string",
        ),
        (
            "batch_size = 64",
            "batch_size = 0",
            "m.toml:19:14: training.batch_size: expected a whole number above 0",
        ),
        (
            "\"Flatten\"",
            "\"Flaten\"",
            "m.toml:9:12: model.layers[2].type: `Flaten` is not known; did you mean `Flatten`?",
        ),
        (
            "kernel_size = 3",
            "kernel_size = 9",
            "m.toml:7:3: model.layers[0]: conv: convolution: a window of 9 does not fit",
        ),
        (
            "filters = 4, ",
            "",
            "m.toml:7:3: model.layers[0]: the key `filters` is missing",
        ),
        (
            "activation = \"relu\", name",
            "activation = \"rellu\", name",
            "model.layers[0].activation: `rellu` is not known; did you mean `relu`?",
        ),
        (
            "[\"left\", \"right\"]",
            "[\"left\", \"rigt\"]",
            "model.layers[5].inputs[1]: `rigt` is not known; did you mean `right`?",
        ),
        (
            "\"SGD\"",
            "\"SDG\"",
            "m.toml:21:22: training.optimizer.type: `SDG` is not known",
        ),
        (
            "momentum = 0.9",
            "momentun = 0.9",
            "training.optimizer.momentun: unknown key; did you mean `momentum`?",
        ),
        (
            "patience = 3",
            "patients = 3",
            "m.toml:25:1: callback[0].patients: unknown key",
        ),
        ("seed = 3", "seed = ", "m.toml:20:"),
        ("[model]", "[modell]", "modell"),
        (
            "train = \"digits\"",
            "kind = \"known\"",
            "data: the key `train` is missing",
        ),
    ];
    for (from, to, expected) in cases {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let message = wrong(&text);
        assert!(
            message.contains(expected),
            "{to}\n{message}\nwanted {expected}"
        );
        assert!(message.contains(" | "), "{message}");
    }
    let message = wrong(&GOOD.replace("epochs = 2", "epoch = 2"));
    let excerpt = "   |\n18 | epoch = 2\n   | ^^^^^";
    assert!(message.ends_with(excerpt), "{message}");
}

/// Every kind of setting at once; a description of Keras's names.
const WIDE: &str = r#"
[data]
train = "digits"

[model]
layers = [
  { type = "RandomTranslation", height = 0.1, width = 0.1 },
  { type = "Conv2D", filters = 4, kernel_size = [3, 2], kernel_initializer = "he_normal", kernel_regularizer = "l2", padding = "same" },
  { type = "BatchNorm", momentum = 0.9 },
  { type = "LeakyReLU", negative_slope = 0.1 },
  { type = "AvgPool2D", pool_size = 2 },
  { type = "Reshape", target_shape = [4, 16] },
  { type = "Bidirectional", layer = { type = "LSTM", units = 4, return_sequences = true }, merge_mode = "sum" },
  { type = "TransformerEncoder", num_heads = 2, intermediate_dim = 8 },
  { type = "GlobalMaxPooling1D" },
  { type = "Dense", units = "outputs", kernel_constraint = { type = "max_norm", max_value = 3 }, activation = { type = "elu", alpha = 0.5 } },
]

[training]
epochs = 1
loss = { type = "sparse_categorical_crossentropy", from_logits = true }
metrics = ["accuracy", { type = "top_k_categorical_accuracy", k = 3 }]
label_smoothing = 0.1

[training.optimizer]
type = "Nadam"
learning_rate = 0.01
beta_2 = 0.99
clipnorm = 1.0
schedule = { type = "cosine", decay_steps = 100, warmup_steps = 5 }
"#;

#[test]
fn every_kind_of_setting() {
    let text = WIDE.replace("AvgPool2D", "AveragePool2D");
    let recipe = Recipe::parse(Path::new("m.toml"), &text).expect("is good");
    let data = recipe.load_data().expect("the digits");
    let mut model = recipe.build(&data.split.train).expect("builds");
    assert_eq!(model.learning_rate(), 0.01);
    let options = FitOptions {
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    let x = data.split.train.inputs();
    let history = model
        .fit(x, data.split.train.labels(), options)
        .expect("trains");
    let best = history
        .last("top_k_categorical_accuracy")
        .expect("is there");
    assert!(best > history.last("accuracy").expect("is there"));
    let cases = [
        (
            "he_normal",
            "he_norml",
            "kernel_initializer: `he_norml` is not known; did you mean `he_normal`?",
        ),
        (
            "\"l2\"",
            "{ type = \"l2\", l1 = 1.0 }",
            "kernel_regularizer.l1: unknown key; did you mean `l2`?",
        ),
        (
            "[3, 2]",
            "[3, 2, 1]",
            "kernel_size: expected one value or 2, found 3",
        ),
        (
            "\"LSTM\", units",
            "\"LSTM\", unit",
            "layers[6].layer: the key `units` is missing",
        ),
        (
            "\"LSTM\"",
            "\"Dense\"",
            "layers[6].layer.type: `Dense` is not known",
        ),
        (
            "k = 3",
            "kk = 3",
            "metrics[1].kk: unknown key; did you mean `k`?",
        ),
        (
            "decay_steps = 100, ",
            "",
            "optimizer.schedule: the key `decay_steps` is missing",
        ),
        (
            "beta_2",
            "beta2",
            "training.optimizer.beta2: unknown key; did you mean `beta_2`?",
        ),
        (
            "max_value = 3",
            "max_value = \"3\"",
            "kernel_constraint.max_value: expected a finite number, found string",
        ),
    ];
    for (from, to, expected) in cases {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let message = wrong(&changed);
        assert!(
            message.contains(expected),
            "{to}\n{message}\nwanted {expected}"
        );
    }
}

/// Writes a few made-up samples in place of the data of the described examples.
fn made_up(scratch: &Path) {
    let rows = |row: &dyn Fn(usize) -> String| -> String { (0..24).map(row).collect() };
    let kind = |i: usize, text: [&str; 2]| text[i % 2].to_string();
    let numbers = |i: usize, count: usize| -> String {
        let cells = (0..count).map(|c| ((i * (c + 3)) % 17).to_string());
        cells.collect::<Vec<_>>().join(",")
    };
    let hours: Vec<String> = (0..24).map(|hour| format!("h{hour}")).collect();
    let pieces: Vec<String> = (0..390).map(|piece| format!("c{piece}")).collect();
    let tables = [
        (
            "fsdd",
            format!("{},digit", pieces.join(",")),
            rows(&|i| format!("{},{}\n", numbers(i % 2 + 1, 390), i % 2)),
        ),
        (
            "spam",
            "text,label".to_string(),
            rows(&|i| kind(i, ["win a prize,spam\n", "the meeting is at noon,ham\n"])),
        ),
        (
            "reviews",
            "text,label".to_string(),
            rows(&|i| kind(i, ["a feast,good\n", "a bore from the first,bad\n"])),
        ),
        (
            "diabetes",
            "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,progression".to_string(),
            rows(&|i| format!("{},{}\n", numbers(i, 10), f64::from(i as u8 % 7) / 2.0)),
        ),
        (
            "titanic",
            "name,class,age,sex,survived".to_string(),
            rows(&|i| {
                format!(
                    "P{i},{},{},{}\n",
                    kind(i, ["1st", "3rd"]),
                    if i % 5 == 0 {
                        String::new()
                    } else {
                        (20 + i).to_string()
                    },
                    kind(i, ["female,1", "male,0"])
                )
            }),
        ),
        (
            "demand",
            format!("{},season", hours.join(",")),
            rows(&|i| {
                format!(
                    "{},{}\n",
                    numbers(i % 2 + 1, 24),
                    kind(i, ["summer", "winter"])
                )
            }),
        ),
    ];
    for (name, header, rows) in tables {
        let place = scratch.join("data").join(name);
        std::fs::create_dir_all(&place).expect("a folder");
        for part in ["train.csv", "test.csv"] {
            std::fs::write(place.join(part), format!("{header}\n{rows}")).expect("is written");
        }
    }
    for part in ["train", "test"] {
        for (language, period) in [("en", 20), ("it", 50)] {
            let place = scratch.join("data/prompts").join(part).join(language);
            std::fs::create_dir_all(&place).expect("a folder");
            for file in 0..6 {
                tone(
                    &place.join(format!("{file}.wav")),
                    8000,
                    4000,
                    period + file,
                );
            }
        }
        for (digit, period) in [("0", 20), ("1", 50)] {
            let place = scratch.join("data/spoken_digits").join(part).join(digit);
            std::fs::create_dir_all(&place).expect("a folder");
            for file in 0..4 {
                tone(
                    &place.join(format!("{file}.wav")),
                    22_050,
                    22_050,
                    period + file,
                );
            }
        }
    }
    for (name, shape) in [
        ("small.npz", [40, 28, 28, 1]),
        ("colour.npz", [40, 32, 32, 3]),
    ] {
        let x = ArrayD::from_shape_fn(shape.to_vec(), |at| {
            f32::from(u8::from((at[1] * 5 + at[2] * 3 + at[3]) % 10 == at[0] % 10))
        });
        let y = ArrayD::from_shape_fn(vec![40], |at| (at[0] % 10) as u8);
        let arrays = [("x", NpyArray::from(x)), ("y", NpyArray::from(y))];
        let arrays = arrays.into_iter().map(|(name, x)| (name.to_string(), x));
        npz::write(scratch.join(name), &arrays.collect()).expect("is written");
    }
}

/// Writes samples of a tone of this period.
fn tone(path: &Path, rate: u32, samples: usize, period: usize) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("is made");
    for i in 0..samples {
        let level = if i % period < period / 2 {
            9000i16
        } else {
            -9000
        };
        writer.write_sample(level).expect("is written");
    }
    writer.finalize().expect("is written");
}

/// The described examples build and learn, on a few made-up samples in place of their data.
#[test]
fn described_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/described");
    let scratch = tempfile::tempdir().expect("a folder");
    made_up(scratch.path());
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).expect("is read");
        let scratch = scratch.path();
        let pictures = [
            ("mnist", "small"),
            ("fashion-mnist", "small"),
            ("cifar-10", "colour"),
        ];
        let text = pictures.iter().fold(text, |text, (name, file)| {
            let place = scratch.join(format!("{file}.npz"));
            let by = format!("kind = \"known\"\ntrain = '{}'", place.display());
            text.replace(&format!("train = \"{name}\""), &by)
        });
        let recipe = Recipe::parse(&scratch.join("m.toml"), &text).expect("is good");
        learns(&path, &recipe);
    }
    assert!(count >= 10, "{count} descriptions");
}

fn learns(path: &Path, recipe: &Recipe) {
    let data = recipe.load_data();
    let data = data.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut model = recipe.build(&data.split.train).expect("builds");
    let options = FitOptions {
        epochs: 12,
        batch_size: 8,
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    let x = data.split.train.inputs();
    let history = model.fit(x, data.split.train.labels(), options);
    let losses = history.expect("trains").get("loss");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < 0.9 * losses[0], "{}: {losses:?}", path.display());
}
