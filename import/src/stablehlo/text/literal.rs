//! The elements of `dense<..>`.

use super::lex::{Lexer, Token};
use crate::stablehlo::bytecode::dense;
use crate::stablehlo::error::ImportError;
use crate::stablehlo::tree::{Dense, ElementType, Ty};
use craneflow_ir::{DType, Scalar};

/// Deepest nesting of brackets.
const DEPTH: usize = 64;

/// Elements that are not known to be of a type yet.
pub enum Elements<'a> {
    /// Bytes, as they are in memory.
    Bytes(Vec<u8>),
    /// Literals, and the extents that their brackets show; without extents, one for all elements.
    List(Vec<&'a str>, Vec<usize>),
}

/// What is between the brackets of `dense<..>`.
pub fn elements<'a>(lex: &mut Lexer<'a>, inner: &'a str) -> Result<Elements<'a>, ImportError> {
    let mut c = Lexer::new(inner);
    let wrong = |lex: &mut Lexer, what: &str| lex.error(format!("in dense<..>: {what}"));
    match c.peek()? {
        Token::End => return Ok(Elements::List(vec![], vec![0])),
        Token::Text(hex) => {
            let digits = hex.strip_prefix("0x").unwrap_or("");
            let byte = |i: usize| {
                digits
                    .get(i..i + 2)
                    .and_then(|d| u8::from_str_radix(d, 16).ok())
            };
            let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
            return bytes
                .map(Elements::Bytes)
                .ok_or_else(|| wrong(lex, "bad hexadecimal digits"));
        }
        _ => {}
    }
    let (mut list, mut extents) = (vec![], vec![]);
    match nested(&mut c, &mut list, &mut extents, 0) {
        Ok(()) if c.peek()? == Token::End => Ok(Elements::List(list, extents)),
        Ok(()) => Err(wrong(lex, "one list expected")),
        Err(what) => Err(wrong(lex, what)),
    }
}

/// One literal, two in parentheses, or a list. `extents` are those found so far, `axis` is where we are.
fn nested<'a>(
    c: &mut Lexer<'a>,
    list: &mut Vec<&'a str>,
    extents: &mut Vec<usize>,
    axis: usize,
) -> Result<(), &'static str> {
    const BAD: &str = "a number, true, false or a list expected";
    if axis > DEPTH {
        return Err("too many brackets");
    }
    match c.next().map_err(|_| BAD)? {
        Token::Number(text) | Token::Word(text) => list.push(text),
        Token::Sign('(') => {
            for end in [',', ')'] {
                match c.next().map_err(|_| BAD)? {
                    Token::Number(text) => list.push(text),
                    _ => return Err(BAD),
                }
                if c.next().map_err(|_| BAD)? != Token::Sign(end) {
                    return Err("two numbers in parentheses expected");
                }
            }
        }
        Token::Sign('[') => {
            let mut count = 0;
            // The first list that is finished shows the extent of its axis, the others must agree.
            let known = extents.len() > axis;
            if !known {
                extents.push(usize::MAX);
            }
            while c.peek().map_err(|_| BAD)? != Token::Sign(']') {
                if count > 0 && c.next().map_err(|_| BAD)? != Token::Sign(',') {
                    return Err("',' expected");
                }
                nested(c, list, extents, axis + 1)?;
                count += 1;
            }
            c.next().map_err(|_| BAD)?;
            match extents[axis] {
                usize::MAX => extents[axis] = count,
                extent if extent != count => return Err("lists of different lengths"),
                _ => {}
            }
        }
        _ => return Err(BAD),
    }
    Ok(())
}

/// A constant of a type from its elements.
pub fn constant(lex: &mut Lexer, elements: Elements, ty: &Ty) -> Result<Dense, ImportError> {
    let Ty::Tensor(element, dims) = ty else {
        return Err(lex.error(format!("a constant of type {ty}")));
    };
    let (list, extents) = match elements {
        Elements::Bytes(bytes) => {
            return dense(0, *element, dims, &bytes).map_err(|e| match e {
                ImportError::Syntax { message, .. } => lex.error(message),
                e => e,
            });
        }
        Elements::List(list, extents) => (list, extents),
    };
    let parts = if element.part().is_some() { 2 } else { 1 };
    let of = element.part().unwrap_or(*element);
    let mut data = Vec::with_capacity(list.len() * of.size());
    for text in &list {
        let bits = bits(of, text).ok_or_else(|| lex.error(format!("{text:?} is no {of}")))?;
        data.extend_from_slice(&bits.to_le_bytes()[..of.size()]);
    }
    let splat = extents.is_empty();
    let empty = dims.contains(&0) && list.is_empty();
    let fits = match splat {
        true => list.len() == parts,
        false => {
            let count = dims.iter().try_fold(parts, |n, &d| n.checked_mul(d));
            (empty || extents == *dims) && count == Some(list.len())
        }
    };
    match fits {
        true => Ok(Dense {
            element: *element,
            dims: dims.clone(),
            data: data.into(),
            splat,
        }),
        false => Err(lex.error(format!(
            "{} elements for a constant of type {ty}",
            list.len()
        ))),
    }
}

/// The bits of a literal.
fn bits(element: ElementType, text: &str) -> Option<u64> {
    use ElementType::*;
    let dtype = match element {
        Bool => {
            return match text {
                "true" => Some(1),
                "false" => Some(0),
                _ => None,
            };
        }
        F16 => DType::F16,
        BF16 => DType::BF16,
        F32 => DType::F32,
        F64 => DType::F64,
        I2 | I4 | I8 | I16 | I32 | I64 | U2 | U4 | U8 | U16 | U32 | U64 => {
            let value: i128 = match text.strip_prefix("0x") {
                Some(hex) => i128::from_str_radix(hex, 16).ok()?,
                None => text.parse().ok()?,
            };
            let limit = 1i128 << (8 * element.size());
            return (-limit / 2 <= value && value < limit).then_some(value as u64);
        }
        narrow => return narrow_bits(narrow, text),
    };
    if let Some(hex) = text.strip_prefix("0x") {
        let bits = u64::from_str_radix(hex, 16).ok()?;
        return (bits <= u64::MAX >> (64 - dtype.bits())).then_some(bits);
    }
    Some(match dtype {
        DType::F32 => text.parse::<f32>().ok()?.to_bits() as u64,
        dtype => Scalar::from_f64(dtype, text.parse::<f64>().ok()?).bits,
    })
}

/// The pattern of a narrow float whose value is written: the first that has it.
fn narrow_bits(element: ElementType, text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().filter(|&b| b < 256);
    }
    let value = text.parse::<f32>().ok()?;
    let values = crate::stablehlo::map::narrow_values(element)?;
    let same = |v: &f32| *v == value && v.is_sign_negative() == value.is_sign_negative();
    values.iter().position(same).map(|i| i as u64)
}
