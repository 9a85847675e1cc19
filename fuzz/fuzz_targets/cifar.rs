#![no_main]

use std::path::Path;

use craneflow_nn::data::cifar;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz");
    let _ = cifar::parse_batch(bytes, path);
    let _ = cifar::parse_sheet(bytes, path);
});
