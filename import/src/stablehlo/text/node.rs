//! Operations in text.

use super::attribute::Entries;
use super::lex::Token;
use super::{Reader, forms, literal};
use crate::stablehlo::error::{ImportError, Place};
use crate::stablehlo::limits;
use crate::stablehlo::tree::{Attr, Id, Node, Region, Ty};
use std::collections::HashMap;
use std::rc::Rc;

/// An operation without its results.
#[derive(Default)]
pub(super) struct Parts {
    pub operands: Vec<Id>,
    pub attrs: Entries,
    pub regions: Vec<Region>,
    /// Types written after the colon: all, and how many of them are results when that is said.
    pub types: Vec<Rc<Ty>>,
}

impl<'a> Reader<'a> {
    /// Operations up to the `}` that ends the block, which is taken.
    pub fn block(&mut self) -> Result<Vec<Node>, ImportError> {
        let mut nodes = vec![];
        while !self.take_sign('}')? {
            nodes.push(self.node()?);
        }
        Ok(nodes)
    }

    fn node(&mut self) -> Result<Node, ImportError> {
        let place = self.lex.place();
        limits::count(place, "operations", &mut self.nodes, limits::NODES)?;
        let mut names: Vec<(&'a str, usize)> = vec![];
        while let Token::Value(name) = self.lex.peek()? {
            self.next()?;
            let mut count = 1;
            if self.take_sign(':')? {
                count = match self.next()? {
                    Token::Number(n) => n.parse().unwrap_or(0),
                    _ => 0,
                };
                if count == 0 || count > 1 << 16 {
                    return self.error("the number of results expected");
                }
            }
            names.push((name, count));
            if !self.take_sign(',')? {
                self.sign('=')?;
                break;
            }
        }
        let wanted = names.iter().map(|n| n.1).sum();
        let (name, parts) = match self.next()? {
            Token::Text(name) => (name, self.generic()?),
            Token::Word(name) => (name.to_string(), self.pretty(name, wanted)?),
            _ => return self.error("an operation expected"),
        };
        self.location()?;
        self.finish(place, &name, parts, names, wanted)
    }

    fn finish(
        &mut self,
        place: Place,
        name: &str,
        parts: Parts,
        names: Vec<(&'a str, usize)>,
        wanted: usize,
    ) -> Result<Node, ImportError> {
        let name = bare(name);
        let types = &parts.types;
        if types.len() < wanted {
            return self.error(format!(
                "{name} has {} types for {wanted} results",
                types.len()
            ));
        }
        let mut types = types[types.len() - wanted..].iter().cloned();
        let mut results = vec![];
        for (name, count) in names {
            let own: Vec<Rc<Ty>> = types.by_ref().take(count).collect();
            results.extend(self.define(name, &own)?);
        }
        let attrs = forms::flattened(parts.attrs);
        let (name, attrs) = composite(&name, attrs);
        Ok(Node {
            name: name.into(),
            place,
            operands: parts.operands,
            results,
            attrs: attrs.into_iter().map(|(k, v)| (k.into(), v)).collect(),
            regions: parts.regions,
        })
    }

    /// `"name"(operands) <{properties}> ({regions}) {attributes} : (types) -> types`, from the operands on.
    fn generic(&mut self) -> Result<Parts, ImportError> {
        let mut parts = Parts::default();
        self.sign('(')?;
        self.list(')', |r| {
            let id = r.operand()?;
            parts.operands.push(id);
            Ok(())
        })?;
        if self.take_sign('<')? {
            parts.attrs = self.dictionary()?;
            self.sign('>')?;
        }
        if self.take_sign('(')? {
            self.list(')', |r| {
                let region = r.region()?;
                parts.regions.push(region);
                Ok(())
            })?;
        }
        if self.at_sign('{')? {
            let more = self.dictionary()?;
            parts.attrs.extend(more);
        }
        self.sign(':')?;
        parts.types = self.signature()?;
        Ok(parts)
    }

    pub(super) fn operand(&mut self) -> Result<Id, ImportError> {
        match self.next()? {
            Token::Value(name) => self.value(name),
            _ => self.error("a value expected"),
        }
    }

    /// Types after a colon; with an arrow, the results only.
    pub(super) fn signature(&mut self) -> Result<Vec<Rc<Ty>>, ImportError> {
        let mut types = vec![];
        loop {
            let ty = self.ty()?;
            if let Ty::Function(_, results) = &*ty {
                return Ok(results.clone());
            }
            types.push(ty);
            if !self.take_sign(',')? {
                break;
            }
        }
        match self.take(&Token::Arrow)? {
            true => self.results(),
            false => Ok(types),
        }
    }

    /// `{^label(arguments): operations}`.
    fn region(&mut self) -> Result<Region, ImportError> {
        self.nested(|r| {
            r.sign('{')?;
            r.scopes.push(HashMap::new());
            let mut args = vec![];
            if let Token::Label(_) = r.lex.peek()? {
                r.next()?;
                if r.at_sign('(')? {
                    args = r.arguments(&mut vec![])?;
                }
                r.sign(':')?;
            }
            let nodes = r.block()?;
            r.scopes.pop();
            Ok(Region { args, nodes })
        })
    }

    /// What is printed after the name of an operation.
    fn pretty(&mut self, op: &'a str, results: usize) -> Result<Parts, ImportError> {
        match op {
            "stablehlo.constant" => self.constant(),
            "stablehlo.while" => self.r#while(),
            "stablehlo.reduce" => self.reduce(),
            "return" | "func.return" | "stablehlo.return" => self.returned(),
            _ => self.items(op, results),
        }
    }

    fn constant(&mut self) -> Result<Parts, ImportError> {
        let mut parts = Parts::default();
        if self.at_sign('{')? {
            self.dictionary()?;
        }
        if !self.take_word("dense")? {
            return self.error("dense<..> expected");
        }
        let inner = self.lex.bracketed()?;
        let elements = literal::elements(&mut self.lex, inner)?;
        self.sign(':')?;
        let ty = self.ty()?;
        let dense = literal::constant(&mut self.lex, elements, &ty)?;
        parts
            .attrs
            .push(("value".to_string(), Rc::new(Attr::Dense(dense))));
        parts.types.push(ty);
        Ok(parts)
    }

    fn returned(&mut self) -> Result<Parts, ImportError> {
        let mut parts = Parts::default();
        while let Token::Value(_) = self.lex.peek()? {
            parts.operands.push(self.operand()?);
            self.take_sign(',')?;
        }
        if self.take_sign(':')? {
            self.signature()?;
        }
        Ok(parts)
    }

    /// Operands, words, names with attributes, in any order, up to the types.
    fn items(&mut self, op: &'a str, results: usize) -> Result<Parts, ImportError> {
        let name = bare(op);
        let mut parts = Parts::default();
        let mut words = forms::words(&name).iter();
        loop {
            match self.lex.peek()? {
                Token::Sign(':') => {
                    self.next()?;
                    parts.types = self.signature()?;
                    return Ok(parts);
                }
                Token::Sign('[') => self.places(&name, &mut parts.attrs)?,
                Token::Sign('{') => {
                    let more = self.dictionary()?;
                    parts.attrs.extend(more);
                }
                Token::Sign('<') => drop(self.lex.bracketed()?),
                Token::Value(_) => {
                    let id = self.operand()?;
                    parts.operands.push(id);
                }
                Token::Symbol(symbol) => {
                    self.next()?;
                    let key = if name == "custom_call" {
                        "call_target_name"
                    } else {
                        "callee"
                    };
                    parts
                        .attrs
                        .push((key.to_string(), Rc::new(Attr::Text(symbol))));
                }
                Token::Text(text) => {
                    self.next()?;
                    parts
                        .attrs
                        .push(("name".to_string(), Rc::new(Attr::Text(text))));
                }
                Token::Sign(',' | '(' | ')') => drop(self.next()?),
                Token::Word(word) => {
                    let before = self.lex;
                    self.next()?;
                    if self.take_sign('=')? {
                        self.named(&name, word, &mut parts.attrs)?;
                    } else if let Some(key) = words.next() {
                        let word = Rc::new(Attr::Text(word.to_string()));
                        parts.attrs.push((key.to_string(), word));
                    } else {
                        // An operation without types, and the next one begins.
                        self.lex = before;
                        break;
                    }
                }
                Token::Sign('}') => break,
                _ => return self.error(format!("in {op}: operands, attributes or types expected")),
            }
        }
        match results {
            0 => Ok(parts),
            1 if name == "create_token" || name == "after_all" => {
                parts.types.push(Rc::new(Ty::Token));
                Ok(parts)
            }
            _ => self.error(format!("in {op}: types expected")),
        }
    }
}

/// The name of an operation without the dialects that need none.
pub(super) fn bare(name: &str) -> String {
    let dialects = ["stablehlo.", "func.", "vhlo."];
    let bare = dialects.iter().find_map(|d| name.strip_prefix(d));
    bare.unwrap_or(name).to_string()
}

/// Operations of CHLO are composites without a decomposition.
fn composite(name: &str, attrs: Entries) -> (String, Entries) {
    if !name.starts_with("chlo.") {
        return (name.to_string(), attrs);
    }
    let named = ("name".to_string(), Rc::new(Attr::Text(name.to_string())));
    let rest = (
        "composite_attributes".to_string(),
        Rc::new(Attr::Dict(attrs)),
    );
    ("composite".to_string(), vec![named, rest])
}
