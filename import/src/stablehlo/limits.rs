//! What a program may at most come to, so that no small file takes long or much memory.

use super::error::{ImportError, Place};

/// Bytes of a file.
pub const BYTES: usize = 1 << 31;
/// Operations in a file.
pub const NODES: usize = 1 << 24;
/// Operations when every call has been replaced by what it calls.
pub const INLINED: usize = 1 << 22;
/// Regions and calls within each other.
pub const DEPTH: usize = 128;

/// Fails when `depth` has come to the deepest nesting.
pub fn depth(place: Place, depth: usize) -> Result<(), ImportError> {
    match depth < DEPTH {
        true => Ok(()),
        false => Err(ImportError::Limit {
            place,
            what: "regions and calls within each other",
            limit: DEPTH,
        }),
    }
}

/// Counts one more thing called `what`.
pub fn count(
    place: Place,
    what: &'static str,
    so_far: &mut usize,
    limit: usize,
) -> Result<(), ImportError> {
    *so_far += 1;
    match *so_far <= limit {
        true => Ok(()),
        false => Err(ImportError::Limit { place, what, limit }),
    }
}
