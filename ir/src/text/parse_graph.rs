//! Graphs from text.

use super::lex::{Kind, Place};
use super::parse::{Parsed, Parser};
use super::print::default_output;
use crate::attrs::{Attr, Attrs};
use crate::graph::{Graph, Input, Output, Value};
use crate::ops::{Constant, Op};
use crate::scalar::Pointwise;
use crate::types::Type;
use crate::verify::{At, Part};
use std::collections::{BTreeMap, HashMap};

/// Where the parts of a graph are in its text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SourceMap {
    /// The `graph` itself.
    pub header: Place,
    /// Its nodes, inputs included.
    pub nodes: Vec<Place>,
    /// Its outputs.
    pub outputs: Vec<Place>,
    /// Regions of nodes: by node, attribute and position.
    pub regions: BTreeMap<(usize, String, usize), SourceMap>,
}

impl SourceMap {
    /// Where a part of the graph is.
    pub fn place(&self, at: &At) -> Place {
        let mut map = self;
        for (node, key, position) in &at.regions {
            match map.regions.get(&(*node, key.clone(), *position)) {
                Some(region) => map = region,
                None => return map.nodes.get(*node).copied().unwrap_or(map.header),
            }
        }
        let found = match at.part {
            Part::Graph => None,
            Part::Node(i) => map.nodes.get(i),
            Part::Output(i) => map.outputs.get(i),
        };
        found.copied().unwrap_or(map.header)
    }
}

type Regions = Vec<(String, usize, SourceMap)>;

/// A graph under construction with the names of its values.
struct Scope<'a> {
    graph: Graph,
    map: SourceMap,
    names: HashMap<&'a str, Value>,
}

impl<'a> Scope<'a> {
    fn define(&mut self, name: &'a str, v: Value, place: Place) -> Parsed<()> {
        match self.names.insert(name, v) {
            None => Ok(()),
            Some(_) => Err(place.error(format!("%{name} is defined twice"))),
        }
    }

    fn find(&self, name: &str, place: Place) -> Parsed<Value> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| place.error(format!("%{name} is not defined before this use")))
    }
}

/// An op with the names of its operands.
pub(super) struct Operation<'a> {
    pub op: Op,
    pub operands: Vec<(&'a str, Place)>,
    regions: Regions,
}

impl<'a> Parser<'a> {
    /// After `graph`: `@name(..) {..}`.
    pub(super) fn graph(&mut self) -> Parsed<(Graph, SourceMap)> {
        let place = self.place();
        let name = self.at_name()?;
        self.signature_and_body(&name, place)
    }

    fn signature_and_body(&mut self, name: &str, header: Place) -> Parsed<(Graph, SourceMap)> {
        let mut scope = Scope {
            graph: Graph::new(name),
            map: SourceMap {
                header,
                ..SourceMap::default()
            },
            names: HashMap::new(),
        };
        self.sign('(')?;
        self.list(')', |p| p.input(&mut scope))?;
        self.sign('{')?;
        while !self.is_word("return") {
            self.node(&mut scope)?;
        }
        self.outputs(&mut scope)?;
        self.sign('}')?;
        Ok((scope.graph, scope.map))
    }

    /// `%x: f32[2] donated=0 @layer`
    fn input(&mut self, scope: &mut Scope<'a>) -> Parsed<()> {
        let place = self.place();
        let name = self.value()?;
        self.sign(':')?;
        let ty = self.ty()?;
        let mut donated = None;
        if self.take_word("donated") {
            self.sign('=')?;
            donated = Some(self.usize()?);
        }
        let layer = self.layer(scope)?;
        let op = crate::ops::Input {
            index: scope.graph.inputs.len(),
            ty: ty.clone(),
        };
        let id = scope.graph.append(op.into(), vec![], vec![ty], layer);
        let value = scope.graph.node(id).results[0];
        scope.define(name, value, place)?;
        scope.map.nodes.push(place);
        scope.graph.inputs.push(Input {
            name: name.to_string(),
            value,
            donated,
        });
        Ok(())
    }

    fn layer(&mut self, scope: &mut Scope<'a>) -> Parsed<crate::Scope> {
        match self.peek().clone() {
            Kind::At(name) => {
                self.next();
                Ok(scope.graph.scope(&name))
            }
            _ => Ok(crate::Scope::default()),
        }
    }

    /// `%2: f32[3] = exp %1 @layer`
    fn node(&mut self, scope: &mut Scope<'a>) -> Parsed<()> {
        let place = self.place();
        let mut names = vec![];
        if !self.is_sign(':') {
            loop {
                let place = self.place();
                match *self.peek() {
                    Kind::Value(name) => names.push((name, place)),
                    _ => return self.expected("a value such as %x, or return"),
                }
                self.next();
                if !self.take(',') {
                    break;
                }
            }
        }
        self.sign(':')?;
        let types = match self.take('(') {
            true => self.list(')', Self::ty)?,
            false => vec![self.ty()?],
        };
        if types.len() != names.len() {
            let (names, types) = (names.len(), types.len());
            return Err(place.error(format!("{names} results with {types} types")));
        }
        self.sign('=')?;
        let operation = self.operation(types.first())?;
        let operands = operation.operands.iter();
        let operands = operands
            .map(|&(name, place)| scope.find(name, place))
            .collect::<Parsed<_>>()?;
        let layer = self.layer(scope)?;
        let id = scope.graph.append(operation.op, operands, types, layer);
        scope.map.nodes.push(place);
        for (key, i, map) in operation.regions {
            scope.map.regions.insert((id.0 as usize, key, i), map);
        }
        for (i, (name, place)) in names.into_iter().enumerate() {
            let v = scope.graph.node(id).results[i];
            scope.define(name, v, place)?;
        }
        Ok(())
    }

    /// `return %2 as loss, %9`
    fn outputs(&mut self, scope: &mut Scope<'a>) -> Parsed<()> {
        self.keyword("return")?;
        while matches!(self.peek(), Kind::Value(_)) {
            let place = self.place();
            let name = self.value()?;
            let value = scope.find(name, place)?;
            let mut name = default_output(scope.graph.outputs.len());
            if self.take_word("as") {
                name = match self.peek() {
                    Kind::Text(_) => self.text()?,
                    _ => self.word("a name")?.to_string(),
                };
            }
            scope.graph.outputs.push(Output { name, value });
            scope.map.outputs.push(place);
            if !self.take(',') {
                break;
            }
        }
        Ok(())
    }

    /// `reduce %x {kind=sum, axes=[0]}`, or `constant 1.5` when its type is known.
    pub(super) fn operation(&mut self, ty: Option<&Type>) -> Parsed<Operation<'a>> {
        let place = self.place();
        let name = self.word("an op")?;
        if let (true, Some(ty)) = (name == "constant" && !self.is_sign('{'), ty) {
            let value = self.literal(ty)?;
            return Ok(Operation {
                op: Constant { value }.into(),
                operands: vec![],
                regions: vec![],
            });
        }
        let mut operands = vec![];
        while let Kind::Value(v) = *self.peek() {
            operands.push((v, self.place()));
            self.next();
            if !self.take(',') {
                break;
            }
        }
        let structural = Op::STRUCTURAL.iter().find(|n| **n == name).copied();
        let pointwise = || Pointwise::from_name(name).map(Pointwise::name);
        let Some(known) = structural.or_else(pointwise).filter(|&n| n != "input") else {
            return Err(place.error(format!("there is no op {name}")));
        };
        let mut attrs = Attrs::new(known);
        let mut regions = vec![];
        if self.take('{') {
            self.list('}', |p| p.attribute(&mut attrs, &mut regions))?;
        }
        let op = Op::parse(known, &attrs).expect("a known op");
        let op = op.map_err(|e| place.error(e.to_string()))?;
        let printed = op.rules().attrs();
        let unknown = attrs.list.iter().find(|(key, _)| {
            let optional = known == "compare" && key == "type";
            printed.find(key).is_none() && !optional
        });
        match unknown {
            Some((key, _)) => Err(place.error(format!("{known}: has no attribute {key}"))),
            None => Ok(Operation {
                op,
                operands,
                regions,
            }),
        }
    }

    /// `key=value`
    fn attribute(&mut self, attrs: &mut Attrs, regions: &mut Regions) -> Parsed<()> {
        let place = self.place();
        let key = self.word("an attribute")?;
        if attrs.find(key).is_some() {
            return Err(place.error(format!("attribute {key} comes twice")));
        }
        self.sign('=')?;
        let value = self.attribute_value(key, regions)?;
        attrs.list.push((key.to_string(), value));
        Ok(())
    }

    fn attribute_value(&mut self, key: &str, regions: &mut Regions) -> Parsed<Attr> {
        if self.at_region() {
            return self.region(key, 0, regions).map(Attr::Region);
        }
        match self.peek().clone() {
            Kind::Text(_) => self.text().map(Attr::Text),
            Kind::Sign('(') => {
                self.next();
                self.list(')', Self::ty).map(Attr::Types)
            }
            Kind::Word(_) if *self.second() == Kind::Sign('[') => self.ty().map(Attr::Type),
            Kind::Sign('[') => self.bracketed(key, regions),
            Kind::Word(w) if !matches!(self.second(), Kind::Sign(':' | '(')) => {
                self.next();
                Ok(Attr::Word(w.to_string()))
            }
            _ => {
                let mark = self.mark();
                match self.i64() {
                    Ok(v) if !self.is_sign(':') => Ok(Attr::Int(v)),
                    _ => {
                        self.reset(mark);
                        self.typed_literal()
                    }
                }
            }
        }
    }

    /// `[1, 2]`, `[1:2, 0:0]`, regions, or the lists of a constant.
    fn bracketed(&mut self, key: &str, regions: &mut Regions) -> Parsed<Attr> {
        let mark = self.mark();
        self.sign('[')?;
        if self.at_region() {
            let mut count = 0;
            let list = self.list(']', |p| {
                count += 1;
                p.region(key, count - 1, regions)
            });
            return list.map(Attr::Regions);
        }
        let mut pairs = vec![];
        let plain = self.list(']', |p| {
            let v = p.i64()?;
            if p.take(':') {
                pairs.push((v, p.i64()?));
            }
            Ok(v)
        });
        match plain {
            Ok(_) | Err(_) if self.is_sign(':') => {}
            Ok(ints) if pairs.is_empty() => return Ok(Attr::Ints(ints)),
            Ok(ints) if pairs.len() == ints.len() => return Ok(Attr::Pairs(pairs)),
            Ok(_) => return self.expected("all of a list to be pairs, or none"),
            Err(error) => {
                self.reset(mark);
                return self.typed_literal().map_err(|_| error);
            }
        }
        self.reset(mark);
        self.typed_literal()
    }

    /// `[1, 2]: f32[2]`
    fn typed_literal(&mut self) -> Parsed<Attr> {
        let start = self.mark();
        self.skip_literal()?;
        self.sign(':')?;
        let ty = self.ty()?;
        let end = self.mark();
        self.reset(start);
        let array = self.literal(&ty)?;
        self.reset(end);
        Ok(Attr::Array(array))
    }

    /// True before `@name(`, `(%a: ..`, and `() {`.
    fn at_region(&self) -> bool {
        match (self.peek(), self.second()) {
            (Kind::At(_), _) => true,
            (Kind::Sign('('), Kind::Value(_)) => true,
            (Kind::Sign('('), Kind::Sign(')')) => self.third() == Some(&Kind::Sign('{')),
            _ => false,
        }
    }

    fn region(&mut self, key: &str, position: usize, regions: &mut Regions) -> Parsed<Graph> {
        let header = self.place();
        let name = match self.peek().clone() {
            Kind::At(name) => {
                self.next();
                name
            }
            _ => key.to_string(),
        };
        let (graph, map) = self.nested(|p| p.signature_and_body(&name, header))?;
        regions.push((key.to_string(), position, map));
        Ok(graph)
    }
}
