//! The part `[data]`: where samples come from and what is done to them.

mod load;

pub(super) use load::HeldOut;
pub use load::Loaded;

use crate::data;
use crate::data::augment::Augment;
use crate::data::prepare::{Missing, Preparation, Scale, Task};
use crate::data::source::IN_MEMORY;
use crate::data::text::Unit;
use crate::describe::document::{FromNode, Node, RecipeError, Section, among};
use crate::text::BytePairs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// `[data]`.
pub(super) struct DataPlan {
    train: String,
    test: Option<PathBuf>,
    held_out: f64,
    /// The share of what is not held out that trainings are watched by.
    validation: Option<f64>,
    seed: u64,
    /// Into how many parts samples are divided for cross-validation.
    pub folds: Option<usize>,
    /// Bytes of samples of files that are kept in memory.
    in_memory: usize,
    /// Threads that read and augment; 0 is as many as suit.
    pub workers: usize,
    kind: Kind,
}

enum Kind {
    /// What [`data::load`] knows.
    Known,
    Table {
        delimiter: u8,
        plan: Preparation,
    },
    Images {
        height: Option<usize>,
        width: Option<usize>,
        channels: Option<usize>,
    },
    Sounds {
        rate: Option<u32>,
        length: Option<usize>,
    },
    Text(TextPlan),
}

struct TextPlan {
    delimiter: u8,
    column: String,
    target: String,
    unit: Unit,
    vocabulary: usize,
    length: usize,
}

/// Reads `[data]`; paths are relative to `folder`.
pub(super) fn plan(s: &Section<'_>, folder: &Path) -> Result<DataPlan, RecipeError> {
    let train: String = s.need("train")?;
    let test: Option<String> = s.get("test")?;
    let known = data::NAMES.contains(&train.as_str());
    let place = |name: &String| folder.join(name);
    let kind = match s.with("kind", |node| {
        Ok((String::from_node(node)?, node.key.clone()))
    })? {
        Some((word, _)) => word,
        None if known => "known".to_string(),
        None if place(&train).is_dir() => "images".to_string(),
        // Where there is nothing, as when a saved model is used elsewhere, the keys tell.
        None if !place(&train).exists() && s.node("target").is_none() => "images".to_string(),
        None => "table".to_string(),
    };
    let kind = match kind.as_str() {
        "known" => Kind::Known,
        "table" => table(s)?,
        "images" => Kind::Images {
            height: above_zero(s, "height")?,
            width: above_zero(s, "width")?,
            channels: s.with("channels", channels)?,
        },
        "sounds" => Kind::Sounds {
            rate: s.with("rate", rate)?,
            length: above_zero(s, "length")?,
        },
        "text" => Kind::Text(text(s, place(&train).is_file())?),
        word => {
            let node = s.node("kind").expect("it was read");
            return Err(node.unknown(word, &["known", "table", "images", "sounds", "text"]));
        }
    };
    let in_memory = match kind {
        // What is not said of other kinds is an unknown key.
        Kind::Images { .. } | Kind::Sounds { .. } => s.get::<usize>("cache_mib")?,
        _ => None,
    };
    let in_memory = in_memory.map_or(IN_MEMORY, |mib| mib.saturating_mul(1 << 20));
    Ok(DataPlan {
        train: match known {
            true => train,
            false => place(&train).display().to_string(),
        },
        test: test.as_ref().map(place),
        held_out: s.or("held_out", 0.2)?,
        validation: s
            .with("validation", |node| match f64::from_node(node)? {
                0.0 => Ok(None),
                share if (0.0..1.0).contains(&share) => Ok(Some(share)),
                _ => Err(node.error("expected a share of at least 0 and below 1")),
            })?
            .flatten(),
        seed: s.or("seed", 0)?,
        folds: s.with("folds", |node| match usize::from_node(node)? {
            folds if folds >= 2 => Ok(folds),
            _ => Err(node.error("expected at least 2 parts")),
        })?,
        in_memory,
        workers: above_zero(s, "workers")?.unwrap_or(0),
        kind,
    })
}

/// Refuses a place of samples where nothing is.
pub(super) fn places(s: &Section<'_>, folder: &Path) -> Result<(), RecipeError> {
    for key in ["train", "test"] {
        s.with(key, |node| {
            let name = String::from_node(node)?;
            match data::NAMES.contains(&name.as_str()) || folder.join(&name).exists() {
                true => Ok(()),
                false => Err(node.error(format!(
                    "there is no file or folder {} (paths are relative to the folder of the description)",
                    folder.join(&name).display()
                ))),
            }
        })?;
    }
    Ok(())
}

/// Refuses a name of a column that the table at `path` does not have, at the key that asks for it.
pub(super) fn asks_for(
    s: &Section<'_>,
    path: &Path,
    wanted: &str,
    columns: &str,
) -> Result<(), RecipeError> {
    let wanted = wanted.trim_matches('`');
    let columns: Vec<&str> = columns.split(", ").collect();
    let check = |node: &Node<'_>| match node.is(wanted) {
        true => Err(node.error(format!(
            "{} has no column `{wanted}`; {}",
            path.display(),
            among(wanted, &columns)
        ))),
        false => Ok(()),
    };
    for key in ["target", "column"] {
        s.with(key, check)?;
    }
    let ignored = s.with("ignore", |node| node.list()?.iter().try_for_each(check));
    ignored.map(|_| ())
}

fn delimiter(s: &Section<'_>) -> Result<u8, RecipeError> {
    let one = |node: &Node<'_>| match String::from_node(node)?.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(node.error("expected one ASCII character, such as \",\" or \"\\t\"")),
    };
    Ok(s.with("delimiter", one)?.unwrap_or(b','))
}

fn above_zero(s: &Section<'_>, key: &str) -> Result<Option<usize>, RecipeError> {
    Ok(s.get(key)?.map(NonZeroUsize::get))
}

/// Numbers of a pixel.
fn channels(node: &Node<'_>) -> Result<usize, RecipeError> {
    match usize::from_node(node)? {
        n @ (1 | 3) => Ok(n),
        _ => Err(node.error("expected 1 (grey) or 3 (red, green and blue)")),
    }
}

/// Samples of a sound in a second.
fn rate(node: &Node<'_>) -> Result<u32, RecipeError> {
    let number = u32::try_from(usize::from_node(node)?);
    number.map_err(|_| node.error("expected a whole number below 2^32"))
}

fn table(s: &Section<'_>) -> Result<Kind, RecipeError> {
    let tasks = [
        ("auto", Task::Auto),
        ("classes", Task::Classes),
        ("values", Task::Values),
    ];
    let scales = [
        ("standard", Scale::Standard),
        ("min_max", Scale::MinMax),
        ("none", Scale::None),
    ];
    let constant = s.or("constant", 0.0)?;
    let neighbours = s.or("neighbours", 5)?;
    let missing = [
        ("refuse", Missing::Refuse),
        ("drop", Missing::Drop),
        ("mean", Missing::Mean),
        ("median", Missing::Median),
        ("most_frequent", Missing::MostFrequent),
        ("constant", Missing::Constant(constant)),
        ("neighbours", Missing::Neighbours(neighbours)),
        ("regression", Missing::Regression),
    ];
    Ok(Kind::Table {
        delimiter: delimiter(s)?,
        plan: Preparation {
            target: s.need("target")?,
            task: s.with("task", |n| n.one_of(&tasks))?.unwrap_or_default(),
            ignore: s.or("ignore", vec![])?,
            missing: s
                .with("missing", |n| n.one_of(&missing))?
                .unwrap_or_default(),
            indicators: s.or("indicators", false)?,
            scale: s.with("scale", |n| n.one_of(&scales))?.unwrap_or_default(),
            scale_target: s.or("scale_target", false)?,
        },
    })
}

/// `table` says whether texts are cells of a table; files make one whose columns have known names.
fn text(s: &Section<'_>, table: bool) -> Result<TextPlan, RecipeError> {
    let units = [
        ("words", Unit::Words),
        ("characters", Unit::Characters),
        ("byte_pairs", Unit::BytePairs),
    ];
    let unit = s.with("tokens", |n| n.one_of(&units))?.unwrap_or_default();
    let name = |key: &'static str, usual: &str| match table {
        true => s.need(key),
        false => s.or(key, usual.to_string()),
    };
    Ok(TextPlan {
        delimiter: delimiter(s)?,
        column: name("column", "text")?,
        target: name("target", "class")?,
        unit,
        vocabulary: s
            .with("vocabulary", |n| numbers(n, unit))?
            .unwrap_or(10_000),
        length: above_zero(s, "length")?.unwrap_or(200),
    })
}

/// How many numbers tokens have.
fn numbers(node: &Node<'_>, unit: Unit) -> Result<usize, RecipeError> {
    let size = usize::from_node(node)?;
    match unit {
        Unit::BytePairs if size < BytePairs::LEAST => Err(node.error(format!(
            "expected at least {}: each byte has a number",
            BytePairs::LEAST
        ))),
        _ => Ok(size),
    }
}

/// Reads `[augment]`.
pub(super) fn augment(s: &Section<'_>) -> Result<Augment, RecipeError> {
    let flips = [
        ("horizontal", [true, false]),
        ("vertical", [false, true]),
        ("both", [true, true]),
        ("none", [false, false]),
    ];
    let [flip_horizontal, flip_vertical] =
        s.with("flip", |n| n.one_of(&flips))?.unwrap_or_default();
    Ok(Augment {
        flip_horizontal,
        flip_vertical,
        crop: s.or("crop", 0)?,
        rotate: s.or("rotate", 0.0)?,
        zoom: s.or("zoom", 0.0)?,
        brightness: s.or("brightness", 0.0)?,
        contrast: s.or("contrast", 0.0)?,
        saturation: s.or("saturation", 0.0)?,
    })
}
