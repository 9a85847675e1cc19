//! Reading samples as `[data]` says.

use super::{DataPlan, Kind, TextPlan};
use crate::data::folder::ClassFolder;
use crate::data::front::Front;
use crate::data::images::{self, ImageSize, natural_size};
use crate::data::prepare::{Missing, Preparation, Prepared, rows_have};
use crate::data::sounds::{self, SoundFormat};
use crate::data::stored::{Format, Stored};
use crate::data::table::{Column, Table};
use crate::data::text::{self, Vocabulary};
use crate::data::{self, DataError, Source, Split};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Samples and how they were made.
pub struct Loaded {
    /// Training and held-out part.
    pub split: Split<Source>,
    /// What the training is watched by, where that is not the held-out part.
    pub validation: Option<Source>,
    /// What samples to predict go through.
    pub front: Front,
    /// The rows of the held-out samples, where they are from a table or are texts.
    pub rows: Option<Table>,
    /// What was left out or changed without anybody asking for it, for people to read.
    pub warnings: Vec<String>,
}

/// What of the samples is held out.
#[derive(Clone, Copy)]
pub(in crate::recipe) enum HeldOut {
    /// What `test` names, or else the share that the description says.
    Described,
    /// The part of this number, from 0, of so many.
    Fold(usize, usize),
}

impl Loaded {
    fn new(split: Split<Source>, front: Front) -> Loaded {
        Loaded {
            split,
            validation: None,
            front,
            rows: None,
            warnings: vec![],
        }
    }

    /// With a part of the training part set aside to watch the training by.
    fn watched(mut self, plan: &DataPlan) -> Result<Loaded, DataError> {
        if let Some(share) = plan.validation {
            let part = self.split.train.held_out(plan.seed, share)?;
            self.split.train = part.train;
            self.validation = Some(part.test);
        }
        Ok(self)
    }

    /// With files read to memory, unless they are more than `limit` bytes of samples.
    fn kept(mut self, limit: usize) -> Result<Loaded, DataError> {
        let split = &mut self.split;
        let parts = [&mut split.train, &mut split.test].into_iter();
        let mut parts: Vec<&mut Source> = parts.chain(&mut self.validation).collect();
        if parts.iter().map(|p| p.unread_bytes()).sum::<usize>() <= limit {
            for part in &mut parts {
                **part = part.in_memory()?;
            }
        }
        Ok(self)
    }
}

/// What of a table is held out.
#[derive(Clone, Copy)]
enum Cut {
    Share(f64),
    /// The part of this number, from 0, of so many.
    Fold(usize, usize),
}

/// The rows to learn from, those to watch the training by, and those held out.
struct Parts {
    train: Table,
    validation: Option<Table>,
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
    pub fn load(&self, held_out: HeldOut) -> Result<Loaded, DataError> {
        match &self.kind {
            Kind::Known => {
                let known: Split<Source> = data::load(&self.train)?.into();
                let split = match held_out {
                    HeldOut::Described => known,
                    HeldOut::Fold(..) => self.part(&known.train, held_out)?,
                };
                Loaded::new(split, Front::Arrays).watched(self)
            }
            Kind::Table { delimiter, plan } => self.table(*delimiter, plan, held_out),
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
                let (split, warnings) =
                    self.folders(&train, &images::ENDINGS, Format::Image(size), held_out)?;
                let loaded = Loaded::new(split, Front::Images(size)).watched(self)?;
                let loaded = loaded.kept(self.in_memory)?;
                Ok(Loaded { warnings, ..loaded })
            }
            Kind::Sounds { rate, length } => {
                let train = ClassFolder::open(&self.train, &sounds::ENDINGS)?;
                let first = sounds::read(&train.files[0].0)?;
                let format = SoundFormat {
                    rate: rate.unwrap_or(first.rate),
                    length: length.unwrap_or(first.samples.len()),
                };
                let (split, warnings) =
                    self.folders(&train, &sounds::ENDINGS, Format::Sound(format), held_out)?;
                let loaded = Loaded::new(split, Front::Sounds(format)).watched(self)?;
                let loaded = loaded.kept(self.in_memory)?;
                Ok(Loaded { warnings, ..loaded })
            }
            Kind::Text(plan) => self.text(plan, held_out),
        }
    }

    /// The samples of a folder and those of the folder to be judged by, or else a part of them; and what is strange
    /// about them.
    fn folders(
        &self,
        train: &ClassFolder,
        endings: &[&str],
        format: Format,
        held_out: HeldOut,
    ) -> Result<(Split<Source>, Vec<String>), DataError> {
        let name = data::stem(Path::new(&self.train));
        let mut warnings = vec![];
        let mut open = |folder: &ClassFolder| -> Result<Source, DataError> {
            let files = Stored::open(folder, &name, format)?;
            warnings.extend(files.warning());
            Ok(Source::Files(Arc::new(files)))
        };
        let samples = open(train)?;
        let split = match (&self.test, held_out) {
            (Some(path), HeldOut::Described) => {
                let mut test = ClassFolder::open(path, endings)?;
                test.renumber(&train.classes)?;
                Split {
                    test: open(&test)?,
                    train: samples,
                }
            }
            _ => self.part(&samples, held_out)?,
        };
        warnings.extend(train.warnings(Path::new(&self.train)));
        Ok((split, warnings))
    }

    /// Holds out a part of samples.
    fn part(&self, samples: &Source, held_out: HeldOut) -> Result<Split<Source>, DataError> {
        match held_out {
            HeldOut::Described => samples.held_out(self.seed, self.held_out),
            HeldOut::Fold(fold, folds) => samples.fold(self.seed, folds, fold),
        }
    }

    /// The parts of a table: all that is learnt is learnt from the training part.
    fn tables(&self, delimiter: u8, target: &str, held_out: HeldOut) -> Result<Parts, DataError> {
        let table = Table::read(&self.train, delimiter)?;
        let mut warnings: Vec<String> = unlabelled(&table, target)?.into_iter().collect();
        let (train, test) = match (&self.test, held_out) {
            (Some(test), HeldOut::Described) => {
                let test = Table::read(test, delimiter)?;
                warnings.extend(unlabelled(&test, target)?);
                (table, test)
            }
            (None, HeldOut::Described) => {
                self.divided(&table, target, Cut::Share(self.held_out))?
            }
            (_, HeldOut::Fold(fold, folds)) => {
                self.divided(&table, target, Cut::Fold(fold, folds))?
            }
        };
        let (train, validation) = match self.validation {
            None => (train, None),
            Some(share) => {
                let (train, validation) = self.divided(&train, target, Cut::Share(share))?;
                (train, Some(validation))
            }
        };
        Ok(Parts {
            train,
            validation,
            test,
            warnings,
        })
    }

    /// Rows that are kept and a share that is held out, of each word of the label where it has words.
    fn divided(&self, table: &Table, target: &str, cut: Cut) -> Result<(Table, Table), DataError> {
        let label = table.column(target)?;
        let mut strata: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let words = matches!(label, Column::Words(_));
        for row in Rng::new(self.seed).permutation(table.len()) {
            if !label.is_missing(row) {
                let word = if words { label.word(row) } else { None };
                let rows = strata.entry(word.unwrap_or_default()).or_default();
                rows.push(row);
            }
        }
        let (mut kept, mut held_out) = (vec![], vec![]);
        match cut {
            Cut::Share(share) => {
                for rows in strata.values() {
                    let n = (rows.len() as f64 * share).round() as usize;
                    let (held, rest) = rows.split_at(n.min(rows.len()));
                    held_out.extend_from_slice(held);
                    kept.extend_from_slice(rest);
                }
            }
            Cut::Fold(fold, folds) => {
                // One word after the other is dealt out to the folds in turn.
                for (i, &row) in strata.values().flatten().enumerate() {
                    match i % folds == fold {
                        true => held_out.push(row),
                        false => kept.push(row),
                    }
                }
            }
        }
        let samples = kept.len() + held_out.len();
        // The first part is trained on only if there is a last one.
        let few = matches!(cut, Cut::Fold(_, folds) if folds > samples);
        if kept.is_empty() || held_out.is_empty() || few {
            let name = self.train.clone();
            return Err(match cut {
                Cut::Share(fraction) => DataError::Fraction {
                    name,
                    fraction,
                    samples,
                },
                Cut::Fold(_, folds) => DataError::Folds {
                    name,
                    folds,
                    samples,
                },
            });
        }
        // In the order of the file, so that it alone decides about ties.
        kept.sort_unstable();
        held_out.sort_unstable();
        Ok((table.select(&kept), table.select(&held_out)))
    }

    fn table(
        &self,
        delimiter: u8,
        plan: &Preparation,
        held_out: HeldOut,
    ) -> Result<Loaded, DataError> {
        let Parts {
            train,
            validation,
            test,
            mut warnings,
        } = self.tables(delimiter, &plan.target, held_out)?;
        let prepared = Prepared::fit(&train, plan)?;
        warnings.extend(prepared.wide(train.len()));
        let (learnt, kept) = prepared.dataset(&train)?;
        let (judged, rows) = prepared.dataset(&test)?;
        let watched = validation.as_ref().map(|part| prepared.dataset(part));
        if plan.missing == Missing::Drop {
            let gaps = |table: &Table, kept: &[usize]| {
                let label = table.column(&plan.target);
                let labelled = label.map_or(0, |c| table.len() - c.missing());
                labelled - kept.len()
            };
            let mut dropped = gaps(&train, &kept) + gaps(&test, &rows);
            if let (Some(part), Some(Ok((_, kept)))) = (&validation, &watched) {
                dropped += gaps(part, kept);
            }
            if dropped > 0 {
                let validation = validation.as_ref().map_or(0, Table::len);
                let have = rows_have(dropped, train.len() + validation + test.len());
                warnings.push(format!("{have} gaps and are left out (missing = \"drop\")"));
            }
        }
        let split = Split {
            train: learnt.into(),
            test: judged.into(),
        };
        let front = Front::Table {
            delimiter,
            prepared,
        };
        Ok(Loaded {
            warnings,
            validation: watched.transpose()?.map(|(part, _)| part.into()),
            rows: Some(test.select(&rows)),
            ..Loaded::new(split, front)
        })
    }

    fn text(&self, plan: &TextPlan, held_out: HeldOut) -> Result<Loaded, DataError> {
        let Parts {
            train,
            validation,
            test,
            mut warnings,
        } = self.tables(plan.delimiter, &plan.target, held_out)?;
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
        let part = |table: &Table| -> Result<Source, DataError> {
            let texts = texts(table)?;
            let inputs = front.texts(texts.iter().map(String::as_str));
            Ok(prepared.labelled(table, inputs)?.into())
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
            validation: validation.as_ref().map(part).transpose()?,
            rows: Some(test),
            ..Loaded::new(split, front)
        })
    }
}
