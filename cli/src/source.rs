//! Programs in files: `.ir`, StableHLO text and bytecode, told apart by what they hold.

use anyhow::{Context, Result, anyhow};
use craneflow::import::stablehlo;
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

/// Whether these are the first words of MLIR text.
fn is_mlir(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let begins = |line: &str| {
        ["module", "builtin.module", "func.func", "#"]
            .iter()
            .any(|w| line.starts_with(w))
    };
    lines.next().is_some_and(begins)
}

/// Reads a graph or a program. Errors name the line and the column, in bytecode the byte.
pub fn read(path: &Path) -> Result<Source> {
    craneflow::import::install_host_functions();
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let of_mlir = |bytes: &[u8]| {
        let imported = stablehlo::import(bytes).map_err(|e| anyhow!("{}:{e}", path.display()))?;
        Ok(Source::Graph(imported.graph))
    };
    if stablehlo::is_bytecode(&bytes) {
        return of_mlir(&bytes);
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow!("{}: neither text nor StableHLO bytecode", path.display()))?;
    if is_mlir(&text) {
        return of_mlir(text.as_bytes());
    }
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
