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

/// Writes a picture of 6 by 6 pixels, bright or dark.
pub fn picture(path: &Path, bright: bool, i: u8) {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, 6, 6);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    let base = if bright { 200 } else { 20 };
    let pixels: Vec<u8> = (0..108).map(|p| base + (p * 7 + i) % 40).collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    std::fs::write(path, bytes).expect("writes");
}
