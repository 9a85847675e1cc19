//! Reads StableHLO text: the generic form of MLIR, and the forms in which StableHLO and CHLO print.

mod attribute;
mod forms;
mod lex;
mod literal;
mod named;
mod node;
mod regions;
mod types;

use super::error::ImportError;
use super::limits;
use super::tree::{Attr, Func, Id, Module, Region, Ty};
use lex::{Lexer, Token};
use std::collections::HashMap;
use std::rc::Rc;

/// Reads a text.
pub fn read(text: &str) -> Result<Module, ImportError> {
    let mut reader = Reader {
        lex: Lexer::new(text),
        module: Module::default(),
        scopes: vec![],
        depth: 0,
        nodes: 0,
    };
    reader.module()?;
    Ok(reader.module)
}

struct Reader<'a> {
    lex: Lexer<'a>,
    module: Module,
    /// Values by name, those of the innermost region last.
    scopes: Vec<HashMap<&'a str, Vec<Id>>>,
    /// Regions, types and attributes within each other.
    depth: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn error<T>(&mut self, message: impl Into<String>) -> Result<T, ImportError> {
        Err(self.lex.error(message))
    }

    fn next(&mut self) -> Result<Token<'a>, ImportError> {
        self.lex.next()
    }

    fn at(&self, token: &Token) -> Result<bool, ImportError> {
        Ok(self.lex.peek()? == *token)
    }

    fn at_sign(&self, sign: char) -> Result<bool, ImportError> {
        self.at(&Token::Sign(sign))
    }

    /// Takes the token if it comes next.
    fn take(&mut self, token: &Token) -> Result<bool, ImportError> {
        let found = self.at(token)?;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn take_sign(&mut self, sign: char) -> Result<bool, ImportError> {
        self.take(&Token::Sign(sign))
    }

    fn take_word(&mut self, word: &'static str) -> Result<bool, ImportError> {
        self.take(&Token::Word(word))
    }

    fn sign(&mut self, sign: char) -> Result<(), ImportError> {
        match self.take_sign(sign)? {
            true => Ok(()),
            false => self.error(format!("{sign:?} expected")),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), ImportError> {
        match self.take_word(word)? {
            true => Ok(()),
            false => self.error(format!("{word} expected")),
        }
    }

    /// Things between commas up to `end`, which is taken.
    fn list(
        &mut self,
        end: char,
        mut one: impl FnMut(&mut Self) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut first = true;
        while !self.take_sign(end)? {
            if !std::mem::replace(&mut first, false) {
                self.sign(',')?;
            }
            one(self)?;
        }
        Ok(())
    }

    /// One level deeper.
    fn nested<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, ImportError>,
    ) -> Result<T, ImportError> {
        limits::depth(self.lex.place(), self.depth)?;
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    fn module(&mut self) -> Result<(), ImportError> {
        self.aliases()?;
        let wrapped = self.take_word("module")? || self.take_word("builtin.module")?;
        if wrapped {
            if let Token::Symbol(name) = self.lex.peek()? {
                self.next()?;
                self.module.name = name;
            }
            if self.take_word("attributes")? {
                self.dictionary()?;
            }
            self.sign('{')?;
        }
        loop {
            self.aliases()?;
            match self.lex.peek()? {
                Token::Word("func.func" | "func") => self.function()?,
                Token::Word("sdy.mesh") => {
                    self.next()?;
                    self.next()?;
                    self.sign('=')?;
                    self.lex.bracketed()?;
                }
                Token::Sign('}') if wrapped => {
                    self.next()?;
                    self.location()?;
                    break;
                }
                Token::End if !wrapped => break,
                _ => return self.error("func.func expected"),
            }
        }
        self.aliases()?;
        match self.at(&Token::End)? {
            true => Ok(()),
            false => self.error("the end of the text expected"),
        }
    }

    /// `#name = ..`: names of locations and the like.
    fn aliases(&mut self) -> Result<(), ImportError> {
        while let Token::Hash(_) = self.lex.peek()? {
            self.next()?;
            self.sign('=')?;
            match self.at(&Token::Word("loc"))? {
                true => self.location()?,
                false => drop(self.attribute()?),
            }
        }
        Ok(())
    }

    /// `loc(..)`, if it comes next.
    fn location(&mut self) -> Result<(), ImportError> {
        if !self.take_word("loc")? {
            return Ok(());
        }
        self.sign('(')?;
        let mut open = 1usize;
        while open > 0 {
            match self.next()? {
                Token::Sign('(') => open += 1,
                Token::Sign(')') => open -= 1,
                Token::End => return self.error("')' expected"),
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self) -> Result<(), ImportError> {
        let place = self.lex.place();
        self.next()?;
        let _ = self.take_word("public")? || self.take_word("private")?;
        let Token::Symbol(name) = self.next()? else {
            return self.error("the function's name expected");
        };
        self.scopes = vec![HashMap::new()];
        let mut arg_attrs = vec![];
        let args = self.arguments(&mut arg_attrs)?;
        if self.take(&Token::Arrow)? {
            match self.take_sign('(')? {
                true => self.list(')', |r| {
                    r.ty()?;
                    if r.at_sign('{')? {
                        r.dictionary()?;
                    }
                    Ok(())
                })?,
                false => drop(self.ty()?),
            }
        }
        if self.take_word("attributes")? {
            self.dictionary()?;
        }
        self.sign('{')?;
        let body = Region {
            args,
            nodes: self.nested(|r| r.block())?,
        };
        self.location()?;
        self.module.funcs.push(Func {
            name,
            arg_attrs,
            body,
            place,
        });
        Ok(())
    }

    /// `(%a: type {attributes}, ..)`.
    fn arguments(&mut self, attrs: &mut Vec<Rc<Attr>>) -> Result<Vec<Id>, ImportError> {
        let mut args = vec![];
        self.sign('(')?;
        self.list(')', |r| {
            let Token::Value(name) = r.next()? else {
                return r.error("an argument's name expected");
            };
            r.sign(':')?;
            let ty = r.ty()?;
            args.push(r.define(name, &[ty])?[0]);
            attrs.push(match r.at_sign('{')? {
                true => Rc::new(Attr::Dict(r.dictionary()?)),
                false => Rc::new(Attr::Dict(vec![])),
            });
            r.location()
        })?;
        Ok(args)
    }

    /// New values under a name.
    fn define(&mut self, name: &'a str, types: &[Rc<Ty>]) -> Result<Vec<Id>, ImportError> {
        let first = self.module.types.len() as u32;
        self.module.types.extend(types.iter().cloned());
        let ids: Vec<Id> = (first..first + types.len() as u32).map(Id).collect();
        let scope = self.scopes.last_mut().expect("within a function");
        if scope.insert(name, ids.clone()).is_some() {
            return self.error(format!("%{name} is defined twice"));
        }
        Ok(ids)
    }

    /// The value `%name` or `%name#number`, the name having been read.
    fn value(&mut self, name: &'a str) -> Result<Id, ImportError> {
        let mut part = 0;
        if let Token::Hash(number) = self.lex.peek()?
            && let Ok(number) = number.parse()
        {
            self.next()?;
            part = number;
        }
        let found = self.scopes.iter().rev().find_map(|s| s.get(name));
        match found.and_then(|ids| ids.get(part)) {
            Some(&id) => Ok(id),
            None => self.error(format!("%{name} is not defined, or has no part {part}")),
        }
    }

    /// A type.
    fn ty(&mut self) -> Result<Rc<Ty>, ImportError> {
        self.nested(|r| r.one_type())
    }

    fn one_type(&mut self) -> Result<Rc<Ty>, ImportError> {
        match self.next()? {
            Token::Word("tensor") => {
                let inner = self.lex.bracketed()?;
                let ty = types::tensor(inner);
                ty.map(Rc::new).or_else(|message| self.error(message))
            }
            Token::Word("complex") => {
                let inner = self.lex.bracketed()?;
                match types::word(&format!("complex<{inner}>")) {
                    Some(ty) => Ok(ty),
                    None => self.error(format!("there is no type complex<{inner}>")),
                }
            }
            Token::Word("tuple") => {
                let mut parts = vec![];
                self.sign('<')?;
                self.list('>', |r| {
                    parts.push(r.ty()?);
                    Ok(())
                })?;
                Ok(Rc::new(Ty::Tuple(parts)))
            }
            Token::Bang("stablehlo.token") => Ok(Rc::new(Ty::Token)),
            Token::Bang(name) => {
                if self.at_sign('<')? {
                    self.lex.bracketed()?;
                }
                Ok(Rc::new(Ty::Other(format!("!{name}"))))
            }
            Token::Sign('(') => {
                let mut inputs = vec![];
                self.list(')', |r| {
                    inputs.push(r.ty()?);
                    Ok(())
                })?;
                if !self.take(&Token::Arrow)? {
                    return self.error("'->' expected");
                }
                Ok(Rc::new(Ty::Function(inputs, self.results()?)))
            }
            Token::Word(name) => match types::word(name) {
                Some(ty) => Ok(ty),
                None => self.error(format!("there is no type {name}")),
            },
            _ => self.error("a type expected"),
        }
    }

    /// One type, or several in parentheses.
    fn results(&mut self) -> Result<Vec<Rc<Ty>>, ImportError> {
        if !self.take_sign('(')? {
            return Ok(vec![self.ty()?]);
        }
        let mut types = vec![];
        self.list(')', |r| {
            types.push(r.ty()?);
            Ok(())
        })?;
        Ok(types)
    }
}
