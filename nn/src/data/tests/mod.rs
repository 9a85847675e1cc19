//! Every reader with a good tiny file, and with each way a file can be wrong.

mod cifar;
mod csv;
mod dataset;
mod hostile;
mod idx;
mod images;
mod load;
mod npy;
mod pipeline;
mod prepare;
mod source;

use std::fmt::Debug;
use std::path::Path;

use super::DataError;

/// The message with which a reader refuses a file.
fn refusal<T: Debug>(outcome: Result<T, DataError>) -> String {
    outcome.expect_err("the file is wrong").to_string()
}

/// Writes `files` into a fresh folder.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file in it");
    }
    folder
}

/// `message` without the folder's own path.
fn relative(message: String, folder: &Path) -> String {
    let prefix = format!("{}/", folder.display());
    message
        .replace(&prefix, "")
        .replace(&folder.display().to_string(), "FOLDER")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
