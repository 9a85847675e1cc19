//! CIFAR-10, as the binary batches of its authors or as PNG sheets with labels in JSON.
//!
//! A binary record is one label byte and 3,072 pixel bytes: 1,024 red, 1,024 green, 1,024 blue,
//! each row by row.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};

use super::bytes::{self, Cursor};
use super::{DataError, Dataset, Labels, Split, sheet};

/// The names of the ten classes, in the order of their labels.
pub const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// Height and width of an image, in pixels.
pub(super) const SIDE: usize = 32;
/// Values of an image.
pub(super) const VALUES: usize = SIDE * SIDE * 3;
/// Most images in one data set; the full one has 60,000.
pub(super) const IMAGE_LIMIT: usize = 60_000;

/// Images in the making: values of `[n, 32, 32, 3]` in 0..1, and their labels.
#[derive(Default)]
pub(super) struct Images {
    pub pixels: Vec<f32>,
    pub labels: Vec<i32>,
}

impl Images {
    /// The images as a data set; `path` is where they come from.
    pub fn dataset(self, path: &Path) -> Result<Dataset, DataError> {
        let n = self.labels.len();
        if n == 0 {
            return Err(DataError::Empty { path: path.into() });
        }
        let inputs = ArrayD::from_shape_vec(IxDyn(&[n, SIDE, SIDE, 3]), self.pixels)
            .expect("every image has one label");
        let labels = ArrayD::from_shape_vec(IxDyn(&[n]), self.labels).expect("a flat list");
        let classes = CLASSES.map(String::from).to_vec();
        Dataset::new(
            super::folder_name(path),
            inputs,
            Labels::Classes(labels),
            classes,
        )
    }
}

/// The images of a binary batch with these bytes; `path` is for messages and the name.
pub fn parse_batch(bytes: &[u8], path: &Path) -> Result<Dataset, DataError> {
    let mut images = Images::default();
    append_batch(bytes, path, &mut images)?;
    images.dataset(path)
}

/// The images of a PNG sheet with these bytes: one image a row of 1,024 RGB pixels, `[n,32,32,3]`
/// in 0..1; `path` is for messages.
pub fn parse_sheet(bytes: &[u8], path: &Path) -> Result<ArrayD<f32>, DataError> {
    let mut pixels = Vec::new();
    let n = sheet::append(bytes, path, IMAGE_LIMIT, &mut pixels)?;
    Ok(ArrayD::from_shape_vec(IxDyn(&[n, SIDE, SIDE, 3]), pixels).expect("whole rows"))
}

fn append_batch(bytes: &[u8], path: &Path, images: &mut Images) -> Result<(), DataError> {
    let count = bytes.len().div_ceil(1 + VALUES);
    if images.labels.len() + count > IMAGE_LIMIT {
        return Err(DataError::TooLarge {
            path: path.into(),
            at: 0,
            what: format!("a data set of {} images", images.labels.len() + count),
            limit: format!("{IMAGE_LIMIT} images"),
        });
    }
    images.pixels.reserve_exact(count * VALUES);
    let mut file = Cursor::new(bytes, path);
    while file.at < bytes.len() {
        let at = file.at as u64;
        let record = file.take(1 + VALUES, "an image of 3073 bytes")?;
        let label = record[0];
        if usize::from(label) >= CLASSES.len() {
            let (label, classes) = (label.into(), CLASSES.len());
            return Err(DataError::Label {
                path: path.into(),
                unit: "byte",
                at,
                label,
                classes,
            });
        }
        images.labels.push(label.into());
        let planes = &record[1..];
        images.pixels.extend((0..VALUES).map(|i| {
            let (pixel, channel) = (i / 3, i % 3);
            f32::from(planes[channel * SIDE * SIDE + pixel]) / 255.0
        }));
    }
    Ok(())
}

/// Whether `folder` has any of the files that [`load`] reads.
pub(super) fn is_in(folder: &Path) -> bool {
    ["bin", "png"].iter().any(|end| is_kind_in(folder, end))
}

fn is_kind_in(folder: &Path, end: &str) -> bool {
    let test = folder.join(format!("test_batch.{end}"));
    test.is_file() || (1..=5).any(|i| batch(folder, i, end).is_file())
}

fn batch(folder: &Path, number: usize, end: &str) -> PathBuf {
    folder.join(format!("data_batch_{number}.{end}"))
}

/// Reads CIFAR-10 from `folder`: `data_batch_1.bin` to at most `_5` and `test_batch.bin`, or the
/// same as `.png` with `train_lables.json` and `test_lables.json` (`labels` is accepted too).
pub fn load(folder: impl AsRef<Path>) -> Result<Split, DataError> {
    let folder = folder.as_ref();
    let end = if is_kind_in(folder, "bin") {
        "bin"
    } else {
        "png"
    };
    let last = (1..=5)
        .rev()
        .find(|&i| batch(folder, i, end).is_file())
        .unwrap_or(1);
    let train: Vec<PathBuf> = (1..=last).map(|i| batch(folder, i, end)).collect();
    let test = vec![folder.join(format!("test_batch.{end}"))];
    if let Some(path) = train.iter().chain(&test).find(|path| !path.is_file()) {
        return Err(missing(folder, path));
    }
    let part = |paths: &[PathBuf], name: &str| -> Result<Dataset, DataError> {
        let images = match end {
            "bin" => batches(paths)?,
            _ => sheet::load(paths, &labels_path(folder, name)?)?,
        };
        images.dataset(folder)
    };
    Ok(Split {
        train: part(&train, "train")?,
        test: part(&test, "test")?,
    })
}

fn batches(paths: &[PathBuf]) -> Result<Images, DataError> {
    let mut images = Images::default();
    for path in paths {
        append_batch(&bytes::read(path)?, path, &mut images)?;
    }
    Ok(images)
}

fn labels_path(folder: &Path, part: &str) -> Result<PathBuf, DataError> {
    let usual = folder.join(format!("{part}_lables.json"));
    let right = folder.join(format!("{part}_labels.json"));
    match (usual.is_file(), right.is_file()) {
        (true, _) => Ok(usual),
        (false, true) => Ok(right),
        (false, false) => Err(missing(folder, &usual)),
    }
}

fn missing(folder: &Path, path: &Path) -> DataError {
    DataError::MissingFile {
        folder: folder.into(),
        file: super::folder_name(path),
    }
}
