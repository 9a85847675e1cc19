//! Executables as bytes: the program, its options, and sums to know damage by.
//!
//! Magic and version, then the lengths of options and program (8 bytes each, little-endian), a checksum
//! of what follows, the options, the program.

use crate::compiled::Compiled;
use crate::error::Failure;
use crate::hash::Hash;

const MAGIC: &[u8; 8] = b"crnflw\x00\x01";

/// Bytes that [`read`] takes.
pub fn write(compiled: &Compiled) -> Vec<u8> {
    pack(&compiled.source, &compiled.options)
}

fn pack(program: &[u8], options: &[u8]) -> Vec<u8> {
    let content = [options, program].concat();
    let mut bytes = MAGIC.to_vec();
    bytes.extend((options.len() as u64).to_le_bytes());
    bytes.extend((program.len() as u64).to_le_bytes());
    bytes.extend(Hash::of(&content).to_bytes());
    bytes.extend(content);
    bytes
}

/// The program and the options in bytes that [`write`] made.
pub fn read(bytes: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let damaged = || Failure::Invalid("these bytes are no executable of Craneflow".into());
    parts(bytes).ok_or_else(damaged)
}

fn parts(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let magic = bytes.split_off(..MAGIC.len())?;
    let mut number =
        || -> Option<u64> { Some(u64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?)) };
    let (options, program) = (number()?, number()?);
    let sum = bytes.split_off(..Hash::BYTES)?;
    let whole = options.checked_add(program) == Some(bytes.len() as u64)
        && magic == MAGIC
        && sum == Hash::of(bytes).to_bytes();
    let (options, program) = whole.then(|| bytes.split_at(options as usize))?;
    Some((program, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_any_damage_seen() {
        let bytes = pack(b"program", b"options!");
        assert_eq!(
            read(&bytes).expect("whole"),
            (&b"program"[..], &b"options!"[..])
        );
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(read(&damaged).is_err(), "byte {at}");
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }
}
