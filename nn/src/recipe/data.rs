//! The part `[data]`: where samples come from and what is done to them.

use crate::data::augment::Augment;
use crate::data::folder::ClassFolder;
use crate::data::front::Front;
use crate::data::images::{self, ImageSize, natural_size};
use crate::data::prepare::{Missing, Preparation, Prepared, Scale, Task};
use crate::data::sounds::{self, SoundFormat};
use crate::data::table::Table;
use crate::data::text::{Unit, Vocabulary};
use crate::data::{self, DataError, Dataset, Labels, Split};
use crate::describe::document::{FromNode, Node, RecipeError, Section};
use crate::rng::Rng;
use crate::text::BytePairs;
use std::path::{Path, PathBuf};

/// Samples and how they were made.
pub struct Loaded {
    /// Training and held-out part.
    pub split: Split,
    /// What samples to predict go through.
    pub front: Front,
}

/// `[data]`.
pub(super) struct DataPlan {
    train: String,
    test: Option<PathBuf>,
    held_out: f64,
    seed: u64,
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
            height: s.get("height")?,
            width: s.get("width")?,
            channels: s.get("channels")?,
        },
        "sounds" => Kind::Sounds {
            rate: s.with("rate", rate)?,
            length: s.get("length")?,
        },
        "text" => Kind::Text(text(s, place(&train).is_file())?),
        word => {
            let node = s.node("kind").expect("it was read");
            return Err(node.unknown(word, &["known", "table", "images", "sounds", "text"]));
        }
    };
    Ok(DataPlan {
        train: match known {
            true => train,
            false => place(&train).display().to_string(),
        },
        test: test.as_ref().map(place),
        held_out: s.or("held_out", 0.2)?,
        seed: s.or("seed", 0)?,
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

fn delimiter(s: &Section<'_>) -> Result<u8, RecipeError> {
    let one = |node: &Node<'_>| match String::from_node(node)?.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(node.error("expected one ASCII character, such as \",\" or \"\\t\"")),
    };
    Ok(s.with("delimiter", one)?.unwrap_or(b','))
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
        length: s.or("length", 200)?,
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

impl DataPlan {
    /// What the samples are called.
    pub fn name(&self) -> &str {
        &self.train
    }

    /// Reads the samples.
    pub fn load(&self) -> Result<Loaded, DataError> {
        match &self.kind {
            Kind::Known => Ok(Loaded {
                split: data::load(&self.train)?,
                front: Front::Arrays,
            }),
            Kind::Table { delimiter, plan } => self.table(*delimiter, plan),
            Kind::Images {
                height,
                width,
                channels,
            } => {
                let train = ClassFolder::open(&self.train, &images::ENDINGS)?;
                let natural = natural_size(&train.files[0].0)?;
                let size = ImageSize {
                    height: height.unwrap_or(natural.height),
                    width: width.unwrap_or(natural.width),
                    channels: channels.unwrap_or(natural.channels),
                };
                let name = data::stem(Path::new(&self.train));
                let load = |folder: &ClassFolder| images::load(folder, &name, size);
                Ok(Loaded {
                    split: self.folders(&train, &images::ENDINGS, load)?,
                    front: Front::Images(size),
                })
            }
            Kind::Sounds { rate, length } => {
                let train = ClassFolder::open(&self.train, &sounds::ENDINGS)?;
                let first = sounds::read(&train.files[0].0)?;
                let format = SoundFormat {
                    rate: rate.unwrap_or(first.rate),
                    length: length.unwrap_or(first.samples.len()),
                };
                let name = data::stem(Path::new(&self.train));
                let load = |folder: &ClassFolder| sounds::load(folder, &name, format);
                Ok(Loaded {
                    split: self.folders(&train, &sounds::ENDINGS, load)?,
                    front: Front::Sounds(format),
                })
            }
            Kind::Text(plan) => self.text(plan),
        }
    }

    /// The samples of a folder and those of the folder to be judged by, or else a part of them.
    fn folders(
        &self,
        train: &ClassFolder,
        endings: &[&str],
        load: impl Fn(&ClassFolder) -> Result<Dataset, DataError>,
    ) -> Result<Split, DataError> {
        let test = self.test.as_ref().map(|path| {
            let mut test = ClassFolder::open(path, endings)?;
            test.renumber(&train.classes)?;
            load(&test)
        });
        self.split(load(train)?, test.transpose()?)
    }

    fn split(&self, train: Dataset, test: Option<Dataset>) -> Result<Split, DataError> {
        match (test, train.labels()) {
            (Some(test), _) => Ok(Split { train, test }),
            (None, Labels::Classes(_)) => {
                train.train_test_split_stratified(self.seed, self.held_out)
            }
            (None, Labels::Values(_)) => train.train_test_split(self.seed, self.held_out),
        }
    }

    /// Training and held-out rows: all that is learnt is learnt from the first.
    fn tables(&self, delimiter: u8, target: &str) -> Result<(Table, Table), DataError> {
        let table = Table::read(&self.train, delimiter)?;
        if let Some(test) = &self.test {
            return Ok((table, Table::read(test, delimiter)?));
        }
        let label = table.column(target)?;
        let mut strata: std::collections::BTreeMap<String, Vec<usize>> = Default::default();
        let words = matches!(label, data::table::Column::Words(_));
        for row in Rng::new(self.seed).permutation(table.len()) {
            if !label.is_missing(row) {
                let word = if words { label.word(row) } else { None };
                strata
                    .entry(word.unwrap_or_default())
                    .or_default()
                    .push(row);
            }
        }
        let (mut train, mut test) = (vec![], vec![]);
        for rows in strata.values() {
            let n = (rows.len() as f64 * self.held_out).round() as usize;
            let (held, kept) = rows.split_at(n.min(rows.len()));
            test.extend_from_slice(held);
            train.extend_from_slice(kept);
        }
        if train.is_empty() || test.is_empty() {
            return Err(DataError::Fraction {
                name: self.train.clone(),
                fraction: self.held_out,
                samples: table.len(),
            });
        }
        // In the order of the file, so that it alone decides about ties.
        train.sort_unstable();
        test.sort_unstable();
        Ok((table.select(&train), table.select(&test)))
    }

    fn table(&self, delimiter: u8, plan: &Preparation) -> Result<Loaded, DataError> {
        let (train, test) = self.tables(delimiter, &plan.target)?;
        let prepared = Prepared::fit(&train, plan)?;
        let split = Split {
            train: prepared.dataset(&train)?.0,
            test: prepared.dataset(&test)?.0,
        };
        Ok(Loaded {
            split,
            front: Front::Table {
                delimiter,
                prepared,
            },
        })
    }

    fn text(&self, plan: &TextPlan) -> Result<Loaded, DataError> {
        let (train, test) = self.tables(plan.delimiter, &plan.target)?;
        let texts = |table: &Table| -> Result<Vec<String>, DataError> {
            let column = table.column(&plan.column)?;
            let text = |row| column.word(row).unwrap_or_default();
            Ok((0..table.len()).map(text).collect())
        };
        let words = texts(&train)?;
        let words = words.iter().map(String::as_str);
        // The labels go the way of tables.
        let labels = Preparation {
            missing: Missing::MostFrequent,
            ..Preparation::new(&plan.target)
        };
        let prepared = Prepared::labels(&train, &labels)?;
        let front = Front::Text {
            column: plan.column.clone(),
            labels: prepared.clone(),
            delimiter: plan.delimiter,
            vocabulary: Vocabulary::fit(words, plan.unit, plan.vocabulary),
            length: plan.length,
        };
        let part = |table: &Table| -> Result<Dataset, DataError> {
            let texts = texts(table)?;
            let inputs = front.texts(texts.iter().map(String::as_str));
            prepared.labelled(table, inputs)
        };
        let split = Split {
            train: part(&train)?,
            test: part(&test)?,
        };
        Ok(Loaded { split, front })
    }
}
