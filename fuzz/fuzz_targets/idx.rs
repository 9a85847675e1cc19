#![no_main]

use std::path::Path;

use craneflow_nn::data::idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = idx::parse(bytes, Path::new("fuzz"));
});
