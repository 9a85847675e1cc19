//! What stands between files and the inputs of a model: it is saved with the model, and does the same
//! to samples to predict that it did to those of the training.

use super::folder::{self, ClassFolder};
use super::images::{self, ImageSize};
use super::prepare::Prepared;
use super::sounds::{self, SoundFormat};
use super::source::IN_MEMORY;
use super::stored::{Format, Stored};
use super::table::Table;
use super::text::{self, Vocabulary};
use super::{DataError, Source, npy};
use ndarray::{Array2, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How samples are read.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one for a model")]
pub enum Front {
    /// As arrays of numbers.
    #[default]
    Arrays,
    /// As rows of a table.
    Table {
        /// What cells are separated by.
        delimiter: u8,
        /// What is done to the columns.
        prepared: Prepared,
    },
    /// As pictures.
    Images(ImageSize),
    /// As sounds.
    Sounds(SoundFormat),
    /// As texts.
    Text {
        /// The column of texts, where they are in a table.
        column: String,
        /// What the labels are.
        labels: Prepared,
        /// What cells are separated by.
        delimiter: u8,
        /// Numbers of tokens.
        vocabulary: Vocabulary,
        /// Tokens of a sample.
        length: usize,
    },
}

/// Samples to predict, and what to call each.
#[derive(Debug)]
pub struct Unlabelled {
    /// `[samples, ...]`.
    pub inputs: ArrayD<f32>,
    /// Files, or numbers of rows counted from 1.
    pub names: Vec<String>,
    /// Files of a folder that could not be read.
    pub broken: Vec<Broken>,
    /// What is strange about the samples, for people to read.
    pub warnings: Vec<String>,
}

/// A file that could not be read.
#[derive(Debug)]
pub struct Broken {
    /// The file.
    pub name: String,
    /// How many samples come before it.
    pub before: usize,
    /// What is wrong with it.
    pub error: DataError,
}

impl Unlabelled {
    fn new(inputs: ArrayD<f32>, names: Vec<String>) -> Unlabelled {
        Unlabelled {
            inputs,
            names,
            broken: vec![],
            warnings: vec![],
        }
    }
}

impl Front {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("keys are words")
    }

    /// What `to_json` wrote.
    pub fn from_json(text: &str) -> Result<Front, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Reads a file, or all files of its kind in a folder, or else in the folders in it. Of a folder the files that
    /// cannot be read are told apart, unless there are no others.
    pub fn read(&self, path: &Path) -> Result<Unlabelled, DataError> {
        let endings: &[&str] = match self {
            Front::Images(_) => &images::ENDINGS,
            Front::Sounds(_) => &sounds::ENDINGS,
            Front::Text { .. } => &text::ENDINGS,
            Front::Table { .. } => &["csv", "tsv", "parquet"],
            Front::Arrays => &["npy", "csv"],
        };
        if !path.is_dir() {
            return self.parse(&super::bytes::read(path)?, path);
        }
        let mut files = folder::files(path, endings)?;
        if files.is_empty() {
            let folders = ClassFolder::open(path, endings)?;
            files = folders.files.into_iter().map(|(file, _)| file).collect();
        }
        if let Front::Text { .. } = self {
            let texts = files
                .iter()
                .map(text::read)
                .collect::<Result<Vec<_>, _>>()?;
            let inputs = self.texts(texts.iter().map(String::as_str));
            let names = files.iter().map(|f| f.display().to_string()).collect();
            return Ok(Unlabelled::new(inputs, names));
        }
        self.each(&files)
    }

    /// The samples in the bytes of a file; `path` is for messages.
    pub fn parse(&self, bytes: &[u8], path: &Path) -> Result<Unlabelled, DataError> {
        match self {
            Front::Arrays if bytes.starts_with(b"\x93NUMPY") => {
                let array = npy::parse(bytes, path)?.to_f32();
                let array = match array.ndim() {
                    0 => array.insert_axis(ndarray::Axis(0)),
                    _ => array,
                };
                let names = numbered(array.shape()[0]);
                Ok(Unlabelled::new(array, names))
            }
            Front::Arrays => numbers(bytes, path),
            Front::Table {
                delimiter,
                prepared,
            } => {
                let table = Table::parse(bytes, path, *delimiter)?;
                let (inputs, rows) = prepared.inputs(&table)?;
                let names = rows.iter().map(|row| (row + 1).to_string()).collect();
                Ok(Unlabelled {
                    warnings: prepared.strange(&table, &rows),
                    ..Unlabelled::new(inputs, names)
                })
            }
            Front::Sounds(format) => {
                let samples = sounds::parse(bytes, path)?.fitted(*format, path)?;
                let shape = IxDyn(&[1, format.length, 1]);
                let inputs = ArrayD::from_shape_vec(shape, samples).expect("is of that length");
                Ok(Unlabelled::new(inputs, vec![path.display().to_string()]))
            }
            Front::Images(size) => {
                let image = images::decode(bytes, path, *size)?;
                let shape = IxDyn(&[1, size.height, size.width, size.channels]);
                let pixels = images::floats(&image).collect();
                let inputs = ArrayD::from_shape_vec(shape, pixels).expect("is of that size");
                Ok(Unlabelled::new(inputs, vec![path.display().to_string()]))
            }
            Front::Text {
                column, delimiter, ..
            } => {
                let ending = path.extension().and_then(|e| e.to_str());
                let table = matches!(ending, Some("csv" | "tsv" | "parquet"));
                let texts = match table {
                    true => {
                        let table = Table::parse(bytes, path, *delimiter)?;
                        let column = table.column(column)?;
                        (0..table.len())
                            .map(|row| column.word(row).unwrap_or_default())
                            .collect()
                    }
                    false => lines(bytes),
                };
                let inputs = self.texts(texts.iter().map(String::as_str));
                Ok(Unlabelled::new(inputs, numbered(texts.len())))
            }
        }
    }

    /// Reads samples with their labels; `classes` are those of the model, none for values. Files that are a sample
    /// each stay where they are if they are more than [`IN_MEMORY`].
    pub fn labelled(&self, path: &Path, classes: &[String]) -> Result<Source, DataError> {
        match self {
            Front::Arrays => Ok(super::load(path)?.test.into()),
            Front::Table {
                delimiter,
                prepared,
            } => Ok(prepared.dataset(&Table::read(path, *delimiter)?)?.0.into()),
            Front::Images(size) => {
                let mut folder = ClassFolder::open(path, &images::ENDINGS)?;
                folder.renumber(classes)?;
                let format = Format::Image(*size);
                Source::within(Stored::open(&folder, super::stem(path), format)?, IN_MEMORY)
            }
            Front::Sounds(format) => {
                let mut folder = ClassFolder::open(path, &sounds::ENDINGS)?;
                folder.renumber(classes)?;
                let format = Format::Sound(*format);
                Source::within(Stored::open(&folder, super::stem(path), format)?, IN_MEMORY)
            }
            Front::Text {
                column,
                delimiter,
                labels,
                ..
            } => {
                let table = Table::read(path, *delimiter)?;
                let column = table.column(column)?;
                let texts: Vec<String> = (0..table.len())
                    .map(|row| column.word(row).unwrap_or_default())
                    .collect();
                let inputs = self.texts(texts.iter().map(String::as_str));
                Ok(labels.labelled(&table, inputs)?.into())
            }
        }
    }

    /// A value to be predicted in the units of the data, of one that the model gives or is to give.
    pub fn value(&self, x: f32) -> f64 {
        match self {
            Front::Table { prepared, .. } => prepared.value(x),
            _ => f64::from(x),
        }
    }

    /// Whether values to be predicted have a scale of their own.
    pub(crate) fn scales_values(&self) -> bool {
        matches!(self, Front::Table { prepared, .. } if prepared.scales_values())
    }

    /// What follows a mean difference of values that were scaled: the same in the units of the data.
    pub fn in_units(&self, metric: &str, x: f64) -> Option<String> {
        let Front::Table { prepared, .. } = self else {
            return None;
        };
        let scale = prepared.units(metric)?;
        Some(format!(" ({:.5} in `{}`)", x * scale, prepared.target()))
    }

    /// Texts as numbers, `[texts, length]`.
    pub(crate) fn texts<'t>(&self, texts: impl Iterator<Item = &'t str>) -> ArrayD<f32> {
        let Front::Text {
            vocabulary, length, ..
        } = self
        else {
            return ArrayD::zeros(IxDyn(&[0]));
        };
        let rows: Vec<Vec<i32>> = texts.map(|t| vocabulary.encode_to(t, *length)).collect();
        let cells: Vec<f32> = rows.iter().flatten().map(|&n| n as f32).collect();
        let array = Array2::from_shape_vec((rows.len(), *length), cells);
        array.expect("rows have one length").into_dyn()
    }

    /// Reads files. Of several samples in one, each is called by the file and its own name.
    fn each(&self, files: &[PathBuf]) -> Result<Unlabelled, DataError> {
        let (mut inputs, mut names, mut broken) = (vec![], vec![], vec![]);
        let mut warnings = vec![];
        for file in files {
            let parsed = super::bytes::read(file).and_then(|bytes| self.parse(&bytes, file));
            match parsed {
                Ok(samples) => {
                    let place = file.display();
                    let within = |name: String| match name == place.to_string() {
                        true => name,
                        false => format!("{place}: {name}"),
                    };
                    names.extend(samples.names.into_iter().map(within));
                    warnings.extend(samples.warnings.into_iter().map(within));
                    inputs.push(samples.inputs);
                }
                Err(error) => broken.push(Broken {
                    name: file.display().to_string(),
                    before: names.len(),
                    error,
                }),
            }
        }
        if inputs.is_empty() && !broken.is_empty() {
            return Err(broken.swap_remove(0).error);
        }
        let views: Vec<_> = inputs.iter().map(|x| x.view()).collect();
        let inputs = ndarray::concatenate(ndarray::Axis(0), &views);
        let inputs = inputs.map_err(|_| DataError::Elements {
            path: files[0].clone(),
            found: format!("samples of shape {:?}", &views[0].shape()[1..]),
            expected: "as the other files have",
        })?;
        Ok(Unlabelled {
            broken,
            warnings,
            ..Unlabelled::new(inputs, names)
        })
    }
}

/// `1`, `2`, ...
fn numbered(n: usize) -> Vec<String> {
    (1..=n).map(|i| i.to_string()).collect()
}

/// The lines of a text that are not empty. What is not UTF-8 is replaced.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|l| !l.trim().is_empty());
    lines.map(str::to_string).collect()
}

/// A table of numbers without labels, with or without a header.
fn numbers(bytes: &[u8], path: &Path) -> Result<Unlabelled, DataError> {
    use super::csv;
    let mut rows = csv::rows(bytes, path, b',')?;
    let named = |row: &csv::Row| row.cells.iter().all(|c| c.parse::<f32>().is_err());
    if rows.first().is_some_and(named) {
        rows.remove(0);
    }
    let width = rows.first().map_or(0, |row| row.cells.len());
    if width == 0 {
        return Err(DataError::Empty { path: path.into() });
    }
    let mut cells = vec![];
    for row in &rows {
        if row.cells.len() != width {
            return Err(DataError::Row {
                path: path.into(),
                line: row.line,
                found: row.cells.len(),
                expected: width,
            });
        }
        for (column, cell) in row.cells.iter().enumerate() {
            cells.push(csv::number(cell).map_err(|problem| DataError::Cell {
                path: path.into(),
                line: row.line,
                column: column + 1,
                name: None,
                problem,
            })?);
        }
    }
    let inputs = ArrayD::from_shape_vec(IxDyn(&[rows.len(), width]), cells);
    let inputs = inputs.expect("rows have one width");
    Ok(Unlabelled::new(inputs, numbered(rows.len())))
}
