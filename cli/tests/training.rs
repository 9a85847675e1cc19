//! Training from outside: killed and gone on with, described in TOML, used on files.

mod common;

use common::{CRANEFLOW, craneflow, failed, folder, good, text};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn bad(folder: &Path, args: &[&str]) -> String {
    failed(&craneflow(folder, args), 1, args)
}

#[test]
fn a_training_that_was_killed_ends_with_the_same_bytes() {
    let train = [
        "train",
        "--lines",
        "--epochs",
        "4",
        "--save",
        "m.safetensors",
        "--log",
        "log.csv",
    ];
    let whole = folder();
    good(whole.path(), &train);
    let bytes = |at: &Path, name: &str| std::fs::read(at.join(name)).expect("was written");

    let killed = folder();
    let at = killed.path();
    let args = [&train[..], &["--backup", "b", "--backup-every", "3"]].concat();
    let mut kills = 0;
    loop {
        let mut child = common::command(CRANEFLOW, at, &args)
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // Some moment, another one each time: soon at first, for a fast machine is done in a fraction of a
        // second; later in the end, so that it comes to one.
        std::thread::sleep(Duration::from_millis(kills * 37 % 61 + kills * kills));
        if child.try_wait().expect("can be asked").is_some() {
            break;
        }
        if kills > 25 {
            assert!(child.wait().expect("ends").success());
            break;
        }
        child.kill().expect("can be killed");
        child.wait().expect("ends");
        kills += 1;
        // Whatever is there is whole.
        let saved = at.join("m.safetensors");
        if saved.exists() {
            assert!(bytes(at, "m.safetensors") == bytes(whole.path(), "m.safetensors"));
        }
    }
    assert!(kills > 3, "{kills}");
    for name in ["m.safetensors", "log.csv"] {
        assert!(
            bytes(at, name) == bytes(whole.path(), name),
            "{name} differs after {kills} kills"
        );
    }
    let left = std::fs::read_dir(at.join("b")).expect("is there").flatten();
    let left: Vec<_> = left
        .filter(|e| !e.file_name().to_string_lossy().starts_with(".craneflow-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Two groups of flowers with some gaps.
fn table() -> String {
    let mut text = "id,height,colour,width,kind\n".to_string();
    for i in 0..60 {
        let tall = i % 2 == 0;
        let height = if tall { 10 + i % 5 } else { 3 + i % 4 };
        let colour = ["red", "blue", "white"][i % 3];
        let width = if i % 11 == 4 {
            String::new()
        } else {
            ((i * 7) % 5).to_string()
        };
        let colour = if i % 13 == 5 { "NA" } else { colour };
        let kind = if tall { "lily" } else { "daisy" };
        text += &format!("{i},{height},{colour},{width},{kind}\n");
    }
    text
}

#[test]
fn a_table_is_described_trained_and_predicted() {
    let at = folder();
    let at = at.path();
    good(at, &["init"]);
    assert!(bad(at, &["init"]).contains("model.toml: is there already"));
    let message = bad(at, &["train", "model.toml"]);
    assert!(message.contains("table.csv"), "{message}");
    std::fs::write(at.join("table.csv"), table()).expect("writes");
    let message = bad(at, &["train", "model.toml"]);
    assert!(
        message.contains("model.toml:11:10: data.target: table.csv has no column `label`"),
        "{message}"
    );
    let starter = std::fs::read_to_string(at.join("model.toml")).expect("is there");
    let filled = starter
        .replace("\"label\"", "\"kind\"")
        .replace("ignore = []", "ignore = [\"id\"]")
        .replace("indicators = false", "indicators = true");
    std::fs::write(at.join("model.toml"), &filled).expect("writes");
    let said = good(
        at,
        &["train", "model.toml", "--lines", "--save", "m.safetensors"],
    );
    assert!(said.contains("held-out accuracy: 100.00 %"), "{said}");
    let said = good(at, &["evaluate", "m.safetensors"]);
    assert!(said.contains("accuracy: 1.00000"), "{said}");

    let report = [
        "train",
        "model.toml",
        "--lines",
        "--report",
        "out",
        "--tensorboard",
        "tb",
    ];
    let said = good(at, &report);
    assert!(said.contains("wrote out/index.html"), "{said}");
    let page = std::fs::read_to_string(at.join("out/index.html")).expect("was written");
    for part in [
        "Curves",
        "Confusion matrix",
        "Model",
        "Time of a training step",
        "Weights",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Nothing from elsewhere: the only address is the name of SVG.
    assert!(
        !page
            .replace("http://www.w3.org/2000/svg", "")
            .contains("http")
    );
    for file in ["loss.svg", "loss.png", "accuracy.png", "learning_rate.svg"] {
        assert!(at.join("out").join(file).is_file(), "{file}");
    }
    for part in ["train", "validation"] {
        let mut events = std::fs::read_dir(at.join("tb").join(part)).expect("is there");
        let file = events.next().expect("a file").expect("is there").path();
        assert!(file.display().to_string().contains("tfevents"));
        let bytes = std::fs::read(&file).expect("is there");
        let holds = |tag: &[u8]| bytes.windows(tag.len()).any(|part| part == tag);
        assert_eq!(holds(b"gradients/dense/kernel"), part == "train");
    }

    // Other columns, another order, gaps, a colour that is new.
    let rows = "colour,width,height\nblue,1,12\ngreen,,4\n";
    std::fs::write(at.join("new.csv"), rows).expect("writes");
    let said = good(
        at,
        &["predict", "m.safetensors", "new.csv", "--format", "csv"],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "sample,class,p(daisy),p(lily)");
    assert!(
        lines[1].starts_with("1,lily,") && lines[2].starts_with("2,daisy,"),
        "{said}"
    );
    let mut child = common::command(
        CRANEFLOW,
        at,
        &["predict", "m.safetensors", "-", "--format", "json"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .expect("the binary starts");
    let mut input = child.stdin.take().expect("is piped");
    input.write_all(rows.as_bytes()).expect("is read");
    drop(input);
    let output = child.wait_with_output().expect("ends");
    let first = text(&output.stdout);
    let first: serde_json::Value =
        serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["class"], "lily");
    assert!(first["probabilities"]["lily"].as_f64().expect("a number") > 0.5);

    let wrong = filled.replace("epochs = 50", "epochs = \"many\"");
    std::fs::write(at.join("wrong.toml"), wrong).expect("writes");
    let message = bad(at, &["train", "wrong.toml"]);
    assert!(
        message.contains("wrong.toml:32:10: training.epochs: expected a whole number"),
        "{message}"
    );
    assert!(bad(at, &["train", "none.toml"]).contains("none.toml"));
}

#[test]
fn pictures_are_trained_on_with_augmentation_and_predicted() {
    let at = folder();
    let at = at.path();
    for class in ["day", "night"] {
        let folder = at.join("pictures").join(class);
        std::fs::create_dir_all(&folder).expect("makes");
        for i in 0..20 {
            common::picture(&folder.join(format!("{i}.png")), class == "day", i);
        }
    }
    good(at, &["init", "--kind", "images", "p.toml"]);
    let starter = std::fs::read_to_string(at.join("p.toml")).expect("is there");
    let small = starter
        .replace("height = 32", "height = 8")
        .replace("width = 32", "width = 8")
        .replace("epochs = 20", "epochs = 40")
        .replace("patience = 5", "patience = 40");
    std::fs::write(at.join("p.toml"), small).expect("writes");
    let train = ["train", "p.toml", "--lines", "--save", "a.safetensors"];
    let said = good(at, &train);
    assert!(said.contains("held-out accuracy: 100.00 %"), "{said}");
    assert!(said.contains(" - waited: "), "{said}");
    good(
        at,
        &[&train[..4], &["b.safetensors", "--threads", "1"]].concat(),
    );
    let read = |name: &str| std::fs::read(at.join(name)).expect("was saved");
    assert!(
        read("a.safetensors") == read("b.safetensors"),
        "threads change weights"
    );
    let said = good(
        at,
        &[
            "predict",
            "a.safetensors",
            "pictures/night",
            "--format",
            "csv",
        ],
    );
    assert_eq!(said.matches(",night,").count(), 20, "{said}");
    let said = good(at, &["predict", "a.safetensors", "pictures/day/3.png"]);
    assert!(said.contains("day "), "{said}");
    std::fs::write(at.join("pictures/day/3.png"), b"\x89PNG\r\n\x1a\n damaged").expect("writes");
    let message = bad(at, &train);
    assert!(message.contains("3.png: damaged PNG"), "{message}");
    assert!(read("a.safetensors") == read("b.safetensors"));
}

#[test]
fn texts_are_trained_on_and_predicted_by_line() {
    let at = folder();
    let at = at.path();
    let mut rows = "text,label\n".to_string();
    for i in 0..40 {
        let (a, b) = (
            ["fine", "lovely", "great"][i % 3],
            ["bad", "awful", "dull"][i % 3],
        );
        rows += &format!("\"A {a} day, number {i}\",yes\nWhat a {b} day {i},no\n");
    }
    std::fs::write(at.join("texts.csv"), rows).expect("writes");
    good(at, &["init", "--kind", "text", "t.toml"]);
    let said = good(
        at,
        &["train", "t.toml", "--lines", "--save", "t.safetensors"],
    );
    assert!(said.contains("held-out accuracy: 100.00 %"), "{said}");
    let starter = std::fs::read_to_string(at.join("t.toml")).expect("is there");
    let few = starter.replace("input_dim = 5000", "input_dim = 9");
    std::fs::write(at.join("few.toml"), few).expect("writes");
    let message = bad(at, &["train", "few.toml"]);
    let expected = "few.toml:19:37: model.layers[0].input_dim: samples have numbers up to ";
    assert!(message.contains(expected), "{message}");
    std::fs::write(at.join("new.txt"), "a great day\n\nan awful day\n").expect("writes");
    let said = good(
        at,
        &["predict", "t.safetensors", "new.txt", "--format", "csv"],
    );
    assert!(
        said.contains("\n1,yes,") && said.contains("\n2,no,"),
        "{said}"
    );
}

#[test]
fn the_seed_of_a_description_can_be_another() {
    let at = folder();
    let at = at.path();
    let text = "[data]\ntrain = \"digits\"\n[model]\nlayers = [{ type = \"Flatten\" }, { type = \"Dense\", units = \"outputs\" }]\n[training]\nepochs = 1\n";
    std::fs::write(at.join("m.toml"), text).expect("writes");
    std::fs::write(at.join("s.toml"), format!("{text}seed = 5\n")).expect("writes");
    let loss = |args: &[&str]| {
        let said = good(at, &[&["train", "--lines"], args].concat());
        let line = said.lines().find(|l| l.starts_with("held-out loss"));
        line.expect("is printed").to_string()
    };
    assert_eq!(loss(&["m.toml", "--seed", "5"]), loss(&["s.toml"]));
    assert_ne!(loss(&["m.toml"]), loss(&["s.toml"]));
}

/// A WAV file of a tone of this period, in samples of 1/8000 s.
fn tone(period: usize) -> Vec<u8> {
    let samples = (0..6000).flat_map(|i| {
        let level: i16 = if i % period < period / 2 { 8000 } else { -8000 };
        level.to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let size = (samples.len() as u32).to_le_bytes();
    let all = (samples.len() as u32 + 36).to_le_bytes();
    let format: [u8; 24] = [
        b'f', b'm', b't', b' ', 16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0,
        16, 0,
    ];
    [
        &b"RIFF"[..],
        &all,
        b"WAVE",
        &format,
        b"data",
        &size,
        &samples,
    ]
    .concat()
}

#[test]
fn sounds_are_trained_on_and_predicted() {
    let at = folder();
    let at = at.path();
    for (class, period) in [("high", 12), ("low", 60)] {
        std::fs::create_dir_all(at.join("sounds").join(class)).expect("makes");
        for i in 0..10 {
            let path = at.join("sounds").join(class).join(format!("{i}.wav"));
            std::fs::write(path, tone(period + i)).expect("writes");
        }
    }
    good(at, &["init", "--kind", "sounds", "s.toml"]);
    let said = good(
        at,
        &["train", "s.toml", "--lines", "--save", "s.safetensors"],
    );
    assert!(said.contains("held-out accuracy: 100.00 %"), "{said}");
    std::fs::write(at.join("new.wav"), tone(66)).expect("writes");
    let said = good(
        at,
        &["predict", "s.safetensors", "new.wav", "--format", "csv"],
    );
    assert!(said.contains(",low,"), "{said}");
}

#[test]
fn small_tables_are_trained_on_at_once() {
    let at = folder();
    let at = at.path();
    std::fs::write(at.join("table.csv"), table()).expect("writes");
    let text = "[data]\ntrain = 'table.csv'\ntarget = 'kind'\nignore = ['id']\nmissing = 'mean'\n\
                [model]\nlayers = [{ type = 'Dense', units = 'outputs', kernel_regularizer = { type = 'l2', l2 = 0.01 } }]\n\
                [training]\noptimizer = 'lbfgs'\n\
                [[callback]]\ntype = 'CSVLogger'\nfilename = 'log.csv'\n";
    std::fs::write(at.join("m.toml"), text).expect("writes");
    let said = good(at, &["train", "m.toml", "--lines", "--tensorboard", "tb"]);
    assert!(
        said.contains("within its tolerance") || said.contains("less than its tolerance"),
        "{said}"
    );
    assert!(said.contains("held-out accuracy: 100.00 %"), "{said}");
    let log = std::fs::read_to_string(at.join("log.csv")).expect("was written");
    let iterations = log.lines().count() - 1;
    assert!((3..100).contains(&iterations), "{log}");
    assert!(good(at, &["evaluate"]).contains("accuracy: 1.00000"));
    let message = bad(at, &["train", "m.toml", "--backup", "b"]);
    assert!(message.contains("L-BFGS"), "{message}");
}

#[test]
fn folds_are_held_out_in_turn() {
    let at = folder();
    let at = at.path();
    std::fs::write(at.join("table.csv"), table()).expect("writes");
    let text = "[data]\ntrain = 'table.csv'\ntarget = 'kind'\nignore = ['id']\nmissing = 'mean'\nfolds = 3\n\
                [model]\nlayers = [{ type = 'Dense', units = 'outputs' }]\n\
                [training]\nepochs = 40\noptimizer = { type = 'Adam', learning_rate = 0.1 }\n\
                [[callback]]\ntype = 'CSVLogger'\nfilename = 'log.csv'\n";
    std::fs::write(at.join("m.toml"), text).expect("writes");
    let said = good(at, &["train", "m.toml", "--lines"]);
    for part in 1..=3 {
        let begins = format!("Part {part} of 3: 40 samples, 20 held out\n");
        assert!(said.contains(&begins), "{said}");
        assert!(said.contains(&format!("part {part}: loss ")), "{said}");
    }
    let mean = "accuracy of 3 parts: mean 100.00 %, standard deviation 0.00 %\n";
    assert!(said.contains(mean), "{said}");
    let files = std::fs::read_dir(at).expect("is there").count();
    assert_eq!(files, 2, "a cross-validation writes nothing");
    // The same again, and a single model.
    let again = good(at, &["train", "m.toml", "--lines", "--folds", "3"]);
    let figures = |said: &str| {
        let lines = said.lines().filter(|l| l.contains(" of 3 parts: "));
        lines.map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!(figures(&again), figures(&said));
    let said = good(at, &["train", "m.toml", "--lines", "--folds", "1"]);
    assert!(said.contains("48 samples of 5, 12 held out"), "{said}");
    assert!(at.join("model.safetensors").is_file() && at.join("log.csv").is_file());
    let message = bad(at, &["train", "m.toml", "--report", "r"]);
    assert!(
        message.contains("--report belongs to a single training"),
        "{message}"
    );
    // More parts than samples are refused before the first is trained on.
    let many = ["train", "m.toml", "--folds", "61"];
    let refused = craneflow(at, &many);
    let message = failed(&refused, 1, &many);
    assert!(
        message.contains("60 samples do not make 61 folds"),
        "{message}"
    );
    assert!(!String::from_utf8_lossy(&refused.stdout).contains("Part 1"));
    // Values are in the units of their column, whatever the scale of a part.
    let text = text
        .replace("'kind'", "'height'")
        .replace("folds = 3", "folds = 2\nscale_target = true");
    let text = text.replace("ignore = ['id']", "ignore = ['id', 'kind']");
    std::fs::write(at.join("v.toml"), text).expect("writes");
    let said = good(at, &["train", "v.toml", "--lines"]);
    assert!(
        said.contains("mean_absolute_error of 2 parts: mean "),
        "{said}"
    );
    assert!(said.contains(" in `height`, standard deviation "), "{said}");
}
