//! Samples that stay in their files and are read when they are asked for.

use super::folder::ClassFolder;
use super::images::{self, ImageSize};
use super::sounds::{self, SoundFormat};
use super::{DataError, Dataset, Labels};
use craneflow_ir::Array;
use ndarray::{ArrayD, IxDyn};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

/// What a file is read as.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Format {
    /// A picture, `[height, width, channels]`.
    Image(ImageSize),
    /// A sound, `[length, 1]`.
    Sound(SoundFormat),
}

impl Format {
    /// The shape of a sample.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Format::Image(size) => vec![size.height, size.width, size.channels],
            Format::Sound(format) => vec![format.length, 1],
        }
    }

    fn read(&self, path: &Path) -> Result<Array, DataError> {
        match self {
            Format::Image(size) => images::read(path, *size),
            Format::Sound(format) => {
                let samples = sounds::read(path)?.fitted(*format, path)?;
                Ok(Array::f32([format.length, 1], &samples))
            }
        }
    }

    /// Whether the file begins as such a file does, and whether the proportions of its picture will change.
    fn look(&self, path: &Path) -> Result<bool, DataError> {
        match self {
            Format::Image(size) => images::is_stretched(path, *size),
            Format::Sound(format) => sounds::look(path, *format).map(|()| false),
        }
    }
}

/// A file as it was when the data set was opened.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    stretched: bool,
}

impl Entry {
    fn of(path: &Path, format: Format) -> Result<Entry, DataError> {
        let stretched = format.look(path)?;
        let found = metadata(path)?;
        Ok(Entry {
            path: path.into(),
            bytes: found.len(),
            modified: found.modified().ok(),
            stretched,
        })
    }

    fn read(&self, format: Format) -> Result<Array, DataError> {
        let found = metadata(&self.path)?;
        if (found.len(), found.modified().ok()) != (self.bytes, self.modified) {
            return Err(DataError::Changed {
                path: self.path.clone(),
            });
        }
        format.read(&self.path)
    }
}

fn metadata(path: &Path) -> Result<std::fs::Metadata, DataError> {
    std::fs::metadata(path).map_err(|source| DataError::Io {
        path: path.into(),
        source,
    })
}

/// Files of one format, a sample each, and their classes.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    name: String,
    format: Format,
    files: Vec<Entry>,
    labels: Labels,
    classes: Vec<String>,
}

impl Stored {
    /// Looks at the beginning of each file, on several threads: what is no file of the format is an error, the first
    /// in the order of the folder.
    pub fn open(
        folder: &ClassFolder,
        name: impl Into<String>,
        format: Format,
    ) -> Result<Stored, DataError> {
        let entry = |(path, _): &(PathBuf, i32)| Entry::of(path, format);
        Ok(Stored {
            name: name.into(),
            format,
            files: shared(&folder.files, entry)?,
            labels: folder.labels(),
            classes: folder.classes.clone(),
        })
    }

    /// What the data set is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the files are read as.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The classes of the files.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes of all samples, once they are read.
    pub fn bytes(&self) -> usize {
        let one: usize = self.format.shape().iter().product();
        one.saturating_mul(self.len())
            .saturating_mul(size_of::<f32>())
    }

    /// A file. Panics where `sample` is not below [`Stored::len`].
    pub fn path(&self, sample: usize) -> &Path {
        &self.files[sample].path
    }

    /// Reads a sample. A file that is not what it was when the data set was opened is an error. Panics where
    /// `sample` is not below [`Stored::len`].
    pub fn read(&self, sample: usize) -> Result<Array, DataError> {
        self.files[sample].read(self.format)
    }

    /// The samples at `indices`, in that order. Panics where an index is not below [`Stored::len`].
    pub fn select(&self, indices: &[usize]) -> Stored {
        Stored {
            name: self.name.clone(),
            format: self.format,
            files: indices.iter().map(|&i| self.files[i].clone()).collect(),
            labels: self.labels.select(indices),
            classes: self.classes.clone(),
        }
    }

    /// Reads all samples, on several threads; the first error in the order of the files counts.
    pub fn load(&self) -> Result<Dataset, DataError> {
        let shape = self.format.shape();
        let each: usize = shape.iter().product();
        let mut numbers = Vec::with_capacity(self.len() * each);
        // A round of files at a time, so that samples are not in memory twice.
        for files in self.files.chunks(512) {
            for sample in shared(files, |file| file.read(self.format))? {
                numbers.extend(images::floats(&sample));
            }
        }
        let shape = [&[self.len()], &shape[..]].concat();
        let inputs = ArrayD::from_shape_vec(IxDyn(&shape), numbers);
        let inputs = inputs.expect("samples have the shape of the format");
        let name = self.name.clone();
        let data = Dataset::new(name, inputs, self.labels.clone(), self.classes.clone())?;
        let places = self.files.iter().map(|f| f.path.display().to_string());
        Ok(data.placed_at(places.collect()))
    }

    /// What pictures lose, for people to read.
    pub fn warning(&self) -> Option<String> {
        let Format::Image(size) = self.format else {
            return None;
        };
        let mut stretched = self.files.iter().filter(|f| f.stretched);
        let first = stretched.next()?;
        Some(format!(
            "{} of {} pictures have other proportions than {} by {} and are stretched, such as {}",
            1 + stretched.count(),
            self.len(),
            size.height,
            size.width,
            first.path.display()
        ))
    }
}

/// Applies a function to all items on several threads. Results are in order, and the first error counts.
fn shared<T: Sync, R: Send>(
    items: &[T],
    f: impl Fn(&T) -> Result<R, DataError> + Sync,
) -> Result<Vec<R>, DataError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = items.len().div_ceil(threads).max(1);
    let f = &f;
    let parts: Vec<Result<Vec<R>, DataError>> = thread::scope(|scope| {
        let parts = items.chunks(part);
        let running: Vec<_> = parts
            .map(|items| scope.spawn(move || items.iter().map(f).collect()))
            .collect();
        let joined = running.into_iter().map(|t| t.join());
        joined
            .map(|part| part.unwrap_or(Err(DataError::Worker)))
            .collect()
    });
    let parts: Vec<Vec<R>> = parts.into_iter().collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}
