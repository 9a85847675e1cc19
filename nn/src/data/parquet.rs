//! Tables in Parquet files.

use super::table::Column;
use super::{DataError, Table};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::panic::catch_unwind;
use std::path::Path;

/// What such files begin with.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// Most cells of a table.
const LIMIT: usize = 1 << 28;

/// The table with these bytes: numbers, truth values (as 0 and 1) and texts; `path` is for messages.
/// Nested columns are refused.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Table, DataError> {
    // Some damage that places do not show ends in a panic of the library.
    let read = catch_unwind(|| parts(bytes));
    let read = read.unwrap_or_else(|_| Err("the pages contradict their description".to_string()));
    let (names, cells) = read.map_err(|message| DataError::Damaged {
        path: path.into(),
        format: "Parquet",
        message,
    })?;
    Table::new(path, names, cells.into_iter().map(typed).collect())
}

/// Names and cells of the columns.
fn parts(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<Cell>>), String> {
    let failed = |error: parquet::errors::ParquetError| error.to_string();
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).map_err(failed)?;
    let groups = reader.metadata().row_groups().iter();
    for column in groups.flat_map(|group| group.columns()) {
        let places = [
            Some(column.data_page_offset()),
            column.dictionary_page_offset(),
        ];
        let first = places.into_iter().flatten().min().unwrap_or(0);
        let end = first.checked_add(column.compressed_size());
        let within = end.is_some_and(|end| first >= 0 && end >= first && end <= bytes.len() as i64);
        if !within {
            return Err(format!(
                "column {} is not within the file",
                column.column_path()
            ));
        }
    }
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<String> = schema
        .get_fields()
        .iter()
        .map(|f| f.name().to_string())
        .collect();
    let mut cells: Vec<Vec<Cell>> = vec![vec![]; names.len()];
    for row in reader.get_row_iter(None).map_err(failed)? {
        let row = row.map_err(failed)?;
        for (column, (name, field)) in row.get_column_iter().enumerate() {
            let cell =
                cell(field).ok_or_else(|| format!("column `{name}`: neither numbers nor texts"))?;
            cells[column].push(cell);
        }
        if cells.iter().map(Vec::len).sum::<usize>() > LIMIT {
            return Err(format!("more than {LIMIT} cells"));
        }
    }
    Ok((names, cells))
}

#[derive(Clone)]
enum Cell {
    Missing,
    Number(f64),
    Word(String),
}

fn cell(field: &Field) -> Option<Cell> {
    let number = match field {
        Field::Null => return Some(Cell::Missing),
        Field::Str(text) => return Some(Cell::Word(text.clone())),
        Field::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes.data()).ok()?;
            return Some(Cell::Word(text.to_string()));
        }
        Field::Bool(x) => f64::from(u8::from(*x)),
        Field::Byte(x) => f64::from(*x),
        Field::Short(x) => f64::from(*x),
        Field::Int(x) => f64::from(*x),
        Field::Long(x) => *x as f64,
        Field::UByte(x) => f64::from(*x),
        Field::UShort(x) => f64::from(*x),
        Field::UInt(x) => f64::from(*x),
        Field::ULong(x) => *x as f64,
        Field::Float(x) => f64::from(*x),
        Field::Double(x) => *x,
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => return None,
        other => return Some(Cell::Word(other.to_string())),
    };
    // As in tables of text, what is no finite number is missing.
    Some(match number.is_finite() {
        true => Cell::Number(number),
        false => Cell::Missing,
    })
}

/// Numbers if all cells that are there are.
fn typed(cells: Vec<Cell>) -> Column {
    match cells.iter().any(|cell| matches!(cell, Cell::Word(_))) {
        false => Column::Numbers(cells.iter().map(number).collect()),
        true => {
            let word = |cell: Cell| match cell {
                Cell::Missing => None,
                Cell::Number(x) => Some(x.to_string()),
                Cell::Word(word) => Some(word),
            };
            Column::Words(cells.into_iter().map(word).collect())
        }
    }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(x) => Some(*x),
        _ => None,
    }
}
