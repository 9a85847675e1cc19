//! Archives of arrays, tables in Parquet, sounds, folders of texts, folds.

use craneflow_nn::data::folder::ClassFolder;
use craneflow_nn::data::front::Front;
use craneflow_nn::data::sounds::{self, SoundFormat};
use craneflow_nn::data::table::{Column, Table};
use craneflow_nn::data::{self, DataError, Dataset, Labels, NpyArray, npz};
use craneflow_nn::recipe::Recipe;
use ndarray::{ArrayD, IxDyn};
use std::fmt::Debug;
use std::io::Cursor;
use std::path::Path;
use tempfile::tempdir;

/// The message with which a reader refuses a file.
fn refusal<T: Debug>(outcome: Result<T, DataError>) -> String {
    outcome.expect_err("the file is wrong").to_string()
}

fn array<T: Clone>(shape: &[usize], elements: &[T]) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), elements.to_vec()).expect("is of that size")
}

#[test]
fn archives_of_arrays_are_read_as_they_were_written() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("d.npz");
    let mut arrays = npz::Arrays::new();
    let x: Vec<u8> = (0..40).map(|i| i * 6).collect();
    let y: Vec<i64> = (0..20).map(|i| i % 2).collect();
    arrays.insert("x".to_string(), NpyArray::from(array(&[20, 2], &x)));
    arrays.insert("y".to_string(), NpyArray::from(array(&[20], &y)));
    npz::write(&path, &arrays).expect("writes");
    assert_eq!(npz::read(&path).expect("reads"), arrays);

    let split = data::load(&path).expect("loads");
    assert_eq!((split.train.len(), split.test.len()), (16, 4));
    assert_eq!(split.train.classes(), ["0", "1"]);
    let greatest = split.train.inputs().iter().chain(split.test.inputs());
    let greatest = greatest.fold(0f32, |a, b| a.max(*b));
    assert!((greatest - 234.0 / 255.0).abs() < 1e-6, "{greatest}");

    let bytes = std::fs::read(&path).expect("is there");
    for cut in [0, 3, 30, bytes.len() / 2, bytes.len() - 1] {
        refusal(npz::parse(&bytes[..cut], Path::new("d.npz")));
    }
    // Every byte of the first header and of the compressed data, damaged.
    for at in 0..bytes.len().min(200) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        if let Ok(read) = npz::parse(&damaged, Path::new("d.npz")) {
            assert!(read.len() <= 2, "byte {at}");
        }
    }
    arrays.remove("y");
    npz::write(&path, &arrays).expect("writes");
    let message = refusal(data::load(&path));
    assert!(message.contains("the columns are x"), "{message}");
}

#[test]
fn archives_with_a_test_part_keep_it() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("d.npz");
    let mut arrays = npz::Arrays::new();
    let floats = |n: usize| NpyArray::from(array(&[n, 1], &vec![0.5f32; n]));
    arrays.insert("x_train".to_string(), floats(3));
    arrays.insert(
        "y_train".to_string(),
        NpyArray::from(array(&[3], &[0u8, 2, 1])),
    );
    arrays.insert("x_test".to_string(), floats(2));
    arrays.insert("y_test".to_string(), NpyArray::from(array(&[2], &[0u8, 1])));
    npz::write(&path, &arrays).expect("writes");
    let split = data::load(&path).expect("loads");
    assert_eq!((split.train.len(), split.test.len()), (3, 2));
    assert_eq!(split.test.classes(), split.train.classes());
    arrays.insert("y_train".to_string(), floats(3));
    arrays.insert("y_test".to_string(), floats(2));
    npz::write(&path, &arrays).expect("writes");
    let split = data::load(&path).expect("loads");
    assert!(matches!(split.train.labels(), Labels::Values(_)));
}

/// Written by pyarrow 26: row groups of two, compressed by snappy, a dictionary of words.
static PARQUET: &[u8] = include_bytes!("data/people.parquet");

#[test]
fn parquet_is_a_table_with_typed_columns_and_gaps() {
    let table = Table::parse(PARQUET, Path::new("people.parquet"), b',').expect("reads");
    assert_eq!(table.names(), ["age", "name", "member", "visits"]);
    assert_eq!(
        table.columns()[0],
        Column::Numbers(vec![Some(31.5), None, Some(4.0)])
    );
    let word = |w: &str| Some(w.to_string());
    assert_eq!(
        table.columns()[1],
        Column::Words(vec![word("Ada"), word("Grace"), None])
    );
    assert_eq!(
        table.columns()[2],
        Column::Numbers(vec![Some(1.0), Some(0.0), Some(1.0)])
    );
    assert_eq!(
        table.columns()[3],
        Column::Numbers(vec![Some(7.0), Some(-2.0), Some(0.0)])
    );
    for cut in [4, 20, PARQUET.len() / 2, PARQUET.len() - 1] {
        let message = refusal(Table::parse(&PARQUET[..cut], Path::new("p"), b','));
        assert!(message.starts_with("p: damaged Parquet: "), "{message}");
    }
    // No damage of a byte is more than an error or another table.
    for at in 4..PARQUET.len() {
        let mut damaged = PARQUET.to_vec();
        damaged[at] ^= 0x55;
        if let Ok(table) = Table::parse(&damaged, Path::new("p"), b',') {
            assert!(table.names().len() <= 4, "byte {at}");
        }
    }
}

fn wav(rate: u32, channels: u16, bits: u16, samples: &[i32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(vec![]);
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
    for sample in samples {
        writer.write_sample(*sample).expect("a sample");
    }
    writer.finalize().expect("an end");
    bytes.into_inner()
}

#[test]
fn sounds_are_mixed_fitted_and_refused() {
    let path = Path::new("s.wav");
    let stereo = wav(8000, 2, 16, &[16384, 0, -32768, -32768]);
    let sound = sounds::parse(&stereo, path).expect("reads");
    assert_eq!((sound.rate, &sound.samples[..]), (8000, &[0.25, -1.0][..]));
    let format = |rate, length| SoundFormat { rate, length };
    let fitted = |length| sound.clone().fitted(format(8000, length), path);
    assert_eq!(fitted(3).expect("fits"), [0.25, -1.0, 0.0]);
    assert_eq!(fitted(1).expect("fits"), [0.25]);
    let message = refusal(sound.clone().fitted(format(16000, 1), path));
    assert!(
        message.contains("8000 samples in a second, expected 16000"),
        "{message}"
    );
    for bytes in [&stereo[..20], b"RIFF", b""] {
        assert!(refusal(sounds::parse(bytes, path)).starts_with("s.wav: damaged WAV: "));
    }

    let folder = tempdir().expect("a folder");
    for (class, value) in [("no", 0), ("yes", 64)] {
        std::fs::create_dir(folder.path().join(class)).expect("makes");
        let file = folder.path().join(class).join("1.wav");
        std::fs::write(file, wav(100, 1, 8, &[value, value])).expect("writes");
    }
    let found = ClassFolder::open(folder.path(), &sounds::ENDINGS).expect("opens");
    let data = sounds::load(&found, "words", format(100, 2)).expect("loads");
    assert_eq!(data.inputs(), &array(&[2, 2, 1], &[0.0, 0.0, 0.5, 0.5]));
    assert_eq!(data.classes(), ["no", "yes"]);
    let front = Front::Sounds(format(100, 2));
    let found = front.read(&folder.path().join("yes")).expect("reads");
    assert_eq!(found.inputs, array(&[1, 2, 1], &[0.5, 0.5]));
    assert_eq!(Front::from_json(&front.to_json()).expect("reads"), front);
}

#[test]
fn a_folder_of_texts_is_a_table() {
    let folder = tempdir().expect("a folder");
    for (class, text) in [("bad", "Dull.\nLong."), ("good", "Fine!")] {
        std::fs::create_dir(folder.path().join(class)).expect("makes");
        let file = folder.path().join(class).join("1.txt");
        std::fs::write(file, text).expect("writes");
    }
    let table = Table::read(folder.path(), b',').expect("reads");
    assert_eq!(table.names(), ["text", "class"]);
    assert_eq!(table.columns()[0].word(0).as_deref(), Some("Dull.\nLong."));
    assert_eq!(table.columns()[1].word(1).as_deref(), Some("good"));
    // A file for each class, a text on each line.
    let lines = Table::read(folder.path().join("bad"), b',').expect("reads");
    assert_eq!(lines.columns()[0].word(1).as_deref(), Some("Long."));
    assert_eq!(lines.columns()[1].word(1).as_deref(), Some("1"));
    let empty = tempdir().expect("a folder");
    refusal(Table::read(empty.path(), b','));
}

#[test]
fn folds_hold_every_sample_out_once() {
    let x: Vec<f32> = (0..23).map(|i| i as f32).collect();
    let ids: Vec<i32> = (0..23).map(|i| i32::from(i % 4 == 0)).collect();
    let classes = vec!["a".to_string(), "b".to_string()];
    let labels = Labels::Classes(array(&[23], &ids));
    let data = Dataset::new("d", array(&[23, 1], &x), labels, classes).expect("fits");
    for (stratified, folds) in [
        (false, data.k_fold(3, 5).expect("fits")),
        (true, data.k_fold_stratified(3, 5).expect("fits")),
    ] {
        let mut held: Vec<f32> = vec![];
        for split in &folds {
            assert!((4..=5).contains(&split.test.len()));
            assert_eq!(split.train.len() + split.test.len(), 23);
            let test: Vec<f32> = split.test.inputs().iter().copied().collect();
            assert!(!split.train.inputs().iter().any(|x| test.contains(x)));
            let rare = split.test.class_ids().expect("classes").sum();
            assert!(!stratified || (1..=2).contains(&rare), "{rare}");
            held.extend(test);
        }
        held.sort_by(f32::total_cmp);
        assert_eq!(held, x);
    }
    assert_ne!(data.k_fold(3, 5).ok(), data.k_fold(4, 5).ok());
    for folds in [0, 1, 24] {
        let message = refusal(data.k_fold(1, folds));
        assert!(message.contains("do not make"), "{message}");
    }
}

#[test]
fn descriptions_take_folders_of_sounds_and_of_texts() {
    let folder = tempdir().expect("a folder");
    for class in ["no", "yes"] {
        let place = folder.path().join(class);
        std::fs::create_dir(&place).expect("makes");
        for number in 0..5 {
            let sound = wav(100, 1, 8, &[number, -number, 1]);
            std::fs::write(place.join(format!("{number}.wav")), sound).expect("writes");
            let text = format!("{class} {number}");
            std::fs::write(place.join(format!("{number}.txt")), text).expect("writes");
        }
    }
    let load = |options: &str| {
        let text = format!(
            "[data]\ntrain = '{}'\n{options}\n[model]\nlayers = []\n",
            folder.path().display()
        );
        let recipe = Recipe::parse(Path::new("m.toml"), &text).expect("is good");
        recipe.load_data()
    };
    let sounds = load("kind = 'sounds'").expect("loads");
    assert_eq!(sounds.split.train.input_shape(), [3, 1]);
    assert_eq!((sounds.split.train.len(), sounds.split.test.len()), (8, 2));
    let sounds = load("kind = 'sounds'\nlength = 7\nheld_out = 0.4").expect("loads");
    assert_eq!(sounds.split.train.input_shape(), [7, 1]);
    assert_eq!((sounds.split.train.len(), sounds.split.test.len()), (6, 4));
    let wrong = load("kind = 'sounds'\nrate = 50").map(|_| ());
    assert!(
        wrong
            .expect_err("is refused")
            .to_string()
            .contains("expected 50")
    );
    let texts = load("kind = 'text'\nlength = 2").expect("loads");
    assert_eq!(texts.split.train.input_shape(), [2]);
    assert_eq!(texts.split.train.classes(), ["no", "yes"]);
    let found = texts.front.read(&folder.path().join("no")).expect("reads");
    assert_eq!(found.inputs.shape(), [5, 2]);
    let held_out = texts.front.labelled(folder.path(), &[]).expect("reads");
    assert_eq!(held_out.len(), 10);
}

#[test]
fn texts_are_cut_into_words_characters_or_byte_pairs() {
    let folder = tempdir().expect("a folder");
    let place = folder.path().join("texts.csv");
    let row = |i: usize| {
        let text = ["win a prize, win it now", "the meeting was at noon"][i % 2];
        format!("\"{text} {}\",{}\n", i % 3, ["spam", "ham"][i % 2])
    };
    let rows: String = (0..40).map(row).collect();
    std::fs::write(&place, format!("text,label\n{rows}")).expect("writes");
    let describe = |tokens: &str, size: usize| {
        let text = format!(
            "[data]\nkind = 'text'\ntrain = '{}'\ncolumn = 'text'\ntarget = 'label'\ntokens = '{tokens}'\n\
             vocabulary = {size}\nlength = 30\n[model]\nlayers = [\n\
             {{ type = 'Embedding', input_dim = {size}, output_dim = 4 }},\n\
             {{ type = 'GlobalAveragePool1D' }},\n{{ type = 'Dense', units = 'outputs' }},\n]\n\
             [training]\noptimizer = {{ type = 'Adam', learning_rate = 0.05 }}\n",
            place.display()
        );
        Recipe::parse(Path::new("m.toml"), &text)
    };
    // How many numbers the first text has: words and commas, characters, pairs.
    for (tokens, least, most) in [
        ("words", 6, 8),
        ("characters", 25, 30),
        ("byte_pairs", 6, 9),
    ] {
        let recipe = describe(tokens, 290).expect("is good");
        let data = recipe.load_data().expect("loads");
        let train = data.split.train.dataset().expect("is in memory");
        let first = train.inputs().index_axis(ndarray::Axis(0), 0).to_owned();
        let count = first.iter().filter(|n| **n != 0.0).count();
        assert!((least..=most).contains(&count), "{tokens}: {first}");
        assert!(first.iter().all(|&n| n < 290.0), "{tokens}: {first}");
        let again = Front::from_json(&data.front.to_json()).expect("reads");
        assert_eq!(again, data.front);
        let mut model = recipe.build(&data.split.train).expect("builds");
        let options = craneflow_nn::FitOptions {
            epochs: 20,
            verbose: craneflow_nn::Verbose::Silent,
            ..Default::default()
        };
        model
            .fit(train.inputs(), train.labels(), options)
            .expect("trains");
        let test = data.split.test.dataset().expect("is in memory");
        let found = model
            .evaluate(test.inputs(), test.labels())
            .expect("is judged");
        assert!(
            found.contains(&("accuracy".to_string(), 1.0)),
            "{tokens}: {found:?}"
        );
    }
    let error = describe("byte_pairs", 200)
        .err()
        .expect("is too few")
        .to_string();
    assert!(
        error.contains("data.vocabulary: expected at least 258"),
        "{error}"
    );
}

/// A saved description is read where its samples are not; they are missed when they are needed.
#[test]
fn samples_that_are_not_there_are_missed_where_they_are_named() {
    for kind in ["", "kind = 'images'", "kind = 'text'", "target = 'y'"] {
        let text = format!("[data]\ntrain = 'nowhere'\n{kind}\n[model]\nlayers = []\n");
        let recipe = Recipe::parse(Path::new("m.toml"), &text).expect("is good");
        let error = recipe.load_data().err().expect("is not there").to_string();
        let expected = "m.toml:2:9: data.train: there is no file or folder nowhere";
        assert!(error.starts_with(expected), "{error}");
    }
}
