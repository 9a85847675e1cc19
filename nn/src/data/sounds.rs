//! Sounds: WAV files, mixed to one channel and brought to one length.

use super::folder::ClassFolder;
use super::stored::{Format, Stored};
use super::{DataError, Dataset, bytes};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::path::Path;

/// Endings of the files that are read.
pub const ENDINGS: [&str; 1] = ["wav"];

/// A sound of one channel.
#[derive(Clone, PartialEq, Debug)]
pub struct Sound {
    /// Samples in a second.
    pub rate: u32,
    /// Samples in -1..1.
    pub samples: Vec<f32>,
}

/// What sounds are brought to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SoundFormat {
    /// Samples in a second. Sounds of another rate are refused.
    pub rate: u32,
    /// Samples of a sound: longer ones are cut at the end, shorter ones are filled with silence.
    pub length: usize,
}

/// Reads a WAV file of whole numbers of up to 32 bits, or of floats. Channels are mixed.
pub fn read(path: impl AsRef<Path>) -> Result<Sound, DataError> {
    let path = path.as_ref();
    parse(&bytes::read(path)?, path)
}

/// The sound with these bytes; `path` is for messages.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Sound, DataError> {
    let wrong = |source: hound::Error| damaged(path, &source);
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(wrong)?;
    let spec = reader.spec();
    let all: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            let samples = reader.samples::<i32>();
            samples.map(|s| s.map(|s| s as f32 / full)).collect()
        }
    };
    let all = all.map_err(wrong)?;
    let channels = usize::from(spec.channels.max(1));
    let mixed = all.chunks_exact(channels);
    Ok(Sound {
        rate: spec.sample_rate,
        samples: mixed
            .map(|c| c.iter().sum::<f32>() / channels as f32)
            .collect(),
    })
}

impl Sound {
    /// The samples in a format; `path` is for messages.
    pub fn fitted(mut self, format: SoundFormat, path: &Path) -> Result<Vec<f32>, DataError> {
        rate(path, self.rate, format)?;
        self.samples.resize(format.length, 0.0);
        Ok(self.samples)
    }
}

/// Reads the sounds of a folder with one folder for each class: `[sounds, length, 1]`.
pub fn load(folder: &ClassFolder, name: &str, format: SoundFormat) -> Result<Dataset, DataError> {
    Stored::open(folder, name, Format::Sound(format))?.load()
}

/// Refuses a file that does not begin as a sound of the format does.
pub(super) fn look(path: &Path, format: SoundFormat) -> Result<(), DataError> {
    let reader = hound::WavReader::open(path).map_err(|e| match e {
        hound::Error::IoError(source) => DataError::Io {
            path: path.into(),
            source,
        },
        other => damaged(path, &other),
    })?;
    rate(path, reader.spec().sample_rate, format)
}

fn damaged(path: &Path, source: &hound::Error) -> DataError {
    DataError::Damaged {
        path: path.into(),
        format: "WAV",
        message: source.to_string(),
    }
}

fn rate(path: &Path, found: u32, format: SoundFormat) -> Result<(), DataError> {
    match found == format.rate {
        true => Ok(()),
        false => Err(DataError::SoundRate {
            path: path.into(),
            found,
            expected: format.rate,
        }),
    }
}
