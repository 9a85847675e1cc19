//! The described examples, on made-up samples.

use craneflow_nn::data::{NpyArray, npz};
use craneflow_nn::recipe::Recipe;
use craneflow_nn::{FitOptions, Verbose};
use ndarray::ArrayD;
use std::path::Path;

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
    let train = data.split.train.dataset().expect("is in memory");
    let history = model.fit(train.inputs(), train.labels(), options);
    let losses = history.expect("trains").get("loss");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < 0.9 * losses[0], "{}: {losses:?}", path.display());
}
