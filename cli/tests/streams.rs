//! Folders of samples that are read from their files while the model trains.

mod common;

use common::{CRANEFLOW, craneflow, failed, folder, good, picture};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Two classes of pictures and the description of a model of them.
fn described(at: &Path, lines: &str) {
    for class in ["day", "night"] {
        let folder = at.join("pictures").join(class);
        std::fs::create_dir_all(&folder).expect("makes");
        for i in 0..30 {
            picture(&folder.join(format!("{i}.png")), class == "day", i);
        }
    }
    describe(at, lines);
}

fn describe(at: &Path, lines: &str) {
    let text = format!(
        "[data]\ntrain = 'pictures'\nvalidation = 0.2\n{lines}\n\
         [augment]\nflip = 'horizontal'\nbrightness = 0.1\n\
         [model]\nlayers = [{{ type = 'Flatten' }}, {{ type = 'Dense', units = 'outputs' }}]\n\
         [training]\nepochs = 6\nbatch_size = 4\n"
    );
    std::fs::write(at.join("m.toml"), text).expect("writes");
}

fn bytes(at: &Path, name: &str) -> Vec<u8> {
    std::fs::read(at.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn files_train_to_the_bytes_that_memory_trains_to() {
    let at = folder();
    let at = at.path();
    described(at, "");
    let train = ["train", "m.toml", "--lines", "--save"];
    let report = ["--report", "report"];
    let said = good(at, &[&train[..], &["memory.safetensors"]].concat());
    assert!(!said.contains("read from their files"), "{said}");
    // The description is in the file, so what differs in it is put back.
    let plain = |name: &str| {
        let mut file = craneflow::nn::checkpoint::read(at.join(name)).expect("reads");
        file.metadata.remove("recipe");
        (file.metadata, file.tensors)
    };
    for (lines, name) in [
        ("cache_mib = 0", "files.safetensors"),
        ("cache_mib = 0\nworkers = 1", "one.safetensors"),
        ("cache_mib = 0\nworkers = 3", "three.safetensors"),
    ] {
        describe(at, lines);
        let said = good(at, &[&train[..], &[name], &report].concat());
        assert!(said.contains("read from their files"), "{said}");
        assert!(said.contains(" - waited: "), "{said}");
        assert!(plain(name) == plain("memory.safetensors"), "{lines}");
    }
    // Without augmentation, memory is lent to the steps.
    let mut trained = vec![];
    for lines in ["", "cache_mib = 0"] {
        describe(at, lines);
        let text = std::fs::read_to_string(at.join("m.toml")).expect("is there");
        let (data, model) = text.split_once("[augment]").expect("is there");
        let (_, model) = model.split_once("[model]").expect("is there");
        std::fs::write(at.join("m.toml"), format!("{data}[model]{model}")).expect("writes");
        good(at, &[&train[..], &["plain.safetensors"]].concat());
        trained.push(plain("plain.safetensors"));
    }
    assert!(trained[0] == trained[1]);
    assert!(trained[0] != plain("memory.safetensors"));
    let page = std::fs::read_to_string(at.join("report/index.html")).expect("was written");
    assert!(page.contains("waited for data"), "{page}");
    let said = good(at, &["evaluate", "files.safetensors"]);
    let known = good(at, &["evaluate", "memory.safetensors"]);
    assert_eq!(
        said.split_once('\n').map(|x| x.1),
        known.split_once('\n').map(|x| x.1)
    );
    let said = good(at, &["predict", "files.safetensors", "--limit", "3"]);
    assert!(said.contains(".png"), "{said}");
}

/// Waits for a file to appear.
fn appears(path: &Path, child: &mut Child) {
    while !path.exists() {
        assert!(
            child.try_wait().expect("can be asked").is_none(),
            "ended before"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_stream_that_was_cut_goes_on_to_the_same_bytes() {
    let [whole, cut] = [folder(), folder()];
    let train = [
        "train",
        "m.toml",
        "--lines",
        "--epochs",
        "150",
        "--save",
        "m.safetensors",
    ];
    let backup = ["--backup", "b", "--backup-every", "5"];
    for place in [&whole, &cut] {
        described(place.path(), "cache_mib = 0");
    }
    good(whole.path(), &train);
    let at = cut.path();
    let args = [&train[..], &backup].concat();
    let saved = at.join("b/backup.safetensors");
    let start = || {
        let mut command = common::command(CRANEFLOW, at, &args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    };
    let mut child = start();
    appears(&saved, &mut child);
    child.kill().expect("can be killed");
    child.wait().expect("ends");

    // A picture that is taken away while it trains.
    let picture = at.join("pictures/day/7.png");
    let pixels = bytes(at, "pictures/day/7.png");
    let child = start();
    std::thread::sleep(Duration::from_millis(100));
    std::fs::remove_file(&picture).expect("is there");
    let output = child.wait_with_output().expect("ends");
    let message = failed(&output, 1, &args);
    assert!(message.contains("7.png: No such file"), "{message}");
    craneflow::nn::checkpoint::read(&saved).expect("the last backup is whole");

    std::fs::write(&picture, pixels).expect("writes");
    let output = craneflow(at, &args);
    let said = common::text(&output.stdout);
    assert!(said.contains("going on after "), "{said}");
    assert!(bytes(at, "m.safetensors") == bytes(whole.path(), "m.safetensors"));
}
