//! The text form of both languages: printing, parsing, and the limits that keep hostile text harmless.
//!
//! `Display` prints a `Graph`, `Program` or `Kernel`; `docs/ir.md` has the grammar. Parsing checks the
//! syntax and that names are defined; `verify` checks the rest.

#[cfg(test)]
mod hostile;
mod lex;
mod literal;
mod parse;
mod parse_graph;
mod parse_kernel;
mod parse_loops;
mod print;
mod print_loops;
#[cfg(test)]
mod tests;

pub use lex::Place;
pub use literal::{array_text, scalar_text};
pub use parse::ParseError;
pub use parse_graph::SourceMap;
pub use print::is_word;

use crate::array::Array;
use crate::graph::Graph;
use crate::loops::{Kernel, Program};
use crate::types::Type;
use crate::verify::Verified;
use lex::Kind;
use parse::{Parsed, Parser};

/// One of the things a text may hold.
#[allow(clippy::large_enum_variant)] // A text holds few.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// `graph @name ..`
    Graph(Graph, SourceMap),
    /// `program @name ..`
    Program(Program),
    /// `kernel @name ..`
    Kernel(Kernel),
}

/// What a text holds, in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// Graphs, programs and kernels.
    pub items: Vec<Item>,
}

/// Reads any number of graphs, programs and kernels; none of them is verified.
pub fn parse_module(text: &str) -> Result<Module, ParseError> {
    let mut p = Parser::new(text)?;
    let mut items = vec![];
    while *p.peek() != Kind::End {
        items.push(item(&mut p)?);
    }
    Ok(Module { items })
}

fn item(p: &mut Parser) -> Parsed<Item> {
    if p.take_word("graph") {
        let (graph, map) = p.graph()?;
        return Ok(Item::Graph(graph, map));
    }
    if p.take_word("program") {
        return p.program().map(Item::Program);
    }
    if p.take_word("kernel") {
        return p.kernel().map(|(_, k)| Item::Kernel(k));
    }
    p.expected("graph, program or kernel")
}

/// Reads a text that starts with `keyword` and holds one item.
fn only<'a, T>(
    text: &'a str,
    keyword: &str,
    f: impl FnOnce(&mut Parser<'a>) -> Parsed<T>,
) -> Parsed<T> {
    let mut p = Parser::new(text)?;
    p.keyword(keyword)?;
    let item = f(&mut p)?;
    match p.peek() {
        Kind::End => Ok(item),
        _ => p.expected("the end of the text"),
    }
}

/// Reads one graph, without verifying it.
pub fn parse_graph(text: &str) -> Result<Graph, ParseError> {
    parse_graph_map(text).map(|(graph, _)| graph)
}

/// Reads one graph, without verifying it, and says where its parts are.
pub fn parse_graph_map(text: &str) -> Result<(Graph, SourceMap), ParseError> {
    only(text, "graph", Parser::graph)
}

/// Reads one graph and verifies it; the error names the line of a node that breaks a rule.
pub fn parse_verified(text: &str) -> Result<Verified<Graph>, ParseError> {
    let (graph, map) = parse_graph_map(text)?;
    Verified::graph(graph).map_err(|e| map.place(&e.at).error(e.kind.to_string()))
}

/// Reads one program, without verifying it.
pub fn parse_program(text: &str) -> Result<Program, ParseError> {
    only(text, "program", Parser::program)
}

/// Reads one kernel, without verifying it.
pub fn parse_kernel(text: &str) -> Result<Kernel, ParseError> {
    only(text, "kernel", Parser::kernel).map(|(_, kernel)| kernel)
}

/// Reads a constant of a known type, as `array_text` prints it.
pub fn parse_array(text: &str, ty: &Type) -> Result<Array, ParseError> {
    let mut p = Parser::new(text)?;
    let array = p.literal(ty)?;
    match p.peek() {
        Kind::End => Ok(array),
        _ => p.expected("the end of the constant"),
    }
}
