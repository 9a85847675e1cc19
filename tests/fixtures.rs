//! The fixtures of `tests/fixtures`: text files that hold programs with what is expected of them.
//!
//! The first line of a file says what is tested:
//! - `; test print`: each item prints as it is written (without comments).
//! - `; test verify`: the line marked `; error: TEXT` of each item has exactly this error.
//! - `; test run`: each graph is followed by `; input NAME = CONSTANT` and `; output NAME = CONSTANT`
//!   lines and gives these outputs on every engine; `~` instead of `=` allows a relative error of 1e-6
//!   (1e-2 for 16-bit floats) between the constant and the reference interpreter.
//! - `; test PASS`: each graph is followed by what that pass makes of it, on lines that start with `;>`.
//!
//! `CRANEFLOW_BLESS=1` rewrites outputs and dumps; look at the difference before committing it.

mod engines;

use craneflow_ir::loops::verify::{verify_kernel, verify_program};
use craneflow_ir::text::{Item, array_text, parse_array, parse_module, parse_verified};
use craneflow_ir::{Array, Graph, Verified, eval_graph};
use craneflow_passes::{Options, PASSES, compile};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

type Check = Result<(), String>;

/// One item of a file with the comments after it.
struct Case {
    /// Line of the item, from 0.
    line: usize,
    /// Its lines, up to the next item.
    text: Vec<String>,
}

impl Case {
    /// The text at its lines of the file, so that errors name them.
    fn padded(&self) -> String {
        "\n".repeat(self.line) + &self.text.join("\n")
    }

    fn graph(&self) -> Result<Verified<Graph>, String> {
        parse_verified(&self.padded()).map_err(|e| e.to_string())
    }

    /// The rest of each line that starts with `prefix`.
    fn notes<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.iter().filter_map(move |l| l.strip_prefix(prefix))
    }

    /// The position after the item and what is said of it.
    fn end(&self) -> usize {
        let last = |l: &String| l == "}" || l.starts_with("; input") || l.starts_with("; output");
        self.text.iter().rposition(last).map_or(0, |i| i + 1)
    }

    /// The item without comments and blank lines.
    fn plain(&self) -> String {
        let lines = self.text.iter().map(|l| l.split(';').next().unwrap_or(""));
        let kept = lines.map(str::trim_end).filter(|l| !l.is_empty());
        kept.map(|l| format!("{l}\n")).collect()
    }
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "ir") {
            out.push(path);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn bless() -> bool {
    std::env::var_os("CRANEFLOW_BLESS").is_some_and(|v| v == "1")
}

/// Head of a file (up to its first item) and its items.
fn split(text: &str) -> (Vec<String>, Vec<Case>) {
    let starts = |l: &str| {
        ["graph @", "program @", "kernel @"]
            .iter()
            .any(|s| l.starts_with(s))
    };
    let (mut head, mut cases) = (vec![], vec![]);
    for (line, l) in text.lines().enumerate() {
        if starts(l) {
            let text = vec![];
            cases.push(Case { line, text });
        }
        match cases.last_mut() {
            Some(case) => case.text.push(l.to_string()),
            None => head.push(l.to_string()),
        }
    }
    (head, cases)
}

/// Checks the files of the folders in `kinds`.
fn check_folder(kinds: &[&str]) {
    craneflow::import::install_host_functions();
    let mut paths = vec![];
    for kind in kinds {
        files(&root().join(kind), &mut paths);
    }
    assert!(!paths.is_empty(), "no fixtures in {kinds:?}");
    let mut failures = vec![];
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let (head, mut cases) = split(&text);
        let kind = head.first().and_then(|l| l.strip_prefix("; test "));
        let name = path
            .strip_prefix(root())
            .expect("inside")
            .display()
            .to_string();
        for case in &mut cases {
            let place = format!("{name}:{}", case.line + 1);
            let result = caught(|| match kind {
                Some("print") => print(case),
                Some("verify") => verify(case),
                Some("run") => run(case),
                Some(pass) if PASSES.iter().any(|p| p.name == pass) => dump(case, pass),
                _ => Err("the first line must be `; test KIND`".to_string()),
            });
            failures.extend(result.err().map(|e| format!("{place}: {e}")));
        }
        if bless() {
            let mut lines = head;
            lines.extend(cases.into_iter().flat_map(|c| c.text));
            std::fs::write(&path, lines.join("\n") + "\n").expect("a writable file");
        }
    }
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{}\n{count} failures",
        failures.join("\n")
    );
}

/// What `f` returns, its panic as an error.
fn caught(f: impl FnOnce() -> Check) -> Check {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

fn print(case: &Case) -> Check {
    let module = parse_module(&case.padded()).map_err(|e| e.to_string())?;
    let printed: String = module
        .items
        .iter()
        .map(|item| match item {
            Item::Graph(g, _) => g.to_string(),
            Item::Program(p) => p.to_string(),
            Item::Kernel(k) => k.to_string(),
        })
        .collect();
    match printed == case.plain() {
        true => Ok(()),
        false => Err(format!("prints as\n{printed}")),
    }
}

/// The error of an item with its line; line 0 when the error has none.
fn error_of(case: &Case) -> Option<(usize, String)> {
    let text = case.padded();
    if case.text[0].starts_with("graph") {
        return parse_verified(&text).err().map(|e| (e.line, e.message));
    }
    match parse_module(&text) {
        Err(e) => Some((e.line, e.message)),
        Ok(module) => {
            let error = match &module.items[0] {
                Item::Program(p) => verify_program(p).err(),
                Item::Kernel(k) => verify_kernel(k).err(),
                Item::Graph(..) => None,
            };
            error.map(|e| (0, e.to_string()))
        }
    }
}

fn verify(case: &mut Case) -> Check {
    let marked = case.text.iter().position(|l| l.contains("; error: "));
    let expected = marked.map(|i| {
        let text = case.text[i].split("; error: ").nth(1).unwrap_or("");
        (case.line + i + 1, text.to_string())
    });
    let found = error_of(case);
    let equal = match (&found, &expected) {
        (Some((0, f)), Some((_, e))) => f == e,
        _ => found == expected,
    };
    if equal {
        return Ok(());
    }
    if let (true, Some((line, text))) = (bless(), &found) {
        case.text.iter_mut().for_each(|l| {
            let kept = l.split("; error: ").next().unwrap_or("").trim_end().len();
            l.truncate(kept);
        });
        let i = line.saturating_sub(case.line + 1);
        case.text[i] += &format!(" ; error: {text}");
        return Ok(());
    }
    let show = |e: Option<(usize, String)>| {
        e.map_or("no error".to_string(), |(l, t)| format!("line {l}: {t}"))
    };
    Err(format!(
        "found {}\nexpected {}",
        show(found),
        show(expected)
    ))
}

/// `NAME = CONSTANT` or `NAME ~ CONSTANT`: name, whether exact, constant.
fn note(text: &str) -> Option<(&str, bool, &str)> {
    let (name, rest) = text.split_once(' ')?;
    let exact = rest.starts_with("= ");
    (exact || rest.starts_with("~ ")).then(|| (name, exact, &rest[2..]))
}

fn run(case: &mut Case) -> Check {
    let g = case.graph()?;
    let inputs = g.inputs.iter().map(|input| {
        let mut notes = case.notes("; input ").filter_map(note);
        let found = notes.find(|n| n.0 == input.name);
        let (_, _, text) = found.ok_or(format!("no input {}", input.name))?;
        let array = parse_array(text, g.ty(input.value));
        array.map_err(|e| format!("input {}: {}", input.name, e.message))
    });
    let inputs = inputs.collect::<Result<Vec<Array>, String>>()?;
    engines::agree(&g, &inputs);
    let found = eval_graph(&g, &inputs);
    for (o, array) in g.outputs.iter().zip(&found) {
        let (old, result) = output(case, &o.name, array);
        match (result, bless()) {
            (Ok(()), _) => {}
            (Err(e), false) => return Err(e),
            (Err(_), true) => {
                let end = case.end();
                let line = format!("; output {} = {}", o.name, array_text(array));
                case.text.splice(old.map_or(end..end, |i| i..i + 1), [line]);
            }
        }
    }
    Ok(())
}

/// The line that says what an output is, and whether it is so.
fn output(case: &Case, name: &str, found: &Array) -> (Option<usize>, Check) {
    let notes = case
        .text
        .iter()
        .map(|l| l.strip_prefix("; output ").and_then(note));
    let mut notes = notes.enumerate().filter_map(|(i, n)| n.map(|n| (i, n)));
    let Some((line, (_, exact, text))) = notes.find(|(_, n)| n.0 == name) else {
        return (None, Err(format!("no output {name}")));
    };
    let result = match parse_array(text, &found.ty) {
        Err(e) => Err(format!("output {name}: {}", e.message)),
        Ok(e) if exact && engines::same(found, &e) || !exact && near(found, &e) => Ok(()),
        Ok(e) => {
            let (found, e) = (array_text(found), array_text(&e));
            Err(format!("output {name} is {found}, not {e}"))
        }
    };
    (Some(line), result)
}

fn near(found: &Array, expected: &Array) -> bool {
    let tolerance = if found.ty.dtype.bits() == 16 {
        1e-2
    } else {
        1e-6
    };
    let close = |f: f64, e: f64| (f - e).abs() <= tolerance * e.abs().max(1e-30);
    let mut pairs = found.to_f64().into_iter().zip(expected.to_f64());
    pairs.all(|(f, e)| close(f, e))
}

/// Dumps are those of every machine.
const DUMPED: Options = Options {
    plain: false,
    vector_bits: 128,
    threads: 1,
    sharing: 8,
};

fn dump(case: &mut Case, pass: &str) -> Check {
    let mut dump = String::new();
    compile(case.graph()?, &DUMPED, &mut |p, unit, _| {
        if p.name == pass {
            dump = unit.to_string();
        }
    });
    let expected: String = case.notes(";>").map(|l| format!("{l}\n")).collect();
    let found: String = dump.lines().map(|l| format!(" {l}\n")).collect();
    if found == expected {
        return Ok(());
    }
    if !bless() {
        return Err(format!("makes\n{found}"));
    }
    case.text.retain(|l| !l.starts_with(";>"));
    let end = case.end();
    let lines: Vec<String> = found.lines().map(|l| format!(";>{l}")).collect();
    case.text.splice(end..end, lines);
    Ok(())
}

#[test]
fn printing() {
    check_folder(&["print"]);
}

#[test]
fn wrong_programs() {
    check_folder(&["verify"]);
}

#[test]
fn running() {
    check_folder(&["run"]);
}

#[test]
fn passes() {
    check_folder(&["passes"]);
}
