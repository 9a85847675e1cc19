//! `.ir` files.

use anyhow::{Context, Result, anyhow};
use craneflow::ir::Graph;
use craneflow::ir::loops::Program;
use craneflow::ir::text::{parse_program, parse_verified};
use craneflow::ir::verify::Verified;
use std::path::Path;

/// What a file holds, verified.
pub enum Source {
    Graph(Verified<Graph>),
    Program(Verified<Program>),
}

/// Reads a graph or a program. Errors name the line and the column.
pub fn read(path: &Path) -> Result<Source> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let first = text.lines().map(str::trim_start);
    let mut first = first.filter(|line| !line.is_empty() && !line.starts_with(';'));
    if first.next().is_some_and(|line| line.starts_with("program")) {
        let program = parse_program(&text).map_err(|e| anyhow!("{}:{e}", path.display()))?;
        let verified = Verified::program(program);
        return Ok(Source::Program(
            verified.map_err(|e| anyhow!("{}:{e}", path.display()))?,
        ));
    }
    let graph = parse_verified(&text).map_err(|e| anyhow!("{}:{e}", path.display()))?;
    Ok(Source::Graph(graph))
}
