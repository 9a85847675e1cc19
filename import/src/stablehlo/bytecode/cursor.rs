//! Bytes, variable-length integers and sections of MLIR bytecode.

use crate::stablehlo::error::{ImportError, Place};

/// Reads a range of the file. Positions are those in the file.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

/// An error at a byte of the file.
pub fn damaged(at: usize, message: impl Into<String>) -> ImportError {
    ImportError::Syntax {
        place: Place::Offset(at),
        message: message.into(),
    }
}

impl<'a> Cursor<'a> {
    /// The whole file.
    pub fn new(file: &'a [u8]) -> Cursor<'a> {
        Cursor {
            file,
            at: 0,
            end: file.len(),
        }
    }

    /// Position in the file.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], ImportError> {
        if n > self.left() {
            let message = format!("{n} bytes expected, {} are left", self.left());
            return Err(damaged(self.at, message));
        }
        self.at += n;
        Ok(&self.file[self.at - n..self.at])
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, ImportError> {
        Ok(self.bytes(1)?[0])
    }

    /// A cursor over the next `n` bytes, which are skipped here.
    pub fn section(&mut self, n: usize) -> Result<Cursor<'a>, ImportError> {
        let at = self.at;
        self.bytes(n)?;
        Ok(Cursor {
            file: self.file,
            at,
            end: at + n,
        })
    }

    /// An unsigned integer: trailing zero bits of the first byte are the number of further bytes.
    pub fn varint(&mut self) -> Result<u64, ImportError> {
        let first = self.byte()?;
        let more = first.trailing_zeros() as usize;
        let mut raw = [0; 8];
        if first == 0 {
            raw.copy_from_slice(self.bytes(8)?);
            return Ok(u64::from_le_bytes(raw));
        }
        raw[0] = first;
        raw[1..=more].copy_from_slice(self.bytes(more)?);
        Ok(u64::from_le_bytes(raw) >> (more + 1))
    }

    /// A signed integer.
    pub fn signed(&mut self) -> Result<i64, ImportError> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// An integer with a flag in its lowest bit.
    pub fn flagged(&mut self) -> Result<(u64, bool), ImportError> {
        let both = self.varint()?;
        Ok((both >> 1, both & 1 != 0))
    }

    /// An index below `len` into the table called `what`.
    pub fn index(&mut self, len: usize, what: &str) -> Result<usize, ImportError> {
        let at = self.at;
        let index = self.varint()?;
        below(at, index, len, what)
    }

    /// The number of things that follow, each of which takes at least one byte.
    pub fn count(&mut self) -> Result<usize, ImportError> {
        let at = self.at;
        let count = self.varint()?;
        match usize::try_from(count).ok().filter(|&n| n <= self.left()) {
            Some(n) => Ok(n),
            None => {
                let message = format!("{count} entries expected, {} bytes are left", self.left());
                Err(damaged(at, message))
            }
        }
    }
}

/// `index` if it is below `len`.
pub fn below(at: usize, index: u64, len: usize, what: &str) -> Result<usize, ImportError> {
    match usize::try_from(index).ok().filter(|&i| i < len) {
        Some(index) => Ok(index),
        None => Err(damaged(
            at,
            format!("there is no {what} {index}; there are {len}"),
        )),
    }
}
