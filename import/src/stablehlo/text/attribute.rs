//! Attributes in text.

use super::lex::Token;
use super::{Reader, literal};
use crate::stablehlo::error::ImportError;
use crate::stablehlo::tree::Attr;
use std::rc::Rc;

/// Attributes with their names.
pub type Entries = Vec<(String, Rc<Attr>)>;

impl<'a> Reader<'a> {
    /// `{name = attribute, name, ..}`.
    pub fn dictionary(&mut self) -> Result<Entries, ImportError> {
        self.sign('{')?;
        self.entries('}')
    }

    /// The entries of a dictionary, up to its end.
    pub fn entries(&mut self, end: char) -> Result<Entries, ImportError> {
        let mut entries = vec![];
        self.list(end, |r| {
            let name = match r.next()? {
                Token::Word(name) => name.to_string(),
                Token::Text(name) => name,
                _ => return r.error("an attribute's name expected"),
            };
            let attr = match r.take_sign('=')? {
                true => r.attribute()?,
                false => Attr::Unit,
            };
            entries.push((name, Rc::new(attr)));
            Ok(())
        })?;
        Ok(entries)
    }

    /// An attribute.
    pub fn attribute(&mut self) -> Result<Attr, ImportError> {
        self.nested(|r| r.one_attribute())
    }

    fn one_attribute(&mut self) -> Result<Attr, ImportError> {
        if let Token::Sign('(') | Token::Word("tensor" | "tuple") | Token::Bang(_) =
            self.lex.peek()?
        {
            return Ok(Attr::Type(self.ty()?));
        }
        Ok(match self.next()? {
            Token::Word("true") => Attr::Bool(true),
            Token::Word("false") => Attr::Bool(false),
            Token::Word("unit") => Attr::Unit,
            Token::Word("array") => self.array()?,
            Token::Word("dense") => {
                let inner = self.lex.bracketed()?;
                let elements = literal::elements(&mut self.lex, inner)?;
                self.sign(':')?;
                let ty = self.ty()?;
                Attr::Dense(literal::constant(&mut self.lex, elements, &ty)?)
            }
            Token::Word(name) => match super::types::word(name) {
                Some(ty) => Attr::Type(ty),
                None if self.at_sign('<')? => {
                    self.lex.bracketed()?;
                    return self.error(format!("{name}<..> is not supported"));
                }
                None => Attr::Text(name.to_string()),
            },
            Token::Number(text) => self.number(text)?,
            Token::Text(text) => {
                if self.take_sign(':')? {
                    self.ty()?;
                }
                Attr::Text(text)
            }
            Token::Symbol(mut name) => {
                while self.take_sign(':')? {
                    self.sign(':')?;
                    match self.next()? {
                        Token::Symbol(inner) => name = inner,
                        _ => return self.error("a symbol expected"),
                    }
                }
                Attr::Text(name)
            }
            Token::Sign('[') => {
                let mut list = vec![];
                self.list(']', |r| {
                    list.push(Rc::new(r.attribute()?));
                    Ok(())
                })?;
                Attr::List(list)
            }
            Token::Sign('{') => Attr::Dict(self.entries('}')?),
            Token::Hash(name) => self.dialect(name)?,
            _ => return self.error("an attribute expected"),
        })
    }

    /// `array<i64: 1, 2>`.
    fn array(&mut self) -> Result<Attr, ImportError> {
        let mut list = vec![];
        self.sign('<')?;
        self.ty()?;
        if self.take_sign('>')? {
            return Ok(Attr::List(list));
        }
        self.sign(':')?;
        self.list('>', |r| {
            let attr = match r.next()? {
                Token::Number(text) => number(text),
                Token::Word("true") => Some(Attr::Bool(true)),
                Token::Word("false") => Some(Attr::Bool(false)),
                _ => None,
            };
            match attr {
                Some(attr) => list.push(Rc::new(attr)),
                None => return r.error("a number expected"),
            }
            Ok(())
        })?;
        Ok(Attr::List(list))
    }

    /// A number, perhaps with its type.
    fn number(&mut self, text: &str) -> Result<Attr, ImportError> {
        let Some(attr) = number(text) else {
            return self.error(format!("{text:?} is too large"));
        };
        if self.take_sign(':')? {
            self.ty()?;
        }
        Ok(attr)
    }

    /// `#stablehlo<kind WORD>`, `#stablehlo.kind<name = .., ..>`, `#stablehlo.conv<..>`; others are nothing that is needed.
    fn dialect(&mut self, name: &str) -> Result<Attr, ImportError> {
        if !self.at_sign('<')? {
            return Ok(Attr::Other);
        }
        if name == "stablehlo" || name == "chlo" {
            self.sign('<')?;
            let (Token::Word(_), Token::Word(word)) = (self.next()?, self.next()?) else {
                return self.error("two words expected");
            };
            self.sign('>')?;
            return Ok(Attr::Text(word.to_string()));
        }
        if matches!(
            name,
            "stablehlo.gather" | "stablehlo.scatter" | "stablehlo.dot"
        ) {
            self.sign('<')?;
            return Ok(Attr::Dict(self.entries('>')?));
        }
        if name == "stablehlo.conv" {
            let mut entries = vec![];
            self.sign('<')?;
            self.dim_numbers(&mut entries)?;
            self.sign('>')?;
            return Ok(Attr::Dict(entries));
        }
        self.lex.bracketed()?;
        Ok(Attr::Other)
    }
}

fn number(text: &str) -> Option<Attr> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Attr::Int);
    }
    match text.contains(['.', 'e', 'E']) {
        true => text.parse().ok().map(Attr::Float),
        false => {
            let wide: i128 = text.parse().ok()?;
            (-(1 << 63)..1 << 64)
                .contains(&wide)
                .then_some(Attr::Int(wide as i64))
        }
    }
}
