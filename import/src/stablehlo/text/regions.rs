//! The forms in which operations with regions print: loops and reductions.

use super::Reader;
use super::lex::Token;
use super::node::{Parts, bare};
use crate::stablehlo::error::ImportError;
use crate::stablehlo::tree::{Id, Node, Region, Ty};
use std::collections::HashMap;
use std::rc::Rc;

impl<'a> Reader<'a> {
    /// `(%a = %b, ..) : types cond {..} do {..}`.
    pub(super) fn r#while(&mut self) -> Result<Parts, ImportError> {
        let mut parts = Parts::default();
        let mut names = vec![];
        self.sign('(')?;
        self.list(')', |r| {
            let Token::Value(name) = r.next()? else {
                return r.error("a carry expected");
            };
            r.sign('=')?;
            let id = r.operand()?;
            names.push(name);
            parts.operands.push(id);
            Ok(())
        })?;
        if self.take_sign(':')? {
            parts.types = self.signature()?;
        }
        if self.take_word("attributes")? {
            self.dictionary()?;
        }
        if parts.types.len() != names.len() {
            return self.error(format!(
                "{} types for {} carries",
                parts.types.len(),
                names.len()
            ));
        }
        for word in ["cond", "do"] {
            self.word(word)?;
            let types = parts.types.clone();
            let region = self.with_args(&names, &types)?;
            parts.regions.push(region);
        }
        Ok(parts)
    }

    /// `{operations}` with arguments that are named before.
    fn with_args(&mut self, names: &[&'a str], types: &[Rc<Ty>]) -> Result<Region, ImportError> {
        self.nested(|r| {
            r.scopes.push(HashMap::new());
            let mut args = vec![];
            for (name, ty) in names.iter().zip(types) {
                args.extend(r.define(name, std::slice::from_ref(ty))?);
            }
            r.sign('{')?;
            let nodes = r.block()?;
            r.scopes.pop();
            Ok(Region { args, nodes })
        })
    }

    /// `(%a init: %b), .. [applies op] across dimensions = [..] : types [reducer(..) (..) {..}]`.
    pub(super) fn reduce(&mut self) -> Result<Parts, ImportError> {
        let mut parts = Parts::default();
        let mut inits = vec![];
        loop {
            self.sign('(')?;
            parts.operands.push(self.operand()?);
            self.word("init")?;
            self.sign(':')?;
            inits.push(self.operand()?);
            self.sign(')')?;
            if !self.take_sign(',')? {
                break;
            }
        }
        parts.operands.extend(&inits);
        let applied = match self.take_word("applies")? {
            false => None,
            true => match self.next()? {
                Token::Word(op) => Some(op),
                _ => return self.error("an operation expected"),
            },
        };
        self.word("across")?;
        self.word("dimensions")?;
        self.sign('=')?;
        let axes = self.attribute()?;
        parts.attrs.push(("dimensions".to_string(), Rc::new(axes)));
        if self.at_sign('{')? {
            self.dictionary()?;
        }
        self.sign(':')?;
        parts.types = self.signature()?;
        let region = match applied {
            Some(op) => self.applied(op, &inits)?,
            None => self.reducer()?,
        };
        parts.regions.push(region);
        Ok(parts)
    }

    /// A region that applies one operation to its arguments.
    fn applied(&mut self, op: &str, inits: &[Id]) -> Result<Region, ImportError> {
        let place = self.lex.place();
        let ty = self.module.types[inits[0].0 as usize].clone();
        let first = self.module.types.len() as u32;
        self.module.types.extend([ty.clone(), ty.clone(), ty]);
        let [a, b, c] = [0, 1, 2].map(|i| Id(first + i));
        let node = |name: String, operands: Vec<Id>, results: Vec<Id>| Node {
            name: name.into(),
            place,
            operands,
            results,
            attrs: vec![],
            regions: vec![],
        };
        Ok(Region {
            args: vec![a, b],
            nodes: vec![
                node(bare(op), vec![a, b], vec![c]),
                node("return".to_string(), vec![c], vec![]),
            ],
        })
    }

    /// `reducer(%a: type, %b: type) (..) {..}`: pairs of an accumulator and an element.
    fn reducer(&mut self) -> Result<Region, ImportError> {
        self.word("reducer")?;
        self.nested(|r| {
            r.scopes.push(HashMap::new());
            let (mut first, mut second) = (vec![], vec![]);
            while r.at_sign('(')? {
                let pair = r.arguments(&mut vec![])?;
                let [a, b] = pair[..] else {
                    return r.error("two arguments expected");
                };
                first.push(a);
                second.push(b);
            }
            first.extend(second);
            r.sign('{')?;
            let nodes = r.block()?;
            r.scopes.pop();
            Ok(Region { args: first, nodes })
        })
    }
}
