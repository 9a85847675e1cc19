//! The tables of a bytecode file: strings, dialects, names of operations, and where attributes, types
//! and properties are.

use super::cursor::{Cursor, below, damaged};
use crate::stablehlo::error::ImportError;

/// Section identifiers.
const STRINGS: usize = 0;
const DIALECTS: usize = 1;
const ATTRIBUTES: usize = 2;
const OFFSETS: usize = 3;
/// Operations.
pub const IR: usize = 4;
const PROPERTIES: usize = 8;
const SECTIONS: usize = 9;

/// The version of MLIR bytecode that is read.
const VERSION: u64 = 6;

/// An attribute or a type, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Position in the table of dialects.
    pub dialect: usize,
    /// Its bytes.
    pub bytes: Cursor<'a>,
    /// Whether the dialect has written it its own way rather than as text.
    pub custom: bool,
}

/// An operation's name.
#[derive(Clone, Copy, Debug)]
pub struct OpName<'a> {
    /// Its dialect.
    pub dialect: &'a str,
    /// Its name within the dialect.
    pub name: &'a str,
}

/// All tables and the operations of a file.
#[derive(Clone, Debug)]
pub struct Tables<'a> {
    /// Strings.
    pub strings: Vec<&'a str>,
    /// Names of dialects.
    pub dialects: Vec<&'a str>,
    /// Names of operations.
    pub ops: Vec<OpName<'a>>,
    /// Attributes.
    pub attributes: Vec<Entry<'a>>,
    /// Types.
    pub types: Vec<Entry<'a>>,
    /// Properties.
    pub properties: Vec<Cursor<'a>>,
    /// The operations.
    pub ir: Cursor<'a>,
}

impl<'a> Tables<'a> {
    /// Reads a file up to its operations.
    pub fn read(file: &'a [u8]) -> Result<Tables<'a>, ImportError> {
        let mut c = Cursor::new(file);
        c.bytes(super::MAGIC.len())?;
        let at = c.at();
        let version = c.varint()?;
        if version != VERSION {
            let message = format!("bytecode of version {version}; {VERSION} is read");
            return Err(damaged(at, message));
        }
        while c.byte()? != 0 {}
        let mut found: [Option<Cursor>; SECTIONS] = [None; SECTIONS];
        while c.left() > 0 {
            let at = c.at();
            let (id, payload) = section(&mut c)?;
            if id >= SECTIONS {
                return Err(damaged(at, format!("there is no section {id}")));
            }
            if found[id].replace(payload).is_some() {
                return Err(damaged(at, format!("section {id} comes twice")));
            }
        }
        let end = c.at();
        let need = |id: usize, what: &str| {
            found[id].ok_or_else(|| damaged(end, format!("the section of {what} is missing")))
        };
        let strings = strings(need(STRINGS, "strings")?)?;
        let (dialects, ops) = dialects(need(DIALECTS, "dialects")?, &strings)?;
        let offsets = need(OFFSETS, "offsets")?;
        let data = need(ATTRIBUTES, "attributes and types")?;
        let (attributes, types) = entries(offsets, data, dialects.len())?;
        let properties = match found[PROPERTIES] {
            Some(c) => properties(c)?,
            None => vec![],
        };
        Ok(Tables {
            strings,
            dialects,
            ops,
            attributes,
            types,
            properties,
            ir: need(IR, "operations")?,
        })
    }
}

/// One section: its identifier and its payload.
pub fn section<'a>(c: &mut Cursor<'a>) -> Result<(usize, Cursor<'a>), ImportError> {
    const PADDING: u8 = 0xcb;
    let head = c.byte()?;
    let at = c.at();
    let length = c.varint()?;
    if head & 0x80 != 0 {
        let at = c.at();
        let alignment = c.varint()?;
        if !alignment.is_power_of_two() || alignment > 1 << 20 {
            return Err(damaged(at, format!("alignment of {alignment} bytes")));
        }
        while !(c.at() as u64).is_multiple_of(alignment) {
            let at = c.at();
            if c.byte()? != PADDING {
                return Err(damaged(at, "padding expected"));
            }
        }
    }
    let length = usize::try_from(length).map_err(|_| damaged(at, "a section is too long"))?;
    Ok((head as usize & 0x7f, c.section(length)?))
}

/// Lengths come from last to first and count a final zero byte.
fn strings<'a>(mut c: Cursor<'a>) -> Result<Vec<&'a str>, ImportError> {
    let count = c.count()?;
    let mut lengths = vec![];
    for _ in 0..count {
        let at = c.at();
        let length = c.varint()?;
        let length = below(at, length, c.left() + 1, "length")?;
        lengths.push(length);
    }
    let mut strings = vec![];
    for length in lengths.into_iter().rev() {
        let at = c.at();
        let Some((0, text)) = c.bytes(length)?.split_last() else {
            return Err(damaged(at, "a string without its final zero"));
        };
        let text = std::str::from_utf8(text);
        strings.push(text.map_err(|_| damaged(at, "a string that is not UTF-8"))?);
    }
    Ok(strings)
}

type Names<'a> = (Vec<&'a str>, Vec<OpName<'a>>);

fn dialects<'a>(mut c: Cursor<'a>, strings: &[&'a str]) -> Result<Names<'a>, ImportError> {
    let string = |at: usize, i: u64| Ok(strings[below(at, i, strings.len(), "string")?]);
    let count = c.count()?;
    let mut dialects = vec![];
    for _ in 0..count {
        let at = c.at();
        let (name, versioned) = c.flagged()?;
        dialects.push(string(at, name)?);
        if versioned {
            section(&mut c)?;
        }
    }
    let mut ops = vec![];
    if c.left() == 0 {
        return Ok((dialects, ops));
    }
    let total = c.count()?;
    while c.left() > 0 {
        let dialect = c.index(dialects.len(), "dialect")?;
        for _ in 0..c.count()? {
            let at = c.at();
            let (name, _registered) = c.flagged()?;
            ops.push(OpName {
                dialect: dialects[dialect],
                name: string(at, name)?,
            });
        }
    }
    if ops.len() != total {
        let message = format!("{total} operation names expected, found {}", ops.len());
        return Err(damaged(c.at(), message));
    }
    Ok((dialects, ops))
}

type Entries<'a> = (Vec<Entry<'a>>, Vec<Entry<'a>>);

fn entries<'a>(
    mut c: Cursor<'a>,
    mut data: Cursor<'a>,
    dialects: usize,
) -> Result<Entries<'a>, ImportError> {
    let (attributes, types) = (c.varint()?, c.varint()?);
    let mut all = vec![];
    while c.left() > 0 {
        let dialect = c.index(dialects, "dialect")?;
        for _ in 0..c.count()? {
            let at = c.at();
            let (size, custom) = c.flagged()?;
            let size = below(at, size, data.left() + 1, "size")?;
            all.push(Entry {
                dialect,
                bytes: data.section(size)?,
                custom,
            });
        }
    }
    if attributes.checked_add(types) != Some(all.len() as u64) {
        let message = format!(
            "{attributes} attributes and {types} types expected, found {}",
            all.len()
        );
        return Err(damaged(c.at(), message));
    }
    let types = all.split_off(attributes as usize);
    Ok((all, types))
}

fn properties<'a>(mut c: Cursor<'a>) -> Result<Vec<Cursor<'a>>, ImportError> {
    let count = c.count()?;
    let mut list = vec![];
    for _ in 0..count {
        let size = c.count()?;
        list.push(c.section(size)?);
    }
    Ok(list)
}
