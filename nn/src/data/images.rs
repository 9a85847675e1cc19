//! Pictures: files (PNG, JPEG) and sizes.

use super::folder::ClassFolder;
use super::stored::{Format, Stored};
use super::{DataError, Dataset, bytes};
use craneflow_ir::Array;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

/// The size that pictures are brought to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 is grey, 3 is red, green and blue.
    pub channels: usize,
}

/// Pixels as they are in the file.
struct Raw {
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
}

/// Largest number of pixels of a picture that is decoded.
const LIMIT: usize = 1 << 28;

/// Reads a picture: `f32[height, width, channels]` with values in 0..1, resized bilinearly.
pub fn read(path: impl AsRef<Path>, size: ImageSize) -> Result<Array, DataError> {
    let path = path.as_ref();
    decode(&bytes::read(path)?, path, size)
}

/// The picture with these bytes; `path` is for messages.
pub fn decode(bytes: &[u8], path: &Path, size: ImageSize) -> Result<Array, DataError> {
    Ok(resized(&raw(bytes, path)?, size))
}

fn raw(bytes: &[u8], path: &Path) -> Result<Raw, DataError> {
    match format(bytes, path)? {
        Picture::Png => png(bytes, path),
        Picture::Jpeg => jpeg(bytes, path),
    }
}

enum Picture {
    Png,
    Jpeg,
}

/// What a file is that begins with these bytes.
fn format(bytes: &[u8], path: &Path) -> Result<Picture, DataError> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Ok(Picture::Png),
        [0xFF, 0xD8, ..] => Ok(Picture::Jpeg),
        _ => Err(DataError::Magic {
            path: path.into(),
            format: "a PNG or JPEG picture",
            at: 0,
            found: bytes[..bytes.len().min(4)].escape_ascii().to_string(),
            expected: "\\x89PNG or \\xff\\xd8",
        }),
    }
}

/// The size of a picture in its file, and whether it has colours.
pub fn natural_size(path: impl AsRef<Path>) -> Result<ImageSize, DataError> {
    let path = path.as_ref();
    let raw = raw(&bytes::read(path)?, path)?;
    Ok(ImageSize {
        height: raw.height,
        width: raw.width,
        channels: if raw.channels < 3 { 1 } else { 3 },
    })
}

/// Endings of the files that are read.
pub const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Reads the pictures of a folder with one folder for each class: `[pictures, height, width, channels]`.
pub fn load(folder: &ClassFolder, name: &str, size: ImageSize) -> Result<Dataset, DataError> {
    Stored::open(folder, name, Format::Image(size))?.load()
}

/// Whether proportions change by more than a fiftieth; only the beginning of the file is read.
pub(super) fn is_stretched(path: &Path, size: ImageSize) -> Result<bool, DataError> {
    let io = |source| DataError::Io {
        path: path.into(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let (height, width) = match format(file.fill_buf().map_err(io)?, path)? {
        Picture::Png => {
            let reader = png_decoder(file).read_info();
            let reader = reader.map_err(|source| png_error(path, source))?;
            let info = reader.info();
            (info.height as usize, info.width as usize)
        }
        Picture::Jpeg => {
            let mut decoder = zune_jpeg::JpegDecoder::new(file);
            let decoded = decoder.decode_headers();
            decoded.map_err(|e| jpeg_error(path, e.to_string()))?;
            let (width, height) = decoder.dimensions().unwrap_or((0, 0));
            (height, width)
        }
    };
    let (a, b) = (height * size.width, width * size.height);
    Ok(a.abs_diff(b) * 50 > a.max(b))
}

/// The numbers of an `f32` array.
pub(crate) fn floats(array: &Array) -> impl Iterator<Item = f32> + '_ {
    let word = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    array.bytes().chunks_exact(4).map(word)
}

fn png_decoder<R: BufRead + Seek>(file: R) -> png::Decoder<R> {
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder
}

fn png_error(path: &Path, source: png::DecodingError) -> DataError {
    DataError::Png {
        path: path.into(),
        row: 0,
        at: 0,
        source,
    }
}

fn jpeg_error(path: &Path, message: String) -> DataError {
    DataError::Damaged {
        path: path.into(),
        format: "JPEG",
        message,
    }
}

fn png(bytes: &[u8], path: &Path) -> Result<Raw, DataError> {
    let wrong = |source| png_error(path, source);
    let mut reader = png_decoder(Cursor::new(bytes)).read_info().map_err(wrong)?;
    let size = reader.output_buffer_size().filter(|n| *n <= 4 * LIMIT);
    let size = size.ok_or_else(|| too_large(path))?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(wrong)?;
    pixels.truncate(info.buffer_size());
    Ok(Raw {
        height: info.height as usize,
        width: info.width as usize,
        channels: info.color_type.samples(),
        pixels,
    })
}

fn jpeg(bytes: &[u8], path: &Path) -> Result<Raw, DataError> {
    let wrong = |message: String| jpeg_error(path, message);
    let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(bytes));
    decoder.decode_headers().map_err(|e| wrong(e.to_string()))?;
    let (width, height) = decoder.dimensions().unwrap_or((0, 0));
    if width.saturating_mul(height) > LIMIT {
        return Err(too_large(path));
    }
    let pixels = decoder.decode().map_err(|e| wrong(e.to_string()))?;
    let channels = pixels.len() / (width * height).max(1);
    match channels {
        1 | 3 if pixels.len() == width * height * channels => Ok(Raw {
            height,
            width,
            channels,
            pixels,
        }),
        _ => Err(wrong(format!("{channels} channels; 1 or 3 can be read"))),
    }
}

fn too_large(path: &Path) -> DataError {
    DataError::TooLarge {
        path: path.into(),
        at: 0,
        what: "the picture".to_string(),
        limit: format!("{LIMIT} pixels"),
    }
}

/// Bilinear, with pixel centres at half numbers; transparent pixels are what they are over black.
fn resized(raw: &Raw, size: ImageSize) -> Array {
    let value = |row: usize, column: usize, channel: usize| {
        let at = (row * raw.width + column) * raw.channels;
        let pixel = &raw.pixels[at..at + raw.channels];
        let grey = match (raw.channels, size.channels) {
            (1 | 2, _) => f32::from(pixel[0]),
            (_, 1) => {
                let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
                0.299 * r + 0.587 * g + 0.114 * b
            }
            _ => f32::from(pixel[channel.min(2)]),
        };
        let alpha = match raw.channels {
            2 | 4 => f32::from(pixel[raw.channels - 1]) / 255.0,
            _ => 1.0,
        };
        grey * alpha / 255.0
    };
    let rows = places(raw.height, size.height);
    let columns = places(raw.width, size.width);
    let mut data = Vec::with_capacity(size.height * size.width * size.channels);
    for &(top, bottom, down) in &rows {
        for &(left, right, across) in &columns {
            for c in 0..size.channels {
                let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
                let above = mix(value(top, left, c), value(top, right, c), across);
                let below = mix(value(bottom, left, c), value(bottom, right, c), across);
                data.push(mix(above, below, down));
            }
        }
    }
    Array::f32([size.height, size.width, size.channels], &data)
}

/// For each of `to` pixels the two of `from` that it lies between, and how far.
fn places(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    let last = from.saturating_sub(1);
    let place = |i: usize| {
        let x = ((i as f64 + 0.5) * scale - 0.5).clamp(0.0, last as f64);
        let low = x.floor();
        (low as usize, last.min(low as usize + 1), (x - low) as f32)
    };
    (0..to).map(place).collect()
}
