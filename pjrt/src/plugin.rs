//! The plugin itself: what it says of itself before there is a client.

use crate::abi::{NamedValue, Nothing, PluginAttributes, Text, named};
use crate::error::Failure;
use std::sync::OnceLock;

/// The version of StableHLO that programs are asked for in: the format of what arrives is fixed by it.
static STABLEHLO: [i64; 3] = [1, 10, 0];

/// A list that C reads and no one writes.
struct Fixed([NamedValue; 1]);

// SAFETY: its pointers are to constants.
unsafe impl Send for Fixed {}
// SAFETY: as above.
unsafe impl Sync for Fixed {}

pub fn initialize(_: &mut Nothing) -> Result<(), Failure> {
    Ok(())
}

pub fn attributes(args: &mut PluginAttributes) -> Result<(), Failure> {
    static ATTRIBUTES: OnceLock<Fixed> = OnceLock::new();
    let list = ATTRIBUTES.get_or_init(|| {
        Fixed([NamedValue {
            struct_size: size_of::<NamedValue>(),
            extension: std::ptr::null_mut(),
            name: Text::of("stablehlo_current_version"),
            kind: named::INTS,
            value: STABLEHLO.as_ptr().expose_provenance() as u64,
            len: STABLEHLO.len(),
        }])
    });
    (args.attributes, args.count) = (list.0.as_ptr(), list.0.len());
    Ok(())
}
