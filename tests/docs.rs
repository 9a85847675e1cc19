//! The reference of the languages is complete: `docs/ir.md` has every op and every constraint, and each
//! has its fixtures.

use craneflow_ir::{Op, Pointwise};
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The constraints that the head of an op's file lists: `C1`, `C2`, ..
fn constraints(op: &str) -> Vec<String> {
    let source = read(&format!("ir/src/ops/{op}.rs"));
    let listed = source.lines().filter_map(|l| l.strip_prefix("//! - ("));
    let numbers = listed.filter_map(|l| l.split_once(") ").map(|(n, _)| n));
    numbers.map(str::to_string).collect()
}

fn pointwise() -> Vec<&'static str> {
    let mut names: Vec<_> = Pointwise::all().into_iter().map(Pointwise::name).collect();
    names.dedup();
    names
}

#[test]
fn the_reference_has_every_op_and_constraint() {
    let docs = read("docs/ir.md");
    for name in pointwise() {
        assert!(docs.contains(&format!("| `{name}` |")), "{name}");
    }
    for op in Op::STRUCTURAL {
        let section = docs.split(&format!("### `{op}`\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("no section on {op}"));
        let section = section.split("\n## ").next().unwrap_or("");
        let section = section.split("\n### ").next().unwrap_or("");
        for number in constraints(op) {
            assert!(section.contains(&format!("- ({number})")), "{op} {number}");
        }
    }
}

/// The error bounds of the table are those of the rows.
#[test]
fn the_reference_has_every_error_bound() {
    let docs = read("docs/ir.md");
    for op in Pointwise::all() {
        let name = op.name();
        let line = docs
            .lines()
            .find(|l| l.starts_with(&format!("| `{name}` |")));
        let bound = match op.row().ulp {
            [0.0, 0.0] => "exact".to_string(),
            [single, double] if single == double => single.to_string(),
            [single, double] => format!("{single} / {double}"),
        };
        let line = line.unwrap_or_else(|| panic!("no row for {name}"));
        assert!(line.ends_with(&format!("| {bound} |")), "{bound}: {line}");
    }
}

#[test]
fn the_reference_has_every_rule_of_the_verifiers() {
    let docs = read("docs/ir.md");
    for source in ["ir/src/verify.rs", "ir/src/loops/verify.rs"] {
        let source = read(source);
        let rules: Vec<&str> = source.lines().filter(|l| l.starts_with("//! - ")).collect();
        assert!(rules.len() >= 7);
        for rule in rules {
            assert!(docs.contains(&rule[4..]), "{rule}");
        }
    }
}

#[test]
fn every_op_has_a_run_fixture() {
    for name in pointwise() {
        assert!(read(&format!("tests/fixtures/run/pointwise/{name}.ir")).contains("\ngraph"));
    }
    for op in Op::STRUCTURAL {
        assert!(read(&format!("tests/fixtures/run/structural/{op}.ir")).contains("\ngraph"));
    }
}

#[test]
fn every_constraint_has_a_wrong_program() {
    for op in Op::STRUCTURAL {
        for number in constraints(op) {
            let name = format!("graph @{op}_{}", number.to_lowercase());
            let wrong = read(&format!("tests/fixtures/verify/{op}.ir"));
            let found = [format!("{name}("), format!("{name}_")];
            assert!(found.iter().any(|f| wrong.contains(f)), "{name}");
        }
    }
}

#[test]
fn every_pass_has_a_fixture() {
    for pass in craneflow_passes::PASSES {
        let fixture = read(&format!("tests/fixtures/passes/{}.ir", pass.name));
        assert!(fixture.contains("\n;> "), "{}", pass.name);
    }
}
