//! Training where things go wrong around it: no terminal or a small one, no room on the disk.
#![cfg(unix)]

mod common;

use common::{CRANEFLOW, failed, folder, good, text};
use std::path::Path;
use std::process::Output;

fn run(folder: &Path, program: &str, args: &[&str]) -> Output {
    let mut command = common::command(program, folder, args);
    command.output().expect("the program starts")
}

/// The message with which a training ends that may not write a file of more than `kib` KiB.
fn cramped(folder: &Path, kib: usize, args: &[&str]) -> String {
    let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib);
    let args = [&["-c", &limit, CRANEFLOW], args].concat();
    failed(&run(folder, "sh", &args), 1, &args)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).expect("is a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}

const BEST: &str = "[[callback]]\ntype = 'ModelCheckpoint'\nfilepath = 'best.safetensors'\n";

/// Writes a table and the description of a small model of it.
fn table(folder: &Path, epochs: usize, callbacks: &str) {
    let row = |i: usize| format!("{},{},{}\n", i % 7, i % 5, ["a", "b"][i % 2]);
    let rows: String = (0..40).map(row).collect();
    std::fs::write(folder.join("t.csv"), format!("x,y,kind\n{rows}")).expect("writes");
    let model = format!(
        "[data]\nkind = 'table'\ntrain = 't.csv'\ntarget = 'kind'\n[model]\nlayers = [\n\
         {{ type = 'Dense', units = 4, activation = 'relu' }},\n{{ type = 'Dense', units = 'outputs' }},\n]\n\
         [training]\nepochs = {epochs}\n\
         {callbacks}"
    );
    std::fs::write(folder.join("model.toml"), model).expect("writes");
}

#[test]
fn a_live_view_is_drawn_on_a_terminal_and_nowhere_else() {
    let folder = folder();
    table(folder.path(), 6, "");
    let lines = good(folder.path(), &["train", "model.toml", "--live"]);
    assert!(lines.contains("Epoch 6/6 - "), "{lines}");
    assert!(!lines.contains('\x1b'), "{lines}");

    if run(folder.path(), "script", &["--version"]).status.code() != Some(0) {
        eprintln!("left out: the program `script` of util-linux is not here");
        return;
    }
    let train = format!("'{CRANEFLOW}' train model.toml --live");
    let output = run(folder.path(), "script", &["-qec", &train, "/dev/null"]);
    let seen = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{seen}");
    for part in [
        "epoch 6/6",
        "steps/s",
        "learning rate",
        "loss",
        "accuracy",
        "validation",
        "held-out accuracy",
    ] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
    let braille = |c| ('\u{2801}'..='\u{28ff}').contains(&c);
    assert!(seen.chars().any(braille), "{seen}");
    // It takes neither the screen nor the cursor, so nothing needs to be given back.
    assert!(!seen.contains("\x1b[?"), "{seen}");
}

#[test]
fn a_file_that_finds_no_room_is_named_and_the_older_one_stays() {
    let folder = folder();
    let place = folder.path();
    let train = [
        "train",
        "--lines",
        "--epochs",
        "1",
        "--save",
        "m.safetensors",
    ];
    good(place, &train);
    let before = std::fs::read(place.join("m.safetensors")).expect("was saved");
    assert!(before.len() > 16 << 10, "{}", before.len());

    let message = cramped(place, 8, &train);
    assert!(
        message.contains("m.safetensors: File too large"),
        "{message}"
    );
    let after = std::fs::read(place.join("m.safetensors")).expect("is still there");
    assert!(after == before);
    assert_eq!(files(place).len(), 1, "{:?}", files(place));

    // The model is small and the page is not: what was trained is saved first.
    table(place, 2, "");
    let train = [
        "train",
        "model.toml",
        "--lines",
        "--save",
        "s.safetensors",
        "--report",
        "out",
    ];
    let message = cramped(place, 8, &train);
    assert!(message.contains("out/"), "{message}");
    assert!(message.contains(": File too large"), "{message}");
    good(place, &["evaluate", "s.safetensors"]);
    let log = [
        "train",
        "model.toml",
        "--lines",
        "--epochs",
        "300",
        "--log",
        "log.csv",
    ];
    let message = cramped(place, 8, &log);
    assert!(message.contains("log.csv: File too large"), "{message}");
    let log = std::fs::read_to_string(place.join("log.csv")).expect("is there");
    assert!(log.starts_with("epoch,"), "{log}");
}

#[test]
fn a_training_that_found_no_room_goes_on_where_there_is() {
    let (whole, cut) = (folder(), folder());
    let train = [
        "train",
        "model.toml",
        "--lines",
        "--backup",
        "b",
        "--tensorboard",
        "events",
    ];
    for place in [&whole, &cut] {
        table(place.path(), 24, BEST);
    }
    good(whole.path(), &train);
    let message = cramped(cut.path(), 16, &train);
    assert!(message.contains("events.out.tfevents"), "{message}");
    assert!(message.contains("File too large"), "{message}");
    assert!(
        files(&cut.path().join("b")).len() == 1,
        "{:?}",
        files(cut.path())
    );
    good(cut.path(), &["evaluate", "best.safetensors"]);
    let rest = good(cut.path(), &train);
    assert!(!rest.contains("Epoch 1/24 "), "{rest}");
    assert!(rest.contains("Epoch 24/24 "), "{rest}");
    let bytes = |place: &Path| std::fs::read(place.join("model.safetensors")).expect("was saved");
    assert!(bytes(whole.path()) == bytes(cut.path()));
}
