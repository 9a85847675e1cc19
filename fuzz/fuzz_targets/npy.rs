#![no_main]

use std::path::Path;

use craneflow_nn::data::npy;
use libfuzzer_sys::fuzz_target;

// What was read is read again from what is written of it.
fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz");
    if let Ok(array) = npy::parse(bytes, path) {
        let written = npy::to_bytes(&array);
        let again = npy::parse(&written, path).expect("own files are read");
        assert_eq!(npy::to_bytes(&again), written);
    }
});
