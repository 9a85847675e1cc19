//! Whole files in memory, uncompressed, within limits; and a cursor that knows where it is.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::DataError;

/// Largest file that is read, in bytes.
const FILE_LIMIT: u64 = 4 << 30;
/// Largest size that a gzip stream may grow to, in bytes.
const INFLATED_LIMIT: u64 = 1 << 30;

/// The contents of `path`; gzip is recognised by its first bytes and undone.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let io = |source| DataError::Io {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(too_large(path, FILE_LIMIT, "the file"));
    }
    inflate(bytes, path)
}

/// Writes a file, replacing what was at `path` only after all bytes are out.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let io = |source| DataError::Io {
        path: path.into(),
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// `bytes` themselves, or what the gzip stream in them holds.
pub(super) fn inflate(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let outcome = MultiGzDecoder::new(&bytes[..])
        .take(INFLATED_LIMIT + 1)
        .read_to_end(&mut plain);
    if let Err(source) = outcome {
        return Err(DataError::Gzip {
            path: path.into(),
            at: plain.len() as u64,
            source,
        });
    }
    if plain.len() as u64 > INFLATED_LIMIT {
        return Err(too_large(path, INFLATED_LIMIT, "the uncompressed file"));
    }
    Ok(plain)
}

fn too_large(path: &Path, limit: u64, what: &str) -> DataError {
    DataError::TooLarge {
        path: path.into(),
        at: limit,
        what: what.into(),
        limit: format!("{limit} bytes"),
    }
}

/// A position in the bytes of a file.
pub(super) struct Cursor<'a> {
    pub path: &'a Path,
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], path: &'a Path) -> Self {
        Cursor { path, bytes, at: 0 }
    }

    /// The next `count` bytes, which are part of `what`.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DataError> {
        let rest = &self.bytes[self.at..];
        if rest.len() < count {
            return Err(DataError::Truncated {
                path: self.path.into(),
                at: self.bytes.len() as u64,
                what,
                missing: (count - rest.len()) as u64,
            });
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// Fails unless everything was taken; `what` is what ends here.
    pub fn finish(&self, what: &'static str) -> Result<(), DataError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            extra => Err(DataError::Trailing {
                path: self.path.into(),
                at: self.at as u64,
                what,
                extra: extra as u64,
            }),
        }
    }
}
