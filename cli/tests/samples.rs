//! Samples as people have them: folders in folders, files that are broken, values in their units, models of programs.

mod common;

use common::{craneflow, failed, folder, good, picture, text};
use std::path::Path;

#[test]
fn models_that_a_program_saved_predict_and_are_evaluated() {
    use craneflow::prelude::*;
    let at = folder();
    let at = at.path();
    let digits = craneflow::nn::data::digits();
    let layers = Sequential::new(Input::new([8, 8, 1])).add(Flatten::new());
    let mut model = layers.add(Dense::new(10)).build().expect("is sound");
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model
        .compile(Adam::new(0.01), loss, &[Metric::Accuracy])
        .expect("fits");
    let options = FitOptions {
        epochs: 2,
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    let labels = digits.train.labels();
    model
        .fit(digits.train.inputs(), labels, options)
        .expect("trains");
    model.save(at.join("m.safetensors")).expect("is written");
    let logs = model.evaluate(digits.test.inputs(), digits.test.labels());
    let accuracy = logs.expect("is compiled")[1].1;
    let said = good(at, &["evaluate", "m.safetensors", "--data", "digits"]);
    assert!(said.contains(&format!("accuracy: {accuracy:.5}")), "{said}");
    let args = [
        "predict",
        "m.safetensors",
        "--data",
        "digits",
        "--format",
        "csv",
    ];
    let said = good(at, &args);
    assert!(said.starts_with("sample,class,p(0),p(1),"), "{said}");
    assert_eq!(said.lines().count(), 11);
    let args = ["predict", "m.safetensors"];
    let message = failed(&craneflow(at, &args), 1, &args);
    assert!(message.contains("give --data"), "{message}");
    good(at, &["summary", "m.safetensors"]);
}

/// Two classes of pictures, and a model of them that a program saved.
fn bright_and_dark(at: &Path) {
    use craneflow::nn::data::folder::ClassFolder;
    use craneflow::nn::data::{front::Front, images};
    use craneflow::prelude::*;
    for class in ["day", "night"] {
        let folder = at.join("pictures").join(class);
        std::fs::create_dir_all(&folder).expect("makes");
        for i in 0..20 {
            picture(&folder.join(format!("{i}.png")), class == "day", i);
        }
    }
    let folder = ClassFolder::open(at.join("pictures"), &images::ENDINGS).expect("is there");
    let size = images::natural_size(&folder.files[0].0).expect("is one");
    let pictures = images::load(&folder, "pictures", size).expect("loads");
    let layers = Sequential::new(Input::new(pictures.input_shape())).add(Flatten::new());
    let mut model = layers.add(Dense::new(2)).build().expect("is sound");
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model
        .compile(Adam::new(0.05), loss, &[Metric::Accuracy])
        .expect("fits");
    let options = FitOptions {
        epochs: 10,
        verbose: Verbose::Silent,
        ..FitOptions::default()
    };
    model
        .fit(pictures.inputs(), pictures.labels(), options)
        .expect("trains");
    let front = Front::Images(size);
    model.set_samples(&front, pictures.name(), pictures.classes());
    model.save(at.join("m.safetensors")).expect("is written");
}

#[test]
fn a_program_says_what_its_samples_are_and_broken_ones_are_named() {
    let at = folder();
    let at = at.path();
    bright_and_dark(at);
    let predict = |args: &[&str]| craneflow(at, &[&["predict", "m.safetensors"], args].concat());
    let all = good(
        at,
        &["predict", "m.safetensors", "pictures", "--format", "csv"],
    );
    assert!(all.starts_with("sample,class,p(day),p(night)\n"), "{all}");
    assert_eq!(
        (all.matches(",day,").count(), all.matches(",night,").count()),
        (20, 20)
    );
    let said = good(at, &["evaluate", "m.safetensors", "--data", "pictures"]);
    assert!(said.contains("accuracy: 1.00000"), "{said}");

    std::fs::write(at.join("pictures/night/15.png"), b"\x89PNG\r\n\x1a\n cut").expect("writes");
    let args = ["pictures/night", "--format", "csv"];
    let output = predict(&args);
    let message = failed(&output, 1, &args);
    assert!(message.contains("15.png: damaged PNG"), "{message}");
    assert!(
        message.ends_with("error: 1 of 20 samples could not be read\n"),
        "{message}"
    );
    let said = text(&output.stdout);
    let lines: Vec<&str> = said.lines().skip(1).collect();
    let sorted = lines.is_sorted_by_key(|line| line.split(',').next());
    assert!(lines.len() == 20 && sorted, "{said}");
    assert!(lines.contains(&"pictures/night/15.png,,,"), "{said}");
    let args = [
        "pictures/night/15.png",
        "pictures/day/0.png",
        "--format",
        "json",
    ];
    let output = predict(&args);
    failed(&output, 1, &args);
    let said = text(&output.stdout);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect();
    let error = lines[0]["error"].as_str().expect("is one");
    assert!(error.contains("damaged PNG"), "{error}");
    assert_eq!(lines[1]["class"], "day");
    // None at all.
    let args = ["pictures/night/15.png"];
    let message = failed(&predict(&args), 1, &args);
    assert!(
        message.starts_with("error: pictures/night/15.png: damaged PNG"),
        "{message}"
    );
}

#[test]
fn values_are_learnt_on_a_scale_and_predicted_in_their_units() {
    let at = folder();
    let at = at.path();
    let row = |i: usize| {
        let city = ["Rome", "Oslo"][i % 2];
        let price = 300_000 + 2_000 * (i % 30) + 50_000 * (i % 2);
        format!("{},{city},{price}\n", 50 + i % 30)
    };
    let rows: String = (0..90).map(row).collect();
    std::fs::write(at.join("table.csv"), format!("size,city,price\n{rows}")).expect("writes");
    good(at, &["init"]);
    let starter = std::fs::read_to_string(at.join("model.toml")).expect("is there");
    let text = starter.replace("\"label\"", "\"price\"");
    std::fs::write(at.join("model.toml"), text).expect("writes");
    let args = ["train", "model.toml", "--lines", "--report", "out"];
    let said = good(at, &args);
    assert!(said.starts_with("Training model.toml ("), "{said}");
    let error = said.lines().find_map(|line| {
        let rest = line.strip_prefix("held-out mean_absolute_error: ")?;
        let (_, rest) = rest.split_once('(')?;
        rest.strip_suffix(" in `price`)")?.parse::<f64>().ok()
    });
    let error = error.expect("is said in its units");
    assert!((1.0..8_000.0).contains(&error), "{said}");
    let held_out = good(at, &["predict", "model.safetensors"]);
    let first = held_out.lines().next().expect("a line");
    assert!(
        first.contains("line ") && first.contains("  (label: 3"),
        "{first}"
    );
    // The worst mistakes are those of the file.
    let page = std::fs::read_to_string(at.join("out/index.html")).expect("was written");
    assert!(page.contains("<pre>size 5") || page.contains("<pre>size 6"));
    assert!(page.contains("\ncity Oslo</pre>") || page.contains("\ncity Rome</pre>"));

    // A folder of tables.
    std::fs::create_dir(at.join("more")).expect("makes");
    for name in ["a.csv", "b.csv"] {
        std::fs::write(at.join("more").join(name), "city,size\nOslo,60\nRome,61\n")
            .expect("writes");
    }
    let said = good(
        at,
        &["predict", "model.safetensors", "more", "--format", "csv"],
    );
    let names: Vec<&str> = said.lines().filter_map(|l| l.split(',').next()).collect();
    assert_eq!(
        names,
        [
            "sample",
            "more/a.csv: 1",
            "more/a.csv: 2",
            "more/b.csv: 1",
            "more/b.csv: 2"
        ]
    );

    let new = "city,size\nRome,60\nParis,70\n,\n";
    std::fs::write(at.join("new.csv"), new).expect("writes");
    let args = ["predict", "model.safetensors", "new.csv", "--format", "csv"];
    let output = craneflow(at, &args);
    assert!(output.status.success());
    let said = common::text(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "sample,price");
    let price: f64 = lines[1][2..].parse().expect("a number");
    assert!((price - 320_000.0).abs() < 15_000.0, "{said}");
    let warned = common::text(&output.stderr);
    let expected = "warning: new.csv: column `city`: `Paris` was not there in training and counts as no word\n\
                    warning: new.csv: line 4 is empty";
    assert!(warned.starts_with(expected), "{warned}");
}
