//! Reading samples as `[data]` says.

use super::{DataPlan, Kind, TextPlan};
use crate::data::folder::ClassFolder;
use crate::data::front::Front;
use crate::data::images::{self, ImageSize, natural_size};
use crate::data::prepare::{Missing, Preparation, Prepared, rows_have};
use crate::data::sounds::{self, SoundFormat};
use crate::data::table::Table;
use crate::data::text::{self, Vocabulary};
use crate::data::{self, DataError, Dataset, Labels, Split};
use crate::rng::Rng;
use std::path::Path;

/// Samples and how they were made.
pub struct Loaded {
    /// Training and held-out part.
    pub split: Split,
    /// What samples to predict go through.
    pub front: Front,
    /// The rows of the held-out samples, where they are from a table or are texts.
    pub rows: Option<Table>,
    /// What was left out or changed without anybody asking for it, for people to read.
    pub warnings: Vec<String>,
}

impl Loaded {
    fn new(split: Split, front: Front) -> Loaded {
        Loaded {
            split,
            front,
            rows: None,
            warnings: vec![],
        }
    }
}

/// The rows to learn from and those held out.
struct Parts {
    train: Table,
    test: Table,
    warnings: Vec<String>,
}

/// How many rows of a table have no label.
fn unlabelled(table: &Table, target: &str) -> Result<Option<String>, DataError> {
    let missing = table.column(target)?.missing();
    Ok((missing > 0).then(|| {
        let have = rows_have(missing, table.len());
        format!("{have} no `{target}` and are left out")
    }))
}

impl DataPlan {
    /// What the samples are called.
    pub fn name(&self) -> &str {
        &self.train
    }

    /// Reads the samples.
    pub fn load(&self) -> Result<Loaded, DataError> {
        match &self.kind {
            Kind::Known => Ok(Loaded::new(data::load(&self.train)?, Front::Arrays)),
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
                let mut warnings = vec![];
                let load = |folder: &ClassFolder| {
                    let (data, warning) = images::load_warning(folder, &name, size)?;
                    warnings.extend(warning);
                    Ok(data)
                };
                let split = self.folders(&train, &images::ENDINGS, load)?;
                warnings.extend(train.warnings(Path::new(&self.train)));
                Ok(Loaded {
                    warnings,
                    ..Loaded::new(split, Front::Images(size))
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
                let split = self.folders(&train, &sounds::ENDINGS, load)?;
                Ok(Loaded {
                    warnings: train.warnings(Path::new(&self.train)),
                    ..Loaded::new(split, Front::Sounds(format))
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
        mut load: impl FnMut(&ClassFolder) -> Result<Dataset, DataError>,
    ) -> Result<Split, DataError> {
        let samples = load(train)?;
        let test = self.test.as_ref().map(|path| {
            let mut test = ClassFolder::open(path, endings)?;
            test.renumber(&train.classes)?;
            load(&test)
        });
        self.split(samples, test.transpose()?)
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
    fn tables(&self, delimiter: u8, target: &str) -> Result<Parts, DataError> {
        let table = Table::read(&self.train, delimiter)?;
        let mut warnings: Vec<String> = unlabelled(&table, target)?.into_iter().collect();
        if let Some(test) = &self.test {
            let test = Table::read(test, delimiter)?;
            warnings.extend(unlabelled(&test, target)?);
            return Ok(Parts {
                train: table,
                test,
                warnings,
            });
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
        Ok(Parts {
            train: table.select(&train),
            test: table.select(&test),
            warnings,
        })
    }

    fn table(&self, delimiter: u8, plan: &Preparation) -> Result<Loaded, DataError> {
        let Parts {
            train,
            test,
            mut warnings,
        } = self.tables(delimiter, &plan.target)?;
        let prepared = Prepared::fit(&train, plan)?;
        warnings.extend(prepared.wide(train.len()));
        let (learnt, kept) = prepared.dataset(&train)?;
        let (judged, rows) = prepared.dataset(&test)?;
        if plan.missing == Missing::Drop {
            let gaps = |table: &Table, kept: &[usize]| {
                let label = table.column(&plan.target);
                let labelled = label.map_or(0, |c| table.len() - c.missing());
                labelled - kept.len()
            };
            let dropped = gaps(&train, &kept) + gaps(&test, &rows);
            if dropped > 0 {
                let have = rows_have(dropped, train.len() + test.len());
                warnings.push(format!("{have} gaps and are left out (missing = \"drop\")"));
            }
        }
        let split = Split {
            train: learnt,
            test: judged,
        };
        let front = Front::Table {
            delimiter,
            prepared,
        };
        Ok(Loaded {
            warnings,
            rows: Some(test.select(&rows)),
            ..Loaded::new(split, front)
        })
    }

    fn text(&self, plan: &TextPlan) -> Result<Loaded, DataError> {
        let Parts {
            train,
            test,
            mut warnings,
        } = self.tables(plan.delimiter, &plan.target)?;
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
        let folder = Path::new(&self.train);
        if folder.is_dir() {
            let classes = ClassFolder::open(folder, &text::ENDINGS);
            warnings.extend(classes.iter().flat_map(|c| c.warnings(folder)));
        }
        Ok(Loaded {
            warnings,
            rows: Some(test),
            ..Loaded::new(split, front)
        })
    }
}
