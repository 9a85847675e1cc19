//! Damaged texts: reading them gives an error or something that prints, never a panic.

use super::tests::{GRAPH, PROGRAM};
use super::{Item, parse_module};
use crate::loops::verify::{verify_kernel, verify_program};
use crate::verify::check_graph;
use proptest::prelude::*;

/// Reads a text, and when that works verifies it, prints it, and reads it again.
fn read(text: &str) {
    let Ok(module) = parse_module(text) else {
        return;
    };
    for item in module.items {
        let printed = match &item {
            Item::Graph(g, _) => {
                let _ = check_graph(g);
                g.to_string()
            }
            Item::Program(p) => {
                let _ = verify_program(p);
                p.to_string()
            }
            Item::Kernel(k) => {
                let _ = verify_kernel(k);
                k.to_string()
            }
        };
        let again = parse_module(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}"));
        let twice = match &again.items[0] {
            Item::Graph(g, _) => g.to_string(),
            Item::Program(p) => p.to_string(),
            Item::Kernel(k) => k.to_string(),
        };
        assert_eq!(twice, printed);
    }
}

/// Pieces that are worth putting anywhere.
const PIECES: &[&str] = &[
    "",
    " ",
    "%x",
    "%0",
    "@",
    "@a",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "..",
    "-",
    "*",
    "+",
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "9223372036854775807",
    "1e400",
    "nan",
    "0x1",
    "f32[]",
    "f32[2]",
    "i32[4611686018427387904]",
    "splat(0)",
    "return",
    "v0",
    "v1048575",
    "i0",
    "p0",
    "s9",
    "r0",
    "f32x4",
    "\"",
    "\"a\"",
    ";",
    "\n",
    "é",
    "#",
    "input",
    "constant",
    "donated=0",
    "as",
    "graph",
    "while",
    "sum",
];

fn damaged(text: &'static str) -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0..12usize,
        prop::sample::select(PIECES),
    );
    prop::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, delete, insert) in edits {
            let start = at.index(chars.len() + 1);
            let end = (start + delete).min(chars.len());
            chars.splice(start..end, insert.chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_graphs(text in damaged(GRAPH)) {
        read(&text);
    }

    #[test]
    fn damaged_programs(text in damaged(PROGRAM)) {
        read(&text);
    }

    #[test]
    fn any_characters(text in "\\PC{0,60}") {
        read(&text);
        read(&format!("graph @f(%x: f32[2]) {{ {text}"));
    }
}

#[test]
fn cut_texts() {
    for text in [GRAPH, PROGRAM] {
        for (i, _) in text.char_indices() {
            read(&text[..i]);
        }
    }
}
