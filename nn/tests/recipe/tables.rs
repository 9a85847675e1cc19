//! Tables as descriptions read them: columns that are not there, what is left out, values on a scale of their own.

use craneflow_nn::data::{Labels, Source};
use craneflow_nn::recipe::{Loaded, Recipe};
use std::path::Path;

/// What a description of a table with these lines in `[data]` loads.
fn load(folder: &Path, lines: &str) -> Result<Loaded, String> {
    let text = format!(
        "[data]\ntrain = \"t.csv\"\ntarget = \"price\"\n{lines}\n[model]\nlayers = [{{ type = \"Dense\", units = \"outputs\" }}]\n"
    );
    let recipe = Recipe::parse(&folder.join("m.toml"), &text).map_err(|e| e.to_string())?;
    recipe.load_data().map_err(|e| e.to_string())
}

/// Sixty houses, of which six have no price and ten no size.
fn houses(folder: &Path) {
    let row = |i: usize| {
        let price = match i % 10 {
            3 => String::new(),
            _ => format!("{}", 200_000 + 1000 * i),
        };
        let size = match i % 6 {
            5 => String::new(),
            _ => format!("{}", 80 + i),
        };
        format!("{size},house number {i},{price}\n")
    };
    let rows: String = (0..60).map(row).collect();
    std::fs::write(folder.join("t.csv"), format!("size,name,price\n{rows}")).expect("writes");
}

#[test]
fn what_is_left_out_or_wide_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    houses(folder.path());
    let found = |lines| load(folder.path(), lines).expect("loads").warnings;
    let lost = "6 of 60 rows have no `price` and are left out";
    let wide = "the column `name` has 43 different texts in 43 rows";
    let ignored = found("missing = \"mean\"\nignore = [\"name\"]");
    assert_eq!(ignored, [lost]);
    let gaps = "8 of 54 rows have gaps and are left out";
    let dropped = found("missing = \"drop\"\nignore = [\"name\"]");
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    assert!(dropped[1].starts_with(gaps), "{dropped:?}");
    let all = "held_out = 0.02\nmissing = \"mean\"";
    let warnings = found(all);
    assert!(
        warnings[1].starts_with(&wide.replace("43", "53")),
        "{warnings:?}"
    );
}

#[test]
fn columns_that_are_not_there_are_found_at_their_key() {
    let folder = tempfile::tempdir().expect("a folder");
    houses(folder.path());
    let wrong = |lines: &str| match load(folder.path(), lines) {
        Err(message) => message,
        Ok(_) => panic!("{lines}"),
    };
    let message = wrong("ignore = [\"size\", \"nam\"]");
    let expected = "m.toml:4:19: data.ignore[1]: ";
    assert!(message.contains(expected), "{message}");
    let expected = "t.csv has no column `nam`; did you mean `name`? There are size, name, price";
    assert!(message.contains(expected), "{message}");
    let message = wrong("kind = \"text\"\ncolumn = \"titel\"");
    assert!(message.contains("m.toml:5:10: data.column: "), "{message}");
    let message = wrong("");
    assert!(
        message.contains("(`size`): the cell is empty; `missing = \"mean\"` fills"),
        "{message}"
    );
    for (line, expected) in [
        ("height = 0", "data.height: expected a whole number above 0"),
        ("channels = 2", "data.channels: expected 1 (grey) or 3"),
    ] {
        let message = wrong(&format!("kind = \"images\"\n{line}"));
        assert!(message.contains(expected), "{message}");
    }
    let message = wrong("task = \"values\"\nscale_targets = true");
    assert!(
        message.contains("did you mean `scale_target`?"),
        "{message}"
    );
}

#[test]
fn values_have_a_scale_that_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    houses(folder.path());
    let lines = "missing = \"mean\"\nignore = [\"name\"]";
    let [plain, scaled] = [lines.to_string(), format!("{lines}\nscale_target = true")]
        .map(|lines| load(folder.path(), &lines).expect("loads"));
    let values = |loaded: &Loaded| match loaded.split.train.labels() {
        Labels::Values(y) => y.clone(),
        Labels::Classes(_) => panic!("prices are no classes"),
    };
    let (prices, y) = (values(&plain), values(&scaled));
    let inputs = |loaded: &Loaded| {
        loaded
            .split
            .train
            .dataset()
            .expect("is there")
            .inputs()
            .clone()
    };
    assert_eq!(inputs(&plain), inputs(&scaled));
    let mean = y.mean().expect("some");
    let variance = (&y * &y).mean().expect("some");
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5);
    for (price, y) in prices.iter().zip(&y) {
        let back = scaled.front.value(*y);
        assert!((back - f64::from(*price)).abs() < 0.1, "{back} and {price}");
        assert_eq!(plain.front.value(*price), f64::from(*price));
    }
    let units = scaled.front.in_units("mean_absolute_error", 1.0);
    let deviation = prices.mapv(f64::from).std(0.0);
    assert_eq!(units, Some(format!(" ({deviation:.5} in `price`)")));
    assert_eq!(scaled.front.in_units("loss", 1.0), None);
    assert_eq!(plain.front.in_units("mean_absolute_error", 1.0), None);
}

#[test]
fn a_part_to_watch_by_is_neither_learnt_from_nor_held_out() {
    let folder = tempfile::tempdir().expect("a folder");
    houses(folder.path());
    let lines = "missing = \"mean\"\nscale = \"none\"\nignore = [\"name\"]\nheld_out = 0.25";
    let loaded = load(folder.path(), &format!("{lines}\nvalidation = 0.5")).expect("loads");
    let part = loaded.validation.expect("was asked for");
    let parts = [&loaded.split.train, &part, &loaded.split.test];
    assert_eq!(parts.map(|p| p.len()), [20, 20, 14]);
    let places = |p: &Source| {
        (0..p.len())
            .map(|i| p.place(i).expect("a line"))
            .collect::<Vec<_>>()
    };
    let mut all: Vec<String> = parts.into_iter().flat_map(places).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 54);
    // What is held out does not depend on it.
    let without = load(folder.path(), lines).expect("loads");
    assert!(without.validation.is_none());
    assert_eq!(places(&without.split.test), places(&loaded.split.test));
    let message = load(folder.path(), "validation = 1.5")
        .err()
        .expect("is refused");
    assert!(
        message.contains("data.validation: expected a share"),
        "{message}"
    );
}

#[test]
fn classes_have_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..40)
        .map(|i| format!("{i},{}\n", if i % 4 == 0 { "rare" } else { "common" }))
        .collect();
    std::fs::write(folder.path().join("t.csv"), format!("x,kind\n{rows}")).expect("writes");
    let recipe = |weights: &str| {
        let text = format!(
            "[data]\ntrain = \"t.csv\"\ntarget = \"kind\"\n[model]\nlayers = []\n[training]\nclass_weight = {weights}\n"
        );
        Recipe::parse(&folder.path().join("m.toml"), &text).expect("is good")
    };
    let data = recipe("\"balanced\"")
        .load_data()
        .expect("loads")
        .split
        .train;
    let weights = |text: &str| recipe(text).class_weights(&data).map_err(|e| e.to_string());
    assert_eq!(weights("\"balanced\""), Ok(vec![32.0 / 48.0, 2.0]));
    assert_eq!(weights("{ rare = 3 }"), Ok(vec![1.0, 3.0]));
    let message = weights("{ rar = 3 }").expect_err("is no class");
    assert!(
        message.contains("training.class_weight.rar: `rar` is not known; did you mean `rare`?"),
        "{message}"
    );
}
