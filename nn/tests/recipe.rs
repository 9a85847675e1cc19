//! Descriptions of trainings: what they make, and where they are wrong.

#[path = "recipe/examples.rs"]
mod examples;
#[path = "recipe/tables.rs"]
mod tables;

use craneflow_nn::data::Labels;
use craneflow_nn::recipe::Recipe;
use craneflow_nn::{FitOptions, Verbose};
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
    let [train, test] = [&data.split.train, &data.split.test].map(|part| part.dataset());
    let (train, test) = (train.expect("is there"), test.expect("is there"));
    let options = FitOptions {
        epochs: recipe.training().epochs,
        batch_size: recipe.training().batch_size,
        verbose: Verbose::Silent,
        callbacks: recipe.callbacks().expect("are good"),
        validation_data: Some((test.inputs().into(), test.labels().into())),
        ..FitOptions::default()
    };
    let history = model
        .fit(train.inputs(), train.labels(), options)
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
            "kernel_size = 3",
            "kernelsize = 3",
            "m.toml:7:35: model.layers[0].kernelsize: unknown key; did you mean `kernel_size`?",
        ),
        (
            "units = \"outputs\"",
            "units = 4",
            "m.toml:14:3: model.layers[7]: label 4 of sample 0 is out of range for the 4 classes of the model",
        ),
        (
            "epochs = 2",
            "epochs = -2",
            "training.epochs: expected a whole number of at least 0, found -2",
        ),
        (
            "patience = 3",
            "monitor = \"val_los\"",
            "m.toml:25:11: callback[0].monitor: `val_los` is not known; did you mean `val_loss`? There are loss, accuracy, val_loss, val_accuracy",
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
    let train = data.split.train.dataset().expect("is in memory");
    let history = model
        .fit(train.inputs(), train.labels(), options)
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
            "layers[6].layer.unit: unknown key; did you mean `units`?",
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

#[test]
fn single_weights_have_rates_and_averages_take_their_place() {
    let trained = |settings: &str, use_averages: bool| {
        let text = GOOD.replace("momentum = 0.9", settings);
        let recipe = Recipe::parse(Path::new("m.toml"), &text).expect("is good");
        assert_eq!(recipe.training().averages, settings.contains("ema"));
        let data = recipe.load_data().expect("the digits").split.train;
        let mut model = recipe.build(&data).expect("builds");
        let before = model.weight("conv.kernel").expect("is there");
        let options = FitOptions {
            epochs: 1,
            verbose: Verbose::Silent,
            use_averages,
            ..FitOptions::default()
        };
        let train = data.dataset().expect("is in memory");
        let fitted = model.fit(train.inputs(), train.labels(), options);
        fitted.map(|_| (before, model)).map_err(|e| e.to_string())
    };
    let kernel = |model: &mut craneflow_nn::Model| model.weight("conv.kernel").expect("is there");
    let frozen = trained("rate_multipliers = { conv = 0.0 }", false);
    let (before, mut model) = frozen.expect("trains");
    assert_eq!(kernel(&mut model), before);
    let ema = "ema_momentum = 0.9";
    let (before, mut plain) = trained(ema, false).expect("trains");
    let (_, mut averaged) = trained(ema, true).expect("trains");
    assert_ne!(kernel(&mut plain), before);
    assert_ne!(kernel(&mut plain), kernel(&mut averaged));
    plain.use_averages().expect("are kept");
    assert_eq!(kernel(&mut plain), kernel(&mut averaged));
    let message = trained("momentum = 0.9", true).err().expect("keeps none");
    assert!(message.contains("moving_average"), "{message}");
}

#[test]
fn lbfgs_is_an_optimizer_of_all_samples_at_once() {
    let lbfgs = "optimizer = { type = \"L-BFGS\", memory = 5 }";
    let other = "optimizer = { type = \"SGD\", learning_rate = 0.05, momentum = 0.9 }";
    let text = GOOD.replace(other, lbfgs);
    let cases = [
        (
            text.clone(),
            "training.batch_size: L-BFGS does not go with it",
        ),
        (
            text.replace("batch_size = 64", "class_weight = \"balanced\""),
            "training.class_weight: L-BFGS does not go with it",
        ),
        (
            text.replace("batch_size = 64", "") + "[augment]\nflip = \"horizontal\"\n",
            "augment: L-BFGS needs samples that stay",
        ),
        (
            text.replace("memory", "memry"),
            "training.optimizer.memry: unknown key; did you mean `memory`?",
        ),
        (
            text.replace("L-BFGS", "L-BFG"),
            "schedule_free_adamw, lbfgs",
        ),
    ];
    for (text, expected) in cases {
        let message = wrong(&text);
        assert!(message.contains(expected), "{message}\nwanted {expected}");
    }
    let text = text.replace("batch_size = 64", "");
    let recipe = Recipe::parse(Path::new("m.toml"), &text).expect("is good");
    let plan = recipe.training().lbfgs.as_ref().expect("was asked for");
    assert_eq!((plan.memory, recipe.training().epochs), (5, 2));
    let unsaid = text.replace("epochs = 2", "");
    let recipe = Recipe::parse(Path::new("m.toml"), &unsaid).expect("is good");
    assert_eq!(recipe.training().epochs, 200);
}
