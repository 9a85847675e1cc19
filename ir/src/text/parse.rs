//! The parser's state, and what both languages share: names, numbers, types, constants.

use super::lex::{Kind, Place, Token, lex};
use super::literal::canonical_nan;
use crate::array::Array;
use crate::native::Scalar;
use crate::types::{DType, Shape, Type};
use thiserror::Error;

/// Text that does not follow the grammar, or breaks a rule of the verifier.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{line}:{column}: {message}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected, or what is wrong.
    pub message: String,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Deepest nesting of regions, loops and steps.
const MAX_DEPTH: usize = 64;
/// Most axes of a type.
const MAX_RANK: usize = 64;
/// Most bytes that the splats of one text may stand for.
const MAX_SPLAT_BYTES: usize = 1 << 28;

pub(super) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    splat_bytes: usize,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Parsed<Parser<'a>> {
        Ok(Parser {
            tokens: lex(text)?,
            at: 0,
            depth: 0,
            splat_bytes: MAX_SPLAT_BYTES,
        })
    }

    /// The next token.
    pub fn peek(&self) -> &Kind<'a> {
        &self.tokens[self.at].kind
    }

    /// The token after it.
    pub fn second(&self) -> &Kind<'a> {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + 1).min(last)].kind
    }

    /// The token after that.
    pub fn third(&self) -> Option<&Kind<'a>> {
        self.tokens.get(self.at + 2).map(|t| &t.kind)
    }

    /// Where the next token is.
    pub fn place(&self) -> Place {
        self.tokens[self.at].place
    }

    pub fn next(&mut self) -> Kind<'a> {
        let kind = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        kind
    }

    /// The error that something else than the next token was expected.
    pub fn expected<T>(&self, what: &str) -> Parsed<T> {
        let found = self.peek().describe();
        let message = format!("expected {what}, found {found}");
        Err(self.place().error(message))
    }

    pub fn is_sign(&self, c: char) -> bool {
        *self.peek() == Kind::Sign(c)
    }

    pub fn is_word(&self, word: &str) -> bool {
        *self.peek() == Kind::Word(word)
    }

    /// Consumes the sign if it is next.
    pub fn take(&mut self, c: char) -> bool {
        let found = self.is_sign(c);
        if found {
            self.next();
        }
        found
    }

    /// Consumes the word if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    pub fn sign(&mut self, c: char) -> Parsed<()> {
        match self.take(c) {
            true => Ok(()),
            false => self.expected(&format!("{c:?}")),
        }
    }

    pub fn keyword(&mut self, word: &str) -> Parsed<()> {
        match self.take_word(word) {
            true => Ok(()),
            false => self.expected(word),
        }
    }

    pub fn word(&mut self, what: &str) -> Parsed<&'a str> {
        match *self.peek() {
            Kind::Word(w) => {
                self.next();
                Ok(w)
            }
            _ => self.expected(what),
        }
    }

    /// `%name`
    pub fn value(&mut self) -> Parsed<&'a str> {
        match *self.peek() {
            Kind::Value(v) => {
                self.next();
                Ok(v)
            }
            _ => self.expected("a value such as %x"),
        }
    }

    /// `@name`
    pub fn at_name(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            Kind::At(name) => {
                self.next();
                Ok(name)
            }
            _ => self.expected("a name such as @step"),
        }
    }

    pub fn text(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            Kind::Text(t) => {
                self.next();
                Ok(t)
            }
            _ => self.expected("a string"),
        }
    }

    /// Items separated by commas up to `close`, which is consumed; none at all is allowed.
    pub fn list<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = vec![];
        if self.take(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.take(close) {
                return Ok(items);
            }
            if !self.take(',') {
                return self.expected(&format!("',' or {close:?}"));
            }
        }
    }

    /// Runs `f` one level deeper.
    pub fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(self.place().error(message));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// An unsigned integer.
    pub fn usize(&mut self) -> Parsed<usize> {
        match *self.peek() {
            Kind::Number(n) => match n.parse() {
                Ok(v) => {
                    self.next();
                    Ok(v)
                }
                Err(_) => self.expected("a non-negative integer"),
            },
            _ => self.expected("a non-negative integer"),
        }
    }

    /// An integer, `-` before it when negative.
    pub fn i64(&mut self) -> Parsed<i64> {
        let negative = self.is_sign('-');
        let number = if negative { self.second() } else { self.peek() };
        let value = match *number {
            Kind::Number(n) => n.parse::<i128>().ok(),
            _ => None,
        };
        let value = value.map(|v| if negative { -v } else { v });
        match value.and_then(|v| i64::try_from(v).ok()) {
            Some(v) => {
                self.take('-');
                self.next();
                Ok(v)
            }
            None => self.expected("an integer"),
        }
    }

    /// `f32[2,3]`
    pub fn ty(&mut self) -> Parsed<Type> {
        let place = self.place();
        let dtype = match *self.peek() {
            Kind::Word(w) => DType::from_name(w),
            _ => None,
        };
        let Some(dtype) = dtype else {
            return self.expected("a type such as f32[2,3]");
        };
        self.next();
        self.sign('[')?;
        let extents = self.list(']', Self::usize)?;
        if extents.len() > MAX_RANK {
            return Err(place.error(format!("a type has at most {MAX_RANK} axes")));
        }
        let ty = Type::new(dtype, Shape(extents));
        crate::ops::check::sized("type", ty).map_err(|e| place.error(e.to_string()))
    }

    /// A constant of type `ty`: a scalar, nested lists, `splat(x)`, or `[]` without elements.
    pub fn literal(&mut self, ty: &Type) -> Parsed<Array> {
        let place = self.place();
        if self.take_word("splat") {
            self.sign('(')?;
            let value = self.scalar(ty.dtype)?;
            self.sign(')')?;
            let left = self.splat_bytes.checked_sub(ty.bytes());
            self.splat_bytes = left.ok_or_else(|| {
                place.error(format!("splats take more than {MAX_SPLAT_BYTES} bytes"))
            })?;
            return Ok(Array::splat(ty.clone(), value));
        }
        let mut elements = vec![];
        if ty.count() == 0 {
            self.sign('[')?;
            self.sign(']')?;
        } else {
            self.elements(ty, 0, &mut elements)?;
        }
        Ok(Array::from_fn(ty.clone(), |i| elements[i]))
    }

    fn elements(&mut self, ty: &Type, axis: usize, out: &mut Vec<Scalar>) -> Parsed<()> {
        if axis == ty.rank() {
            out.push(self.scalar(ty.dtype)?);
            return Ok(());
        }
        let place = self.place();
        self.sign('[')?;
        let mut found = 0;
        self.list(']', |p| {
            found += 1;
            p.elements(ty, axis + 1, out)
        })?;
        let extent = ty.shape[axis];
        match found == extent {
            true => Ok(()),
            false => Err(place.error(format!(
                "expected {extent} items for axis {axis} of {ty}, found {found}"
            ))),
        }
    }

    /// Steps over a constant whose type is not known yet.
    pub fn skip_literal(&mut self) -> Parsed<()> {
        self.take('-');
        let mut open = 0;
        if self.take_word("splat") && !self.is_sign('(') {
            return self.expected("'('");
        }
        loop {
            match self.next() {
                Kind::Sign('[' | '(') => open += 1,
                Kind::Sign(']' | ')') if open > 0 => open -= 1,
                Kind::Sign(',' | '-') if open > 0 => {}
                Kind::Word(_) | Kind::Number(_) => {}
                _ => {
                    self.at = self.at.saturating_sub(1);
                    return self.expected("a constant");
                }
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// The position, to come back to.
    pub fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to (or on to) a position.
    pub fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// A scalar of type `ty`, as `scalar_text` prints it.
    pub fn scalar(&mut self, ty: DType) -> Parsed<Scalar> {
        let place = self.place();
        let negative = self.take('-');
        let token = match *self.peek() {
            Kind::Word(w) | Kind::Number(w) => w,
            _ => return self.expected(&format!("a constant of type {ty}")),
        };
        let bits = scalar_bits(ty, negative, token);
        let sign = if negative { "-" } else { "" };
        let wrong = || {
            place.error(format!(
                "expected a constant of type {ty}, found {sign}{token}"
            ))
        };
        let bits = bits.ok_or_else(wrong)?;
        self.next();
        Ok(Scalar { ty, bits })
    }
}

fn scalar_bits(ty: DType, negative: bool, token: &str) -> Option<u64> {
    if let Some(hex) = token.strip_prefix("0x") {
        let bits = u64::from_str_radix(hex, 16).ok()?;
        return (!negative && bits <= u64::MAX >> (64 - ty.bits())).then_some(bits);
    }
    if ty == DType::Bool {
        return match token {
            "true" if !negative => Some(1),
            "false" if !negative => Some(0),
            _ => None,
        };
    }
    if ty.is_int() {
        let v: i128 = token.parse().ok()?;
        let v = if negative { -v } else { v };
        let bits = ty.bits() as u32;
        let (low, high) = match ty.is_signed_int() {
            true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            false => (0, (1i128 << bits) - 1),
        };
        let mask = u64::MAX >> (64 - bits);
        return (low..=high).contains(&v).then_some(v as u64 & mask);
    }
    let sign = |x: f64| if negative { -x } else { x };
    match token {
        "nan" => return (!negative).then_some(canonical_nan(ty)),
        "inf" => return Some(Scalar::from_f64(ty, sign(f64::INFINITY)).bits),
        _ if !token.starts_with(|c: char| c.is_ascii_digit()) => return None,
        _ => {}
    }
    let bits = match ty {
        DType::F32 => {
            let x: f32 = token.parse().ok()?;
            Scalar::f32(if negative { -x } else { x })
        }
        _ => Scalar::from_f64(ty, sign(token.parse().ok()?)),
    };
    bits.to_f64().is_finite().then_some(bits.bits)
}
