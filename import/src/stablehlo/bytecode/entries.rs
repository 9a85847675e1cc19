//! Attributes and types, decoded when they are asked for and kept.

use super::cursor::{Cursor, below, damaged};
use super::sections::{Entry, Tables};
use crate::stablehlo::error::ImportError;
use crate::stablehlo::tree::{Attr, Dense, ElementType, Ty};
use std::rc::Rc;

/// Deepest nesting of attributes and types.
const DEPTH: usize = 32;

/// What was decoded, and how many levels it has.
type Slot<T> = Option<(Rc<T>, usize)>;

/// Decodes the entry of a dialect with this code.
type Decode<'a, T> =
    fn(&mut Entries<'a>, &str, u64, &mut Cursor<'a>) -> Result<Option<T>, ImportError>;

/// Decodes attributes and types.
pub struct Entries<'a> {
    tables: Tables<'a>,
    attributes: Vec<Slot<Attr>>,
    types: Vec<Slot<Ty>>,
    /// How many entries are being decoded, each for the one before.
    depth: usize,
    /// Levels of the tallest part so far of what is being decoded.
    tallest: usize,
}

impl<'a> Entries<'a> {
    pub fn new(tables: Tables<'a>) -> Entries<'a> {
        Entries {
            attributes: vec![None; tables.attributes.len()],
            types: vec![None; tables.types.len()],
            tables,
            depth: 0,
            tallest: 0,
        }
    }

    pub fn tables(&self) -> &Tables<'a> {
        &self.tables
    }

    /// The attribute whose index comes next.
    pub fn attribute(&mut self, c: &mut Cursor) -> Result<Rc<Attr>, ImportError> {
        let index = c.index(self.attributes.len(), "attribute")?;
        if let Some((known, levels)) = &self.attributes[index] {
            self.tallest = self.tallest.max(*levels);
            return Ok(known.clone());
        }
        let entry = self.tables.attributes[index];
        let (attr, levels) = self.nested(&entry, Self::decode_attribute)?;
        let attr = Rc::new(attr.unwrap_or(Attr::Other));
        self.attributes[index] = Some((attr.clone(), levels));
        Ok(attr)
    }

    /// The type whose index comes next.
    pub fn ty(&mut self, c: &mut Cursor) -> Result<Rc<Ty>, ImportError> {
        let (at, index) = (c.at(), c.varint()?);
        self.ty_at(at, index)
    }

    /// The type with this index, which was read at byte `at`.
    pub fn ty_at(&mut self, at: usize, index: u64) -> Result<Rc<Ty>, ImportError> {
        let index = below(at, index, self.types.len(), "type")?;
        if let Some((known, levels)) = &self.types[index] {
            self.tallest = self.tallest.max(*levels);
            return Ok(known.clone());
        }
        let entry = self.tables.types[index];
        let (ty, levels) = self.nested(&entry, Self::decode_type)?;
        let other = || Ty::Other(format!("a type of {}", self.tables.dialects[entry.dialect]));
        let ty = Rc::new(ty.unwrap_or_else(other));
        self.types[index] = Some((ty.clone(), levels));
        Ok(ty)
    }

    /// What `decode` makes of an entry of a dialect that is known, and its levels.
    fn nested<T>(
        &mut self,
        entry: &Entry<'a>,
        decode: Decode<'a, T>,
    ) -> Result<(Option<T>, usize), ImportError> {
        let mut c = entry.bytes;
        let dialect = self.tables.dialects[entry.dialect];
        if !entry.custom || !matches!(dialect, "vhlo" | "builtin") {
            return Ok((None, 1));
        }
        let outer = std::mem::replace(&mut self.tallest, 0);
        self.depth += 1;
        let too_deep = || damaged(entry.bytes.at(), "attributes or types nest too deeply");
        if self.depth > DEPTH {
            return Err(too_deep());
        }
        let code = c.varint()?;
        let decoded = decode(self, dialect, code, &mut c)?;
        self.depth -= 1;
        let levels = self.tallest + 1;
        self.tallest = outer.max(levels);
        match levels <= DEPTH {
            true => Ok((decoded, levels)),
            false => Err(too_deep()),
        }
    }

    fn string(&mut self, c: &mut Cursor) -> Result<String, ImportError> {
        let index = c.index(self.tables.strings.len(), "string")?;
        Ok(self.tables.strings[index].to_string())
    }

    fn list(&mut self, c: &mut Cursor<'a>) -> Result<Vec<Rc<Attr>>, ImportError> {
        (0..c.count()?).map(|_| self.attribute(c)).collect()
    }

    fn decode_attribute(
        &mut self,
        dialect: &str,
        code: u64,
        c: &mut Cursor<'a>,
    ) -> Result<Option<Attr>, ImportError> {
        Ok(match dialect {
            "builtin" => self.builtin_attribute(code, c)?,
            _ => self.vhlo_attribute(code, c)?,
        })
    }

    /// Locations are not decoded: nothing asks for them.
    fn builtin_attribute(
        &mut self,
        code: u64,
        c: &mut Cursor<'a>,
    ) -> Result<Option<Attr>, ImportError> {
        Ok(Some(match code {
            0 => Attr::List(self.list(c)?),
            1 => {
                let mut list = vec![];
                for _ in 0..c.count()? {
                    let (key, value) = (self.attribute(c)?, self.attribute(c)?);
                    list.extend(key.text().map(|key| (key.to_string(), value)));
                }
                Attr::Dict(list)
            }
            2 | 3 => Attr::Text(self.string(c)?),
            4 => Attr::Text(self.attribute(c)?.text().unwrap_or("").to_string()),
            6 => Attr::Type(self.ty(c)?),
            7 => Attr::Unit,
            _ => return Ok(None),
        }))
    }

    fn vhlo_attribute(
        &mut self,
        code: u64,
        c: &mut Cursor<'a>,
    ) -> Result<Option<Attr>, ImportError> {
        let at = c.at();
        let mut word = |words: &[&str]| {
            let i = c.index(words.len(), "value of the enumeration")?;
            Ok::<_, ImportError>(Attr::Text(words[i].to_string()))
        };
        Ok(Some(match code {
            1 => Attr::List(self.list(c)?),
            2 => Attr::Bool(c.index(2, "truth value")? == 1),
            3 => word(&["EQ", "NE", "GE", "GT", "LE", "LT"])?,
            4 => word(&["NOTYPE", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"])?,
            5 => Attr::Int(c.varint()? as i64),
            6 => {
                let mut list = vec![];
                for _ in 0..c.count()? {
                    let (key, value) = (self.attribute(c)?, self.attribute(c)?);
                    let key = key
                        .text()
                        .ok_or_else(|| damaged(at, "a key that is no string"))?;
                    list.push((key.to_string(), value));
                }
                Attr::Dict(list)
            }
            7 => word(&["FFT", "IFFT", "RFFT", "IRFFT"])?,
            8 => {
                let (element, bits) = self.number(c)?;
                Attr::Float(float(at, element, bits)?)
            }
            9 => {
                let (element, bits) = self.number(c)?;
                Attr::Int(integer(at, element, bits)?)
            }
            11 => word(&["DEFAULT", "HIGH", "HIGHEST"])?,
            12 => word(&["DEFAULT", "THREE_FRY", "PHILOX"])?,
            13 => word(&["INVALID", "UNIFORM", "NORMAL"])?,
            14 => Attr::Text(self.string(c)?),
            15 => Attr::Dense(self.tensor(c)?),
            16 => word(&["TRANSPOSE_INVALID", "NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"])?,
            17 => Attr::Type(self.ty(c)?),
            _ => return Ok(None),
        }))
    }

    /// A number with its type: the bit pattern.
    fn number(&mut self, c: &mut Cursor<'a>) -> Result<(Option<ElementType>, u64), ImportError> {
        let ty = self.ty(c)?;
        let element = match &*ty {
            Ty::Element(element) => Some(*element),
            _ => None,
        };
        let bits = match element.map(ElementType::size) {
            Some(1) => c.byte()? as u64,
            _ => c.signed()? as u64,
        };
        Ok((element, bits))
    }

    fn tensor(&mut self, c: &mut Cursor<'a>) -> Result<Dense, ImportError> {
        let at = c.at();
        let ty = self.ty(c)?;
        let Ty::Tensor(element, dims) = &*ty else {
            return Err(damaged(at, format!("a constant of type {ty}")));
        };
        let size = c.count()?;
        let data = c.bytes(size)?;
        dense(at, *element, dims, data)
    }

    fn decode_type(
        &mut self,
        dialect: &str,
        code: u64,
        c: &mut Cursor<'a>,
    ) -> Result<Option<Ty>, ImportError> {
        match dialect {
            "vhlo" => self.vhlo_type(code, c),
            _ => Ok(None),
        }
    }

    fn vhlo_type(&mut self, code: u64, c: &mut Cursor<'a>) -> Result<Option<Ty>, ImportError> {
        use ElementType::*;
        Ok(Some(match code {
            1 => {
                let part = self.ty(c)?;
                match *part {
                    Ty::Element(F32) => Ty::Element(Complex64),
                    Ty::Element(F64) => Ty::Element(Complex128),
                    _ => return Ok(Some(Ty::Other(format!("complex<{part}>")))),
                }
            }
            8 => {
                let mut types = |c: &mut Cursor<'a>| (0..c.count()?).map(|_| self.ty(c)).collect();
                let inputs: Result<Vec<_>, ImportError> = types(c);
                Ty::Function(inputs?, types(c)?)
            }
            20 | 21 => {
                if code == 21 {
                    self.attribute(c)?;
                }
                let rank = c.count()?;
                let mut dims = vec![];
                for _ in 0..rank {
                    dims.push(c.signed()?);
                }
                let element = self.ty(c)?;
                tensor_type(&dims, &element)
            }
            22 => Ty::Token,
            23 => Ty::Tuple(
                (0..c.count()?)
                    .map(|_| self.ty(c))
                    .collect::<Result<_, _>>()?,
            ),
            _ => match element(code) {
                Some(element) => Ty::Element(element),
                None => return Ok(None),
            },
        }))
    }
}

/// A tensor, or what it is instead.
fn tensor_type(dims: &[i64], element: &Ty) -> Ty {
    let extents: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    match (extents, element) {
        (Some(dims), Ty::Element(element)) => Ty::Tensor(*element, dims),
        (None, _) => Ty::Other("a tensor whose shape is not static".to_string()),
        _ => Ty::Other(format!("a tensor of {element}")),
    }
}

fn element(code: u64) -> Option<ElementType> {
    use ElementType::*;
    Some(match code {
        0 => Bool,
        2 => BF16,
        3 => F16,
        4 => F32,
        5 => F64,
        6 => F8E4M3FN,
        7 => F8E5M2,
        9 => I64,
        10 => I4,
        11 => I8,
        12 => I16,
        13 => I32,
        14 => I64,
        15 => U4,
        16 => U8,
        17 => U16,
        18 => U32,
        19 => U64,
        27 => F8E4M3FNUZ,
        28 => F8E5M2FNUZ,
        29 => F8E4M3B11FNUZ,
        31 => I2,
        32 => U2,
        35 => F8E4M3,
        36 => F8E3M4,
        37 => F4E2M1FN,
        38 => F6E2M3FN,
        39 => F6E3M2FN,
        40 => F8E8M0FNU,
        _ => return None,
    })
}

/// The value of a float attribute.
fn float(at: usize, element: Option<ElementType>, bits: u64) -> Result<f64, ImportError> {
    use craneflow_ir::{DType, Scalar};
    let ty = match element {
        Some(ElementType::F16) => DType::F16,
        Some(ElementType::BF16) => DType::BF16,
        Some(ElementType::F32) => DType::F32,
        Some(ElementType::F64) => DType::F64,
        _ => return Err(damaged(at, "a float attribute of a type that is no float")),
    };
    let mask = u64::MAX >> (64 - ty.bits());
    let bits = bits & mask;
    Ok(Scalar { ty, bits }.to_f64())
}

/// The value of an integer attribute; one of 64 bits without a sign wraps.
fn integer(at: usize, element: Option<ElementType>, bits: u64) -> Result<i64, ImportError> {
    use ElementType::*;
    let bits = bits as i64;
    Ok(match element {
        Some(Bool) => (bits & 1 != 0) as i64,
        Some(I2) => bits << 62 >> 62,
        Some(I4) => bits << 60 >> 60,
        Some(I8) => bits as i8 as i64,
        Some(I16 | I32 | I64) | None => bits,
        Some(U2 | U4 | U8) => bits & 0xff,
        Some(U16) => bits & 0xffff,
        Some(U32) => bits & 0xffff_ffff,
        Some(U64) => bits,
        _ => {
            return Err(damaged(
                at,
                "an integer attribute of a type that is no integer",
            ));
        }
    })
}

/// A constant from its bytes: one element stands for all, `i1` is packed into bits.
pub fn dense(
    at: usize,
    element: ElementType,
    dims: &[usize],
    data: &[u8],
) -> Result<Dense, ImportError> {
    let whole = |data: Rc<[u8]>, splat| Dense {
        element,
        dims: dims.to_vec(),
        data,
        splat,
    };
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let count = count.ok_or_else(|| damaged(at, "a constant is too large"))?;
    let wrong = || {
        let ty = Ty::Tensor(element, dims.to_vec());
        damaged(
            at,
            format!("{} bytes for a constant of type {ty}", data.len()),
        )
    };
    if element == ElementType::Bool {
        if let [byte @ (0 | 0xff)] = data {
            return Ok(whole([byte & 1].as_slice().into(), true));
        }
        if data.len() != count.div_ceil(8) {
            return Err(wrong());
        }
        let bits = (0..count).map(|i| data[i / 8] >> (i % 8) & 1);
        return Ok(whole(bits.collect(), false));
    }
    let size = element.size();
    if data.len() == size {
        return Ok(whole(data.into(), true));
    }
    match count.checked_mul(size) == Some(data.len()) {
        true => Ok(whole(data.into(), false)),
        false => Err(wrong()),
    }
}
