//! Running the binary from outside.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub const CRANEFLOW: &str = env!("CARGO_BIN_EXE_craneflow");

/// A program in a folder, with nothing to read and without the settings of who runs the tests.
pub fn command(program: &str, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("CRANEFLOW_DATA")
        .env_remove("CARGO")
        .env_remove("NO_COLOR");
    command
}

/// What the binary did.
pub fn craneflow(folder: &Path, args: &[&str]) -> Output {
    let mut command = command(CRANEFLOW, folder, args);
    command.output().expect("the binary starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The message of a run that has failed with this exit code.
pub fn failed(output: &Output, code: i32, args: &[&str]) -> String {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    message
}

/// Standard output of the binary, which succeeds.
pub fn good(folder: &Path, args: &[&str]) -> String {
    let output = craneflow(folder, args);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    text(&output.stdout)
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
