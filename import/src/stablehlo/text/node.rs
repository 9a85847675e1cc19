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
struct Parts {
    operands: Vec<Id>,
    attrs: Entries,
    regions: Vec<Region>,
    /// Types written after the colon: all, and how many of them are results when that is said.
    types: Vec<Rc<Ty>>,
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

    fn operand(&mut self) -> Result<Id, ImportError> {
        match self.next()? {
            Token::Value(name) => self.value(name),
            _ => self.error("a value expected"),
        }
    }

    /// Types after a colon; with an arrow, the results only.
    fn signature(&mut self) -> Result<Vec<Rc<Ty>>, ImportError> {
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

    /// `(%a = %b, ..) : types cond {..} do {..}`.
    fn r#while(&mut self) -> Result<Parts, ImportError> {
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
    fn reduce(&mut self) -> Result<Parts, ImportError> {
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

    /// `[0:4, 1:9:2]` of `slice`, `[0]` of `get_tuple_element`.
    fn places(&mut self, op: &str, attrs: &mut Entries) -> Result<(), ImportError> {
        self.sign('[')?;
        let mut columns = [vec![], vec![], vec![]];
        self.list(']', |r| {
            let mut row = [0, 0, 1];
            for (i, number) in row.iter_mut().enumerate() {
                if i > 0 && !r.take_sign(':')? {
                    break;
                }
                *number = match r.next()? {
                    Token::Number(text) => text.parse().unwrap_or(i64::MIN),
                    _ => return r.error("a number expected"),
                };
            }
            let numbers = columns.iter_mut().zip(row);
            numbers.for_each(|(column, n)| column.push(Rc::new(Attr::Int(n))));
            Ok(())
        })?;
        if op == "get_tuple_element" {
            let index = columns[0].first().cloned();
            attrs.extend(index.map(|i| ("index".to_string(), i)));
            return Ok(());
        }
        let names = ["start_indices", "limit_indices", "strides"];
        for (name, column) in names.iter().zip(columns) {
            attrs.push((name.to_string(), Rc::new(Attr::List(column))));
        }
        Ok(())
    }

    /// What follows `name =` in the printed form of an operation.
    fn named(&mut self, op: &str, name: &str, attrs: &mut Entries) -> Result<(), ImportError> {
        let mut add = |key: &str, attr: Attr| attrs.push((key.to_string(), Rc::new(attr)));
        match (op, name) {
            ("dot_general", "batching_dims" | "contracting_dims") => {
                let keys = match name {
                    "batching_dims" => ["lhs_batching_dimensions", "rhs_batching_dimensions"],
                    _ => ["lhs_contracting_dimensions", "rhs_contracting_dimensions"],
                };
                add(keys[0], self.attribute()?);
                self.word("x")?;
                add(keys[1], self.attribute()?);
            }
            ("dot_general", "algorithm") => drop(self.lex.bracketed()?),
            ("convolution", "dim_numbers") => self.dim_numbers(attrs)?,
            ("convolution", "window") => {
                for (key, attr) in self.dictionary()? {
                    let key = match &*key {
                        "stride" => "window_strides",
                        "pad" => "padding",
                        "lhs_dilate" => "lhs_dilation",
                        "rhs_dilate" => "rhs_dilation",
                        "reverse" => "window_reversal",
                        other => other,
                    };
                    attrs.push((key.to_string(), attr));
                }
            }
            ("reduce_precision", "format") => {
                let format = match self.next()? {
                    Token::Word(word) => word.strip_prefix('e').and_then(|w| w.split_once('m')),
                    _ => None,
                };
                let number = |text: &str| text.parse().ok().map(Attr::Int);
                let bits = format.and_then(|(e, m)| number(e).zip(number(m)));
                let Some((exponent, mantissa)) = bits else {
                    return self.error("a format such as e5m10 expected");
                };
                add("exponent_bits", exponent);
                add("mantissa_bits", mantissa);
            }
            _ => {
                // A number without its type: what follows a colon are types of values.
                let attr = match self.lex.peek()? {
                    Token::Number(text) => {
                        self.next()?;
                        text.parse()
                            .map(Attr::Int)
                            .or_else(|_| self.error("an integer expected"))?
                    }
                    _ => self.attribute()?,
                };
                add(&forms::attribute(op, name), attr);
            }
        }
        Ok(())
    }

    /// `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`.
    pub fn dim_numbers(&mut self, attrs: &mut Entries) -> Result<(), ImportError> {
        let groups = [
            ("input", ["b", "f"], ["batch", "feature"]),
            ("kernel", ["i", "o"], ["input_feature", "output_feature"]),
            ("output", ["b", "f"], ["batch", "feature"]),
        ];
        for (i, (group, letters, meanings)) in groups.iter().enumerate() {
            match i {
                0 => {}
                1 => self.word("x")?,
                _ if self.take(&Token::Arrow)? => {}
                _ => return self.error("'->' expected"),
            }
            self.sign('[')?;
            let (mut axis, mut spatial) = (0i64, vec![]);
            self.list(']', |r| {
                match r.next()? {
                    Token::Word(letter) => {
                        if let Some(k) = letters.iter().position(|l| *l == letter) {
                            let key = format!("{group}_{}_dimension", meanings[k]);
                            attrs.push((key, Rc::new(Attr::Int(axis))));
                        }
                    }
                    Token::Number(place) => {
                        let place: usize = place.parse().unwrap_or(usize::MAX);
                        if place > 64 {
                            return r.error("a spatial axis below 64 expected");
                        }
                        spatial.resize(spatial.len().max(place + 1), -1);
                        spatial[place] = axis;
                    }
                    _ => return r.error("a letter or a number expected"),
                }
                axis += 1;
                Ok(())
            })?;
            let list = spatial.into_iter().map(|a| Rc::new(Attr::Int(a))).collect();
            let key = format!("{group}_spatial_dimensions");
            attrs.push((key, Rc::new(Attr::List(list))));
        }
        Ok(())
    }
}

/// The name of an operation without the dialects that need none.
fn bare(name: &str) -> String {
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
