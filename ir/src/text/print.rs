//! Graphs as text.

use super::array_text;
use crate::attrs::{Attr, Attrs};
use crate::graph::{Graph, Node, Value};
use crate::ops::Op;
use std::fmt::{self, Display, Formatter, Write};

/// Headers longer than this go over several lines.
const WIDTH: usize = 100;

impl Display for Graph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "graph @{}", word(&self.name))?;
        signature(f, self, 0)?;
        f.write_str(" {\n")?;
        body(f, self, 1)?;
        f.write_str("}\n")
    }
}

/// A word as it is, any other text in quotes.
pub(super) fn word(text: &str) -> String {
    if is_word(text) {
        text.to_string()
    } else {
        quoted(text)
    }
}

/// True for what the text form takes as a name: a letter or `_`, then letters, digits, `_`, `.`.
pub fn is_word(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(is_word_char)
}

pub(super) fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

/// A string with its escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// How a value is referred to: inputs by name, others by number.
pub(super) fn value_name(g: &Graph, v: Value) -> String {
    let op = g.values.get(v.0 as usize).map(|_| &g.def(v).op);
    match op {
        Some(Op::Input(i)) if i.index < g.inputs.len() => format!("%{}", g.inputs[i.index].name),
        _ => format!("%{}", v.0),
    }
}

pub(super) fn indent(f: &mut impl Write, depth: usize) -> fmt::Result {
    (0..depth).try_for_each(|_| f.write_str("  "))
}

/// `(%x: f32[2], %w: f32[2] donated=0 @layer)`
fn signature(f: &mut impl Write, g: &Graph, depth: usize) -> fmt::Result {
    let inputs: Vec<String> = g
        .inputs
        .iter()
        .map(|input| {
            let donated = input.donated.map(|o| format!(" donated={o}"));
            let layer = layer(g, g.def(input.value));
            let ty = g.ty(input.value);
            let donated = donated.unwrap_or_default();
            format!("%{}: {ty}{donated}{layer}", input.name)
        })
        .collect();
    let long = inputs.iter().map(|i| i.len() + 2).sum::<usize>() > WIDTH;
    f.write_char('(')?;
    for (i, input) in inputs.iter().enumerate() {
        match (long, i) {
            (true, _) => {
                f.write_str(if i == 0 { "\n" } else { ",\n" })?;
                indent(f, depth + 1)?;
            }
            (false, 0) => {}
            (false, _) => f.write_str(", ")?,
        }
        f.write_str(input)?;
    }
    if long {
        f.write_char('\n')?;
        indent(f, depth)?;
    }
    f.write_char(')')
}

/// ` @layer`, or nothing.
fn layer(g: &Graph, node: &Node) -> String {
    match g.scope_name(node.scope) {
        "" => String::new(),
        name => format!(" @{}", word(name)),
    }
}

/// Nodes and `return`, each on a line.
fn body(f: &mut impl Write, g: &Graph, depth: usize) -> fmt::Result {
    for n in &g.nodes {
        if matches!(n.op, Op::Input(_)) {
            continue;
        }
        indent(f, depth)?;
        node(f, g, n, depth)?;
        f.write_char('\n')?;
    }
    indent(f, depth)?;
    f.write_str("return")?;
    for (i, output) in g.outputs.iter().enumerate() {
        f.write_str(if i == 0 { " " } else { ", " })?;
        f.write_str(&value_name(g, output.value))?;
        if output.name != default_output(i) {
            write!(f, " as {}", output.name)?;
        }
    }
    f.write_char('\n')
}

/// The name of an output that has no `as`.
pub(super) fn default_output(position: usize) -> String {
    format!("out{position}")
}

/// `%2: f32[3] = exp %1 @layer`
pub(super) fn node(f: &mut impl Write, g: &Graph, n: &Node, depth: usize) -> fmt::Result {
    let names: Vec<String> = n.results.iter().map(|v| format!("%{}", v.0)).collect();
    let types: Vec<String> = n.results.iter().map(|&v| g.ty(v).to_string()).collect();
    match types.as_slice() {
        [ty] => write!(f, "{}: {ty} = ", names[0])?,
        _ => write!(f, "{}: ({}) = ", names.join(", "), types.join(", "))?,
    }
    if let Op::Constant(c) = &n.op {
        write!(f, "constant {}", array_text(&c.value))?;
    } else {
        let operands: Vec<String> = n.operands.iter().map(|&v| value_name(g, v)).collect();
        operation(f, &n.op, &operands, depth)?;
    }
    f.write_str(&layer(g, n))
}

/// `reduce %x {kind=sum, axes=[0]}`
pub(super) fn operation(
    f: &mut impl Write,
    op: &Op,
    operands: &[String],
    depth: usize,
) -> fmt::Result {
    f.write_str(op.name())?;
    if !operands.is_empty() {
        write!(f, " {}", operands.join(", "))?;
    }
    let attrs = op.rules().attrs();
    if attrs.list.is_empty() {
        return Ok(());
    }
    f.write_char(' ')?;
    attributes(f, &attrs, depth)
}

fn attributes(f: &mut impl Write, attrs: &Attrs, depth: usize) -> fmt::Result {
    f.write_char('{')?;
    for (i, (key, value)) in attrs.list.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{key}=")?;
        attribute(f, key, value, depth)?;
    }
    f.write_char('}')
}

fn attribute(f: &mut impl Write, key: &str, value: &Attr, depth: usize) -> fmt::Result {
    match value {
        Attr::Int(v) => write!(f, "{v}"),
        Attr::Ints(v) => list(f, v, |f, v| write!(f, "{v}")),
        Attr::Pairs(v) => list(f, v, |f, (a, b)| write!(f, "{a}:{b}")),
        Attr::Word(w) => f.write_str(w),
        Attr::Text(t) => f.write_str(&quoted(t)),
        Attr::Type(t) => write!(f, "{t}"),
        Attr::Types(types) => {
            let names: Vec<String> = types.iter().map(|t| t.to_string()).collect();
            write!(f, "({})", names.join(", "))
        }
        Attr::Array(a) => write!(f, "{}: {}", array_text(a), a.ty),
        Attr::Region(g) => region(f, key, g, depth),
        Attr::Regions(regions) => list(f, regions, |f, g| region(f, key, g, depth)),
    }
}

fn list<W: Write, T>(
    f: &mut W,
    items: &[T],
    mut item: impl FnMut(&mut W, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_char('[')?;
    for (i, x) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        item(f, x)?;
    }
    f.write_char(']')
}

/// `@name(%a: f32[]) {..}`; the name is left out when it is that of the attribute.
fn region(f: &mut impl Write, key: &str, g: &Graph, depth: usize) -> fmt::Result {
    if g.name != key {
        write!(f, "@{}", word(&g.name))?;
    }
    signature(f, g, depth)?;
    f.write_str(" {\n")?;
    body(f, g, depth + 1)?;
    indent(f, depth)?;
    f.write_char('}')
}
