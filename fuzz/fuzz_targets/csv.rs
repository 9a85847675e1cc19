#![no_main]

use std::path::Path;

use craneflow_nn::data::csv::{self, CsvOptions, Header, Target};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the options.
fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else {
        return;
    };
    let options = CsvOptions {
        header: [Header::Auto, Header::Present, Header::Absent][usize::from(choice) % 3],
        target: [Target::Auto, Target::Class, Target::Value][usize::from(choice) / 3 % 3],
        ..CsvOptions::default()
    };
    let _ = csv::parse(bytes, Path::new("fuzz"), &options);
});
