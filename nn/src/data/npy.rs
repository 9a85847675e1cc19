//! NumPy's `.npy` files: one array with its element type and shape.
//!
//! Read: versions 1 to 3, both byte orders, C and Fortran order, booleans, integers and floats of
//! up to 64 bits. Written: version 1, little-endian, C order. Files are written beside their
//! destination and then renamed, so a failure leaves an existing file as it was.

use std::path::Path;

use craneflow_ir::DType;

use super::array::{Encoding, byte_size};
use super::bytes::{self, Cursor};
use super::{DataError, NpyArray};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header, in bytes; NumPy's own are below 200.
const HEADER_LIMIT: usize = 64 << 10;
/// Most axes of an array.
const RANK_LIMIT: usize = 32;

/// Reads the array in `path` (gzip is undone).
pub fn read(path: impl AsRef<Path>) -> Result<NpyArray, DataError> {
    let path = path.as_ref();
    parse(&bytes::read(path)?, path)
}

/// Writes `array` to `path`, replacing what was there only after all bytes are out.
pub fn write(path: impl AsRef<Path>, array: &NpyArray) -> Result<(), DataError> {
    bytes::write(path.as_ref(), &to_bytes(array))
}

/// The contents of a `.npy` file that holds `array`.
pub fn to_bytes(array: &NpyArray) -> Vec<u8> {
    let shape = match array.shape() {
        [n] => format!("({n},)"),
        shape => format!(
            "({})",
            shape
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let descr = descr(array.dtype());
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // As NumPy does: room for the first extent to grow to 20 digits, then elements from a multiple
    // of 64 on. Magic, version and length are 10 bytes, the line feed one.
    if let Some(first) = array.shape().first() {
        header.push_str(&" ".repeat(21 - first.to_string().len()));
    }
    header.push_str(&" ".repeat(64 - (header.len() + 11) % 64));
    header.push('\n');
    let mut out = [MAGIC, &[1, 0]].concat();
    let length = u16::try_from(header.len()).expect("ndarray's ranks keep headers short");
    out.extend(length.to_le_bytes());
    out.extend(header.bytes());
    out.extend(array.to_le_bytes());
    out
}

/// The array that a `.npy` file with these bytes holds; `path` is for messages.
pub fn parse(bytes: &[u8], path: &Path) -> Result<NpyArray, DataError> {
    let mut file = Cursor::new(bytes, path);
    let magic = file.take(8, "the magic bytes")?;
    if !magic.starts_with(MAGIC) || !(1..=3).contains(&magic[6]) {
        return Err(DataError::Magic {
            path: path.into(),
            format: "a .npy file",
            at: 0,
            found: magic.escape_ascii().to_string(),
            expected: "\\x93NUMPY and version 1 to 3",
        });
    }
    let length = match magic[6] {
        1 => file.take(2, "the header length")?,
        _ => file.take(4, "the header length")?,
    };
    let length = length
        .iter()
        .rev()
        .fold(0, |n, &byte| n << 8 | usize::from(byte));
    if length > HEADER_LIMIT {
        return Err(DataError::TooLarge {
            path: path.into(),
            at: 8,
            what: format!("a header of {length} bytes"),
            limit: format!("{HEADER_LIMIT} bytes"),
        });
    }
    let start = file.at;
    let text = file.take(length, "the header")?;
    let header = HeaderParser {
        path,
        text,
        start,
        at: 0,
    }
    .header()?;
    let Some(size) = byte_size(header.encoding.dtype, &header.shape) else {
        return Err(DataError::TooLarge {
            path: path.into(),
            at: start as u64,
            what: format!("an array of shape {:?}", header.shape),
            limit: "the address space".into(),
        });
    };
    let data = file.take(size, "the elements")?;
    file.finish("the array")?;
    Ok(NpyArray::decode(header.encoding, &header.shape, data).expect("descr gives no bf16"))
}

/// How NumPy calls an element type.
fn descr(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "|b1",
        DType::I8 => "|i1",
        DType::U8 => "|u1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::BF16 => unreachable!("NpyArray has no bf16"),
    }
}

struct Header {
    encoding: Encoding,
    shape: Vec<usize>,
}

/// Reads the header: a Python dictionary literal of three keys.
struct HeaderParser<'a> {
    path: &'a Path,
    text: &'a [u8],
    /// Where the header starts in the file.
    start: usize,
    at: usize,
}

impl<'a> HeaderParser<'a> {
    fn header(mut self) -> Result<Header, DataError> {
        let (mut element, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{', "`{`")?;
        while !self.eat(b'}') {
            let key = self.string()?;
            self.expect(b':', "`:`")?;
            match key {
                b"descr" if element.is_none() => element = Some(self.element()?),
                b"fortran_order" if fortran.is_none() => fortran = Some(self.boolean()?),
                b"shape" if shape.is_none() => shape = Some(self.shape()?),
                _ => return Err(self.error("each of 'descr', 'fortran_order' and 'shape' once")),
            }
            if !self.eat(b',') {
                self.expect(b'}', "`,` or `}`")?;
                break;
            }
        }
        self.skip_space();
        let end = self.at == self.text.len();
        match (element, fortran, shape) {
            _ if !end => Err(self.error("nothing after `}`")),
            (Some((dtype, big_endian)), Some(fortran), Some(shape)) => Ok(Header {
                encoding: Encoding {
                    dtype,
                    big_endian,
                    fortran,
                },
                shape,
            }),
            _ => Err(self.error("each of 'descr', 'fortran_order' and 'shape' once")),
        }
    }

    fn error(&self, expected: &'static str) -> DataError {
        DataError::Header {
            path: self.path.into(),
            at: (self.start + self.at) as u64,
            expected,
        }
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), DataError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    fn string(&mut self) -> Result<&'a [u8], DataError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let quote = rest.first().copied().filter(|q| matches!(q, b'\'' | b'"'));
        let end = quote.and_then(|q| rest[1..].iter().position(|&byte| byte == q));
        let Some(end) = end else {
            return Err(self.error("a string in quotes"));
        };
        self.at += end + 2;
        Ok(&rest[1..end + 1])
    }

    fn boolean(&mut self) -> Result<bool, DataError> {
        self.skip_space();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("True or False"))
    }

    /// The element type, and whether its bytes are big-endian.
    fn element(&mut self) -> Result<(DType, bool), DataError> {
        self.skip_space();
        let at = self.at;
        let text = self.string().unwrap_or_default();
        let (order, kind) = text.split_at_checked(1).unwrap_or_default();
        let dtype = DType::ALL
            .into_iter()
            .filter(|&dtype| dtype != DType::BF16)
            .find(|&dtype| descr(dtype).as_bytes()[1..] == *kind);
        match (dtype, order) {
            (Some(dtype), b"<" | b">") => Ok((dtype, order == b">")),
            (Some(dtype), b"|") if dtype.size() == 1 => Ok((dtype, false)),
            _ => {
                self.at = at;
                Err(self.error(
                    "an element type such as '<f4', '>i8' or '|b1' (b1, i1-i8, u1-u8, f2-f8)",
                ))
            }
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>, DataError> {
        let mut shape = Vec::new();
        self.expect(b'(', "`(`")?;
        while !self.eat(b')') {
            if shape.len() == RANK_LIMIT {
                return Err(self.error("at most 32 axes"));
            }
            shape.push(self.extent()?);
            if !self.eat(b',') {
                self.expect(b')', "`,` or `)`")?;
                break;
            }
        }
        Ok(shape)
    }

    fn extent(&mut self) -> Result<usize, DataError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits])
            .ok()
            .and_then(|text| text.parse().ok());
        let Some(number) = number else {
            return Err(self.error("the extent of an axis"));
        };
        self.at += digits;
        // Python 2 wrote long integers as `3L`.
        self.eat(b'L');
        Ok(number)
    }
}
