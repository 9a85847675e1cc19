//! Executables as bytes, for files of the cache and for callers of the C API alike.
//!
//! Magic and version, a hash of all that follows, then options, program, the key of the machine code,
//! and the machine code: byte strings with their lengths before them. The code may be left out; where
//! its key is another one, as on another machine, it is not looked at and the program compiled again.

use crate::error::Failure;
use craneflow_codegen::hash::Hash;
use craneflow_codegen::pack::{bytes, put_bytes};

const MAGIC: &[u8; 8] = b"crnflw\x00\x02";

/// What is written down of an executable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Saved<'a> {
    /// The options as they came.
    pub options: &'a [u8],
    /// The program as it came.
    pub program: &'a [u8],
    /// Tells the machine code from that of other programs, machines and versions.
    pub key: [u8; Hash::BYTES],
    /// The executable of the runtime, or nothing.
    pub code: &'a [u8],
}

impl<'a> Saved<'a> {
    /// Bytes that [`Saved::read`] takes.
    pub fn write(&self) -> Vec<u8> {
        let mut content = vec![];
        for part in [self.options, self.program, &self.key, self.code] {
            put_bytes(&mut content, part);
        }
        let sum = Hash::of(&content).to_bytes();
        [&MAGIC[..], &sum, &content].concat()
    }

    /// What bytes that [`Saved::write`] made hold.
    pub fn read(bytes: &'a [u8]) -> Result<Saved<'a>, Failure> {
        let damaged = || Failure::Invalid("these bytes are no executable of Craneflow".into());
        Saved::parts(bytes).ok_or_else(damaged)
    }

    fn parts(mut from: &'a [u8]) -> Option<Saved<'a>> {
        let magic = from.split_off(..MAGIC.len())?;
        let sum = from.split_off(..Hash::BYTES)?;
        if magic != MAGIC || sum != Hash::of(from).to_bytes() {
            return None;
        }
        let from = &mut from;
        let saved = Saved {
            options: bytes(from)?,
            program: bytes(from)?,
            key: bytes(from)?.try_into().ok()?,
            code: bytes(from)?,
        };
        from.is_empty().then_some(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_any_damage_seen() {
        let saved = Saved {
            options: b"options!",
            program: b"program",
            key: [7; Hash::BYTES],
            code: b"",
        };
        let bytes = saved.write();
        assert_eq!(Saved::read(&bytes).expect("whole"), saved);
        for at in 0..bytes.len() {
            for bit in [0x01, 0x10, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bit;
                assert!(Saved::read(&damaged).is_err(), "byte {at}");
            }
            assert!(Saved::read(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(Saved::read(&[&bytes[..], &[0]].concat()).is_err());
    }
}
