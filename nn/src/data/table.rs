//! Tables with typed columns, in which cells may be missing.
//!
//! [`csv::read`] is for tables that are numbers throughout; this is for the others. A
//! column whose cells are all numbers holds numbers, any other holds words. Empty cells and the usual
//! marks (`?`, `NA`, `nan`, ...) are missing.

use super::{CellProblem, DataError, bytes, csv, parquet, text};
use std::path::{Path, PathBuf};

/// The cells of a column; `None` is missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Words.
    Words(Vec<Option<String>>),
}

/// A table in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
    /// Where each row is: lines of a file of text, else numbers from 1.
    lines: Vec<u64>,
    /// What `lines` counts.
    unit: &'static str,
}

impl Column {
    /// Whether the cell of a row is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Column::Numbers(cells) => cells[row].is_none(),
            Column::Words(cells) => cells[row].is_none(),
        }
    }

    /// How many cells are missing.
    pub fn missing(&self) -> usize {
        match self {
            Column::Numbers(cells) => cells.iter().filter(|c| c.is_none()).count(),
            Column::Words(cells) => cells.iter().filter(|c| c.is_none()).count(),
        }
    }

    /// A cell as a word, numbers in their shortest form.
    pub fn word(&self, row: usize) -> Option<String> {
        match self {
            Column::Numbers(cells) => cells[row].map(|x| x.to_string()),
            Column::Words(cells) => cells[row].clone(),
        }
    }

    fn select(&self, rows: &[usize]) -> Column {
        match self {
            Column::Numbers(c) => Column::Numbers(rows.iter().map(|&r| c[r]).collect()),
            Column::Words(c) => Column::Words(rows.iter().map(|&r| c[r].clone()).collect()),
        }
    }
}

impl Table {
    /// A table of columns with these names, all of one length. `path` is for messages.
    pub fn new(
        path: impl Into<PathBuf>,
        names: Vec<String>,
        columns: Vec<Column>,
    ) -> Result<Table, DataError> {
        let path = path.into();
        let length = |c: &Column| match c {
            Column::Numbers(cells) => cells.len(),
            Column::Words(cells) => cells.len(),
        };
        let rows = columns.first().map_or(0, length);
        if names.len() != columns.len() || columns.iter().any(|c| length(c) != rows) {
            return Err(DataError::Elements {
                path,
                found: format!("{} names for {} columns", names.len(), columns.len()),
                expected: "a name for each column, and columns of one length",
            });
        }
        Ok(Table {
            path,
            names,
            columns,
            lines: (1..=rows as u64).collect(),
            unit: "row",
        })
    }

    /// Reads a table: a Parquet file, or text with a header, plain or gzip, cells separated by
    /// `delimiter`. A folder with one folder of `.txt` files for each class, or one file for each
    /// class with a text on each line, is a table with the columns `text` and `class`.
    pub fn read(path: impl AsRef<Path>, delimiter: u8) -> Result<Table, DataError> {
        let path = path.as_ref();
        if path.is_dir() {
            return text::classes(path);
        }
        Table::parse(&bytes::read(path)?, path, delimiter)
    }

    /// The table with these bytes, a Parquet file or text.
    pub fn parse(bytes: &[u8], path: &Path, delimiter: u8) -> Result<Table, DataError> {
        if bytes.starts_with(parquet::MAGIC) {
            return parquet::parse(bytes, path);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut rows = csv::rows(bytes, path, delimiter)?;
        if rows.is_empty() {
            return Err(DataError::Empty { path: path.into() });
        }
        let names = csv::strings(&rows.remove(0));
        let wrong = rows.iter().find(|row| row.cells.len() != names.len());
        if let Some(row) = wrong {
            return Err(DataError::Row {
                path: path.into(),
                line: row.line,
                found: row.cells.len(),
                expected: names.len(),
            });
        }
        let column = |c: usize| typed(rows.iter().map(|row| &row.cells[c]));
        Ok(Table {
            path: path.into(),
            columns: (0..names.len()).map(column).collect(),
            names,
            lines: rows.iter().map(|row| row.line).collect(),
            unit: "line",
        })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        let found = self.names.iter().position(|n| n == name);
        let index = found.ok_or_else(|| DataError::Column {
            path: self.path.clone(),
            wanted: format!("`{name}`"),
            columns: self.names.join(", "),
        })?;
        Ok(&self.columns[index])
    }

    /// The rows with these numbers.
    pub fn select(&self, rows: &[usize]) -> Table {
        Table {
            path: self.path.clone(),
            names: self.names.clone(),
            columns: self.columns.iter().map(|c| c.select(rows)).collect(),
            lines: rows.iter().map(|&r| self.lines[r]).collect(),
            unit: self.unit,
        }
    }

    /// Where a row is, such as `line 7`.
    pub fn place(&self, row: usize) -> String {
        format!("{} {}", self.unit, self.lines[row])
    }

    /// An error about a cell.
    pub(crate) fn wrong(&self, row: usize, name: &str, problem: CellProblem) -> DataError {
        let column = self.names.iter().position(|n| n == name).unwrap_or(0);
        DataError::Cell {
            path: self.path.clone(),
            line: self.lines[row],
            column: column + 1,
            name: Some(name.to_string()),
            problem,
        }
    }
}

/// Numbers if all cells that are there are.
fn typed<'t>(cells: impl Iterator<Item = &'t str> + Clone) -> Column {
    let given = |cell: &&str| !csv::is_missing(cell);
    let number = |cell: &str| cell.parse::<f64>().ok().filter(|x| x.is_finite());
    let numbers = cells.clone().filter(given).all(|c| number(c).is_some());
    match numbers {
        true => Column::Numbers(
            cells
                .map(|c| Some(c).filter(given).and_then(number))
                .collect(),
        ),
        false => {
            let word = |c: &'t str| Some(c).filter(given).map(str::to_string);
            Column::Words(cells.map(word).collect())
        }
    }
}
