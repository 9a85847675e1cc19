//! `CRANEFLOW_DUMP_DIR`: every program and what every pass made of it, as files.

use craneflow_ir::{Graph, Verified};
use craneflow_runtime::{CompileError, Executable, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable that names the folder.
const FOLDER: &str = "CRANEFLOW_DUMP_DIR";

fn folder() -> Option<&'static Path> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || std::env::var_os(FOLDER).filter(|f| !f.is_empty());
    PLACE.get_or_init(|| read().map(PathBuf::from)).as_deref()
}

/// Whether programs are to be written.
pub fn wanted() -> bool {
    folder().is_some()
}

/// Compiles a graph and writes, if that is wanted, the program that it was read from, the graph, and the
/// result of every pass to a folder `number-name`. What cannot be written is reported once and left out.
pub fn compile(
    graph: &Verified<Graph>,
    source: &[u8],
    options: &Options,
) -> Result<Executable, CompileError> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = folder() else {
        return Executable::compile(graph, options);
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let folder = folder.join(format!("{process}-{number:04}-{}", graph.name));
    let mut written = fs::create_dir_all(&folder);
    let mut write = |name: &str, content: &[u8]| {
        if written.is_ok() {
            written = fs::write(folder.join(name), content);
        }
    };
    let kind = match craneflow_import::stablehlo::is_bytecode(source) {
        true => "program.mlirbc",
        false => "program.mlir",
    };
    write(kind, source);
    write("00-imported.ir", graph.to_string().as_bytes());
    let mut pass_number = 0;
    let executable = Executable::compile_observed(graph, options, &mut |pass, unit| {
        pass_number += 1;
        let name = format!("{pass_number:02}-{}.ir", pass.name);
        write(&name, unit.to_string().as_bytes());
    });
    if let Err(error) = written {
        eprintln!("craneflow: {FOLDER}: {}: {error}", folder.display());
    }
    executable
}
