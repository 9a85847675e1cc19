//! NumPy's `.npz` files: zip archives of `.npy` arrays by name, plain or deflated.

use super::{DataError, Dataset, Labels, NpyArray, Split, bytes, npy};
use craneflow_ir::DType;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Largest size of all arrays together, in bytes.
const LIMIT: u64 = 4 << 30;

/// Arrays by name.
pub type Arrays = BTreeMap<String, NpyArray>;

/// Reads all arrays of a file.
pub fn read(path: impl AsRef<Path>) -> Result<Arrays, DataError> {
    let path = path.as_ref();
    parse(&bytes::read(path)?, path)
}

/// The arrays of a file with these bytes; `path` is for messages.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Arrays, DataError> {
    let wrong = |source: zip::result::ZipError| DataError::Damaged {
        path: path.into(),
        format: "npz",
        message: source.to_string(),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(wrong)?;
    let mut arrays = Arrays::new();
    let mut left = LIMIT;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(wrong)?;
        let name = entry.name().map_err(wrong)?.into_owned();
        let inner = path.join(&name);
        let mut bytes = vec![];
        let read = entry.take(left + 1).read_to_end(&mut bytes);
        read.map_err(|e| wrong(e.into()))?;
        if bytes.len() as u64 > left {
            return Err(DataError::TooLarge {
                path: inner,
                at: LIMIT,
                what: "the uncompressed archive".to_string(),
                limit: format!("{LIMIT} bytes"),
            });
        }
        left -= bytes.len() as u64;
        let array = npy::parse(&bytes, &inner)?;
        arrays.insert(name.trim_end_matches(".npy").to_string(), array);
    }
    Ok(arrays)
}

/// Writes arrays, deflated, replacing what was at `path` only after all bytes are out. Equal arrays
/// give equal bytes.
pub fn write(path: impl AsRef<Path>, arrays: &Arrays) -> Result<(), DataError> {
    let path = path.as_ref();
    let wrong = |source: zip::result::ZipError| DataError::Damaged {
        path: path.into(),
        format: "npz",
        message: source.to_string(),
    };
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (name, array) in arrays {
        let start = archive.start_file(format!("{name}.npy"), options);
        start.map_err(wrong)?;
        let written = archive.write_all(&npy::to_bytes(array));
        written.map_err(|e| wrong(e.into()))?;
    }
    let archive = archive.finish().map_err(wrong)?;
    bytes::write(path, &archive.into_inner())
}

/// A data set: arrays `x_train`, `y_train`, `x_test` and `y_test`, or `x` and `y`, of which a part is
/// held out. Labels that are whole numbers in one axis are classes, any others values; bytes as
/// inputs are brought to 0..1.
pub fn load(path: impl AsRef<Path>) -> Result<Split, DataError> {
    let path = path.as_ref();
    let arrays = read(path)?;
    let get = |name: &str| arrays.get(name);
    if let (Some(x), Some(y)) = (get("x"), get("y")) {
        return super::held_out(dataset(path, x, y)?);
    }
    match ["x_train", "y_train", "x_test", "y_test"].map(get) {
        [Some(x), Some(y), Some(x_test), Some(y_test)] => {
            let (train, test) = (dataset(path, x, y)?, dataset(path, x_test, y_test)?);
            Ok(with_equal_classes(train, test)?)
        }
        _ => Err(DataError::Column {
            path: path.into(),
            wanted: "of inputs and labels: x and y, or x_train, y_train, x_test and y_test".into(),
            columns: arrays.keys().cloned().collect::<Vec<_>>().join(", "),
        }),
    }
}

fn dataset(path: &Path, x: &NpyArray, y: &NpyArray) -> Result<Dataset, DataError> {
    let inputs = match x.dtype() {
        DType::U8 => x.to_f32() / 255.0,
        _ => x.to_f32(),
    };
    let values = y.to_f32();
    let (labels, classes) = match values.ndim() == 1 && !y.dtype().is_float() {
        true => {
            let ids = values.mapv(|id| id as i32);
            let count = ids
                .iter()
                .max()
                .map_or(0, |id| id.saturating_add(1))
                .clamp(0, 1 << 20);
            let names = (0..count).map(|id| id.to_string()).collect();
            (Labels::Classes(ids), names)
        }
        false => (Labels::Values(values), vec![]),
    };
    Dataset::new(super::stem(path), inputs, labels, classes)
}

/// Both parts with the names of the part that has more classes.
fn with_equal_classes(train: Dataset, test: Dataset) -> Result<Split, DataError> {
    let most = train.classes().len().max(test.classes().len());
    let names: Vec<String> = (0..most).map(|id| id.to_string()).collect();
    let named = |data: Dataset| {
        let (name, classes) = (data.name().to_string(), names.clone());
        let (inputs, labels) = data.into_parts();
        let classes = if matches!(labels, Labels::Classes(_)) {
            classes
        } else {
            vec![]
        };
        Dataset::new(name, inputs, labels, classes)
    };
    Ok(Split {
        train: named(train)?,
        test: named(test)?,
    })
}
