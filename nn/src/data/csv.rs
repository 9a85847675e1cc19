//! Tables of numbers with one label column; plain or gzip.
//!
//! Every feature cell is a finite number; a missing one is an error, never a silent zero. Lines
//! and columns in messages count from 1.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::{ArrayD, IxDyn};

use super::{CellProblem, DataError, Dataset, Labels, bytes};

/// How a table is to be read. The default finds out about the header and takes the last column as
/// label.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    /// Whether the first line names the columns.
    pub header: Header,
    /// Which column is the label; all others are features.
    pub label: Column,
    /// What the label means.
    pub target: Target,
    /// What separates the cells of a line.
    pub delimiter: u8,
}

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It does if no cell in it is a number. A line such as `150,4,setosa,versicolor` (rows, features,
    /// then the names of the classes), which scikit-learn's tables have, is understood too.
    Auto,
    /// It does.
    Present,
    /// It is a sample.
    Absent,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The last one.
    Last,
    /// The one at this index, from 0.
    Index(usize),
    /// The one of this name; needs a header.
    Name(String),
}

/// What a label column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Text means classes, and so do whole numbers that are exactly 0 to some largest; other numbers are values.
    Auto,
    /// Every distinct cell is a class. Classes are numbered in numeric order if all cells are
    /// numbers, else in alphabetic order.
    Class,
    /// A number to be predicted: labels `f32[n, 1]`.
    Value,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            header: Header::Auto,
            label: Column::Last,
            target: Target::Auto,
            delimiter: b',',
        }
    }
}

/// Reads the table in `path` (gzip is undone): inputs `f32[rows, columns - 1]`.
pub fn read(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset, DataError> {
    let path = path.as_ref();
    parse(&bytes::read(path)?, path, options)
}

/// The table with these bytes; `path` is for messages and the name.
pub fn parse(bytes: &[u8], path: &Path, options: &CsvOptions) -> Result<Dataset, DataError> {
    let table = Table::parse(bytes, path, options)?;
    let label = table.label_column(&options.label)?;
    let mut inputs = Vec::with_capacity(table.rows.len() * (table.width - 1));
    for row in &table.rows {
        for (column, cell) in row
            .cells
            .iter()
            .enumerate()
            .filter(|&(column, _)| column != label)
        {
            inputs.push(number(cell).map_err(|problem| table.cell(row, column, problem))?);
        }
    }
    let shape = IxDyn(&[table.rows.len(), table.width - 1]);
    let inputs = ArrayD::from_shape_vec(shape, inputs).expect("rows have equal widths");
    let (labels, classes) = table.labels(label, options.target)?;
    Dataset::new(super::stem(path), inputs, labels, classes)
}

pub(super) struct Row {
    pub line: u64,
    pub cells: csv::StringRecord,
}

struct Table<'a> {
    path: &'a Path,
    names: Option<Vec<String>>,
    /// The names of the classes, where the first line gives them.
    class_names: Option<Vec<String>>,
    width: usize,
    rows: Vec<Row>,
}

impl<'a> Table<'a> {
    fn parse(bytes: &[u8], path: &'a Path, options: &CsvOptions) -> Result<Table<'a>, DataError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut rows = rows(bytes, path, options.delimiter)?;
        let mut table = Table {
            path,
            names: None,
            class_names: None,
            width: 0,
            rows: Vec::new(),
        };
        let counted = options.header == Header::Auto && is_counted(&rows);
        let named = match options.header {
            Header::Present => !rows.is_empty(),
            Header::Absent => false,
            Header::Auto => rows
                .first()
                .is_some_and(|row| row.cells.iter().all(is_text)),
        };
        if counted {
            table.class_names = Some(strings(&rows.remove(0)).split_off(2));
        } else if named {
            table.names = Some(strings(&rows.remove(0)));
        }
        let width = match (&table.names, rows.first()) {
            (_, None) => return Err(DataError::Empty { path: path.into() }),
            (Some(names), _) => names.len(),
            (None, Some(row)) => row.cells.len(),
        };
        if let Some(row) = rows.iter().find(|row| row.cells.len() != width) {
            let (line, found) = (row.line, row.cells.len());
            return Err(DataError::Row {
                path: path.into(),
                line,
                found,
                expected: width,
            });
        }
        if width < 2 {
            return Err(DataError::OneColumn {
                path: path.into(),
                delimiter: options.delimiter.into(),
            });
        }
        Ok(Table {
            width,
            rows,
            ..table
        })
    }

    fn label_column(&self, column: &Column) -> Result<usize, DataError> {
        let (found, wanted) = match column {
            Column::Last => (Some(self.width - 1), "last".into()),
            Column::Index(i) => (
                Some(*i).filter(|&i| i < self.width),
                format!("number {}", i + 1),
            ),
            Column::Name(name) => {
                let names = self.names.as_deref().unwrap_or_default();
                (names.iter().position(|n| n == name), format!("`{name}`"))
            }
        };
        found.ok_or_else(|| DataError::Column {
            path: self.path.into(),
            wanted,
            columns: match &self.names {
                Some(names) => names.join(", "),
                None => format!("1 to {}, without names", self.width),
            },
        })
    }

    fn cell(&self, row: &Row, column: usize, problem: CellProblem) -> DataError {
        DataError::Cell {
            path: self.path.into(),
            line: row.line,
            column: column + 1,
            name: self.names.as_ref().map(|names| names[column].clone()),
            problem,
        }
    }

    fn labels(&self, column: usize, target: Target) -> Result<(Labels, Vec<String>), DataError> {
        let cell = |row: &Row, problem| self.cell(row, column, problem);
        let cells = || self.rows.iter().map(|row| &row.cells[column]);
        if let Some(row) = self.rows.iter().find(|row| is_missing(&row.cells[column])) {
            let mark = row.cells[column].into();
            return Err(cell(row, CellProblem::Missing { mark }));
        }
        let textual = cells().all(is_text);
        if target == Target::Class || target == Target::Auto && (textual || are_class_ids(cells()))
        {
            return Ok(self.classes(cells));
        }
        let mut values = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            values.push(number(&row.cells[column]).map_err(|problem| cell(row, problem))?);
        }
        let values = ArrayD::from_shape_vec(IxDyn(&[values.len(), 1]), values).expect("one column");
        Ok((Labels::Values(values), Vec::new()))
    }

    fn classes<'t, I: Iterator<Item = &'t str>>(
        &self,
        cells: impl Fn() -> I,
    ) -> (Labels, Vec<String>) {
        let numeric = !cells().any(is_text);
        // Numbers are the same class however they are spelled; adding 0 makes -0 a 0.
        let key = |text: &'t str| match text.parse::<f64>() {
            Ok(value) if numeric => (value + 0.0, ""),
            _ => (0.0, text),
        };
        type Key<'t> = (f64, &'t str);
        let compare = |a: &Key, b: &Key| a.0.total_cmp(&b.0).then(a.1.cmp(b.1));
        let mut order: Vec<(Key, &str)> = cells().map(|text| (key(text), text)).collect();
        order.sort_by(|a, b| compare(&a.0, &b.0));
        order.dedup_by(|b, a| compare(&a.0, &b.0).is_eq());
        let id = |text| {
            let found = order.binary_search_by(|(known, _)| compare(known, &key(text)));
            found.expect("every cell was listed") as i32
        };
        let ids: ArrayD<i32> = cells().map(id).collect::<ndarray::Array1<i32>>().into_dyn();
        let names = match &self.class_names {
            Some(names) if names.len() == order.len() => names.clone(),
            _ => order.iter().map(|&(_, text)| text.to_string()).collect(),
        };
        (Labels::Classes(ids), names)
    }
}

/// The cells of every line that is not empty, without the spaces around them.
pub(super) fn rows(bytes: &[u8], path: &Path, delimiter: u8) -> Result<Vec<Row>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut rows = Vec::new();
    let io = |e: csv::Error| DataError::Io {
        path: path.into(),
        source: e.into(),
    };
    while reader.read_byte_record(&mut record).map_err(io)? {
        let line = start_line(record.position(), bytes);
        let encoding = |e: csv::FromUtf8Error| DataError::Cell {
            path: path.into(),
            line,
            column: e.utf8_error().field() + 1,
            name: None,
            problem: CellProblem::Encoding,
        };
        let cells = csv::StringRecord::from_byte_record(record.clone()).map_err(encoding)?;
        rows.push(Row { line, cells });
    }
    Ok(rows)
}

/// The line on which a record starts; the reader's position is before the empty lines it skipped.
fn start_line(position: Option<&csv::Position>, bytes: &[u8]) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = bytes.iter().skip(position.byte() as usize);
    let skipped = rest.take_while(|&&byte| matches!(byte, b'\r' | b'\n'));
    position.line() + skipped.filter(|&&byte| byte == b'\n').count() as u64
}

pub(super) fn strings(row: &Row) -> Vec<String> {
    row.cells.iter().map(str::to_string).collect()
}

/// Whether the first line gives the numbers of rows and of features, then the names of at least
/// two classes.
fn is_counted(rows: &[Row]) -> bool {
    let [first, second, ..] = rows else {
        return false;
    };
    let count = |cell: usize| first.cells.get(cell)?.parse::<usize>().ok();
    count(0) == Some(rows.len() - 1)
        && count(1) == Some(second.cells.len() - 1)
        && first.cells.len() >= 4
        && first.cells.iter().skip(2).all(is_text)
}

fn is_text(cell: &str) -> bool {
    cell.parse::<f64>().is_err()
}

/// Whether the labels are whole numbers that are exactly 0 to some largest.
fn are_class_ids<'t>(cells: impl Iterator<Item = &'t str>) -> bool {
    let id = |text: &str| {
        let value: f64 = text.parse().ok()?;
        let whole = (0.0..2_147_483_648.0).contains(&value) && value.fract() == 0.0;
        whole.then_some(value as u32)
    };
    let ids: Option<BTreeSet<u32>> = cells.map(id).collect();
    ids.is_some_and(|ids| ids.iter().copied().eq(0..ids.len() as u32))
}

pub(super) fn is_missing(cell: &str) -> bool {
    let marks = ["", "?", "-", "na", "n/a", "nan", "null", "none"];
    marks.iter().any(|mark| cell.eq_ignore_ascii_case(mark))
}

pub(super) fn number(cell: &str) -> Result<f32, CellProblem> {
    let text = || cell.to_string();
    if is_missing(cell) {
        return Err(CellProblem::Missing { mark: text() });
    }
    match cell.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(CellProblem::NotFinite { text: text() }),
        Err(_) => Err(CellProblem::NotNumber { text: text() }),
    }
}
