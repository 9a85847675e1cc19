//! Images packed into PNG files, one image a row of pixels, with their labels in a JSON array.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use png::{BitDepth, ColorType, Decoder, Limits};

use super::cifar::{CLASSES, IMAGE_LIMIT, Images, SIDE, VALUES};
use super::{DataError, bytes};

/// Memory that the decoder may use, in bytes.
const DECODER_LIMIT: usize = 64 << 20;

/// Reads the sheets in `paths`, one after the other, with all their labels from `labels_path`.
pub(super) fn load(paths: &[PathBuf], labels_path: &Path) -> Result<Images, DataError> {
    let labels = parse_labels(&bytes::read(labels_path)?, labels_path)?;
    let mut pixels = Vec::new();
    pixels.reserve_exact(labels.len() * VALUES);
    let mut rows = 0;
    for path in paths {
        rows += append(&bytes::read(path)?, path, IMAGE_LIMIT - rows, &mut pixels)?;
    }
    if rows != labels.len() {
        return Err(DataError::Counts {
            inputs_path: paths.last().expect("the caller names a sheet").clone(),
            inputs: rows,
            labels_path: labels_path.into(),
            labels: labels.len(),
        });
    }
    Ok(Images { pixels, labels })
}

/// The class labels in a JSON array with these bytes.
pub(super) fn parse_labels(bytes: &[u8], path: &Path) -> Result<Vec<i32>, DataError> {
    let labels: Vec<i32> = serde_json::from_slice(bytes).map_err(|source| DataError::Json {
        path: path.into(),
        source,
    })?;
    if labels.len() > IMAGE_LIMIT {
        return Err(too_many(path, 0, labels.len(), IMAGE_LIMIT));
    }
    let bad = |label: &i32| !(0..CLASSES.len() as i32).contains(label);
    match labels.iter().position(bad) {
        None => Ok(labels),
        Some(entry) => Err(DataError::Label {
            path: path.into(),
            unit: "entry",
            at: entry as u64,
            label: labels[entry].into(),
            classes: CLASSES.len(),
        }),
    }
}

/// Appends the images of a sheet to `pixels`, in 0..1, and returns how many they are: at most `limit`.
pub(super) fn append(
    bytes: &[u8],
    path: &Path,
    limit: usize,
    pixels: &mut Vec<f32>,
) -> Result<usize, DataError> {
    if !bytes.starts_with(b"\x89PNG") {
        return Err(DataError::Magic {
            path: path.into(),
            format: "a PNG file",
            at: 0,
            found: bytes[..bytes.len().min(4)].escape_ascii().to_string(),
            expected: "\\x89PNG",
        });
    }
    let at = Cell::new(0);
    let damaged = |row: usize, source| DataError::Png {
        path: path.into(),
        row: row as u64,
        at: at.get(),
        source,
    };
    let file = Tracked {
        file: Cursor::new(bytes),
        at: &at,
    };
    let decoder = Decoder::new_with_limits(
        file,
        Limits {
            bytes: DECODER_LIMIT,
        },
    );
    let mut reader = decoder.read_info().map_err(|source| damaged(0, source))?;
    let info = reader.info();
    let kind = (info.color_type, info.bit_depth);
    if (kind, info.width, info.interlaced) != ((ColorType::Rgb, BitDepth::Eight), 1024, false) {
        return Err(DataError::Elements {
            path: path.into(),
            found: format!(
                "{:?} pixels of {:?} bits, {} wide{}",
                kind.0,
                kind.1 as u8,
                info.width,
                if info.interlaced { ", interlaced" } else { "" }
            ),
            expected: "Rgb pixels of 8 bits, 1024 wide: one image of 32x32 a row",
        });
    }
    let height = info.height as usize;
    if height > limit {
        return Err(too_many(path, 20, height, limit));
    }
    debug_assert_eq!(SIDE * SIDE, info.width as usize);
    let mut row = vec![0; VALUES];
    for done in 0..height {
        reader
            .read_row(&mut row)
            .map_err(|source| damaged(done, source))?;
        pixels.extend(row.iter().map(|&value| f32::from(value) / 255.0));
    }
    Ok(height)
}

fn too_many(path: &Path, at: u64, images: usize, limit: usize) -> DataError {
    DataError::TooLarge {
        path: path.into(),
        at,
        what: format!("a sheet or list of {images} images"),
        limit: format!("{limit} images"),
    }
}

/// A file in memory that tells how far it was read.
struct Tracked<'a> {
    file: Cursor<&'a [u8]>,
    at: &'a Cell<u64>,
}

impl Read for Tracked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        self.at.set(self.file.position());
        Ok(count)
    }
}

impl BufRead for Tracked<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.at.set(self.file.position());
    }
}

impl Seek for Tracked<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
